"""Certificates and letters as PDF and OFD."""
