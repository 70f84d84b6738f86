"""Views of enterprises: lists and forms of applications."""
