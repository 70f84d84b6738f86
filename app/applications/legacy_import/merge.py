"""Merging sheet rows of one kind into the database: a verdict for each row, and writing the verdicts.

Checking writes nothing; writing does what the check found; both use a fixed number of statements, however many rows.
A differing value is imported only if the database still has the value that the old system last gave.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.applications.importers.importer import CheckFacts, ImportRun, JsonValues, SheetCheck
from app.applications.legacy_import.columns import COLUMNS, title_of
from app.applications.legacy_import.parties import Firm, Human, Parties, RowDoubtful, RowRefused
from app.core.clock import office_day
from app.core.identifiers import BadNumber, parse_id_number
from app.core.vocabulary import ImportKind, RowOutcome, Term
from app.files.fonts import parse_printable_name
from app.files.spreadsheets import SheetLine
from app.models import LegacyRecord

ADDED, UPDATED, UNCHANGED, DOUBTFUL, REFUSED = RowOutcome


@dataclass(slots=True)
class MergeVerdict:
    """The result for one row, with reasons and the values to write.

    By column key: ``after`` the record as it will be stored, ``was`` what the changes replace, ``faults`` what stands in
    the way, ``readings`` what a doubtful cell may mean.
    """

    line: SheetLine
    outcome: RowOutcome
    reasons: list[object] = field(default_factory=list)
    key: str = ""
    row_id: int | None = None
    changes: JsonValues = field(default_factory=dict)
    was: JsonValues = field(default_factory=dict)
    after: JsonValues = field(default_factory=dict)
    taken: JsonValues = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    readings: dict[str, Sequence[str]] = field(default_factory=dict)
    firm: Firm | None = None
    human: Human | None = None
    made: dict[str, list[int]] = field(default_factory=dict)  # ids of enterprises and people that it brought

    @property
    def content(self) -> JsonValues:
        """As ``RowVerdict``. Empty parts are left out: there are up to 100,000 of these."""
        line = self.line
        stored = {key: json_value(value) for key, value in line.values.items()}
        stored |= {key: value for key, value in (self.after or self.taken).items() if key in line.shown}
        content = {
            "shown": {key: text for key, text in line.shown.items() if text},
            "stored": {key: value for key, value in stored.items() if key in self.was or (value or "") != line.shown[key]},
            "was": self.was,
            "faults": self.faults,
            "readings": self.readings,
            "reasons": [str(reason) for reason in self.reasons],
            "row": self.row_id,
            "made": self.made,
        }
        return {part: value for part, value in content.items() if value}


@dataclass(frozen=True, slots=True)
class LastImported:
    """The content of a ``LegacyRecord``: the row it became, and the values last imported."""

    row_id: int
    values: JsonValues


def differences(
    sheet: Mapping[str, Any], now: Mapping[str, Any], taken: Mapping[str, Any] | None
) -> tuple[JsonValues, list[str]]:
    """The values to import, and the columns that differ but keep the value changed in this system.

    An empty cell (None) changes nothing; nor does a value equal to the one last imported.
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


