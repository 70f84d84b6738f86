"""The commands of ``anguan``."""
