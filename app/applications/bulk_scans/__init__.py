"""Scans handed in by the pile: read by their names, kept until the clerk has seen to whom they were given, then attached."""
