"""What is particular to one kind of import: who may, which columns, how rows are judged, written and undone."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy.orm import Session, sessionmaker

from app.accounts.access import Actor
from app.core.office import Office
from app.core.vocabulary import ImportKind, RowOutcome
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import Column, SheetLine
from app.files.storage import Store
from app.models import SheetImport

JsonValues = dict[str, Any]  # column key -> value as stored in JSON
ReportProgress = Callable[[int, int | None], None]  # rows done, rows in all if known


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What a job, a request or a command provides for the work; ``progress`` is called after every chunk."""

    sessions: sessionmaker[Session]
    store: Store
    progress: ReportProgress
    office: Office


@dataclass(frozen=True, slots=True)
class ImportRun:
    """Who imports, when, and for which import."""

    import_id: int
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What a check may ask besides the rows. ``answered``: rows and column keys of the cells that a person settled."""

    batch: SheetImport
    at: datetime
    office: Office
    province: str  # its region code
    answered: frozenset[tuple[int, str]]


class RowVerdict(Protocol):
    """What becomes of a row. ``content`` is what is kept of it (``ImportedRow``): asked for when it is written."""

    @property
    def line(self) -> SheetLine: ...
    @property
    def outcome(self) -> RowOutcome: ...
    @property
    def content(self) -> JsonValues: ...


@dataclass(slots=True)
class CheckedRow:
    """The verdict on a row as its preview shows it.

    ``record``: what is written, if anything; ``row_id`` is that of the record that it adds or changes, ``before`` and
    ``after`` are values of it, for ``undo``.
    """

    line: SheetLine
    preview: PreviewRow
    record: Any = None
    row_id: int | None = None
    before: JsonValues | None = None
    after: JsonValues | None = None

    @property
    def outcome(self) -> RowOutcome:
        return self.preview.outcome

    @property
    def content(self) -> JsonValues:
        """Empty parts are left out: there are up to 100,000 of these."""
        row = self.preview
        shown = {key: text for key, text in row.shown.items() if text}
        stored = {key: text for key, text in row.stored.items() if key in row.was or text != row.shown.get(key, "")}
        parts: JsonValues = {"shown": shown, "stored": stored, "was": row.was, "faults": row.faults, "readings": row.readings}
        parts |= {"reasons": row.reasons, "row": self.row_id, "before": self.before, "after": self.after}
        return {part: value for part, value in parts.items() if value}


class SheetCheck(ABC):
    """Judges the rows of one sheet from its first to its last, a chunk at a time. One instance per run."""

    @abstractmethod
    def note(self, lines: Sequence[SheetLine]) -> None:
        """Take note of the next rows: later ones may repeat them. Once for each row, before it is checked."""

    @abstractmethod
    def check(self, session: Session, lines: Sequence[SheetLine]) -> Sequence[RowVerdict]:
        """A verdict for each row; locks the records that it depends on, and writes nothing."""

    @abstractmethod
    def write(self, session: Session, verdicts: Sequence[Any], run: ImportRun) -> None:
        """Write what the verdicts say."""

    def afresh(self) -> "SheetCheck":
        """The check without what it has loaded, after somebody else wrote at the same moment."""
        return self

    def warnings(self, session: Session) -> Sequence[object]:  # noqa: ARG002
        """Sentences about the sheet as a whole, once all its rows are checked."""
        return ()


class Trace(NamedTuple):
    """A row that an import added or changed: its number in the sheet, and the record's values before and after.

    ``made``: by table, the ids of further records that came with it.
    """

    number: int
    outcome: RowOutcome
    row_id: int
    was: Mapping[str, Any]
    now: Mapping[str, Any]
    made: Mapping[str, Sequence[int]]


class Obstacles(Exception):
    """Why an import cannot be undone, as sentences; the transaction is rolled back."""


class Importer(ABC):
    """``whole``: nothing is imported before every row is sound; else sound rows go in and the others stay out."""

    kind: ImportKind
    columns: Sequence[Column]
    whole = False

    @abstractmethod
    def whose(self, session: Session, actor: Actor, about: int | None) -> JsonValues:
        """The columns of ``SheetImport`` that say whose an import is. ``about``: the record that the sheet is brought to.

        Raises ``NotAllowed`` unless the actor may bring it, ``NotFound``, or what stands in the way.
        """

    @abstractmethod
    def begin(self, facts: CheckFacts) -> SheetCheck:
        """A check of the sheet from its first row."""

    @abstractmethod
    def undo(self, session: Session, batch: SheetImport, traces: Iterator[Trace], at: datetime) -> JsonValues:
        """Remove what was added, set back what was changed; what to log of it. Raises ``Obstacles``, all at once."""

    @abstractmethod
    def known_numbers(
        self, session: Session, batch: SheetImport, rows: Sequence[PreviewRow], actor: Actor
    ) -> Mapping[int, Sequence[str]]:
        """By row: the ID numbers that may have been meant where one cannot be read."""
