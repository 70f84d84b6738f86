"""Where an enterprise files: lists and forms."""
