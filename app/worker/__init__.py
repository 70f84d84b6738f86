"""Background processes: what they run, when, and with which outside services."""
