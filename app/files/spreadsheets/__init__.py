"""Spreadsheets in and out: a sheet is a tuple of columns; every import and export of the house is written so.

Law: a foreign workbook is measured before it is parsed, and each of its cells is read as it stands or named;
a workbook of ours holds what it was given. Text that was pasted, and CSV, is read by the same rules.
"""

from app.files.spreadsheets.columns import CellError, Column, Reading, SheetLimits, SheetLine, SheetRefused, SheetRow, at_most
from app.files.spreadsheets.guard import examine
from app.files.spreadsheets.reader import read, read_lines
from app.files.spreadsheets.text_table import read_text
from app.files.spreadsheets.writer import write

__all__ = [
    "CellError",
    "Column",
    "Reading",
    "SheetLimits",
    "SheetLine",
    "SheetRefused",
    "SheetRow",
    "at_most",
    "examine",
    "read",
    "read_lines",
    "read_text",
    "write",
]
