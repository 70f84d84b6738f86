"""Data types of spreadsheets: columns, cells that were read, refused or doubtful, the layout of a sheet, limits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.errors import AppError

MIB = 1024 * 1024


def at_most(characters: int) -> Callable[[str], str]:
    """A parser that returns the text, or ``ValueError`` if it is too long."""

    def parse(text: str) -> str:
        if len(text) > characters:
            raise ValueError(_("At most %(n)s characters fit here.", n=characters))
        return text

    return parse


class Doubtful(ValueError):
    """A cell can be read in more than one way; raised by the reader, or by a column's ``parse``.

    ``sentence`` names every reading, for an import that cannot ask. ``readings`` are texts that ``parse`` takes, the likelier
    first; there may be none, if the cell cannot be read at all but a person could say what it means.
    """

    def __init__(self, sentence: object, *readings: str) -> None:
        super().__init__(sentence)
        self.sentence, self.readings = sentence, readings


class Kind(Enum):
    """What a column holds: which of a cell's shown text and stored value counts, and how it is written."""

    TEXT = "text"  # as it is shown; written as text, so that an ID number keeps its digits
    NUMBER = "number"  # the stored number; doubtful if another number is shown
    DAY = "day"  # a day, however it is spelt or stored


@dataclass(frozen=True, slots=True)
class Column:
    """Declares one column of a sheet.

    ``parse`` gets trimmed, NFKC-folded, non-empty text: of a ``TEXT`` column what the cell shows, of a ``NUMBER`` column a
    plain decimal (or what was typed as text), of a ``DAY`` column always ``2018-03-05``. It raises ``AppError``,
    ``ValueError`` with a sentence for the clerk, or ``Doubtful``. An empty cell of an optional column is None, but the
    column itself must be in the sheet: a misspelt title must not pass for empty cells.
    """

    key: str
    title: object  # str or lazily translated
    parse: Callable[[str], Any] = str
    required: bool = True
    width: int = 14  # in characters of the digit 0, as Excel counts
    kind: Kind = Kind.TEXT
    also: tuple[str, ...] = ()  # other accepted titles, of spreadsheets.titles
    numbers: bool = False  # may hold an ID number or a mobile; in any other text they are refused, as they would lie open
    may_lack: bool = False  # the column itself may be missing; it then reads as empty
    choices: tuple[object, ...] = ()  # offered as a drop-down list in a written sheet; other values may still be typed
    locked: bool = False  # names what the row is about: not to be typed over in a written sheet


@dataclass(frozen=True, slots=True)
class CellError:
    """An error in one cell. ``row`` is the row number that Excel shows; ``title`` is empty for the sheet as a whole."""

    row: int
    title: object
    sentence: object


@dataclass(frozen=True, slots=True)
class CellDoubt(CellError):
    """A doubtful cell. It stands among the errors, so that an import that cannot ask refuses it with its sentence.

    One that can ask shows ``shown`` and ``readings`` and reads the file again with ``answers={(row, key): text}``.
    """

    key: str
    shown: str
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A valid row: its values by column key; ``number`` as in ``CellError``."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A non-empty row, valid or not: what its cells show, its valid values, and its errors, doubts among them."""

    number: int
    shown: dict[str, str]
    values: dict[str, Any]
    errors: list[CellError]

    @property
    def is_sound(self) -> bool:
        return len(self.values) == len(self.shown)

    @property
    def doubts(self) -> list[CellDoubt]:
        return [error for error in self.errors if isinstance(error, CellDoubt)]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row below the header that is no record: a note, a total, the header once more."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Which sheet was read, and what of it: everything to be said before a row is taken.

    ``left_out`` is complete when all lines were read.
    """

    sheet: str = ""  # empty for a text table
    header: int = 0  # the last row of the header; 0 if there is none
    titles: Mapping[str, str] = field(default_factory=dict)  # column key -> the title it was found under
    places: Mapping[str, int] = field(default_factory=dict)  # column key -> number of its column, from 1
    width: int = 0  # number of the last column with a title
    result: int = 0  # number of the column with our result of an earlier import; 0 if there is none
    unmapped: Sequence[str] = ()  # titles that belong to no column, and are not the result
    other_sheets: Sequence[str] = ()  # visible ones that were not read
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A table that was found in a file. ``lines`` can be read once; there are none if the header has ``errors``."""

    layout: Layout
    errors: list[CellError]
    lines: Iterator[SheetLine]


@dataclass(frozen=True, slots=True)
class Reading:
    """Every valid row and every cell error, doubts among them. Import only if there are no errors."""

    rows: list[SheetRow] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
    layout: Layout = field(default_factory=Layout)

    def add(self, line: SheetLine) -> None:
        self.errors.extend(line.errors)
        if line.is_sound:
            self.rows.append(SheetRow(line.number, line.values))


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """Limits of an uploaded workbook, in bytes and counts."""

    file: int = 10 * MIB
    parts: int = 128
    part: int = 32 * MIB  # a sheet or the shared strings, unpacked
    other_part: int = 8 * MIB  # such as styles: 500,000 cell styles are too many
    unpacked: int = 64 * MIB
    columns: int = 64
    rows: int = 200_000  # that hold something, or do not say their number
    faults: int = 100_000
    spans: int = 5_000


MOST_ROWS = 100_000  # of a sheet that an import takes, whatever it holds
LARGE_SHEET = SheetLimits(file=20 * MIB, part=160 * MIB, unpacked=256 * MIB)  # so many rows as Excel writes them


class SheetRefused(AppError):
    """The file as a whole cannot be read; the sentence says what to do with it."""

    code = "bad-workbook"
    sentence = _(
        "The workbook is damaged or incomplete. Please open it in Excel or WPS, save it again as .xlsx and import that file."
    )


class SeveralTables(SheetRefused):
    """More than one sheet fits. An import that can ask offers ``sheets`` and reads again with ``sheet=`` one of them."""

    code = "several-tables"

    def __init__(self, sheets: Sequence[str]) -> None:
        self.sheets = tuple(sheets)
        names = "、".join(f"“{name}”" for name in sheets)
        super().__init__(
            _("Several sheets hold such a table: %(names)s. Please keep only the one to be imported.", names=names),
            code=self.code,
        )
