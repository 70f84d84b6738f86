"""What a sheet's parser would not tell: how far it reaches, where formulas, errors and merged cells are.

Law: the survey never reads a value, it only says which cells must not be read as they seem.
"""

import re
from typing import Self

from flask_babel import lazy_gettext as _
from openpyxl.utils import column_index_from_string

from app.files.spreadsheets.columns import SheetLimits, SheetRefused
from app.files.spreadsheets.guard import NOT_AS_SAVED, walk

FORMULA = _("This cell holds a formula. Please copy the column and paste it as values.")
EXCEL_ERROR = _("This cell shows an Excel error such as #N/A. Please type the value.")


def too_many_rows(most: int) -> SheetRefused:
    return SheetRefused(_("The sheet has more than %(n)s rows. Please split the table.", n=most), code="too-many-rows")


class Survey:
    """How far a sheet reaches, and where it holds formulas, errors and merged cells.

    Calamine gives a formula's remembered value, an error and the rest of a merged range as if they had been
    typed or left empty; and it makes room for every cell up to the last one, so that one is measured first.
    """

    def __init__(self, most_rows: int, above: int, limits: SheetLimits) -> None:
        self.most_rows, self.limits = most_rows, limits
        self.lowest = most_rows + above  # rows above the table do not count
        self.reach = 0  # the last row that holds anything
        self.faults: dict[tuple[int, int], object] = {}
        self.spans: list[tuple[int, int, int, int, object, bool]] = []  # …, sentence, named once
        self.row = self.column = 0
        self.inside = self.over = False  # <sheetData>
        self.spot: tuple[int, int] | None = None  # the <c> we are in

    def of(self, body: bytes) -> Self:
        walk(body, self._start, self._end)
        return self

    def _start(self, name: str, said: dict[str, str]) -> None:
        local = name[name.rfind(":") + 1 :]
        if local == "c" and self.inside:
            self._cell(said)
        elif local in ("v", "is", "f") and self.spot:
            self._content(local, said)
        elif local == "row" and self.inside:
            self._row(said)
        elif local == "mergeCell":
            cells = said.get("ref", "")
            sentence = _(
                "The cells %(cells)s are merged, so that only the first one holds a value. "
                "Please unmerge them and fill in every cell.",
                cells=cells,
            )
            self._span(cells, sentence, once=True)
        elif local == "sheetData":
            if self.over:
                raise SheetRefused(code="bad-xml")
            self.inside = True

    def _end(self, name: str) -> None:
        if self.spot and name[name.rfind(":") + 1 :] == "c":
            self.spot = None
        elif self.inside and name.endswith("sheetData"):
            self.inside, self.over = False, True

    def _row(self, said: dict[str, str]) -> None:
        row = said.get("r", str(self.row + 1))
        if not row.isascii() or not row.isdigit() or len(row) > 7 or int(row) <= self.row:
            raise SheetRefused(code="bad-xml")
        self.row, self.column = int(row), 0

    def _cell(self, said: dict[str, str]) -> None:
        ref = said.get("r")
        column = _column_number(ref, self.row) if ref else self.column + 1
        if column <= self.column:  # the same cell twice: Excel and the parser might each believe another one
            raise SheetRefused(code="bad-xml")
        self.column, self.spot = column, (self.row, column)
        if said.get("t") == "e":
            self._fault(EXCEL_ERROR)

    def _content(self, local: str, said: dict[str, str]) -> None:
        if self.row > self.lowest:
            raise too_many_rows(self.most_rows)
        self.reach = self.row
        if self.column > self.limits.columns:
            sentence = _(
                "The sheet has more than %(n)s columns. Please delete the surplus ones.",
                n=self.limits.columns,
            )
            raise SheetRefused(sentence, code="too-many-columns")
        if local == "f":
            self._fault(FORMULA)
            if said.get("t") in ("array", "dataTable"):  # its other cells hold nothing but the value
                self._span(said.get("ref", ""), FORMULA, once=False)

    def _fault(self, sentence: object) -> None:
        self.faults[self.row, self.column] = sentence
        if len(self.faults) > self.limits.faults:
            raise SheetRefused(FORMULA, code="too-many-formulas")

    def _span(self, cells: str, sentence: object, *, once: bool) -> None:
        first, _colon, last = cells.partition(":")
        ends = [re.fullmatch(r"([A-Z]{1,3})([1-9]\d{0,6})", end, re.ASCII) for end in (first, last or first)]
        if None in ends or len(self.spans) >= self.limits.spans:
            raise SheetRefused(NOT_AS_SAVED, code="bad-ranges")
        (left, top), (right, bottom) = ((column_index_from_string(end[1]), int(end[2])) for end in ends if end)
        self.spans.append((top, left, bottom, right, sentence, once))


def _column_number(ref: str, row: int) -> int:
    """``C7`` in row 7 → 3. The parser goes by the reference, Excel by the row: they have to agree."""
    letters = ref.rstrip("0123456789")
    try:
        column = column_index_from_string(letters)
    except ValueError as error:
        raise SheetRefused(code="bad-xml") from error
    if ref[len(letters) :] != str(row):
        raise SheetRefused(code="bad-xml")
    return column
