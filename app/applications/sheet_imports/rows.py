"""The rows of an import as they are kept beside it: for the preview, the result, and the sheet that goes back.

The check writes them, the import rewrites each chunk in the transaction that imports it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.applications.importers.importer import RowVerdict, Trace
from app.core.vocabulary import CertificateStatus, RowOutcome, Term
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import CellDoubt, Column, Layout, SheetLine
from app.models import ImportedRow

LONGEST_WORD = 60  # characters
MOST_WORDS = 20  # different texts listed of a column that are on no list
PAGE = 100  # rows of the preview


def store(session: Session, import_id: int, first: int, verdicts: Sequence[RowVerdict]) -> None:
    """Keep these rows, whose first one has the position ``first``, in place of what was kept there. The caller commits."""
    places = range(first, first + len(verdicts))
    _remove(session, ImportedRow.import_id == import_id, ImportedRow.position.between(places[0], places[-1]))
    session.execute(
        insert(ImportedRow),
        [
            {"import_id": import_id, "position": position, "number": verdict.line.number, "outcome": verdict.outcome}
            | {"content": verdict.content}
            for position, verdict in zip(places, verdicts, strict=True)
        ],
    )


def forget(session: Session, import_id: int, beyond: int = 0) -> None:
    """Remove the rows from a position on."""
    _remove(session, ImportedRow.import_id == import_id, ImportedRow.position >= beyond)


def _remove(session: Session, *which: Any) -> None:
    session.execute(delete(ImportedRow).where(*which), execution_options={"synchronize_session": False})


# --- reading them ---------------------------------------------------------------------------------------


def counts_of(session: Session, import_id: int) -> dict[str, int]:
    """Rows by outcome."""
    query = select(ImportedRow.outcome, func.count()).where(ImportedRow.import_id == import_id).group_by(ImportedRow.outcome)
    found = {row[0]: row[1] for row in session.execute(query)}
    return {outcome.value: found.get(outcome, 0) for outcome in RowOutcome}


def page_of(session: Session, import_id: int, outcome: RowOutcome | None, page: int) -> list[PreviewRow]:
    """A hundred rows, of one outcome or of all; ``page`` counts from 0."""
    query = select(ImportedRow.number, ImportedRow.outcome, ImportedRow.content).where(ImportedRow.import_id == import_id)
    if outcome is not None:
        query = query.where(ImportedRow.outcome == outcome)
    query = query.order_by(ImportedRow.position).offset(page * PAGE).limit(PAGE)
    return [_preview(*row) for row in session.execute(query)]


def shown_in(session: Session, import_id: int, cells: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """What these cells show, by row number and column key."""
    query = select(ImportedRow.number, ImportedRow.content).where(
        ImportedRow.import_id == import_id, ImportedRow.number.in_({number for number, _key in cells})
    )
    found = {row.number: row.content.get("shown", {}) for row in session.execute(query)}
    return {(number, key): found[number].get(key, "") for number, key in cells if number in found}


def rows_numbered(session: Session, import_id: int, numbers: Sequence[int]) -> list[PreviewRow]:
    """The rows with these numbers in the sheet."""
    query = select(ImportedRow.number, ImportedRow.outcome, ImportedRow.content).where(
        ImportedRow.import_id == import_id, ImportedRow.number.in_(numbers)
    )
    return [_preview(*row) for row in session.execute(query.order_by(ImportedRow.position))]


def slice_of(session: Session, import_id: int, first: int, number: int) -> list[PreviewRow]:
    """The rows from a position on, in the order of the sheet."""
    query = select(ImportedRow.number, ImportedRow.outcome, ImportedRow.content).where(
        ImportedRow.import_id == import_id, ImportedRow.position.between(first, first + number - 1)
    )
    return [_preview(*row) for row in session.execute(query.order_by(ImportedRow.position))]


def not_taken(session: Session, import_id: int) -> list[PreviewRow]:
    """The rows that are refused or doubtful."""
    query = select(ImportedRow.number, ImportedRow.outcome, ImportedRow.content).where(
        ImportedRow.import_id == import_id, ImportedRow.outcome.in_((RowOutcome.REFUSED, RowOutcome.DOUBTFUL))
    )
    return [_preview(*row) for row in session.execute(query.order_by(ImportedRow.position))]


def traces_of(session: Session, import_id: int) -> Iterator[Trace]:
    """The rows that added or changed something, in the order of the sheet."""
    query = select(ImportedRow.number, ImportedRow.outcome, ImportedRow.content).where(
        ImportedRow.import_id == import_id, ImportedRow.outcome.in_((RowOutcome.ADDED, RowOutcome.UPDATED))
    )
    rows = session.execute(query.order_by(ImportedRow.position).execution_options(yield_per=1_000))
    for number, outcome, content in rows:
        was, now = (content.get(own, content.get(shown, {})) for own, shown in (("before", "was"), ("after", "stored")))
        yield Trace(number, outcome, content["row"], was, now, content.get("made", {}))


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

    def __init__(self, columns: Sequence[Column]) -> None:
        self.keys = {str(column.title): column.key for column in columns}
        self.listed = {column.key for column in columns if column.choices}
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
