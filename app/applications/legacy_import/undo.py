"""Undoing an import as a whole: what it added is removed, what it changed is set back, while nothing depends on it.

Possible as long as its rows are kept. Nothing is undone if anything stands in the way: each obstacle is named with its rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, func, inspect, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.legacy_import.merge import json_value
from app.applications.legacy_import.rows import forget
from app.applications.legacy_import.run import SEQUENCE_NAME, ImportContext
from app.core.errors import NotFound, Stale
from app.core.vocabulary import AuditAction, CertificateEventKind, LegacyKind, LegacyPhase, Role, RowOutcome
from app.db import audit, sequences
from app.models import (
    Account,
    Certificate,
    CertificateEvent,
    Enterprise,
    ExamPass,
    LegacyImport,
    LegacyRecord,
    LegacyRow,
    Person,
)

AT_ONCE = 500  # ids in a statement
MOST_NAMED = 10  # rows of an obstacle
RECORDS: dict[LegacyKind, Any] = {
    LegacyKind.ACCOUNTS: Account,
    LegacyKind.PASSES: ExamPass,
    LegacyKind.CERTIFICATES: Certificate,
}
_DAYS = ("first_issued_on", "issued_on", "valid_from", "valid_to")
# Column of the sheet -> attribute of what an import of this kind changes: of the enterprise, for accounts.
_ATTRIBUTES: dict[LegacyKind, dict[str, str]] = {
    LegacyKind.ACCOUNTS: {
        "enterprise": "name",
        "region": "region_code",
        "mobile": "contact_mobile",
        **{name: name for name in ("contact", "telephone", "legal_representative", "address")},
    },
    LegacyKind.PASSES: {"passed_on": "passed_on"},
    LegacyKind.CERTIFICATES: {
        "category": "category",
        "name": "holder",
        "enterprise": "printed_enterprise",
        "uscc": "enterprise_id",
        **{day: day for day in _DAYS},
    },
}
_LABELS = {
    "application": _("applications"),
    "certificate": _("certificates"),
    "exam_pass": _("passed exams"),
    "exam_signup": _("exam sign-ups"),
    "person": _("people"),
    "ab_user": _("accounts"),
}


class Obstacles(Exception):
    """Why an import cannot be undone, as sentences; the transaction is rolled back."""


@dataclass(slots=True)
class _Traces:
    """What an import left: by row id its rows of the sheet; of the changed ones what was there and what is now."""

    added: dict[int, int] = field(default_factory=dict)
    changed: dict[int, tuple[int, Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)
    people: dict[int, int] = field(default_factory=dict)
    enterprises: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, import_id: int) -> "_Traces":
        traces = cls()
        query = select(LegacyRow.number, LegacyRow.outcome, LegacyRow.content).where(
            LegacyRow.import_id == import_id, LegacyRow.outcome.in_((RowOutcome.ADDED, RowOutcome.UPDATED))
        )
        for number, outcome, content in session.execute(query):
            if outcome is RowOutcome.ADDED:
                traces.added[content["row"]] = number
            else:
                traces.changed[content["row"]] = (number, content["was"], content["stored"])
            made = content.get("made", {})
            traces.people |= dict.fromkeys(made.get("person", ()), number)
            traces.enterprises |= dict.fromkeys(made.get("enterprise", ()), number)
        return traces


def ask(session: Session, import_id: int, actor: Actor, *, at: datetime) -> None:
    """撤回. The caller commits, together with the job. Raises ``Stale`` unless it is over and its rows are kept."""
    actor.demand(Role.ADMIN)
    batch = session.get(LegacyImport, import_id, with_for_update=True, populate_existing=True)
    if batch is None:
        raise NotFound
    if batch.phase is not LegacyPhase.DONE or batch.layout is None:
        raise Stale(_("This import can no longer be undone: its rows are not kept any more, or it was undone already."))
    batch.phase, batch.by, batch.fault = LegacyPhase.UNDOING, actor.name[:64], ""
    change = {"phase": ["done", "undoing"]}
    audit.log(session, actor.name, AuditAction.CHANGE, LegacyImport.__tablename__, import_id, change, at=at)


def undo(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Undo an import in one transaction, or write down why it cannot be undone."""
    try:
        with context.sessions.begin() as session:
            sequences.next_numbers(session, SEQUENCE_NAME)  # no import runs meanwhile
            batch = session.get(LegacyImport, import_id, with_for_update=True)
            if batch is None or batch.phase is not LegacyPhase.UNDOING:
                return
            counts = _undo(session, batch, at)
            batch.phase, batch.finished_at, batch.layout, batch.answers = LegacyPhase.UNDONE, at, None, None
            forget(session, import_id)
            change = {"phase": ["undoing", "undone"], **counts}
            audit.log(session, batch.by, AuditAction.CHANGE, LegacyImport.__tablename__, import_id, change, at=at)
    except Obstacles as obstacles:
        with context.sessions.begin() as session:
            back = update(LegacyImport).where(LegacyImport.id == import_id, LegacyImport.phase == LegacyPhase.UNDOING)
            sentences = " ".join(str(sentence) for sentence in obstacles.args)
            session.execute(back.values(phase=LegacyPhase.DONE, fault=sentences[:500]))


