"""Signing in: one module per method; each ends in a ``Proof``, which ``sign_in.admit`` turns into a session."""
