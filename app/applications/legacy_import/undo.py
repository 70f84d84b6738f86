"""Undoing an import of the old system: records that nobody used, and values that nobody changed since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, func, inspect, or_, select
from sqlalchemy.orm import Session

from app.applications.importers.dependants import changed_since, delete_where, in_parts, remove
from app.applications.importers.importer import Obstacles, Trace
from app.applications.legacy_import.merge import json_value
from app.core.vocabulary import CertificateEventKind, ImportKind, RowOutcome
from app.models import (
    Account,
    Certificate,
    CertificateEvent,
    Enterprise,
    ExamPass,
    LegacyRecord,
    Notification,
    Person,
    SheetImport,
)

RECORDS: dict[ImportKind, Any] = {
    ImportKind.ACCOUNTS: Account,
    ImportKind.PASSES: ExamPass,
    ImportKind.CERTIFICATES: Certificate,
}
_DAYS = ("first_issued_on", "issued_on", "valid_from", "valid_to")
# Column of the sheet -> attribute of what an import of this kind changes: of the enterprise, for accounts.
_ATTRIBUTES: dict[ImportKind, dict[str, str]] = {
    ImportKind.ACCOUNTS: {
        "enterprise": "name",
        "region": "region_code",
        "mobile": "contact_mobile",
        **{name: name for name in ("contact", "telephone", "legal_representative", "address")},
    },
    ImportKind.PASSES: {"passed_on": "passed_on"},
    ImportKind.CERTIFICATES: {
        "category": "category",
        "name": "holder",
        "enterprise": "printed_enterprise",
        "uscc": "enterprise_id",
        **{day: day for day in _DAYS},
    },
}


@dataclass(slots=True)
class _Traces:
    """What an import left: by row id its rows of the sheet; of the changed ones what was there and what is now."""

    added: dict[int, int] = field(default_factory=dict)
    changed: dict[int, tuple[int, Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)
    people: dict[int, int] = field(default_factory=dict)
    enterprises: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterator[Trace]) -> "_Traces":
        traces = cls()
        for row in rows:
            if row.outcome is RowOutcome.ADDED:
                traces.added[row.row_id] = row.number
            else:
                traces.changed[row.row_id] = (row.number, row.was, row.now)
            traces.people |= dict.fromkeys(row.made.get("person", ()), row.number)
            traces.enterprises |= dict.fromkeys(row.made.get("enterprise", ()), row.number)
        return traces


def undo(session: Session, batch: SheetImport, rows: Iterator[Trace], at: datetime) -> dict[str, int]:
    """As ``Importer.undo``."""
    traces, model = _Traces.of(rows), RECORDS[batch.kind]
    obstacles = [*_settled(session, batch.kind, traces), *_set_back(session, batch, traces, at)]
    if obstacles:
        raise Obstacles(*obstacles)
    for part in in_parts(list(traces.added)):
        own = LegacyRecord.kind == batch.kind, LegacyRecord.row_id.in_(part)
        delete_where(session, LegacyRecord, *own)
        if batch.kind is ImportKind.CERTIFICATES:
            delete_where(session, CertificateEvent, CertificateEvent.certificate_id.in_(part))
        if batch.kind is ImportKind.ACCOUNTS:
            delete_where(session, Notification, Notification.account_id.in_(part))
            roles = inspect(Account).relationships["roles"].secondary
            session.execute(delete(roles).where(roles.c.user_id.in_(part)))
    for table, numbers in ((model, traces.added), (Person, traces.people), (Enterprise, traces.enterprises)):
        remove(session, table, numbers)
    return {"removed": len(traces.added), "changed": len(traces.changed)}


# --- what stands in the way ---------------------------------------------------------------------------------


def _settled(session: Session, kind: ImportKind, traces: _Traces) -> Iterator[object]:
    """Added records that are in use, or were changed since."""
    used: list[int] = []
    for part in in_parts(list(traces.added)):
        match kind:
            case ImportKind.ACCOUNTS:
                query = select(Account.id).where(Account.id.in_(part), Account.last_login.is_not(None))
            case ImportKind.PASSES:
                in_use = or_(ExamPass.originals_verified_at.is_not(None), ExamPass.used_by_application_id.is_not(None))
                query = select(ExamPass.id).where(ExamPass.id.in_(part), in_use)
            case ImportKind.CERTIFICATES:
                of = CertificateEvent.certificate_id
                query = select(of).where(of.in_(part)).group_by(of).having(func.count() > 1)
        used += session.scalars(query).all()
    if used:
        yield changed_since([traces.added[row_id] for row_id in used])


# --- setting back ------------------------------------------------------------------------------------------


def _set_back(session: Session, batch: SheetImport, traces: _Traces, at: datetime) -> Iterator[object]:
    """Give changed records their earlier values; yields what was changed since, whose values stay."""
    since = []
    for part in in_parts(list(traces.changed)):
        targets = _targets(session, batch.kind, part)
        codes = dict(session.execute(select(Enterprise.id, Enterprise.uscc)).tuples().all()) if _moved(traces, part) else {}
        for row_id in part:
            number, was, now = traces.changed[row_id]
            if not _restored(targets[row_id], batch.kind, was, now, codes):
                since.append(number)
            elif batch.kind is ImportKind.CERTIFICATES:
                session.add(_event(targets[row_id], batch, at))
        _forget_taken(session, batch.kind, part, traces)
    if since:
        yield changed_since(since)


def _moved(traces: _Traces, part: Sequence[int]) -> bool:
    return any("uscc" in traces.changed[row_id][1] for row_id in part)


def _targets(session: Session, kind: ImportKind, ids: Sequence[int]) -> dict[int, Any]:
    """By row id what was changed, locked: of an account its enterprise."""
    if kind is ImportKind.ACCOUNTS:
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
    target: Any, kind: ImportKind, was: Mapping[str, Any], now: Mapping[str, Any], codes: Mapping[int, str]
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


def _event(certificate: Certificate, batch: SheetImport, at: datetime) -> CertificateEvent:
    return CertificateEvent(
        certificate_id=certificate.id,
        status=certificate.status,
        deed=CertificateEventKind.IMPORTED,
        reason=str(_("The import that changed it was undone")),
        actor=batch.by,
        at=at,
    )


def _forget_taken(session: Session, kind: ImportKind, ids: Sequence[int], traces: _Traces) -> None:
    """A later sheet again compares with what the old system had said before."""
    mine = select(LegacyRecord).where(LegacyRecord.kind == kind, LegacyRecord.row_id.in_(ids))
    for record in session.scalars(mine):
        record.taken = {**record.taken, **traces.changed[record.row_id][1]}