def _undo(session: Session, batch: LegacyImport, at: datetime) -> dict[str, int]:
    traces, model = _Traces.of(session, batch.id), RECORDS[batch.kind]
    obstacles = [*_settled(session, batch.kind, traces), *_set_back(session, batch, traces, at)]
    if obstacles:
        raise Obstacles(*obstacles)
    for part in _parts(list(traces.added)):
        own = LegacyRecord.kind == batch.kind, LegacyRecord.row_id.in_(part)
        _delete(session, LegacyRecord, *own)
        if batch.kind is LegacyKind.CERTIFICATES:
            _delete(session, CertificateEvent, CertificateEvent.certificate_id.in_(part))
        if batch.kind is LegacyKind.ACCOUNTS:
            roles = inspect(Account).relationships["roles"].secondary
            session.execute(delete(roles).where(roles.c.user_id.in_(part)))
    for table, rows in ((model, traces.added), (Person, traces.people), (Enterprise, traces.enterprises)):
        if obstacles := list(_dependants(session, table, rows)):
            raise Obstacles(*obstacles)
        for part in _parts(list(rows)):
            _delete(session, table, table.id.in_(part))
    return {"removed": len(traces.added), "changed": len(traces.changed)}


def _delete(session: Session, model: Any, *which: Any) -> None:
    session.execute(delete(model).where(*which), execution_options={"synchronize_session": False})


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))


# --- what stands in the way ---------------------------------------------------------------------------------


def _settled(session: Session, kind: LegacyKind, traces: _Traces) -> Iterator[object]:
    """Added records that are in use, or were changed since."""
    used: list[int] = []
    for part in _parts(list(traces.added)):
        match kind:
            case LegacyKind.ACCOUNTS:
                query = select(Account.id).where(Account.id.in_(part), Account.last_login.is_not(None))
            case LegacyKind.PASSES:
                in_use = or_(ExamPass.originals_verified_at.is_not(None), ExamPass.used_by_application_id.is_not(None))
                query = select(ExamPass.id).where(ExamPass.id.in_(part), in_use)
            case LegacyKind.CERTIFICATES:
                of = CertificateEvent.certificate_id
                query = select(of).where(of.in_(part)).group_by(of).having(func.count() > 1)
        used += session.scalars(query).all()
    if used:
        yield _(
            "%(n)s records have been used or changed since (rows %(rows)s).",
            n=len(used),
            rows=_rows([traces.added[row_id] for row_id in used]),
        )


