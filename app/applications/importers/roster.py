"""People of an enterprise: confirmed only if every row is sound, brought by its clerk."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.accounts.people_import import CHANGEABLE, ROSTER_COLUMNS, RosterCheck, RosterRow
from app.applications.importers.dependants import changed_since, depends, in_parts, label_of, remove
from app.applications.importers.importer import (
    CheckedRow,
    CheckFacts,
    Importer,
    ImportRun,
    JsonValues,
    Obstacles,
    SheetCheck,
    Trace,
)
from app.core.clock import office_day
from app.core.errors import NotAllowed
from app.core.identifiers import fold_name
from app.core.vocabulary import Education, ImportKind, Position, Role, RowOutcome, TechnicalTitle, Term
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import SheetLine
from app.models import Application, ExamSignup, Person, SheetImport

_KEPT = ("name", *CHANGEABLE)  # what an import writes of a person, but for the ID number, which is never changed here
_TERMS: Mapping[str, type[Term]] = {"education": Education, "technical_title": TechnicalTitle, "position": Position}


class RosterImporter(Importer):
    """Undone while nobody whom it added is in use, and nobody was changed since."""

    kind, columns, whole = ImportKind.ROSTER, ROSTER_COLUMNS, True

    def whose(self, session: Session, actor: Actor, about: int | None) -> JsonValues:  # noqa: ARG002
        actor.demand(Role.ENTERPRISE_CLERK)
        if actor.enterprise_id is None:
            raise NotAllowed
        return {"enterprise_id": actor.enterprise_id}

    def begin(self, facts: CheckFacts) -> SheetCheck:
        return _Roster(facts)

    def undo(self, session: Session, batch: SheetImport, traces: Iterator[Trace], at: datetime) -> JsonValues:  # noqa: ARG002
        found = {trace.row_id: trace for trace in traces}
        people = _locked(session, list(found))
        since = [trace.number for row_id, trace in found.items() if _now(people.get(row_id)) != trace.now]
        obstacles = [changed_since(since)] if since else []
        returned = {row_id: trace for row_id, trace in found.items() if trace.outcome is RowOutcome.UPDATED}
        obstacles += _filed_since(session, batch, {row_id: trace.number for row_id, trace in returned.items()})
        if obstacles:
            raise Obstacles(*obstacles)
        for row_id, trace in returned.items():
            for key, value in trace.was.items():
                term = _TERMS.get(key)
                setattr(people[row_id], key, term(value) if term and value else value)  # type: ignore[call-arg]
        session.flush()
        added = {row_id: trace.number for row_id, trace in found.items() if trace.outcome is RowOutcome.ADDED}
        remove(session, Person, added)
        return {"removed": len(added), "changed": len(returned)}

    def known_numbers(
        self,
        session: Session,
        batch: SheetImport,
        rows: Sequence[PreviewRow],
        actor: Actor,  # noqa: ARG002
    ) -> Mapping[int, Sequence[str]]:
        """Of people of the same name whom the enterprise employs."""
        names = {row.number: fold_name(row.text("name")) for row in rows}
        query = select(Person.name, Person.id_number).where(Person.enterprise_id == batch.enterprise_id)
        known = session.execute(query.where(Person.name.in_(names.values()))).all()
        return {number: [one.id_number for one in known if one.name == name] for number, name in names.items()}


class _Roster(SheetCheck):
    def __init__(self, facts: CheckFacts) -> None:
        assert facts.batch.enterprise_id is not None  # noqa: S101 - as ``whose`` gave it
        self.roster = RosterCheck(facts.batch.enterprise_id, office_day(facts.at), facts.office)

    def note(self, lines: Sequence[SheetLine]) -> None:
        self.roster.note(lines)

    def check(self, session: Session, lines: Sequence[SheetLine]) -> list[CheckedRow]:
        return [_verdict(row) for row in self.roster.check(session, lines)]

    def write(self, session: Session, verdicts: Sequence[CheckedRow], run: ImportRun) -> None:  # noqa: ARG002
        accepted = [verdict for verdict in verdicts if verdict.record is not None]
        for verdict, person in zip(accepted, self.roster.write(session, [one.record for one in accepted]), strict=True):
            verdict.row_id, verdict.after = person.id, _now(person)


def _verdict(row: RosterRow) -> CheckedRow:
    if not row.given:
        return CheckedRow(row.line, row.preview)
    return CheckedRow(row.line, row.preview, row, before=_now(row.person) if row.person else {})


def _now(person: Person | None) -> JsonValues:
    """What an import writes of a person, as it stands now."""
    values: dict[str, Any] = {key: getattr(person, key) for key in (*_KEPT, "enterprise_id")} if person else {}
    return {key: value.value if isinstance(value, Term) else value for key, value in values.items()}


def _locked(session: Session, ids: Sequence[int]) -> dict[int, Person]:
    people: dict[int, Person] = {}
    for part in in_parts(sorted(ids)):
        query = select(Person).where(Person.id.in_(part)).order_by(Person.id).with_for_update()
        people |= {person.id: person for person in session.scalars(query)}
    return people


def _filed_since(session: Session, batch: SheetImport, rows: Mapping[int, int]) -> list[object]:
    """What the enterprise has filed since for people who came back, by their ids, with the row of each."""
    obstacles = []
    for model in (Application, ExamSignup):
        ids = list[int]()
        for part in in_parts(list(rows)):
            theirs = model.person_id.in_(part), model.enterprise_id == batch.enterprise_id
            ids += session.scalars(select(model.person_id).where(*theirs, model.created_at >= batch.received_at))
        if ids:
            obstacles.append(depends(len(ids), label_of(model.__tablename__), [rows[row_id] for row_id in ids]))
    return obstacles
