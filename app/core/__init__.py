"""Words, numbers, time, settings and keys. Imports nothing else of the application."""
