"""The old system's accounts, exam passes and certificates, as they come in from sheets (``sheet_imports``).

Lenient about formats of numbers and dates, strict about identity. Values changed in this system since are never overwritten.
"""

from app.applications.legacy_import.columns import COLUMNS, template
from app.applications.legacy_import.first_passwords import make_passwords, read_passwords, take_passwords, without_password

__all__ = ["COLUMNS", "make_passwords", "read_passwords", "take_passwords", "template", "without_password"]
