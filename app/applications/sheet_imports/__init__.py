"""Imports of sheets as records: received, checked, answered, confirmed, imported, reported, undone as a whole.

One mechanism for every kind of sheet; what is particular to a kind stands in ``importers``. Idempotent, also when
interrupted or run twice at once.
"""

from app.applications.importers.importer import ImportContext
from app.applications.importers.registry import IMPORTERS
from app.applications.sheet_imports.answers import SheetAnswers
from app.applications.sheet_imports.batches import (
    STORED_OBJECTS,
    answer,
    confirm,
    discard,
    end_dry_run,
    expire,
    import_of,
    is_held_up,
    keep,
    receive,
    refused_of,
    report_of,
)
from app.applications.sheet_imports.rescue import proposals
from app.applications.sheet_imports.rows import page_of
from app.applications.sheet_imports.run import check, take_over
from app.applications.sheet_imports.undo import ask as ask_undo
from app.applications.sheet_imports.undo import undo

__all__ = [
    "IMPORTERS",
    "STORED_OBJECTS",
    "ImportContext",
    "SheetAnswers",
    "answer",
    "ask_undo",
    "check",
    "confirm",
    "discard",
    "end_dry_run",
    "expire",
    "import_of",
    "is_held_up",
    "keep",
    "page_of",
    "proposals",
    "receive",
    "refused_of",
    "report_of",
    "take_over",
    "undo",
]
