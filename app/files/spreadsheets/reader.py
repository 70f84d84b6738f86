"""Reads a table: opens the file, finds the sheet and its header, then reads each cell exactly, or says what to do.

No cell is silently read as empty, rounded, computed or taken for another value than it shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _

from app.core.errors import AppError
from app.core.heavy_work import SHEETS
from app.core.redaction import without_numbers
from app.files.spreadsheets.cell_text import fold
from app.files.spreadsheets.cells import Cell, Fault, shown_in, text_of
from app.files.spreadsheets.columns import (
    MOST_ROWS,
    CellDoubt,
    CellError,
    Column,
    Doubtful,
    Layout,
    LeftOut,
    Reading,
    SeveralTables,
    SheetLimits,
    SheetLine,
    SheetRefused,
    SheetTable,
)
from app.files.spreadsheets.header import DEEPEST, TableHeader, find_header
from app.files.spreadsheets.merged import MergedCells
from app.files.spreadsheets.opening import open_book
from app.files.spreadsheets.sheet import ROWS_ABOVE, Book, Row, Sheet, too_many_rows
from app.files.spreadsheets.text_table import TextBook
from app.files.spreadsheets.titles import NO_RECORD, is_result, title_key

MOST_ERRORS = 500
Answers = Mapping[tuple[int, str], str]


@SHEETS.taken()
def examine(data: bytes, limits: SheetLimits) -> list[str]:
    """The names of the sheets. Raises ``SheetRefused`` for a file that cannot be read later; cells are not checked."""
    return list(open_book(data, limits).sheets)


@SHEETS.taken()
def read(
    data: bytes,
    columns: Sequence[Column],
    *,
    most_rows: int = MOST_ROWS,
    limits: SheetLimits | None = None,
    sheet: str = "",
    mapping: Mapping[str, str] | None = None,
    answers: Answers | None = None,
) -> Reading:
    """Every row of the table in a workbook or text file: with hidden rows, without empty ones; and all bad cells.

    At most ``MOST_ERRORS`` are listed, and a last entry with the number of the others. The rest as ``read_lines``.
    """
    return _reading_of(
        read_lines(data, columns, most_rows=most_rows, limits=limits, sheet=sheet, mapping=mapping, answers=answers)
    )


@SHEETS.taken()
def read_lines(
    data: bytes,
    columns: Sequence[Column],
    *,
    most_rows: int = MOST_ROWS,
    limits: SheetLimits | None = None,
    sheet: str = "",
    mapping: Mapping[str, str] | None = None,
    answers: Answers | None = None,
) -> SheetTable:
    """The table in a workbook or text file, with every non-empty row, valid or not; or the errors of its header.

    The rows are read while they are taken, in little memory: a request takes a place of ``SHEETS`` around all of it.

    ``sheet``: read this one, else the only one that fits. ``mapping``: column key → the title to take it from, as in
    ``Layout.titles`` and ``unmapped``; an empty title: none. ``answers``: (row, column key) → the text to take in place of
    what the cell holds. Raises ``SheetRefused``, also while rows are taken, if the file cannot be read as a whole;
    ``SeveralTables`` if more than one sheet fits.
    """
    book = open_book(data, limits or SheetLimits())
    found = _choose(book, columns, sheet, mapping or {}, most_rows)
    return _table_of(found, columns, [name for name in book.sheets if name != found.sheet.name], most_rows, answers or {})


@SHEETS.taken()
def read_text(text: str | bytes, columns: Sequence[Column], *, most_rows: int) -> Reading:
    """A table in text form; without a header, cells are in the order of ``columns``.

    Cells are separated by tabs, commas or semicolons, else by spaces. Raises ``SheetRefused`` as ``read``.
    """
    sheet = TextBook(text, SheetLimits(), width=len(columns)).open("", most_rows)
    found = _find(sheet, columns, {})
    if found.is_below_records or not found.header.places | found.header.rivals:
        in_order = {column.key: place for place, column in enumerate(columns, start=1)}
        found = found._replace(header=TableHeader(0, 0, {}, in_order))
    return _reading_of(_table_of(found, columns, (), most_rows, {}))


class _FoundTable(NamedTuple):
    """A sheet, its header, and its rows, of which the first were read to find it."""

    sheet: Sheet
    header: TableHeader
    first: list[Row]
    rest: Iterator[Row]

    @property
    def holds_rows(self) -> bool:
        return any(number > self.header.last for number, _cells in self.first)

    @property
    def is_below_records(self) -> bool:
        """Whether more than a title or a note stands above the header."""
        return any(number < self.header.first and len(cells) > 1 for number, cells in self.first)


def _choose(book: Book, columns: Sequence[Column], wanted: str, mapping: Mapping[str, str], most_rows: int) -> _FoundTable:
    """The wanted sheet, or the only one whose header fits, or the one that fits best."""
    if wanted and wanted not in book.sheets:
        raise SheetRefused(_("The workbook has no visible sheet “%(name)s”.", name=wanted), code="no-such-sheet")
    names = [wanted] if wanted else list(book.sheets)
    found, refused = [], None
    for name in names:
        try:
            found.append(_find(book.open(name, most_rows), columns, mapping))
        except SheetRefused as error:  # a sheet of another kind may be too wide, or hold anything else
            refused = refused or error
    fitting = [one for one in found if one.header.fits(columns)]
    if refused and not fitting:
        raise refused
    if len(found) == 1:
        return found[0]
    filled = [one for one in fitting if one.holds_rows] or fitting[:1]
    if len(filled) > 1:
        raise SeveralTables([one.sheet.name for one in filled])
    return filled[0] if filled else max(found, key=lambda one: len(one.header.places))


def _find(sheet: Sheet, columns: Sequence[Column], mapping: Mapping[str, str]) -> _FoundTable:
    rows = sheet.rows()
    first: list[Row] = []
    for row in rows:
        first.append(row)
        if row[0] > ROWS_ABOVE + DEEPEST:
            break
    header = find_header(first, sheet.spans, columns, mapping, from_1904=sheet.from_1904)
    return _FoundTable(sheet, header, first, rows)


def _table_of(
    found: _FoundTable, columns: Sequence[Column], other_sheets: Sequence[str], most_rows: int, answers: Answers
) -> SheetTable:
    sheet, header = found.sheet, found.header
    result = next((place for place, title in header.titles.items() if is_result(title)), 0)
    taken = {*header.places.values(), result}
    layout = Layout(
        sheet.name,
        header.last,
        {key: header.titles.get(place, "") for key, place in header.places.items()},
        header.places,
        max(header.titles, default=0),
        result,
        [title for place, title in header.titles.items() if place not in taken],
        other_sheets,
    )
    if errors := header.errors(columns, sheet.name):
        return SheetTable(layout, errors, iter(()))
    return SheetTable(layout, [], _Lines(columns, found, layout, answers).read(most_rows))


def _reading_of(table: SheetTable) -> Reading:
    reading = Reading([], list(table.errors), table.layout)
    for line in table.lines:
        reading.add(line)
    return Reading(reading.rows, limit_errors(reading.errors), table.layout)


class _Lines:
    """Turns the rows below a header into lines."""

    def __init__(self, columns: Sequence[Column], found: _FoundTable, layout: Layout, answers: Answers) -> None:
        self.header, self.rows, self.answers, self.left_out = (
            found.header,
            chain(found.first, found.rest),
            answers,
            layout.left_out,
        )
        self.from_1904 = found.sheet.from_1904
        self.titles = {place: title_key(title) for place, title in found.header.titles.items()}
        self.places = [(column, found.header.places.get(column.key, 0)) for column in columns]
        self.required = [place for column, place in self.places if column.required and place]
        self.merged = MergedCells(found.sheet.spans, {place for _column, place in self.places if place})

    def read(self, most_rows: int) -> Iterator[SheetLine]:
        last = self.header.last
        for number, cells in self.rows:
            if number <= last:
                continue
            if number - last > most_rows:
                raise too_many_rows(most_rows)
            if self._is_no_record(cells):
                texts = (fold(shown_in(cells[place], from_1904=self.from_1904)) for place in sorted(cells))
                self.left_out.append(LeftOut(number, " ".join(text for text in texts if text)))
            elif (line := self._line(number, cells)) is not None:
                yield line

    def _is_no_record(self, cells: Mapping[int, Cell]) -> bool:
        """Whether the row is a note, a total or the header once more: of its required cells at most one holds anything."""
        filled = [place for place in self.required if place in cells and not isinstance(cells[place], Fault)]
        if len(self.required) > 1 and len(filled) < 2:
            first = cells[min(cells)]
            if isinstance(first, str) and NO_RECORD.match("".join(fold(first).split())):
                return True
        return len(cells) > 1 and all(
            isinstance(cell, str) and self.titles.get(place) == title_key(cell) for place, cell in cells.items()
        )

    def _line(self, number: int, cells: Mapping[int, Cell]) -> SheetLine | None:
        """None if the row is empty."""
        covered = self.merged.over(number)
        wanted = [(column, self._cell(number, column, place, cells, covered)) for column, place in self.places]
        if all(isinstance(cell, str) and not fold(cell) for _column, cell in wanted):
            return None
        line = SheetLine(number, {}, {}, [])
        for column, cell in wanted:
            line.shown[column.key] = shown_in(cell, from_1904=self.from_1904)
            if not isinstance(cell, Fault) or cell.sentence:
                self._take(line, column, cell)
        return line

    def _cell(self, number: int, column: Column, place: int, cells: Mapping[int, Cell], covered: Mapping[int, Fault]) -> Cell:
        if self.answers and (number, column.key) in self.answers:
            return self.answers[number, column.key]
        return covered.get(place) or cells.get(place, "")

    def _take(self, line: SheetLine, column: Column, cell: Cell) -> None:
        try:
            line.values[column.key] = _value(column, text_of(cell, column.kind, from_1904=self.from_1904))
        except Doubtful as doubt:
            shown = line.shown[column.key]
            line.errors.append(CellDoubt(line.number, column.title, doubt.sentence, column.key, shown, doubt.readings))
        except AppError as error:
            line.errors.append(CellError(line.number, column.title, error.sentence))
        except ValueError as error:
            line.errors.append(CellError(line.number, column.title, error.args[0]))


def _value(column: Column, text: str) -> Any:
    if text:
        value = column.parse(text)
        return value if column.numbers or not isinstance(value, str) else without_numbers(value, column.title, column.key)
    if column.required:
        raise ValueError(_("Please fill this in."))
    return None


def limit_errors(errors: list[CellError]) -> list[CellError]:
    errors.sort(key=lambda error: error.row)
    if len(errors) <= MOST_ERRORS:
        return errors
    more = _(
        "%(n)s more cells have to be put right; only the first %(most)s are listed.",
        n=len(errors) - MOST_ERRORS,
        most=MOST_ERRORS,
    )
    return [*errors[:MOST_ERRORS], CellError(errors[MOST_ERRORS].row, "", more)]
