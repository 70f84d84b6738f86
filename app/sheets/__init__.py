"""Spreadsheets in and out: a sheet is a tuple of columns; every import and export of the house is written so.

Law: a foreign workbook is measured before it is parsed, and each of its cells is read as it stands or named;
a workbook of ours holds what it was given. Text that was pasted, and CSV, is read by the same rules.
"""

from app.sheets.columns import CellError, Column, Limits, Reading, Row, SheetRefused
from app.sheets.pasted import read_text
from app.sheets.reading import read
from app.sheets.writing import write

__all__ = ["CellError", "Column", "Limits", "Reading", "Row", "SheetRefused", "read", "read_text", "write"]
