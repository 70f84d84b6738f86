"""Writes an .xlsx workbook that a clerk can filter, fill in and upload."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

from app.core.clock import office_time
from app.core.heavy_work import SHEETS
from app.core.plain_text import plain
from app.files.spreadsheets.columns import Column, Kind

if TYPE_CHECKING:
    from openpyxl.styles import Alignment, Font, PatternFill

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads _x0041_ as A, unless the underscore is escaped itself.
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FIRST_DAY = date(1900, 3, 1)  # before it, Excel counts a 29 February 1900
_FORMATS = {"text": "@", "number": "General", "day": "yyyy-mm-dd", "moment": "yyyy-mm-dd hh:mm:ss"}


@SHEETS.taken()
def write(
    columns: Sequence[Column], rows: Iterable[Mapping[str, object]], *, sheet_title: object, note: object = ""
) -> bytes:
    """An .xlsx workbook with one sheet: the note if any, a frozen header with filters, the rows.

    Text stays text, even if it begins like a formula; ``read`` returns the same values, folded and trimmed. Aware
    datetimes are written in the office's time zone. Characters that XML cannot hold are dropped.
    """
    # Not at the top: it brings numpy, 25 MB of every process, most of which write no sheet.
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\']", " ", _legal(sheet_title))[:31].strip() or "Sheet1")
    header = 2 if str(note) else 1
    sheet.freeze_panes = f"A{header + 1}"
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
    sheet.auto_filter.ref = f"A{header}:{get_column_letter(len(columns))}{last}"
    out = BytesIO()
    book.save(out)
    return out.getvalue()


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
    number = value is None or isinstance(value, int | float | Decimal)
    return "number" if number and column.kind is not Kind.TEXT else "text"


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
