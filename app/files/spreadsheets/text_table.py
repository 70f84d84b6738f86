"""Tables that come as text: pasted from a window, or saved as CSV by Excel or WPS.

Law: read like a workbook, cell by cell, each bad one named by its line; guessed is only what divides the cells.
"""

import csv
from collections.abc import Sequence

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cell_scan import too_many_rows
from app.files.spreadsheets.columns import CellError, Column, Reading, SheetRefused
from app.files.spreadsheets.reader import listed, read_row, title_of

ENCODINGS = ("utf-8-sig", "gb18030")  # Excel saves CSV in the second unless it is told otherwise
DIVIDERS = "\t,;，；"


def decoded(data: bytes) -> str:
    """The text of a CSV file, in whichever of the usual encodings it was saved."""
    wide = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
    for encoding in (wide,) if wide else ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    sentence = _("This is neither an .xlsx workbook nor a text table. Please save the table as .xlsx or .csv.")
    raise SheetRefused(sentence, code="not-text")


def read_text(text: str | bytes, columns: Sequence[Column], *, most_rows: int) -> Reading:
    """A table with or without a header; without one, the cells stand in the order of the columns.

    Cells are divided by tabs, commas or semicolons, else by spaces. ``SheetRefused`` for what is no table of such a size.
    """
    lines = _lines(decoded(text) if isinstance(text, bytes) else text, len(columns), most_rows)
    head = [title_of(cell) for cell in lines[0][1]] if lines else []
    wanted = [title_of(column.title) for column in columns]
    if not set(wanted) & set(head):
        places = list(range(len(columns)))
    elif lost := [column for column, title in zip(columns, wanted, strict=True) if head.count(title) != 1]:
        return Reading([], [CellError(lines[0][0], column.title, _("This column is missing.")) for column in lost])
    else:
        places, lines = [head.index(title) for title in wanted], lines[1:]
    reading = Reading()
    for number, cells in lines:
        padded: list[object] = [*cells, *[""] * max(places)]
        read_row(reading, number, [(column, at, padded[at]) for column, at in zip(columns, places, strict=True)], {})
    return Reading(reading.rows, listed(reading.errors))


def _lines(text: str, width: int, most_rows: int) -> list[tuple[int, list[str]]]:
    """The cells of each line that holds any, with the line's number."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows, start=1):
        if not row.strip(DIVIDERS + " \u3000"):
            continue
        if len(found) > most_rows:  # one more may be the header
            raise too_many_rows(most_rows)
        found.append((number, _cells(row, width)))
    return found


def _cells(row: str, width: int) -> list[str]:
    """Divided line by line: who types a list by hand is not consistent."""
    divider = next((mark for mark in DIVIDERS if mark in row), "")
    if not divider:
        return row.split(maxsplit=width - 1)
    try:
        return next(csv.reader([row], delimiter=divider))
    except csv.Error:
        raise SheetRefused from None
