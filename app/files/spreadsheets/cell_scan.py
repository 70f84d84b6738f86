"""Scans a sheet's XML for what calamine hides: its extent, formulas, errors and merged cells."""

import re
from typing import Self

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.columns import SheetLimits, SheetRefused
from app.files.spreadsheets.guard import NOT_AS_SAVED, walk

FORMULA = _("This cell holds a formula. Please copy the column and paste it as values.")
EXCEL_ERROR = _("This cell shows an Excel error such as #N/A. Please type the value.")


def too_many_rows(most: int) -> SheetRefused:
    return SheetRefused(_("The sheet has more than %(n)s rows. Please split the table.", n=most), code="too-many-rows")


class CellScan:
    """The extent of a sheet, and its formulas, errors and merged cells.

    Calamine returns the cached value of a formula, an error or the rest of a merged range as if it had been typed or
    left empty. It also allocates every cell up to the last one, so the extent is measured first.
    """

    def __init__(self, most_rows: int, above: int, limits: SheetLimits) -> None:
        self.most_rows, self.limits = most_rows, limits
        self.lowest = most_rows + above  # rows above the table do not count
        self.reach = 0  # the last row that holds anything
        self.faults: dict[tuple[int, int], object] = {}
        self.spans: list[tuple[int, int, int, int, object, bool]] = []  # …, sentence, report once
        self.row = self.column = self.rows = 0
        self.inside = self.ended = False  # <sheetData>
        self.cell: tuple[int, int] | None = None  # the current <c>

    def of(self, body: bytes) -> Self:
        walk(_without_empty(body), self._start, self._end)
        return self

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name[name.rfind(":") + 1 :]
        if local == "c" and self.inside:
            self._start_cell(attributes)
        elif local in ("v", "is", "f") and self.cell:
            self._content(local, attributes)
        elif local == "row" and self.inside:
            self._start_row(attributes)
        elif local == "mergeCell":
            cells = attributes.get("ref", "")
            sentence = _(
                "The cells %(cells)s are merged, so that only the first one holds a value. "
                "Please unmerge them and fill in every cell.",
                cells=cells,
            )
            self._span(cells, sentence, once=True)
        elif local == "sheetData":
            if self.ended:
                raise SheetRefused(code="bad-xml")
            self.inside = True

    def _end(self, name: str) -> None:
        if self.cell and name[name.rfind(":") + 1 :] == "c":
            self.cell = None
        elif self.inside and name.endswith("sheetData"):
            self.inside, self.ended = False, True

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.rows += 1
        if self.rows > self.limits.rows:
            raise too_many_rows(self.most_rows)
        row = attributes.get("r", str(self.row + 1))
        if not row.isascii() or not row.isdigit() or len(row) > 7 or int(row) <= self.row:
            raise SheetRefused(code="bad-xml")
        self.row, self.column = int(row), 0

    def _start_cell(self, attributes: dict[str, str]) -> None:
        ref = attributes.get("r")
        column = _column_number(ref, self.row) if ref else self.column + 1
        if column <= self.column:  # the same cell twice: Excel and the parser might differ
            raise SheetRefused(code="bad-xml")
        self.column, self.cell = column, (self.row, column)
        if attributes.get("t") == "e":
            self._fault(EXCEL_ERROR)

    def _content(self, local: str, attributes: dict[str, str]) -> None:
        if self.row > self.lowest:
            raise too_many_rows(self.most_rows)
        self.reach = self.row
        if self.column > self.limits.columns:
            sentence = _("The sheet has more than %(n)s columns. Please delete the surplus ones.", n=self.limits.columns)
            raise SheetRefused(sentence, code="too-many-columns")
        if local == "f":
            self._fault(FORMULA)
            if attributes.get("t") in ("array", "dataTable"):  # its other cells hold only values
                self._span(attributes.get("ref", ""), FORMULA, once=False)

    def _fault(self, sentence: object) -> None:
        self.faults[self.row, self.column] = sentence
        if len(self.faults) > self.limits.faults:
            raise SheetRefused(FORMULA, code="too-many-formulas")

    def _span(self, cells: str, sentence: object, *, once: bool) -> None:
        first, _colon, last = cells.partition(":")
        ends = [re.fullmatch(r"([A-Z]{1,3})([1-9]\d{0,6})", end, re.ASCII) for end in (first, last or first)]
        if None in ends or len(self.spans) >= self.limits.spans:
            raise SheetRefused(NOT_AS_SAVED, code="bad-ranges")
        (left, top), (right, bottom) = ((_column_index(end[1]), int(end[2])) for end in ends if end)
        self.spans.append((top, left, bottom, right, sentence, once))


def _column_index(letters: str) -> int:
    """``C`` → 3; ``ValueError`` for what is no column."""
    from openpyxl import utils  # noqa: PLC0415 - brings numpy: 25 MB of every process, most of which read no sheet

    return utils.column_index_from_string(letters)


_EMPTY_CELL = re.compile(rb'<c r="[A-Z]{1,3}[1-9][0-9]{0,6}"(?: s="[0-9]+")?/>')
_EMPTY_ROW = re.compile(rb'<row r="[1-9][0-9]{0,6}"[^<>]*(?:/>|></row>)')


def _without_empty(body: bytes) -> bytes:
    """The sheet without the rows and cells that hold nothing, of which a sheet formatted to its end has a million.

    Only where every row and cell says where it is: else the place of one follows from those before it.
    """
    for name, empty in ((b"c", _EMPTY_CELL), (b"row", _EMPTY_ROW)):
        if len(re.findall(rb"<%b[ />]" % name, body)) == body.count(b'<%b r="' % name):
            body = empty.sub(b"", body)
    return body


def _column_number(ref: str, row: int) -> int:
    """``C7`` in row 7 → 3. The parser uses the reference, Excel the row: they must agree."""
    letters = ref.rstrip("0123456789")
    try:
        column = _column_index(letters)
    except ValueError as error:
        raise SheetRefused(code="bad-xml") from error
    if ref[len(letters) :] != str(row):
        raise SheetRefused(code="bad-xml")
    return column
