"""The diary: who did what to which row, and from what to what, kept by the session itself in the deed's own transaction.

Law: no diary line, no deed; the lines are never rewritten and never hold a secret in the open. Bulk statements (Core
``insert``/``update``/``delete``) pass the session by: the rooms that use them keep their own records (``Step``,
``PublicNotice``) or write lines with ``note`` and ``keep``. ``chain`` seals every line to the one before it.

Whoever opens a session says for whom: ``session.info["actor"]`` (else "the house"), ``["address"]`` and ``["at"]``.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import ColumnProperty, InstanceState, Session

from app.core import clock
from app.core.errors import AppError
from app.core.identifiers import mask_birth_date, mask_id, mask_mobile
from app.core.redaction import without_numbers
from app.core.vocabulary import AuditAction, Term
from app.db import tables
from app.db.audit import hash_chain
from app.db.session import BlindIndex, Encrypted, EncryptedRecord
from app.db.tables.applications import Step
from app.db.tables.audit import AuditCheckpoint, AuditEntry, AuditInspection, AuditLink
from app.db.tables.certificates import CertificateEvent
from app.db.tables.legacy import LegacyChunk, LegacyRecord
from app.db.tables.outbox import Message, NightlyDone, PublicNotice
from app.db.tables.parties import Account
from app.db.tables.settings import NumberSequence, Parameter, PastParameter, RateLimitCounter
from app.db.tables.sign_in import Challenge, PastPassword, UserSession

SYSTEM = "the house"
HIDDEN = "***"
SHORTEST_WHY, LONGEST_WHY = 2, 200  # characters of the reason for which a number is shown in full
# Records themselves, mere counters, and what notes its own changes with the default that counted before.
NOT_AUDITED = (
    *(
        AuditEntry,
        RateLimitCounter,
        NumberSequence,
        Step,
        Message,
        PublicNotice,
        CertificateEvent,
        NightlyDone,
        Parameter,
        PastParameter,
    ),
    *(LegacyChunk, LegacyRecord, AuditLink, AuditCheckpoint, AuditInspection, Challenge, UserSession, PastPassword),
)
AUDITED: tuple[type[Any], ...] = tuple(
    mapper.class_
    for mapper in Account.registry.mappers
    if mapper.class_.__module__.startswith(tables.__name__) and mapper.class_ not in NOT_AUDITED
)
COLLECTIONS = {Account: ("roles",)}
IGNORED_COLUMNS = {
    "ab_user": {
        "login_count",
        "last_login",
        "fail_login_count",
        "password_set_at",
        "created_on",
        "changed_on",
    }
}

Change = dict[str, list[Any]]


def log(
    session: Session,
    actor_name: str,
    deed: AuditAction,
    thing: Any,
    row: object = "",
    change: Mapping[str, Any] | None = None,
    *,
    at: datetime,
    address: str = "",
) -> None:
    """Write one line about what no flush can see: a read in full, an export, a sign-in.

    ``thing`` is a table's name, a model or one loaded row (then ``row`` may be left out). ``actor_name`` "" signs as the
    session does. The line is part of the session's transaction; the caller commits.
    """
    table = thing if isinstance(thing, str) else thing.__tablename__
    if row == "" and isinstance(thing, AUDITED):
        row = _row(inspect(thing))
    line = _line(session, deed, table, str(row), dict(change or {}))
    line |= {"at": at, "actor": (actor_name or line["actor"])[:130], "address": address or line["address"]}
    session.add(AuditEntry(**line))


def log_reveal(session: Session, thing: Any, what: str, why: str, *, at: datetime) -> None:
    """Write down who is about to see a number in full, and why; the caller commits before it is shown.

    Raises ``AppError`` where no reason is given.
    """
    why = " ".join(without_numbers(why).split())[:LONGEST_WHY]
    if len(why) < SHORTEST_WHY:
        raise AppError(
            _("Please say why you need the full number: it is written down with your name."), code="why-missing", field="why"
        )
    log(session, "", AuditAction.READ, thing, change={"shown": what, "why": why}, at=at)


@event.listens_for(Session, "before_flush")
def _guard_the_audit_log(session: Session, *_: object) -> None:
    if any(isinstance(thing, AuditEntry) and session.is_modified(thing) for thing in session.dirty):
        raise RuntimeError("a line of the diary is never changed")
    if any(isinstance(thing, AuditEntry) for thing in session.deleted):
        raise RuntimeError("a line of the diary is never deleted")


@event.listens_for(Session, "after_flush")
def _log_changes(session: Session, *_: object) -> None:
    """After the flush, not before: only now have new rows their ids and relations their foreign keys."""
    hash_chain.link_on_commit(session, (thing.id for thing in session.new if isinstance(thing, AuditEntry)))
    log_many(session, list(_lines(session)))


def log_many(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write these lines, for whoever changes rows by statements that the session does not see. The caller commits."""
    if lines:
        hash_chain.link_on_commit(session, session.connection().scalars(insert(AuditEntry).returning(AuditEntry.id), lines))


