"""Reads and writes spreadsheets; a sheet is declared as a tuple of columns.

An uploaded workbook is measured before it is parsed; each cell is read exactly or reported as an error. Pasted text and
CSV follow the same rules.
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