class RecordMerge(SheetCheck):
    """The merge of one kind of records; ``on`` is the office day of the run."""

    kind: ImportKind

    def __init__(self, facts: CheckFacts) -> None:
        self.facts, self.on, self.least_age = facts, office_day(facts.at), facts.office.least_age
        self.parties, self.answered = Parties(facts.province), facts.answered
        self.records: dict[str, LastImported] = {}
        self._first: dict[str, int] = {}

    def note(self, lines: Sequence[SheetLine]) -> None:
        for line in lines:
            if line.is_sound:
                self._first.setdefault(self.key_of(line), line.number)

    def afresh(self) -> Self:
        merge = type(self)(self.facts)
        merge._first = self._first
        return merge

    # --- checking -----------------------------------------------------------------------------------------

    def check(self, session: Session, lines: Sequence[SheetLine]) -> list[MergeVerdict]:
        """A verdict for each row; rows take earlier ones into account, also those of earlier calls. Writes nothing."""
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
            return self._refused(line)
        key = self.key_of(line)
        if (first := self._first[key]) != line.number:
            return MergeVerdict(line, REFUSED, [_("The same record stands in row %(n)s already. Please keep one.", n=first)])
        try:
            verdict = self.judge(line, key)
            if verdict.human is not None and verdict.human.id is None:
                _check_newcomer(verdict.human, self.on, self.least_age)
        except RowDoubtful as doubt:
            why = str(doubt)
            return MergeVerdict(line, DOUBTFUL, [why], faults={doubt.key: why}, readings={doubt.key: doubt.readings})
        except (RowRefused, BadNumber) as error:
            return MergeVerdict(line, REFUSED, [error.sentence if isinstance(error, BadNumber) else error.args[0]])
        self.parties.adopt(verdict.firm, verdict.human)
        return verdict

    def _refused(self, line: SheetLine) -> MergeVerdict:
        """Of a row with errors: doubtful if nothing but answers is missing."""
        keys = {str(column.title): column.key for column in COLUMNS[self.kind]}
        sentences = [_("%(title)s: %(sentence)s", title=error.title, sentence=error.sentence) for error in line.errors]
        merged = _("A cell of this row belongs to a merged range. Please unmerge it and fill in every cell.")
        doubts = line.doubts
        verdict = MergeVerdict(line, DOUBTFUL if doubts and len(doubts) == len(line.errors) else REFUSED)
        verdict.reasons = list(sentences) or [merged]
        verdict.faults = {keys.get(str(error.title), ""): str(error.sentence) for error in line.errors}
        verdict.readings = {doubt.key: doubt.readings for doubt in doubts}
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
        """The verdict on an existing record; ``settled``: it was issued or used here, so nothing of it changes.

        ``before`` replaces the values last imported, if no sheet of this kind had the record.
        """
        record = self.records.get(key)
        changes, kept = differences(sheet, now, record.values if record else before)
        if settled and changes:
            kept, changes = [*kept, *changes], {}
        verdict = MergeVerdict(line, UPDATED if changes else UNCHANGED, key=key, changes=changes)
        verdict.was, verdict.after = {name: now[name] for name in changes}, {**now, **changes}
        verdict.row_id = record.row_id if record else None
        accepted = {name: value for name, value in sheet.items() if name in changes or value == now[name]}
        verdict.taken = {**(record.values if record else {}), **accepted, "key": key}
        if kept:
            fields = "、".join(str(title_of(self.kind, name)) for name in kept)
            verdict.reasons.append(_("Kept as it stands in this system: %(fields)s", fields=fields))
        return verdict

    # --- writing -----------------------------------------------------------------------------------------

    def write(self, session: Session, verdicts: Sequence[MergeVerdict], run: ImportRun) -> None:
        """Write everything these verdicts say."""
        accepted = [verdict for verdict in verdicts if verdict.outcome in (ADDED, UPDATED)]
        new = [verdict for verdict in accepted if verdict.outcome is ADDED]
        changed = [verdict for verdict in accepted if verdict.outcome is UPDATED]
        humans = [verdict.human for verdict in accepted if verdict.human is not None]
        fresh = _fresh(accepted)
        self.parties.write(session, [*(verdict.firm for verdict in accepted), *(human.firm for human in humans)], humans)
        for verdict, what, party in fresh:
            assert party.id is not None  # noqa: S101 - set by ``write``
            verdict.made.setdefault(what, []).append(party.id)
        if new:
            self.add(session, new, run)
        if changed:
            self.update(session, changed, run)
        self._store_records(session, accepted, run)

    def _store_records(self, session: Session, accepted: Sequence[MergeVerdict], run: ImportRun) -> None:
        known = [verdict for verdict in accepted if verdict.key in self.records]
        fresh = [verdict for verdict in accepted if verdict.key not in self.records]
        if known:
            rows = [{"kind": self.kind, "key": verdict.key, "taken": verdict.taken} for verdict in known]
            session.execute(update(LegacyRecord), rows)
        if fresh:
            rows = [
                {"kind": self.kind, "key": verdict.key, "row_id": verdict.row_id, "import_id": run.import_id}
                | {"taken": {**verdict.taken, "key": verdict.key}}
                for verdict in fresh
            ]
            session.execute(insert(LegacyRecord), rows)

    # --- for each kind ----------------------------------------------------------------------

    @abstractmethod
    def key_of(self, line: SheetLine) -> str:
        """The key that identifies a record, in this sheet and in later ones."""

    @abstractmethod
    def load(self, session: Session, lines: Sequence[SheetLine]) -> None:
        """Load and lock the existing records of these rows."""

    @abstractmethod
    def judge(self, line: SheetLine, key: str) -> MergeVerdict:
        """The verdict on a valid row. Raises ``RowRefused``."""

    @abstractmethod
    def add(self, session: Session, new: Sequence[MergeVerdict], run: ImportRun) -> None:
        """Insert the records, and set ``row_id`` of each verdict."""

    @abstractmethod
    def update(self, session: Session, changed: Sequence[MergeVerdict], run: ImportRun) -> None:
        """Write ``changes`` of each verdict."""


def _fresh(accepted: Sequence[MergeVerdict]) -> list[tuple[MergeVerdict, str, Firm | Human]]:
    """The enterprises and people that are to be added, each with the first row that names it."""
    found: dict[int, tuple[MergeVerdict, str, Firm | Human]] = {}
    for verdict in accepted:
        employer = verdict.human.firm if verdict.human else None
        for what, party in (("enterprise", verdict.firm), ("enterprise", employer), ("person", verdict.human)):
            if party is not None and party.id is None:
                found.setdefault(id(party), (verdict, what, party))
    return list(found.values())


def _check_newcomer(human: Human, on: date, least_age: int) -> None:
    """As whoever is entered by hand: born, of age, and with a name that can be printed. Raises ``BadNumber``."""
    parse_printable_name(human.name)
    parse_id_number(human.id_number, on=on, least_age=least_age)


def json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value.value if isinstance(value, Term) else value
