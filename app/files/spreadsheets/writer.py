"""Writes an .xlsx workbook that a clerk can filter, fill in and upload."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from app.core.clock import office_time
from app.core.heavy_work import SHEETS
from app.core.plain_text import plain
from app.files.spreadsheets.columns import Column, Kind

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads _x0041_ as A, unless the underscore is escaped itself.
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FIRST_DAY = date(1900, 3, 1)  # before it, Excel counts a 29 February 1900
_LISTS = "lists"  # name of the hidden sheet
_LAST_ROW = 1_048_576
_MOST_DIGITS = 15  # that Excel keeps of a number
_FORMATS = {"text": "@", "number": "General", "day": "yyyy-mm-dd", "moment": "yyyy-mm-dd hh:mm:ss"}


@SHEETS.taken()
def write(
    columns: Sequence[Column], rows: Iterable[Mapping[str, object]], *, sheet_title: object, note: object = ""
) -> bytes:
    """An .xlsx workbook with one visible sheet: the note if any, a frozen header with filters, the rows.

    Text stays text, even if it begins like a formula; ``read`` returns the same values, folded and trimmed. Aware
    datetimes are written in the office's time zone. Characters that XML cannot hold are dropped. Columns with choices
    offer them in a list. On paper, the columns fill the width of a page, and each page repeats the header.
    """
    # Not at the top: most processes write no sheet.
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\']", " ", _legal(sheet_title))[:31].strip() or "Sheet1")
    header = 2 if str(note) else 1
    _set_pages(sheet, header)
    for number, column in enumerate(columns, start=1):
        shape = sheet.column_dimensions[get_column_letter(number)]
        shape.width = column.width
        # The format of a column also applies below the table.
        shape.number_format = _FORMATS[column.kind.value]
    if header == 2:
        sheet.append(_head_cells(sheet, [note], Font(italic=True), None, Alignment(vertical="center")))
    titles = [column.title for column in columns]
    place = Alignment(horizontal="center", vertical="center", wrap_text=True)
    sheet.append(_head_cells(sheet, titles, Font(bold=True), PatternFill("solid", fgColor="E6EEF7"), place))
    last = header
    for cells in _body_cells(sheet, columns, rows):
        sheet.append(cells)
        last += 1
    corner = f"{get_column_letter(len(columns))}{last}"
    sheet.auto_filter.ref, sheet.print_area = f"A{header}:{corner}", f"A1:{corner}"
    _offer_choices(book, sheet, columns, header + 1)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _offer_choices(book: "Workbook", sheet: Any, columns: Sequence[Column], first: int) -> None:
    """A drop-down list from row ``first`` to the end; what is not in the list can be typed all the same.

    The lists stand on a hidden sheet: within the rule itself they may have 255 characters, and no comma.
    """
    from openpyxl.utils import get_column_letter  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    offered = [(number, column.choices) for number, column in enumerate(columns, start=1) if column.choices]
    if not offered:
        return
    lists = book.create_sheet(_LISTS)
    lists.sheet_state = "hidden"
    for row in zip_longest(*(choices for _number, choices in offered)):
        lists.append([None if choice is None else _legal(choice) for choice in row])
    for place, (number, choices) in enumerate(offered, start=1):
        listed, letter = get_column_letter(place), get_column_letter(number)
        source = f"{lists.title}!${listed}$1:${listed}${len(choices)}"
        cells = f"{letter}{first}:{letter}{_LAST_ROW}"
        rule = DataValidation(type="list", formula1=source, sqref=cells, allow_blank=True, showErrorMessage=False)
        sheet.data_validations.append(rule)


def _set_pages(sheet: Any, header: int) -> None:
    """The header stays on the screen and on every page. To be set before any row is written."""
    sheet.freeze_panes = f"A{header + 1}"
    sheet.print_title_rows = f"1:{header}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0  # as many pages as it takes
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _head_cells(
    sheet: Any, texts: Sequence[object], font: "Font", fill: "PatternFill | None", place: "Alignment"
) -> list[Any]:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    cells = []
    for text in texts:
        cell = WriteOnlyCell(sheet)
        cell.font, cell.alignment = font, place
        if fill:
            cell.fill = fill
        _put(cell, "text", text)
        cells.append(cell)
    return cells


def _body_cells(sheet: Any, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> Iterator[list[Any]]:
    """The cells of each row, reusing the same cell objects: styling a new cell costs more than writing it."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    stock = [{kind: WriteOnlyCell(sheet) for kind in _FORMATS} for _column in columns]
    for kinds in stock:
        for kind, cell in kinds.items():
            cell.number_format = _FORMATS[kind]
    for row in rows:
        cells = []
        for column, kinds in zip(columns, stock, strict=True):
            value = row.get(column.key)
            kind = _kind(column, value)
            _put(kinds[kind], kind, value)
            cells.append(kinds[kind])
        yield cells


def _kind(column: Column, value: object) -> str:
    if isinstance(value, date) and (value.date() if isinstance(value, datetime) else value) >= _FIRST_DAY:
        return "moment" if isinstance(value, datetime) else "day"
    number = value is None or isinstance(value, float) or (isinstance(value, int | Decimal) and _keeps_its_digits(value))
    return "number" if number and column.kind is not Kind.TEXT else "text"


def _keeps_its_digits(value: int | Decimal) -> bool:
    return abs(value) < 10**_MOST_DIGITS and len(Decimal(value).normalize().as_tuple().digits) <= _MOST_DIGITS


def _put(cell: Any, kind: str, value: object) -> None:
    if isinstance(value, datetime) and value.tzinfo:
        value = office_time(value).replace(tzinfo=None)
    if kind != "text" or value is None:
        cell.value = value
        return
    cell.value = _legal(value)
    cell.data_type = "s"  # openpyxl would see a formula in =1+1 and an error in #N/A


def _legal(value: object) -> str:
    return _ESCAPE.sub("_x005F_", _ILLEGAL.sub("", plain(value).replace("\r\n", "\n").replace("\r", "\n")))
