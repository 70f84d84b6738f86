"""Certificates on screen: list, files, history, status changes, bulk download."""
