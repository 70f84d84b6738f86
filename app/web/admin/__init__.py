"""Screens of the administrators."""