def _lines(session: Session) -> Iterator[dict[str, Any]]:
    deeds = ((AuditAction.CREATE, session.new), (AuditAction.CHANGE, session.dirty), (AuditAction.DELETE, session.deleted))
    for deed, things in deeds:
        for thing in things:
            if isinstance(thing, AUDITED) and (change := _change(thing, deed)):
                yield _line(session, deed, thing.__tablename__, _row(inspect(thing)), change)


def _line(session: Session, deed: AuditAction, table: str, row: str, change: dict[str, Any]) -> dict[str, Any]:
    return {
        # The one clock below the doors: a job or a command that forgot to say when must not leave an undated line.
        "at": session.info.get("at") or clock.now(),
        "actor": str(session.info.get("actor") or SYSTEM)[:130],
        "address": str(session.info.get("address") or "")[:45],
        "deed": deed,
        "table": table,
        "row": row[:40],
        "change": change,
    }


def _row(state: InstanceState[Any]) -> str:
    key = state.identity or state.mapper.primary_key_from_instance(state.object)
    return "/".join(str(part) for part in key)


def _change(thing: Any, deed: AuditAction) -> Change:
    """Each column that changes, as ``[before, after]``; all of a row that comes or goes. Secrets masked, indexes left out."""
    state: InstanceState[Any] = inspect(thing)
    found: Change = {}
    for column in state.mapper.column_attrs:
        if column.key in IGNORED_COLUMNS.get(thing.__tablename__, ()) or isinstance(column.columns[0].type, BlindIndex):
            continue
        before, after = _two_values(state, column.key, deed)
        if before != after:
            found[column.key] = [_told(column, before), _told(column, after)]
    for name in COLLECTIONS.get(type(thing), ()):
        history = state.attrs[name].history
        if history.added or history.deleted:
            found[name] = [_names(history.deleted, history.unchanged), _names(history.added, history.unchanged)]
    return found


def _two_values(state: InstanceState[Any], name: str, deed: AuditAction) -> tuple[Any, Any]:
    if deed is AuditAction.DELETE:
        return state.dict.get(name), None
    history = state.attrs[name].history
    if not history.has_changes():
        return None, None
    return (history.deleted or [None])[0], (history.added or [None])[0]


def _names(changed: Any, unchanged: Any) -> list[str]:
    return sorted(str(part) for part in [*changed, *unchanged])


def _told(column: ColumnProperty[Any], value: Any) -> Any:
    """A value as the diary may hold it: plain JSON, secrets masked."""
    kind = column.columns[0].type
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(kind, Encrypted) and isinstance(value, str):
        return _masked(kind, value)
    if isinstance(kind, EncryptedRecord) or column.key == "password":
        return HIDDEN
    if column.key == "birth_date":  # beside a masked ID number, the whole of it would make that number whole again
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


def _remember_before(*_: object) -> None:
    """Nothing to do: listening with ``active_history`` has the old value loaded before it is overwritten."""


for _model in AUDITED:
    for _column in inspect(_model).column_attrs:
        event.listen(getattr(_model, _column.key), "set", _remember_before, active_history=True)
