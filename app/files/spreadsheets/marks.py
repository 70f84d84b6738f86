"""What an import says of each row of a sheet, and where the sheet gets it written.

Marks pass through JSON: they are kept with the sheet until its result is fetched, and handed to the process that writes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

MOST_COMMENTS: Final = 2_000  # Excel opens a sheet slowly that has more
FLAG: Final = "\u2691 "  # begins what we add to the comment of a cell
DOUBTFUL_COLOUR, REFUSED_COLOUR = "FFE9B3", "FBD5D0"  # of cells; whatever else is coloured like this is taken for ours
WIDTH: Final = 60  # of the result's column, in characters


class RowMark(NamedTuple):
    """The result of a row. By number of the column: why a cell is not taken; the answer that was taken in its place."""

    number: int  # as Excel shows it
    is_doubtful: bool
    is_refused: bool
    text: str
    faults: Mapping[int, str]
    answers: Mapping[int, str]

    @property
    def is_taken(self) -> bool:
        return not (self.is_doubtful or self.is_refused)

    @property
    def colour(self) -> str:
        """Of its result and its faulty cells; none if it is taken."""
        return "" if self.is_taken else DOUBTFUL_COLOUR if self.is_doubtful else REFUSED_COLOUR


@dataclass(frozen=True, slots=True)
class SheetMarks:
    """``sheet`` and ``header`` as in ``Layout``; ``result``: the column of an earlier result, or 0; ``width``: that of the
    last title; ``title``: the title of the result's column.
    """

    sheet: str
    header: int
    result: int
    width: int
    title: str
    rows: Sequence[RowMark]

    @property
    def refused(self) -> Sequence[RowMark]:
        """The rows that are not taken, doubtful ones among them."""
        return [row for row in self.rows if not row.is_taken]

    def with_sheet(self, data: bytes) -> bytes:
        """The marks, as a line of JSON, and the sheet."""
        place = [self.sheet, self.header, self.result, self.width, self.title]
        return json.dumps([*place, self.rows], ensure_ascii=False).encode() + b"\n" + data

    @classmethod
    def and_sheet(cls, joined: bytes) -> tuple["SheetMarks", bytes]:
        """The parts of what ``with_sheet`` joined."""
        head, _newline, data = joined.partition(b"\n")
        sheet, header, result, width, title, rows = json.loads(head)
        marks = [RowMark(*row[:4], *(_by_column(part) for part in row[4:])) for row in rows]
        return cls(sheet, header, result, width, title, marks), data


def _by_column(part: Mapping[str, str]) -> dict[int, str]:
    return {int(column): text for column, text in part.items()}
