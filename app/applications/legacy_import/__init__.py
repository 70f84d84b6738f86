"""The old system's records: its accounts, those who passed its exams, the certificates it issued; taken over from sheets.

Law: lenient about numbers and dates, strict about who somebody is. A row that is sound goes in, one that is not is refused by
name; what changed here since is never overwritten. The same sheet twice, or half, or two at once, makes nothing double.
"""

from app.applications.legacy_import.batches import (
    LARGEST,
    MOST_ROWS,
    confirm,
    discard,
    expire,
    receive,
    report_of,
    stored_objects,
)
from app.applications.legacy_import.columns import COLUMNS, template
from app.applications.legacy_import.first_passwords import fetch_passwords, make_passwords, without_password
from app.applications.legacy_import.run import ImportContext, check, take_over

__all__ = [
    "COLUMNS",
    "LARGEST",
    "MOST_ROWS",
    "ImportContext",
    "check",
    "confirm",
    "discard",
    "expire",
    "fetch_passwords",
    "make_passwords",
    "receive",
    "report_of",
    "stored_objects",
    "take_over",
    "template",
    "without_password",
]
