"""Whether the machine's clock is believed, and what waits while it is not.

A clock that is years ahead for an hour would let certificates expire, scans be removed and decisions bear a false date, and
none of it can be undone. So each worker compares the clock with its own last look; after a start with the newest line of the
audit log and the last beat of any worker; and always with the clock of the database server, if there is one.

A clock that differs by more than ``Office.clock_tolerance_hours`` is not believed, unless a time service keeps it
(``core.kernel_clock``): then the machine was off. The doubt is stored. It ends when the clock agrees again, or the operator
accepts it (``anguan clock accept``); until then nothing final is done: no night's work, no removal, no decision
(``worker.schedule.FINAL``, ``Office.demand_sound_clock``).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.applications.office_settings import CLOCK_DOUBT, clock_doubt, office_of
from app.core import kernel_clock
from app.core.clock import office_time
from app.core.office import Office
from app.core.vocabulary import AuditAction, NotificationKind, Role
from app.db import audit
from app.db.session import insert_into, read_only
from app.models import Account, AuditEntry, Parameter, Worker
from app.outbox import notifications
from app.outbox.jobs import enqueue
from app.outbox.sms_texts import CLOCK_IN_DOUBT, Recipient, system_message

ACTOR = "anguan"  # of what the system notes by itself
ORDINARY = timedelta(minutes=1)  # between two looks; then no parameter need be read

log = logging.getLogger(__name__)


def examine(
    sessions: sessionmaker[Session],
    base: Office,
    *,
    at: datetime,
    before: datetime | None = None,
    confirmed: Callable[[datetime], bool] = kernel_clock.confirms,
) -> datetime | None:
    """None if the clock, which shows ``at``, is believed; else the last moment that was. What changes is stored and told.

    ``before``: what the clock showed at the caller's last look; without it, what is recorded counts.
    """
    with read_only(), sessions() as session:
        doubt = stored_doubt(session)
        last = doubt or before or last_mark(session)
        believed = _database_agrees(session, base, at) and (last is None or follows(session, base, last, at) or confirmed(at))
    if believed == (doubt is None):
        return doubt
    with sessions.begin() as session:
        if believed:
            accept(session, by=ACTOR, at=at)
            return None
        doubt = last or at
        _begin(session, base, doubt, at)
        return doubt


def stored_doubt(session: Session) -> datetime | None:
    """The last moment that was believed, while the clock is in doubt."""
    return clock_doubt(session.scalar(select(Parameter.value).where(Parameter.name == CLOCK_DOUBT)))


def last_mark(session: Session) -> datetime | None:
    """The latest moment on record: of the newest line of the audit log or of a worker's beat."""
    line = session.scalar(select(AuditEntry.at).order_by(AuditEntry.id.desc()).limit(1))
    beat = session.scalar(select(func.max(Worker.seen_at)))
    return max((mark for mark in (line, beat) if mark is not None), default=None)


def accept(session: Session, *, by: str, at: datetime) -> bool:
    """Believe the clock from now on; what was written ahead of it is put right by a job. Whether it was in doubt.

    The line in the audit log is the mark that the next looks start from. The caller commits.
    """
    doubt = stored_doubt(session)
    session.execute(delete(Parameter).where(Parameter.name == CLOCK_DOUBT))
    session.execute(delete(Worker).where(Worker.seen_at > at))
    change = {"value": [doubt.isoformat() if doubt else None, None]}
    audit.log(session, by, AuditAction.CHANGE, Parameter, CLOCK_DOUBT, change, at=at)
    if doubt is not None:
        enqueue(session, "sweep", f"sweep:clock:{at.isoformat()}", {}, at=at)
        log.warning("the clock is believed again: it shows %s", at)
    return doubt is not None


def follows(session: Session, base: Office, last: datetime, at: datetime) -> bool:
    """Whether ``at`` lies within the tolerance of ``last``: so much time can have passed, the machine being off included."""
    passed = abs(at - last)
    return passed <= ORDINARY or passed <= timedelta(hours=office_of(session, base).clock_tolerance_hours)


def _database_agrees(session: Session, base: Office, at: datetime) -> bool:
    """Whether the database server's clock differs by no more than the tolerance; SQLite has none."""
    theirs = database_clock(session)
    return theirs is None or follows(session, base, theirs, at)


def database_clock(session: Session) -> datetime | None:
    """What the clock of the database server shows; None on SQLite, which has none."""
    if session.get_bind().dialect.name == "sqlite":
        return None
    theirs: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return theirs


def _begin(session: Session, base: Office, last: datetime, at: datetime) -> None:
    """Store the doubt, once, and tell the administrators."""
    row = {"name": CLOCK_DOUBT, "value": last.isoformat(), "changed_at": at, "changed_by": ACTOR}
    new = insert_into(session.get_bind(), Parameter).values(row).on_conflict_do_nothing(index_elements=["name"])
    if session.execute(new.returning(Parameter.name)).first() is None:
        return  # another worker has noticed it, too
    log.error("the clock shows %s after %s: nothing final is done until 'anguan clock accept', or it agrees again", at, last)
    audit.log(session, ACTOR, AuditAction.CHANGE, Parameter, CLOCK_DOUBT, {"value": [None, row["value"]]}, at=at)
    moments = {"now": f"{office_time(at):%Y-%m-%d %H:%M}", "last": f"{office_time(last):%Y-%m-%d %H:%M}"}
    operators = select(Account).where(Account.active, Account.roles.any(name=Role.ADMIN.value))
    owed = [
        system_message(CLOCK_IN_DOUBT, who.mobile, base, Recipient(NotificationKind.SYSTEM, account_id=who.id), **moments)
        for who in session.scalars(operators.order_by(Account.id))
    ]
    notifications.tell(session, owed, at=at)
