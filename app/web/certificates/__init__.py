"""Views of certificates: list, files, history, status changes, bulk download."""
