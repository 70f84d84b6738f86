"""What is kept of a case: its documents, letters and the zip of all of them."""
