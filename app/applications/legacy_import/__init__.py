"""Import of the old system's accounts, exam passes and certificates from sheets.

Lenient about formats of numbers and dates, strict about identity. Valid rows are imported, others refused with a reason;
values changed in this system since are never overwritten. Idempotent, also when interrupted or run twice at once.
"""

from app.applications.legacy_import.answers import SheetAnswers
from app.applications.legacy_import.batches import (
    LARGEST,
    MOST_ROWS,
    answer,
    confirm,
    discard,
    end_dry_run,
    expire,
    receive,
    refused_of,
    report_of,
    stored_objects,
)
from app.applications.legacy_import.columns import COLUMNS, template
from app.applications.legacy_import.first_passwords import make_passwords, read_passwords, take_passwords, without_password
from app.applications.legacy_import.rescue import proposals
from app.applications.legacy_import.rows import page_of
from app.applications.legacy_import.run import ImportContext, check, take_over
from app.applications.legacy_import.undo import ask as ask_undo
from app.applications.legacy_import.undo import undo

__all__ = [
    "COLUMNS",
    "LARGEST",
    "MOST_ROWS",
    "ImportContext",
    "SheetAnswers",
    "answer",
    "ask_undo",
    "check",
    "confirm",
    "discard",
    "end_dry_run",
    "expire",
    "make_passwords",
    "page_of",
    "proposals",
    "read_passwords",
    "receive",
    "refused_of",
    "report_of",
    "stored_objects",
    "take_over",
    "take_passwords",
    "template",
    "undo",
    "without_password",
]
