"""A row of a sheet as it was read: what each cell shows, what would be stored, what that replaces, what stands in the way.

Every import makes these of the verdicts that it writes by, so that a preview cannot say anything else.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from app.core.plain_text import plain
from app.core.vocabulary import RowOutcome
from app.files.spreadsheets import CellError, Column, SheetLine


class PreviewRow(NamedTuple):
    """All by column key. ``stored``: the text that would be stored; ``was``: the one stored now, where it changes.

    ``faults`` are sentences; ``readings`` are the texts that can be chosen for a doubtful cell. ``reasons`` are about the
    row as a whole, and repeat the faults.
    """

    number: int
    outcome: RowOutcome
    shown: Mapping[str, str]
    stored: Mapping[str, str]
    was: Mapping[str, str]
    faults: Mapping[str, str]
    readings: Mapping[str, Sequence[str]]
    reasons: Sequence[str]

    def text(self, key: str) -> str:
        """What would be stored of a cell, or else what it shows."""
        return self.stored.get(key) or self.shown.get(key, "")


def preview_of(
    columns: Sequence[Column],
    line: SheetLine,
    outcome: RowOutcome,
    *,
    faults: Sequence[CellError] = (),
    stored: Mapping[str, Any] | None = None,
    was: Mapping[str, Any] | None = None,
    reasons: Sequence[object] = (),
) -> PreviewRow:
    """A row with its cell errors and these further ones; its values, or those ``stored`` in place of them.

    With any error it is refused, or doubtful if answers are all that is missing. ``reasons`` are about the row as a whole.
    """
    keys = {str(column.title): column.key for column in columns}
    errors, doubts = [*line.errors, *faults], line.doubts
    if errors:
        outcome = RowOutcome.DOUBTFUL if len(doubts) == len(errors) else RowOutcome.REFUSED
    return PreviewRow(
        line.number,
        outcome,
        line.shown,
        _texts({**line.values, **(stored or {})}),
        _texts(was or {}),
        {keys.get(str(error.title), ""): str(error.sentence) for error in errors},
        {doubt.key: doubt.readings for doubt in doubts},
        [*map(str, reasons), *(str(error.sentence) for error in errors)],
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: text_of(value) for key, value in values.items()}


def text_of(value: Any) -> str:
    """A value as it is shown; nothing is an empty text."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else plain(value)
