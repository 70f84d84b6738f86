"""Certificates: what an approval does, what the paper looks like, what its QR code says."""
