"""What a ledger is: rows of one kind looked at against the books, a verdict for each, and what the verdicts write.

Law: looking writes nothing, and writing does what looking said; both ask a fixed number of questions however many rows.
A difference is a correction only where the books still say what the old system last said.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.applications.legacy_import.columns import title_of
from app.applications.legacy_import.parties import Firm, Human, Parties, RowRefused
from app.core.identifiers import fold
from app.core.vocabulary import LegacyKind, LegacyOutcome
from app.files.spreadsheets import SheetLine
from app.models import LegacyRecord

JsonValues = dict[str, Any]  # column key -> a value as JSON holds it
ADDED, UPDATED, UNCHANGED, REFUSED = LegacyOutcome


@dataclass(slots=True)
class MergeVerdict:
    """What comes of one row, why, and what is to be written for it."""

    line: SheetLine
    outcome: LegacyOutcome
    reasons: list[object] = field(default_factory=list)
    key: str = ""
    row_id: int | None = None
    changes: JsonValues = field(default_factory=dict)
    taken: JsonValues = field(default_factory=dict)
    firm: Firm | None = None
    human: Human | None = None


@dataclass(frozen=True, slots=True)
class LastImported:
    """What a ``LegacyRecord`` holds."""

    row_id: int
    values: JsonValues


@dataclass(frozen=True, slots=True)
class ImportRun:
    """By whom, when, in the course of which import."""

    import_id: int
    actor: str
    at: datetime


def differences(
    sheet: Mapping[str, Any], now: Mapping[str, Any], taken: Mapping[str, Any] | None
) -> tuple[JsonValues, list[str]]:
    """What a sheet corrects, and the columns in which it differs from what changed here meanwhile and is kept.

    A cell left empty (None) asks for nothing; nor does one that says what the old system said before.
    """
    changes, kept = {}, []
    for key, value in sheet.items():
        if value is None or value == now[key]:
            continue
        if taken is None or now[key] != taken.get(key):
            if taken is None or value != taken.get(key):
                kept.append(key)
        else:
            changes[key] = value
    return changes, kept


class RecordMerge(ABC):
    """One kind of records. Made anew for each run; ``on`` is the office day of the run."""

    kind: LegacyKind

    def __init__(self, lines: Sequence[SheetLine], on: date, province: str) -> None:
        self.on, self.parties = on, Parties(province)
        self.records: dict[str, LastImported] = {}
        self._first: dict[str, int] = {}
        for line in lines:
            if line.is_sound:
                self._first.setdefault(self.key_of(line), line.number)

    # --- looking -----------------------------------------------------------------------------------------

    def look(self, session: Session, lines: Sequence[SheetLine]) -> list[MergeVerdict]:
        """A verdict for each row. Later rows know of the earlier ones, also of those in calls before. Writes nothing."""
        sound = [line for line in lines if line.is_sound]
        self._load_records(session, [self.key_of(line) for line in sound])
        self.parties.load(session, sound)
        self.load(session, sound)
        return [self._verdict(line) for line in lines]

    def _load_records(self, session: Session, keys: Sequence[str]) -> None:
        rows = session.execute(
            select(LegacyRecord.row_id, LegacyRecord.taken).where(LegacyRecord.kind == self.kind, LegacyRecord.key.in_(keys))
        )
        self.records.update({row.taken["key"]: LastImported(row.row_id, row.taken) for row in rows})

    def _verdict(self, line: SheetLine) -> MergeVerdict:
        if not line.is_sound:
            told = [_("%(title)s: %(sentence)s", title=error.title, sentence=error.sentence) for error in line.errors]
            merged = _("A cell of this row belongs to a merged range. Please unmerge it and fill in every cell.")
            return MergeVerdict(line, REFUSED, list(told) or [merged])
        key = self.key_of(line)
        if (first := self._first[key]) != line.number:
            return MergeVerdict(line, REFUSED, [_("The same record stands in row %(n)s already. Please keep one.", n=first)])
        try:
            verdict = self.judge(line, key)
        except RowRefused as no:
            return MergeVerdict(line, REFUSED, [no.args[0]])
        self.parties.adopt(verdict.firm, verdict.human)
        if len(fold(line.shown.get("id_number", ""))) == 15:
            verdict.reasons.append(_("The ID number of 15 digits was converted to 18."))
        return verdict

    def compared(
        self,
        line: SheetLine,
        key: str,
        sheet: JsonValues,
        now: JsonValues,
        *,
        settled: bool = False,
        before: JsonValues | None = None,
    ) -> MergeVerdict:
        """The verdict on a record that is on the books; ``settled``: it was printed or used here, so all of it is kept.

        ``before`` stands in for what the old system last said, where no sheet of this kind has said anything.
        """
        record = self.records.get(key)
        changes, kept = differences(sheet, now, record.values if record else before)
        if settled and changes:
            kept, changes = [*kept, *changes], {}
        verdict = MergeVerdict(line, UPDATED if changes else UNCHANGED, key=key, changes=changes)
        verdict.row_id = record.row_id if record else None
        agreed = {name: value for name, value in sheet.items() if name in changes or value == now[name]}
        verdict.taken = {**(record.values if record else {}), **agreed, "key": key}
        if kept:
            fields = "、".join(str(title_of(self.kind, name)) for name in kept)
            verdict.reasons.append(_("Kept as it stands in this system: %(fields)s", fields=fields))
        return verdict

    # --- writing -----------------------------------------------------------------------------------------

    def write(self, session: Session, verdicts: Sequence[MergeVerdict], deed: ImportRun) -> None:
        """Everything that these verdicts bring about."""
        going = [verdict for verdict in verdicts if verdict.outcome in (ADDED, UPDATED)]
        new = [verdict for verdict in going if verdict.outcome is ADDED]
        changed = [verdict for verdict in going if verdict.outcome is UPDATED]
        humans = [verdict.human for verdict in going if verdict.human is not None]
        self.parties.write(session, [*(verdict.firm for verdict in going), *(human.firm for human in humans)], humans)
        if new:
            self.add(session, new, deed)
        if changed:
            self.update(session, changed, deed)
        self._keep_records(session, going, deed)

    def _keep_records(self, session: Session, going: Sequence[MergeVerdict], deed: ImportRun) -> None:
        known = [verdict for verdict in going if verdict.key in self.records]
        fresh = [verdict for verdict in going if verdict.key not in self.records]
        if known:
            rows = [{"kind": self.kind, "key": verdict.key, "taken": verdict.taken} for verdict in known]
            session.execute(update(LegacyRecord), rows)
        if fresh:
            rows = [
                {"kind": self.kind, "key": verdict.key, "row_id": verdict.row_id, "import_id": deed.import_id}
                | {"taken": {**verdict.taken, "key": verdict.key}}
                for verdict in fresh
            ]
            session.execute(insert(LegacyRecord), rows)

    # --- what each kind knows of itself ----------------------------------------------------------------------

    @abstractmethod
    def key_of(self, line: SheetLine) -> str:
        """By what a row is known again, in this sheet and in the next."""

    @abstractmethod
    def load(self, session: Session, lines: Sequence[SheetLine]) -> None:
        """The records on the books that these rows may mean; locked until the caller ends the transaction."""

    @abstractmethod
    def judge(self, line: SheetLine, key: str) -> MergeVerdict:
        """The verdict on a sound row that stands in the sheet once. Raises ``Refused``."""

    @abstractmethod
    def add(self, session: Session, new: Sequence[MergeVerdict], deed: ImportRun) -> None:
        """Insert, and give each verdict its ``row_id``."""

    @abstractmethod
    def update(self, session: Session, changed: Sequence[MergeVerdict], deed: ImportRun) -> None:
        """Write ``changes``."""


def json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
