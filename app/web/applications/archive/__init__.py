"""The archive of a case: its page, official letters and the zip of all documents."""
