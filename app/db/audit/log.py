"""The audit log: who did what to which row, with values before and after.

The session writes entries in the transaction of the change: if an entry cannot be written, the change fails. Entries are
never changed and hold no plain personal secrets. Bulk statements (Core ``insert``/``update``/``delete``) are not seen here;
modules that use them keep their own records (``Step``, ``PublicNotice``) or call ``log`` or ``log_many``.

Whoever opens a session sets ``session.info["actor"]`` (default ``SYSTEM``), ``["address"]`` and ``["at"]``.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import ColumnProperty, InstanceState, Mapper, Session

from app.core import clock
from app.core.errors import AppError
from app.core.identifiers import mask_birth_date, mask_id, mask_mobile
from app.core.redaction import REASON, without_numbers
from app.core.vocabulary import AuditAction, Term
from app.db import tables
from app.db.audit import hash_chain
from app.db.derived import Derived
from app.db.session import BlindIndex, Encrypted, EncryptedRecord
from app.db.tables.applications import Step
from app.db.tables.audit import AuditCheckpoint, AuditEntry, AuditInspection, AuditLink
from app.db.tables.batches import DecisionBatch, DecisionBatchRow
from app.db.tables.certificates import CertificateEvent
from app.db.tables.findings import OpenFinding
from app.db.tables.legacy import LegacyRecord
from app.db.tables.list_views import ListView
from app.db.tables.outbox import Message, NightlyDone, Notification, PublicNotice
from app.db.tables.parties import Account
from app.db.tables.settings import NumberSequence, Parameter, PastParameter, RateLimitCounter
from app.db.tables.sheet_imports import ImportedRow
from app.db.tables.sign_in import Challenge, InterruptedForm, PastPassword, UserSession
from app.db.tables.statistics import StatisticsCount, StatisticsMonth
from app.db.tables.waiting_scans import WaitingScan

SYSTEM = "the house"  # stored as the actor of existing entries, so it stays
HIDDEN = "***"
DEMO_CLOCK = "demo_clock"  # in an entry's change: the office's day, where its clock is set ahead
SHORTEST_WHY, LONGEST_WHY = 2, 200  # characters of the reason for showing a number in full
# Records of events, counters, and tables whose modules log their own changes.
NOT_AUDITED = (
    *(AuditEntry, RateLimitCounter, NumberSequence, Step, Message, PublicNotice, CertificateEvent, NightlyDone, Parameter),
    *(PastParameter, LegacyRecord, ImportedRow, AuditLink, AuditCheckpoint, AuditInspection, Challenge, UserSession),
    *(PastPassword, InterruptedForm, DecisionBatch, DecisionBatchRow, OpenFinding, StatisticsMonth, StatisticsCount),
    *(WaitingScan, Notification, ListView),
)
AUDITED: tuple[type[Any], ...] = tuple(
    mapper.class_
    for mapper in Account.registry.mappers
    if mapper.class_.__module__.startswith(tables.__name__) and mapper.class_ not in NOT_AUDITED
)
COLLECTIONS = {Account: ("roles",)}
IGNORED_COLUMNS = {
    "ab_user": {"login_count", "last_login", "fail_login_count", "password_set_at", "created_on", "changed_on"}
}

Change = dict[str, list[Any]]


def log(
    session: Session,
    actor_name: str,
    action: AuditAction,
    thing: Any,
    row: object = "",
    change: Mapping[str, Any] | None = None,
    *,
    at: datetime,
    address: str = "",
) -> None:
    """Write an entry about what no flush sees: a full number shown, an export, a sign-in. The caller commits.

    ``thing`` is a table's name, a model, or a loaded row (then ``row`` may be left out). ``actor_name`` "" means the
    session's actor.
    """
    table = thing if isinstance(thing, str) else thing.__tablename__
    if row == "" and isinstance(thing, AUDITED):
        row = _row(inspect(thing))
    entry = _entry(session, action, table, str(row), dict(change or {}))
    entry |= {
        "at": at if not clock.days_ahead() else entry["at"],
        "actor": (actor_name or entry["actor"])[:130],
        "address": address or entry["address"],
    }
    session.add(AuditEntry(**entry))


def log_reveal(session: Session, thing: Any, what: str, why: str, *, at: datetime) -> None:
    """Log who is shown a full number, and why. The caller commits before showing it. ``AppError`` without a reason."""
    why = without_numbers(" ".join(why.split()), REASON, "why")[:LONGEST_WHY]
    if len(why) < SHORTEST_WHY:
        raise AppError(
            _("Please say why you need the full number: it is written down with your name."), code="why-missing", field="why"
        )
    log(session, "", AuditAction.READ, thing, change={"shown": what, "why": why}, at=at)


@event.listens_for(Session, "before_flush")
def _forbid_rewriting(session: Session, *_: object) -> None:
    if any(isinstance(thing, AuditEntry) and session.is_modified(thing) for thing in session.dirty):
        raise RuntimeError("an audit log entry is never changed")
    if any(isinstance(thing, AuditEntry) for thing in session.deleted):
        raise RuntimeError("an audit log entry is never deleted")


@event.listens_for(Session, "after_flush")
def _log_changes(session: Session, *_: object) -> None:
    """After the flush, because only then new rows have ids and relations foreign keys."""
    hash_chain.link_on_commit(session, (thing.id for thing in session.new if isinstance(thing, AuditEntry)))
    log_many(session, list(_entries(session)))


def log_many(session: Session, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write entries for changes made by bulk statements. The caller commits."""
    if clock.days_ahead():
        entries = [{**entry, **_by_true_time(entry["change"])} for entry in entries]
    if entries:
        hash_chain.link_on_commit(session, session.connection().scalars(insert(AuditEntry).returning(AuditEntry.id), entries))


