"""Uploaded files: inspected, re-encoded, stored; spreadsheets read and written."""
