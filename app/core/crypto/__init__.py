"""Encryption of stored data, signatures on PDF and OFD, and the keys behind both."""
