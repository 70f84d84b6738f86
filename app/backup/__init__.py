"""Backups: making them, the folder that keeps them, restoring and rehearsing."""