def _entries(session: Session) -> Iterator[dict[str, Any]]:
    actions = ((AuditAction.CREATE, session.new), (AuditAction.CHANGE, session.dirty), (AuditAction.DELETE, session.deleted))
    for action, things in actions:
        for thing in things:
            if isinstance(thing, AUDITED) and (change := _change(thing, action)):
                yield _entry(session, action, thing.__tablename__, _row(inspect(thing)), change)


def _by_true_time(change: Mapping[str, Any]) -> dict[str, Any]:
    """When the office's clock is set ahead, entries bear the true time and say which day the office had."""
    at = clock.now()
    return {"at": at, "change": {**change, DEMO_CLOCK: clock.office_day(clock.office_moment(at)).isoformat()}}


def _entry(session: Session, action: AuditAction, table: str, row: str, change: dict[str, Any]) -> dict[str, Any]:
    entry = {
        # The only use of the clock below the views: a job or command that set no time must not leave an undated entry.
        "at": session.info.get("at") or clock.now(),
        "actor": str(session.info.get("actor") or SYSTEM)[:130],
        "address": str(session.info.get("address") or "")[:45],
        "deed": action,
        "table": table,
        "row": row[:40],
        "change": change,
    }
    return entry | _by_true_time(change) if clock.days_ahead() else entry


def _row(state: InstanceState[Any]) -> str:
    key = state.identity or state.mapper.primary_key_from_instance(state.object)
    return "/".join(str(part) for part in key)


def _change(thing: Any, action: AuditAction) -> Change:
    """Changed columns as ``[before, after]``; all columns of a new or deleted row. Secrets masked, computed ones left out."""
    state: InstanceState[Any] = inspect(thing)
    changes: Change = {}
    for column in _logged_columns(state.mapper):
        if action is not AuditAction.DELETE and column.key not in state.committed_state:
            continue  # not written to
        before, after = _two_values(state, column.key, action)
        if before != after:
            changes[column.key] = [_logged_value(column, before), _logged_value(column, after)]
    for name in COLLECTIONS.get(type(thing), ()):
        history = state.attrs[name].history
        if history.added or history.deleted:
            changes[name] = [_names(history.deleted, history.unchanged), _names(history.added, history.unchanged)]
    return changes


@cache
def _logged_columns(mapper: Mapper[Any]) -> tuple[ColumnProperty[Any], ...]:
    ignored = IGNORED_COLUMNS.get(mapper.class_.__tablename__, ())
    columns = (column for column in mapper.column_attrs if column.key not in ignored)
    return tuple(column for column in columns if not isinstance(column.columns[0].type, (BlindIndex, Derived)))


def _two_values(state: InstanceState[Any], name: str, action: AuditAction) -> tuple[Any, Any]:
    if action is AuditAction.DELETE:
        return state.dict.get(name), None
    history = state.attrs[name].history
    if not history.has_changes():
        return None, None
    return (history.deleted or [None])[0], (history.added or [None])[0]


def _names(changed: Any, unchanged: Any) -> list[str]:
    return sorted(str(part) for part in [*changed, *unchanged])


def _logged_value(column: ColumnProperty[Any], value: Any) -> Any:
    """A value as plain JSON, secrets masked."""
    kind = column.columns[0].type
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(kind, Encrypted) and isinstance(value, str):
        return _masked(kind, value)
    if isinstance(kind, EncryptedRecord) or column.key == "password":
        return HIDDEN
    if column.key == "birth_date":  # in full, it would complete the masked ID number beside it
        return mask_birth_date(_plain(value))
    return _plain(value)


def _masked(kind: Encrypted, value: str) -> str:
    if kind.purpose.endswith("id_number"):
        return mask_id(value)
    return mask_mobile(value) if kind.purpose.endswith("mobile") else HIDDEN


def _plain(value: Any) -> Any:
    if isinstance(value, Term):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, str | Decimal) else HIDDEN


def _load_old_value(*_: object) -> None:
    """Does nothing: listening with ``active_history`` makes SQLAlchemy load the old value before it is overwritten."""


for _model in AUDITED:
    for _column in inspect(_model).column_attrs:
        event.listen(getattr(_model, _column.key), "set", _load_old_value, active_history=True)
