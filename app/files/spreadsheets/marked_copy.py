"""The table of an upload written once more, row by row, with the result of each row: for what is no .xlsx or too large.

What is read again is what was read before: number formats, days counted from 1904 and merged cells are kept, and a cell
that cannot be read is an error cell, never an empty one. Other sheets, colours and widths are not kept.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from app.core.heavy_work import SHEETS
from app.files.spreadsheets.cell_text import legal
from app.files.spreadsheets.cells import Cell, Fault, FormattedNumber, FormattedText
from app.files.spreadsheets.columns import SheetLimits
from app.files.spreadsheets.marks import FLAG, MOST_COMMENTS, WIDTH, RowMark, SheetMarks
from app.files.spreadsheets.number_format import Shape
from app.files.spreadsheets.opening import open_book
from app.files.spreadsheets.sheet import Row, Sheet
from app.files.spreadsheets.writer import sheet_name

if TYPE_CHECKING:
    from xlsxwriter import Workbook

    from app.files.spreadsheets.streamed_sheet import Cell as WrittenCell
    from app.files.spreadsheets.streamed_sheet import StreamedSheet

AT_ONCE = 2_000  # rows
_COLUMN_WIDTH = 18  # in characters
_NO_CELL: "WrittenCell" = (0, None)


@SHEETS.taken()
def marked_copy(
    data: bytes,
    marks: SheetMarks,
    limits: SheetLimits,
    *,
    refused_only: bool = False,
    alive: Callable[[], None] = lambda: None,
) -> bytes:
    """An .xlsx workbook with the rows of the sheet, under their numbers, and a column for their results.

    ``refused_only``: of the rows below the header only those that are not taken, one below the other. ``alive`` is called
    every ``AT_ONCE`` rows. Memory does not grow with the rows, only with the marks. Raises ``SheetRefused`` if the sheet
    cannot be read.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415 - most processes write no sheet

    from app.files.spreadsheets.streamed_sheet import StreamedSheet  # noqa: PLC0415

    sheet, out = open_book(data, limits).open(marks.sheet, limits.rows), BytesIO()
    with TemporaryDirectory() as folder:  # where rows wait for the end of the sheet
        book = Workbook(out, {"constant_memory": True, "tmpdir": folder, "date_1904": sheet.from_1904})
        page = book.add_worksheet(sheet_name(marks.sheet), StreamedSheet)
        page.freeze_panes(marks.header, 0)
        copy = _Copy(book, sheet, marks, refused_only=refused_only)
        page.set_column(0, max(copy.result, marks.width) - 1, _COLUMN_WIDTH)
        page.set_column(copy.result - 1, copy.result - 1, WIDTH)
        page.append(_telling(copy.rows(), alive), columns=limits.columns + 1)
        copy.add_comments(page)
        if not refused_only:
            for span in sheet.spans:
                page.merge_empty(span.top - 1, span.left - 1, span.bottom - 1, span.right - 1)
        book.close()
    return out.getvalue()


def _telling(rows: "Iterator[list[WrittenCell]]", alive: Callable[[], None]) -> "Iterator[list[WrittenCell]]":
    for number, row in enumerate(rows, start=1):
        if number % AT_ONCE == 0:
            alive()
        yield row


class _Copy:
    def __init__(self, book: "Workbook", sheet: Sheet, marks: SheetMarks, *, refused_only: bool) -> None:
        self.sheet, self.marks, self.refused_only = sheet, marks, refused_only
        self.result = marks.result or marks.width + 1
        self.by_number = {row.number: row for row in (marks.refused if refused_only else marks.rows)}
        self.comments: list[tuple[int, int, str]] = []  # row and column, counted from 0
        self.style = cache(lambda code, colour: _format_index(book, code, colour))

    def rows(self) -> Iterator[list["WrittenCell"]]:
        last = 0
        for number, cells in self.sheet.rows():
            is_below = number > self.marks.header
            if is_below and self.refused_only and number not in self.by_number:
                continue
            gap = 0 if is_below and self.refused_only and last >= self.marks.header else number - last - 1
            yield from ([] for _empty in range(gap))
            last += gap + 1
            yield self._row(last, (number, cells))

    def add_comments(self, page: "StreamedSheet") -> None:
        for row, column, text in self.comments:
            page.write_comment(row, column, FLAG + text)

    def _row(self, written: int, row: Row) -> list["WrittenCell"]:
        number, cells = row
        mark, shift = self.by_number.get(number), self.marks.result == 0
        # What stands right of the table, without a title, makes way for the result.
        placed = {place + (shift and place >= self.result): (place, cell) for place, cell in cells.items()}
        marked = [self.result, *mark.faults, *mark.answers] if mark else []
        line = [_NO_CELL] * max([*placed, *marked, self.result if number == self.marks.header else 0])
        for at, (place, cell) in placed.items():
            line[at - 1] = self._cell(cell, _colour(mark, place))
        if number == self.marks.header:
            line[self.result - 1] = self.style("@", ""), legal(self.marks.title)
        if mark is None:
            return line
        for place, answer in mark.answers.items():
            line[place - 1] = self.style("@", ""), legal(answer)
        line[self.result - 1] = self.style("@", mark.colour), legal(mark.text)
        for place, fault in mark.faults.items():
            if len(self.comments) < MOST_COMMENTS:
                self.comments.append((written - 1, place - 1, legal(fault)))
            if line[place - 1] == _NO_CELL:
                line[place - 1] = self.style("@", _colour(mark, place)), None
        return line

    def _cell(self, cell: Cell, colour: str) -> "WrittenCell":
        from app.files.spreadsheets.streamed_sheet import ErrorCell  # noqa: PLC0415

        match cell:
            case Fault():
                return self.style("General", colour), ErrorCell()
            case FormattedNumber(value, number_format):
                if number_format.shape is Shape.UNKNOWN and number_format.code in ("", "[?]"):  # the file does not say which
                    return self.style("General", colour), ErrorCell()
                return self.style(number_format.code, colour), value
            case FormattedText():
                return self.style("@", colour), legal(cell.shown)
            case datetime():
                return self.style("@", colour), cell.isoformat(" ")
            case str():
                return self.style("@", colour), legal(cell)
        return self.style("General", colour), cell


def _colour(mark: RowMark | None, place: int) -> str:
    return mark.colour if mark and place in mark.faults else ""


def _format_index(book: "Workbook", code: str, colour: str) -> int:
    from app.files.spreadsheets.streamed_sheet import format_index  # noqa: PLC0415

    look: Mapping[str, str] = {"num_format": code} | ({"bg_color": f"#{colour}"} if colour else {})
    return format_index(book.add_format(dict(look)))
