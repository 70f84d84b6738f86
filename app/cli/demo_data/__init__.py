"""Demonstration data, made through the domain functions. Refused in production."""
