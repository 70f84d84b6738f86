"""A worksheet of XlsxWriter that takes its body as finished rows.

XlsxWriter's own ``write`` costs three times as much a cell (0033). All else is the library's: formats, widths, filters,
drop-downs, the file.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from html import escape

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet


class ErrorCell:
    """The value of a cell that holds something which cannot be written: #N/A, so that it does not pass for empty."""


# Its format, as ``format_index`` says, and its value.
Cell = tuple[int, str | int | float | bool | Decimal | ErrorCell | None]

_LONGEST = 32_767  # characters that Excel takes in a cell
# Excel reads _x0041_ as A, unless the underscore is escaped itself.
_CODE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_SPECIAL = re.compile(r"[&<>]|_x")


def format_index(style: Format) -> int:
    """By which the cells of ``append`` name a format of their workbook."""
    return int(style._get_xf_index())


class StreamedSheet(Worksheet):  # type: ignore[misc]  # the library brings no types
    """For a workbook in constant-memory mode: rows go to a file at once.

    Other cells are written before the body, from the top down.
    """

    def append(self, rows: Iterable[Iterable[Cell]], *, columns: int) -> int:
        """Write rows of up to so many columns below the lowest row; returns the number of the last one, counted from 0.

        Texts hold only characters that XML allows, numbers are finite.
        """
        above = -1 if self.dim_rowmax is None else self.dim_rowmax
        self._write_single_row(above + 1)  # what waits to be written
        names, number, widest = [xl_col_to_name(n) for n in range(columns)], above + 1, 1
        for number, row in enumerate(rows, start=above + 2):
            cells = list(row)
            widest = max(widest, len(cells))
            written = "".join([_cell(f"{name}{number}", *cell) for name, cell in zip(names, cells, strict=False)])
            self.row_data_fh.write(f'<row r="{number}">{written}</row>')
        self._check_dimensions(number - 1, widest - 1)  # takes them as the extent of the sheet
        return number - 1

    def merge_empty(self, top: int, left: int, bottom: int, right: int) -> None:
        """Merge cells of rows that are written by ``append``; rows and columns are counted from 0."""
        self.merge.append([top, left, bottom, right])


def _cell(place: str, style: int, value: str | float | Decimal | ErrorCell | None) -> str:
    if value is None or value == "":
        return f'<c r="{place}" s="{style}"/>'
    if isinstance(value, ErrorCell):
        return f'<c r="{place}" s="{style}" t="e"><v>#N/A</v></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" s="{style}" t="b"><v>{int(value)}</v></c>'
    if not isinstance(value, str):
        return f'<c r="{place}" s="{style}"><v>{value}</v></c>'
    text = value[:_LONGEST]
    if _SPECIAL.search(text):
        text = escape(_CODE.sub("_x005F_", text), quote=False)
    kept = ' xml:space="preserve"' if text != text.strip() else ""
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t{kept}>{text}</t></is></c>'
