"""Accounts, enterprises and people; roles, row access, passwords and sessions."""
