"""Writes an .xlsx workbook that a clerk can filter, fill in and upload."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from io import BytesIO
from itertools import zip_longest
from math import isfinite
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flask_babel import lazy_gettext as _

from app.core.clock import office_time
from app.core.heavy_work import SHEETS
from app.files.spreadsheets.cell_text import legal
from app.files.spreadsheets.columns import Column, Kind

if TYPE_CHECKING:
    from xlsxwriter import Workbook

    from app.files.spreadsheets.streamed_sheet import Cell, StreamedSheet

_FIRST_DAY = date(1900, 3, 1)  # before it, Excel counts a 29 February 1900
_LISTS = "lists"  # name of the hidden sheet
_LAST_ROW = 1_048_575  # counted from 0
_MOST_DIGITS = 15  # that Excel keeps of a number
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel has no zones
# What a protected sheet still lets people do.
_ALLOWED = dict.fromkeys(
    ("format_cells", "format_columns", "format_rows", "insert_columns", "autofilter", "sort", "objects"), True
)
_FORMATS = {"text": "@", "number": "General", "day": "yyyy-mm-dd", "moment": "yyyy-mm-dd hh:mm:ss"}


@dataclass(frozen=True, slots=True)
class WrittenSheet:
    """One visible sheet: the note if any, a frozen header with filters, the rows."""

    columns: Sequence[Column]
    rows: Iterable[Mapping[str, object]]
    title: object
    note: object = ""
    to_fill_in: bool = False


def write(
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, object]],
    *,
    sheet_title: object,
    note: object = "",
    to_fill_in: bool = False,
) -> bytes:
    """An .xlsx workbook with one visible sheet; see ``write_sheets``."""
    return write_sheets([WrittenSheet(columns, rows, sheet_title, note, to_fill_in)])


@SHEETS.taken()
def write_sheets(sheets: Iterable[WrittenSheet]) -> bytes:
    """An .xlsx workbook of these sheets, whose titles differ in their first 31 characters.

    Text stays text, even if it begins like a formula; ``read`` returns the same values, folded and trimmed. Aware
    datetimes are written in the office's time zone. Characters that XML cannot hold are dropped. Columns with choices
    offer them in a list; locked ones can be typed over only when the protection of the sheet is taken off, which needs no
    password. In a sheet ``to_fill_in``, the titles have notes on what goes below them. On paper, the columns fill the width
    of a page, and each page repeats the header. Memory does not grow with the rows, only with the file.
    """
    # Not at the top: most processes write no sheet.
    from xlsxwriter import Workbook  # noqa: PLC0415

    from app.files.spreadsheets.streamed_sheet import StreamedSheet  # noqa: PLC0415

    out = BytesIO()
    with TemporaryDirectory() as folder:  # where rows wait for the end of the sheet
        book = Workbook(out, {"constant_memory": True, "tmpdir": folder})
        for given in sheets:
            columns = given.columns
            sheet = book.add_worksheet(sheet_name(given.title), StreamedSheet)
            header = _lay_out(book, sheet, columns, legal(given.note))
            if given.to_fill_in:
                _explain(sheet, columns, header)
            last = sheet.append(_body(book, columns, given.rows), columns=len(columns))
            sheet.autofilter(header, 0, last, len(columns) - 1)
            sheet.print_area(0, 0, last, len(columns) - 1)
            _offer_choices(book, sheet, columns, header + 1)
        book.close()
    return out.getvalue()


def sheet_name(title: object) -> str:
    """A name that Excel takes for a sheet."""
    return re.sub(r"[\[\]:*?/\\']", " ", legal(title))[:31].strip() or "Sheet1"


def _lay_out(book: "Workbook", sheet: "StreamedSheet", columns: Sequence[Column], note: str) -> int:
    """Pages, widths, formats, note and titles; the number of the row of titles, counted from 0."""
    header = int(bool(note))
    sheet.freeze_panes(header + 1, 0)
    sheet.repeat_rows(0, header)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)  # as many as it takes
    if any(column.locked for column in columns):
        sheet.protect("", _ALLOWED)
    for place, column in enumerate(columns):
        # The format of a column also applies below the table.
        look = {"num_format": _FORMATS[column.kind.value], "locked": column.locked}
        sheet.set_column(place, place, column.width, book.add_format(look))
    if note:
        sheet.write_string(0, 0, note, book.add_format({"italic": True, "valign": "vcenter"}))
    look = {"bold": True, "bg_color": "#E6EEF7", "align": "center", "valign": "vcenter", "text_wrap": True}
    titles = book.add_format(look)
    for place, column in enumerate(columns):
        sheet.write_string(header, place, legal(column.title), titles)
    return header


def _explain(sheet: "StreamedSheet", columns: Sequence[Column], header: int) -> None:
    for place, column in enumerate(columns):
        told = [_("Not to be changed.")] if column.locked else [_("Must be filled in.")] if column.required else []
        if column.choices:
            told.append(_("One of: %(words)s", words="、".join(map(str, column.choices))))
        elif column.kind is Kind.DAY:
            told.append(_("A day like 2024-05-01."))
        if told:
            sheet.write_comment(header, place, legal("\n".join(map(str, told))), {"x_scale": 2})


def _offer_choices(book: "Workbook", sheet: "StreamedSheet", columns: Sequence[Column], first: int) -> None:
    """A drop-down list from row ``first`` to the end; what is not in the list can be typed all the same.

    The lists stand on a hidden sheet: within the rule itself they may have 255 characters, and no comma.
    """
    from xlsxwriter.utility import xl_col_to_name  # noqa: PLC0415

    offered = [(number, column.choices) for number, column in enumerate(columns) if column.choices]
    if not offered:
        return
    lists = book.add_worksheet(_LISTS)
    lists.hide()
    for row, choices in enumerate(zip_longest(*(choices for _number, choices in offered))):
        for place, choice in enumerate(choices):
            if choice is not None:
                lists.write_string(row, place, legal(choice))
    for place, (number, listed) in enumerate(offered):
        letter = xl_col_to_name(place)
        rule = {
            "validate": "list",
            "source": f"={_LISTS}!${letter}$1:${letter}${len(listed)}",
            "error_type": "information",
            "show_error": False,
        }
        sheet.data_validation(first, number, _LAST_ROW, number, rule)


def _body(book: "Workbook", columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> "Iterable[list[Cell]]":
    from app.files.spreadsheets.streamed_sheet import format_index  # noqa: PLC0415

    styles = [
        {kind: format_index(book.add_format({"num_format": code, "locked": locked})) for kind, code in _FORMATS.items()}
        for locked in (False, True)
    ]
    label = cache(legal)  # the label of a term is looked up in a catalogue
    for row in rows:
        yield [_cell(styles[column.locked], label, column, row.get(column.key)) for column in columns]


def _cell(styles: Mapping[str, int], label: Callable[[object], str], column: Column, value: object) -> "Cell":
    if isinstance(value, str):
        return styles["text"], legal(value)
    if value is None:
        return styles["text" if column.kind is Kind.TEXT else "number"], None
    if isinstance(value, date):
        return _time(styles, value)
    if column.kind is not Kind.TEXT and isinstance(value, int | float | Decimal) and _keeps_its_digits(value):
        return styles["number"], +value
    return styles["text"], label(value) if isinstance(value, Enum) else legal(value)


def _keeps_its_digits(value: float | Decimal) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return abs(value) < 10**_MOST_DIGITS and len(Decimal(value).normalize().as_tuple().digits) <= _MOST_DIGITS


def _time(styles: Mapping[str, int], value: date) -> "Cell":
    """A day or a moment, as Excel counts days."""
    if not isinstance(value, datetime):
        return (styles["text"], legal(value)) if value < _FIRST_DAY else (styles["day"], (value - _DAY_ZERO.date()).days)
    moment = office_time(value).replace(tzinfo=None) if value.tzinfo else value
    if moment.date() < _FIRST_DAY:
        return styles["text"], legal(value)
    return styles["moment"], (moment - _DAY_ZERO) / timedelta(days=1)
