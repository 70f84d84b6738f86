"""Reads and writes spreadsheets; a sheet is declared as a tuple of columns.

An uploaded workbook is measured before it is parsed. A cell has what it shows and what it stores; where the two differ in
meaning it is doubtful: asked about or refused, never guessed. Pasted text and CSV follow the same rules.
"""

from app.files.spreadsheets import titles
from app.files.spreadsheets.columns import (
    LARGE_SHEET,
    MOST_ROWS,
    CellDoubt,
    CellError,
    Column,
    Doubtful,
    Kind,
    Layout,
    LeftOut,
    Reading,
    SeveralTables,
    SheetLimits,
    SheetLine,
    SheetRefused,
    SheetRow,
    SheetTable,
    at_most,
)
from app.files.spreadsheets.marked_copy import marked_copy
from app.files.spreadsheets.marks import RowMark, SheetMarks
from app.files.spreadsheets.reader import Answers, examine, limit_errors, read, read_lines, read_text
from app.files.spreadsheets.writer import WrittenSheet, sheet_name, write, write_sheets

__all__ = [
    "LARGE_SHEET",
    "MOST_ROWS",
    "Answers",
    "CellDoubt",
    "CellError",
    "Column",
    "Doubtful",
    "Kind",
    "Layout",
    "LeftOut",
    "Reading",
    "RowMark",
    "SeveralTables",
    "SheetLimits",
    "SheetLine",
    "SheetMarks",
    "SheetRefused",
    "SheetRow",
    "SheetTable",
    "WrittenSheet",
    "at_most",
    "examine",
    "limit_errors",
    "marked_copy",
    "read",
    "read_lines",
    "read_text",
    "sheet_name",
    "titles",
    "write",
    "write_sheets",
]
