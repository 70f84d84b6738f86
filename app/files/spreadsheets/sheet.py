"""What every kind of file gives: sheets as streams of rows."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cells import Cell
from app.files.spreadsheets.columns import SheetRefused

ROWS_ABOVE = 10  # a header is looked for in so many rows: clerks like a title and a note above the table

Row = tuple[int, dict[int, Cell]]  # its number as Excel shows it, and what its cells hold by column number


class Span(NamedTuple):
    """A merged range: numbers of rows and columns, both ends included; ``ref`` as Excel writes it."""

    top: int
    left: int
    bottom: int
    right: int
    ref: str = ""


class Sheet(Protocol):
    name: str  # empty for a text
    from_1904: bool

    @property
    def spans(self) -> Sequence[Span]: ...

    def rows(self) -> Iterator[Row]:
        """The rows that hold anything, from the top. Raises ``SheetRefused`` while it is read, too."""
        ...


class Book(Protocol):
    """``sheets``: the visible ones, in their order."""

    @property
    def sheets(self) -> Collection[str]: ...

    def open(self, name: str, most_rows: int) -> Sheet:
        """``most_rows`` below ``ROWS_ABOVE`` may hold anything."""
        ...


def too_many_rows(most: int) -> SheetRefused:
    return SheetRefused(_("The sheet has more than %(n)s rows. Please split the table.", n=most), code="too-many-rows")


def too_many_columns(most: int) -> SheetRefused:
    sentence = _("The sheet has more than %(n)s columns. Please delete the surplus ones.", n=most)
    return SheetRefused(sentence, code="too-many-columns")


def within(row: Row, most_rows: int, most_columns: int) -> Row:
    """The row. Raises ``SheetRefused`` if it stands too far below or reaches too far to the right."""
    if row[0] > most_rows + ROWS_ABOVE:
        raise too_many_rows(most_rows)
    if max(row[1]) > most_columns:
        raise too_many_columns(most_columns)
    return row
