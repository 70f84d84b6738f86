"""Data types of spreadsheets: columns, rows, cell errors and limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Column:
    """Declares one column of a sheet.

    ``parse`` gets trimmed, NFKC-folded, non-empty text; it raises ``AppError``, or ``ValueError`` with a sentence for
    the clerk. An empty cell of an optional column is None, but the column itself must be in the sheet: a misspelt
    title must not pass for empty cells.
    """

    key: str
    title: object  # str or lazily translated
    parse: Callable[[str], Any] = str
    required: bool = True
    width: int = 14  # in characters of the digit 0, as Excel counts
    text: bool = True  # written as a text cell, so that an ID number keeps its digits
    also: tuple[str, ...] = ()  # other accepted titles
    numbers: bool = False  # may hold an ID number or a mobile; in any other text they are refused, as they would lie open
    may_lack: bool = False  # the column itself may be missing; it then reads as empty


@dataclass(frozen=True, slots=True)
class CellError:
    """An error in one cell. ``row`` is the row number that Excel shows."""

    row: int
    title: object
    sentence: object


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A valid row: its values by column key; ``number`` as in ``CellError``."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A non-empty row, valid or not: its texts, its valid values, and its errors."""

    number: int
    shown: dict[str, str]
    values: dict[str, Any]
    errors: list[CellError]

    @property
    def is_sound(self) -> bool:
        return len(self.values) == len(self.shown)


@dataclass(frozen=True, slots=True)
class Reading:
    """Every valid row and every cell error. Import only if there are no errors."""

    rows: list[SheetRow] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)

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


class SheetRefused(AppError):
    """The file as a whole cannot be read; the sentence says what to do with it."""

    code = "bad-workbook"
    sentence = _(
        "The workbook is damaged or incomplete. Please open it in Excel or WPS, save it again as .xlsx and import that file."
    )
