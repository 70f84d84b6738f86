"""The rows of an import as they are kept beside it: for the preview, the result, and the sheet that goes back.

The check writes them, the import rewrites each chunk in the transaction that imports it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.applications.legacy_import.columns import COLUMNS
from app.applications.legacy_import.merge import MergeVerdict, json_value
from app.core.vocabulary import CertificateStatus, LegacyKind, RowOutcome, Term
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import CellDoubt, Layout, SheetLine
from app.models import LegacyRow

LONGEST_WORD = 60  # characters
MOST_WORDS = 20  # different texts listed of a column that are on no list
PAGE = 100  # rows of the preview


def store(session: Session, import_id: int, first: int, verdicts: Sequence[MergeVerdict]) -> None:
    """Keep these rows, whose first one has the position ``first``, in place of what was kept there. The caller commits."""
    places = range(first, first + len(verdicts))
    _remove(session, LegacyRow.import_id == import_id, LegacyRow.position.between(places[0], places[-1]))
    session.execute(
        insert(LegacyRow),
        [
            {"import_id": import_id, "position": position, "number": verdict.line.number, "outcome": verdict.outcome}
            | {"content": _content(verdict)}
            for position, verdict in zip(places, verdicts, strict=True)
        ],
    )


def forget(session: Session, import_id: int, beyond: int = 0) -> None:
    """Remove the rows from a position on."""
    _remove(session, LegacyRow.import_id == import_id, LegacyRow.position >= beyond)


def _remove(session: Session, *which: Any) -> None:
    session.execute(delete(LegacyRow).where(*which), execution_options={"synchronize_session": False})


def _content(verdict: MergeVerdict) -> dict[str, Any]:
    """Empty parts are left out: there are up to 100,000 of these."""
    line = verdict.line
    stored = {key: json_value(value) for key, value in line.values.items()}
    stored |= {key: value for key, value in (verdict.after or verdict.taken).items() if key in line.shown}
    content = {
        "shown": {key: text for key, text in line.shown.items() if text},
        "stored": {key: value for key, value in stored.items() if key in verdict.was or (value or "") != line.shown[key]},
        "was": verdict.was,
        "faults": verdict.faults,
        "readings": verdict.readings,
        "reasons": [str(reason) for reason in verdict.reasons],
        "row": verdict.row_id,
        "made": verdict.made,
    }
    return {part: value for part, value in content.items() if value}


# --- reading them ---------------------------------------------------------------------------------------


def counts_of(session: Session, import_id: int) -> dict[str, int]:
    """Rows by outcome."""
    query = select(LegacyRow.outcome, func.count()).where(LegacyRow.import_id == import_id).group_by(LegacyRow.outcome)
    found = {row[0]: row[1] for row in session.execute(query)}
    return {outcome.value: found.get(outcome, 0) for outcome in RowOutcome}


def page_of(session: Session, import_id: int, outcome: RowOutcome | None, page: int) -> list[PreviewRow]:
    """A hundred rows, of one outcome or of all; ``page`` counts from 0."""
    query = select(LegacyRow.number, LegacyRow.outcome, LegacyRow.content).where(LegacyRow.import_id == import_id)
    if outcome is not None:
        query = query.where(LegacyRow.outcome == outcome)
    query = query.order_by(LegacyRow.position).offset(page * PAGE).limit(PAGE)
    return [_preview(*row) for row in session.execute(query)]


def shown_in(session: Session, import_id: int, cells: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """What these cells show, by row number and column key."""
    query = select(LegacyRow.number, LegacyRow.content).where(
        LegacyRow.import_id == import_id, LegacyRow.number.in_({number for number, _key in cells})
    )
    found = {row.number: row.content.get("shown", {}) for row in session.execute(query)}
    return {(number, key): found[number].get(key, "") for number, key in cells if number in found}


def rows_numbered(session: Session, import_id: int, numbers: Sequence[int]) -> list[PreviewRow]:
    """The rows with these numbers in the sheet."""
    query = select(LegacyRow.number, LegacyRow.outcome, LegacyRow.content).where(
        LegacyRow.import_id == import_id, LegacyRow.number.in_(numbers)
    )
    return [_preview(*row) for row in session.execute(query.order_by(LegacyRow.position))]


def slice_of(session: Session, import_id: int, first: int, number: int) -> list[PreviewRow]:
    """The rows from a position on, in the order of the sheet."""
    query = select(LegacyRow.number, LegacyRow.outcome, LegacyRow.content).where(
        LegacyRow.import_id == import_id, LegacyRow.position.between(first, first + number - 1)
    )
    return [_preview(*row) for row in session.execute(query.order_by(LegacyRow.position))]


def not_taken(session: Session, import_id: int) -> list[PreviewRow]:
    """The rows that are refused or doubtful."""
    query = select(LegacyRow.number, LegacyRow.outcome, LegacyRow.content).where(
        LegacyRow.import_id == import_id, LegacyRow.outcome.in_((RowOutcome.REFUSED, RowOutcome.DOUBTFUL))
    )
    return [_preview(*row) for row in session.execute(query.order_by(LegacyRow.position))]


def _preview(number: int, outcome: RowOutcome, content: Mapping[str, Any]) -> PreviewRow:
    shown, was = content.get("shown", {}), _texts(content.get("was", {}))
    stored = shown | _texts(content.get("stored", {}))
    faults, readings = content.get("faults", {}), content.get("readings", {})
    return PreviewRow(number, outcome, shown, stored, was, faults, readings, content.get("reasons", ()))


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: text_of(key, value) for key, value in values.items()}


_TERMS: dict[str, type[Term]] = {"status": CertificateStatus}


def text_of(key: str, value: Any) -> str:
    """How a stored value is shown: a code by its label, nothing as an empty text."""
    terms = _TERMS.get(key)
    return str(terms(value)) if terms and value else str(value or "")  # type: ignore[call-arg]


# --- what was found in each column ------------------------------------------------------------------------


class ColumnCounts:
    """Of each column how many cells are filled, doubtful and refused, and which texts of a closed list are unknown."""

    def __init__(self, kind: LegacyKind) -> None:
        self.keys = {str(column.title): column.key for column in COLUMNS[kind]}
        self.listed = {column.key for column in COLUMNS[kind] if column.choices}
        self.found: dict[str, Counter[str]] = {key: Counter() for key in self.keys.values()}
        self.words: dict[str, Counter[str]] = {key: Counter() for key in self.listed}
        self.readings: dict[str, Sequence[str]] = {}  # of doubtful ones among these words

    def add(self, lines: Iterable[SheetLine]) -> None:
        for line in lines:
            for key, text in line.shown.items():
                self.found[key]["filled"] += bool(text)
            for error in line.errors:
                column = self.keys.get(str(error.title), "")
                if column:
                    self.found[column]["doubtful" if isinstance(error, CellDoubt) else "refused"] += 1
                if column in self.listed:
                    word = line.shown[column][:LONGEST_WORD]
                    self.words[column][word] += 1
                    self.readings[word] = error.readings if isinstance(error, CellDoubt) else ()

    def as_json(self, layout: Layout) -> dict[str, Any]:
        return {
            "sheet": layout.sheet,
            "header": layout.header,
            "titles": dict(layout.titles),
            "unmapped": list(layout.unmapped),
            "other_sheets": list(layout.other_sheets),
            "left_out": [[left.row, left.text[:200]] for left in layout.left_out[:MOST_WORDS]],
            "columns": self.found,
            "words": {
                key: [[word, count, self.readings[word]] for word, count in words.most_common(MOST_WORDS)]
                for key, words in self.words.items()
            },
        }