def _dependants(session: Session, model: Any, rows: Mapping[int, int]) -> Iterator[object]:
    """What refers to rows of a table by a foreign key."""
    for table in model.metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            of = next((e.parent for e in constraint.elements if e.column is model.__table__.c.id), None)
            if of is None:
                continue
            found = [row_id for part in _parts(list(rows)) for row_id in session.scalars(select(of).where(of.in_(part)))]
            if found:
                yield _(
                    "%(n)s %(what)s depend on it (rows %(rows)s).",
                    n=len(found),
                    what=_LABELS.get(table.name, table.name),
                    rows=_rows([rows[row_id] for row_id in found]),
                )


def _rows(numbers: Sequence[int]) -> str:
    once = sorted(set(numbers))
    return "、".join(map(str, once[:MOST_NAMED])) + (" …" if len(once) > MOST_NAMED else "")


# --- setting back ------------------------------------------------------------------------------------------


def _set_back(session: Session, batch: LegacyImport, traces: _Traces, at: datetime) -> Iterator[object]:
    """Give changed records their earlier values; yields what was changed since, whose values stay."""
    since = []
    for part in _parts(list(traces.changed)):
        targets = _targets(session, batch.kind, part)
        codes = dict(session.execute(select(Enterprise.id, Enterprise.uscc)).tuples().all()) if _moved(traces, part) else {}
        for row_id in part:
            number, was, now = traces.changed[row_id]
            if not _restored(targets[row_id], batch.kind, was, now, codes):
                since.append(number)
            elif batch.kind is LegacyKind.CERTIFICATES:
                session.add(_event(targets[row_id], batch, at))
        _forget_taken(session, batch.kind, part, traces)
    if since:
        yield _("%(n)s records have been used or changed since (rows %(rows)s).", n=len(since), rows=_rows(since))


def _moved(traces: _Traces, part: Sequence[int]) -> bool:
    return any("uscc" in traces.changed[row_id][1] for row_id in part)


def _targets(session: Session, kind: LegacyKind, ids: Sequence[int]) -> dict[int, Any]:
    """By row id what was changed, locked: of an account its enterprise."""
    if kind is LegacyKind.ACCOUNTS:
        found = session.execute(
            select(Account.id, Enterprise)
            .join(Enterprise, Enterprise.id == Account.enterprise_id)
            .where(Account.id.in_(ids))
            .order_by(Enterprise.id)
            .with_for_update(of=Enterprise)
        )
        return {row[0]: row[1] for row in found}
    model = RECORDS[kind]
    records = session.scalars(select(model).where(model.id.in_(ids)).order_by(model.id).with_for_update(of=model))
    return {record.id: record for record in records}


def _restored(
    target: Any, kind: LegacyKind, was: Mapping[str, Any], now: Mapping[str, Any], codes: Mapping[int, str]
) -> bool:
    """Whether all changed values are still those of the import; then they are set back."""
    names = {_ATTRIBUTES[kind][key]: key for key in was}
    for name, key in names.items():
        present = getattr(target, name)
        if (codes[present] if key == "uscc" else json_value(present) or "") != (now[key] or ""):
            return False
    ids = {code: enterprise_id for enterprise_id, code in codes.items()}
    for name, key in names.items():
        present, value = getattr(target, name), was[key]
        if key == "uscc":
            value = ids[value]
        elif isinstance(present, date):
            value = date.fromisoformat(value)
        elif key == "category":
            value = type(present)(value)
        setattr(target, name, value)
    return True


def _event(certificate: Certificate, batch: LegacyImport, at: datetime) -> CertificateEvent:
    return CertificateEvent(
        certificate_id=certificate.id,
        status=certificate.status,
        deed=CertificateEventKind.IMPORTED,
        reason=str(_("The import that changed it was undone")),
        actor=batch.by,
        at=at,
    )


def _forget_taken(session: Session, kind: LegacyKind, ids: Sequence[int], traces: _Traces) -> None:
    """A later sheet again compares with what the old system had said before."""
    mine = select(LegacyRecord).where(LegacyRecord.kind == kind, LegacyRecord.row_id.in_(ids))
    for record in session.scalars(mine):
        record.taken = {**record.taken, **traces.changed[record.row_id][1]}
