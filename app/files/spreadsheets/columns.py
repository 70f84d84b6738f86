"""The words of a sheet: column, row, what is wrong with a cell, and how much of a foreign file is taken in.

Law: values only; nothing here reads or writes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.errors import AppError

MIB = 1024 * 1024


def at_most(characters: int) -> Callable[[str], str]:
    """A cell as typed, if it is not far too long to be one."""

    def parse(text: str) -> str:
        if len(text) > characters:
            raise ValueError(_("At most %(n)s characters fit here.", n=characters))
        return text

    return parse


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet, as its consumer declares it.

    ``parse`` gets trimmed, NFKC-folded, never empty text; it refuses with a ``AppError``, or with a
    ``ValueError`` whose first argument is a sentence for the clerk. An empty cell of a column that is not
    required reads as None, but the column itself must be in the sheet: a misspelt title must not pass for
    "nobody filled this in".
    """

    key: str
    title: object  # str or lazily translated
    parse: Callable[[str], Any] = str
    required: bool = True
    width: int = 14  # in characters of the digit 0, as Excel counts
    text: bool = True  # written as a text cell, so that an ID number keeps its digits
    also: tuple[str, ...] = ()  # other titles it goes by in sheets that others made
    may_lack: bool = False  # reads as empty where no column has its title


@dataclass(frozen=True, slots=True)
class CellError:
    """What is wrong with one cell. ``row`` is the number at the left edge of the clerk's window."""

    row: int
    title: object
    sentence: object


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row in which every cell could be read, by column key; ``number`` is counted as in ``CellError``."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A row with content, sound or not: its cells as they are shown, those that could be read, and what is wrong."""

    number: int
    shown: dict[str, str]
    values: dict[str, Any]
    errors: list[CellError]

    @property
    def is_sound(self) -> bool:
        return len(self.values) == len(self.shown)


@dataclass(frozen=True, slots=True)
class Reading:
    """Every sound row and every bad cell. Whoever imports takes all or nothing: no errors, or no import."""

    rows: list[SheetRow] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """How much of a foreign file is taken in at all, in bytes and counts."""

    file: int = 10 * MIB
    parts: int = 128
    part: int = 32 * MIB  # a sheet or the shared strings, unpacked
    other_part: int = 8 * MIB  # styles and the like: 500,000 cell styles end here
    unpacked: int = 64 * MIB
    columns: int = 64
    faults: int = 100_000
    spans: int = 5_000


class SheetRefused(AppError):
    """The file as a whole cannot be read; the sentence says what to do with it."""

    code = "bad-workbook"
    sentence = _(
        "The workbook is damaged or incomplete. Please open it in Excel or WPS, save it again as .xlsx and import that file."
    )
