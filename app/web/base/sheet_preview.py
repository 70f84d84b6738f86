"""How a sheet is read, row by row: what each cell shows beside what is stored, and fields to settle what is doubtful."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from app.core.identifiers import fold, mask_id, mask_mobile
from app.core.redaction import mask_numbers
from app.core.vocabulary import RowOutcome
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import Column

PAGE = 100  # rows
LONGEST_ANSWER = 500  # characters, as the longest cell that an import takes
_MASKS = {"id_number": mask_id, "mobile": mask_mobile}


class PreviewCell(NamedTuple):
    """A cell, with personal numbers masked. ``was`` is what is stored until now, if the import changes it.

    ``readings`` are the texts to choose from, where something stands in the way; ``proposals`` what may have been meant by
    what cannot be read, each by a token.
    """

    key: str
    title: object
    stored: str
    shown: str
    was: str
    fault: str
    readings: Sequence[str]
    proposals: Mapping[str, str] = {}

    @property
    def differs(self) -> bool:
        """Whether what is stored is not what the cell shows, spellings of the same text not counted."""
        return bool(self.shown) and fold(self.shown) != fold(self.stored)


class PreviewLine(NamedTuple):
    number: int
    outcome: RowOutcome
    cells: Sequence[PreviewCell]
    reasons: Sequence[str]
    open: bool = False  # all its cells can be edited

    @property
    def faulty(self) -> bool:
        """Whether the reasons stand at its cells."""
        return any(cell.fault for cell in self.cells)


class PlaceAsked(NamedTuple):
    """Which rows were asked for: those of an outcome, or all; a page, from 1; the row whose cells are open, or 0."""

    only: RowOutcome | None
    page: int
    edit: int

    @classmethod
    def of(cls, text: str) -> "PlaceAsked":
        """Of the value of ``SheetPreview.place``; whatever is wrong in it is left away."""
        only, page, edit = (*text.split(":"), "", "", "")[:3]
        outcome = next((outcome for outcome in RowOutcome if outcome.value == only), None)
        return cls(outcome, _number(page) or 1, _number(edit))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


@dataclass(frozen=True, slots=True)
class SheetPreview:
    """One page of a preview. ``counts``: rows by outcome. With an ``address``, which gets the text of a place, other rows are
    reached by links, else by buttons named ``go`` in the form around it.
    """

    columns: Sequence[Column]
    lines: Sequence[PreviewLine]
    counts: Mapping[RowOutcome, int]
    asked: PlaceAsked
    may_answer: bool = False
    address: Callable[[str], str] | None = None

    @property
    def outcomes(self) -> Sequence[RowOutcome]:
        return list(RowOutcome)

    @property
    def pages(self) -> int:
        return pages_of(self.counts, self.asked.only)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def asks(self) -> bool:
        """Whether there is any field on the page."""
        return self.may_answer and any(line.open or line.faulty for line in self.lines)

    def place(self, only: RowOutcome | None, page: int = 1, edit: int = 0) -> str:
        return f"{only.value if only else ''}:{page}:{edit or ''}"


def pages_of(counts: Mapping[RowOutcome, int], only: RowOutcome | None) -> int:
    return max(1, -(-(counts.get(only, 0) if only else sum(counts.values())) // PAGE))


def lines_of(
    columns: Sequence[Column], rows: Iterable[PreviewRow], edit: int, proposals: Mapping[int, Mapping[str, str]] | None = None
) -> list[PreviewLine]:
    """``proposals`` for ID numbers: row number → token → what is shown of it."""
    offered = proposals or {}
    return [
        PreviewLine(
            row.number, row.outcome, _cells(columns, row, offered.get(row.number, {})), row.reasons, row.number == edit
        )
        for row in rows
    ]


def preview_page(
    columns: Sequence[Column], rows: Sequence[PreviewRow], asked: PlaceAsked, *, may_answer: bool
) -> SheetPreview:
    """The page that was asked for of rows that are all at hand."""
    counts = Counter(row.outcome for row in rows)
    fitting = [row for row in rows if asked.only in (None, row.outcome)]
    asked = asked._replace(page=min(asked.page, pages_of(counts, asked.only)))
    part = fitting[(asked.page - 1) * PAGE : asked.page * PAGE]
    columns = faulty_first(columns, part)
    return SheetPreview(columns, lines_of(columns, part, asked.edit), counts, asked, may_answer)


def faulty_first(columns: Sequence[Column], rows: Sequence[PreviewRow]) -> list[Column]:
    """The columns in which something of these rows stands in the way come first: a wide table hides the others."""
    faulty = {key for row in rows for key in row.faults}
    return sorted(columns, key=lambda column: column.key not in faulty)


def masked(key: str, text: str) -> str:
    """The text of a cell as it is shown on a page."""
    mask = _MASKS.get(key)
    return mask(text) if mask and text else mask_numbers(text)


def _cells(columns: Sequence[Column], row: PreviewRow, proposals: Mapping[str, str]) -> list[PreviewCell]:
    cells = []
    for column in columns:
        key, fault = column.key, mask_numbers(row.faults.get(column.key, ""))
        stored, shown, was = (masked(key, texts.get(key, "")) for texts in (row.stored, row.shown, row.was))
        may_be = row.readings.get(key) or [str(choice) for choice in column.choices if fault]
        offered = proposals if key == "id_number" else {}
        cells.append(PreviewCell(key, column.title, "" if fault else stored, shown, was, fault, may_be, offered))
    return cells


def answered_cells(form: MultiDict[str, str]) -> dict[tuple[int, str], str]:
    """What was chosen, or else typed, for the cells of the page: (row, column key) → text."""
    answers = {}
    for name, text in form.items():
        kind, _mark, place = name.partition(":")
        row, _mark, key = place.partition(":")
        if kind in ("choice", "cell") and row.isdecimal() and len(row) < 8 and text.strip():
            spot = (int(row), key)
            if kind == "cell" or spot not in answers:
                answers[spot] = text.strip()[:LONGEST_ANSWER]
    return answers


def confirmed_proposals(form: MultiDict[str, str]) -> dict[int, str]:
    """Row → token of what was confirmed for its ID number."""
    found = ((name.removeprefix("proposal:"), token) for name, token in form.items() if name.startswith("proposal:"))
    return {_number(row): token for row, token in found if token and _number(row)}


def as_note(answers: Mapping[tuple[int, str], str]) -> list[list[object]]:
    """Answers as the note of a ticket, which passes through JSON."""
    return [[row, key, text] for (row, key), text in answers.items()]


def answers_noted(note: Sequence[Sequence[Any]] | None) -> dict[tuple[int, str], str]:
    """The answers of such a note."""
    return {(row, key): text for row, key, text in note or ()}
