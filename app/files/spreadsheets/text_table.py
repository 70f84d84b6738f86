"""Reads tables in text form: pasted, or saved as CSV by Excel or WPS. Only the separator is guessed."""

import csv
from collections.abc import Sequence

from flask_babel import lazy_gettext as _

from app.core.heavy_work import SHEETS
from app.files.spreadsheets.cell_scan import too_many_rows
from app.files.spreadsheets.columns import CellError, Column, Reading, SheetRefused
from app.files.spreadsheets.reader import limit_errors, line_of
from app.files.spreadsheets.titles import title_key

ENCODINGS = ("utf-8-sig", "gb18030")  # Chinese Excel saves CSV in the second by default
DIVIDERS = "\t,;，；"


def decode_text(data: bytes) -> str:
    """The text of a CSV file, in whichever of the usual encodings it was saved."""
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if utf16 else ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    sentence = _("This is neither an .xlsx workbook nor a text table. Please save the table as .xlsx or .csv.")
    raise SheetRefused(sentence, code="not-text")


@SHEETS.taken()
def read_text(text: str | bytes, columns: Sequence[Column], *, most_rows: int) -> Reading:
    """Read a table; without a header, cells are in the order of ``columns``.

    Cells are separated by tabs, commas or semicolons, else by spaces. ``SheetRefused`` if it is too large or no table.
    """
    lines = _lines(decode_text(text) if isinstance(text, bytes) else text, len(columns), most_rows)
    head = [title_key(cell) for cell in lines[0][1]] if lines else []
    wanted = [title_key(column.title) for column in columns]
    if not set(wanted) & set(head):
        places = list(range(len(columns)))
    elif missing := [column for column, title in zip(columns, wanted, strict=True) if head.count(title) != 1]:
        return Reading([], [CellError(lines[0][0], column.title, _("This column is missing.")) for column in missing])
    else:
        places, lines = [head.index(title) for title in wanted], lines[1:]
    reading = Reading()
    for number, cells in lines:
        padded: list[object] = [*cells, *[""] * max(places)]
        wanted_cells = [(column, at, padded[at]) for column, at in zip(columns, places, strict=True)]
        if (line := line_of(number, wanted_cells, {})) is not None:
            reading.add(line)
    return Reading(reading.rows, limit_errors(reading.errors))


def _lines(text: str, width: int, most_rows: int) -> list[tuple[int, list[str]]]:
    """Number and cells of each non-empty line."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows, start=1):
        if not row.strip(DIVIDERS + " \u3000"):
            continue
        if len(lines) > most_rows:  # one more may be the header
            raise too_many_rows(most_rows)
        lines.append((number, _cells(row, width)))
    return lines


def _cells(row: str, width: int) -> list[str]:
    """The separator is guessed for each line: lists typed by hand are not consistent."""
    divider = next((mark for mark in DIVIDERS if mark in row), "")
    if not divider:
        return row.split(maxsplit=width - 1)
    try:
        return next(csv.reader([row], delimiter=divider))
    except csv.Error:
        raise SheetRefused from None
