"""Errands: asking for work that nobody waits for, in the deed's own transaction.

Law: a job is written with the deed that owes it, or neither is; the same key is asked for once. Who does the work, and when,
is the business of ``jobs``.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.vocabulary import JobState, MessageState
from app.models import Job, Message, Worker


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One piece of work: whose it is, what makes it the same as another one, and what it is about."""

    kind: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    total: int | None = None  # how much there is to do, where that is known beforehand


def enqueue(
    session: Session, kind: str, key: str, payload: Mapping[str, Any], *, at: datetime, due_at: datetime | None = None
) -> bool:
    """Ask for a job in the caller's transaction; the caller commits it together with the deed, or neither.

    False if a job with this key is there already, in whatever state (finished ones are forgotten after ``jobs.KEPT``).
    """
    return enqueue_all(session, [JobRequest(kind, key, payload)], at=at, due_at=due_at) == 1


def enqueue_all(session: Session, errands: Sequence[JobRequest], *, at: datetime, due_at: datetime | None = None) -> int:
    """The same for many, in one statement; how many of them are new."""
    if not errands:
        return 0
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    dates = {"due_at": due_at or at, "created_at": at}
    rows = [{"kind": one.kind, "key": one.key, "payload": dict(one.payload), "total": one.total, **dates} for one in errands]
    made = dialect.insert(Job).values(rows).on_conflict_do_nothing(index_elements=["key"]).returning(Job.id)
    return len(session.execute(made).all())


LEASE = timedelta(minutes=2)  # longer than a handler may work without a word; see Run.progress
MAX_ATTEMPTS = 8
WORKER_TIMEOUT = timedelta(seconds=60)  # a worker that says nothing for so long is missed
RETENTION = timedelta(days=30)  # finished jobs, for whoever asks


@dataclass(frozen=True, slots=True)
class JobLease:
    """A job that is ours for the length of its lease; ``token`` proves it."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    token: str
    attempts: int


class LeaseLost(Exception):
    """Somebody else holds the job by now: whatever is left of it is theirs to do."""


def claim(session: Session, kinds: Mapping[str, object], *, at: datetime, job_id: int | None = None) -> JobLease | None:
    """Take one job that is due, this one or the oldest. The condition is asked again on the locked row, so one wins."""
    due = (_due(at), Job.attempts < MAX_ATTEMPTS, Job.kind.in_(kinds), *([] if job_id is None else [Job.id == job_id]))
    oldest = select(Job.id).where(*due).order_by(Job.due_at, Job.id).limit(1).with_for_update(skip_locked=True)
    token = secrets.token_hex(16)
    taken = session.execute(
        update(Job)
        .where(Job.id == oldest.scalar_subquery(), *due)  # not IN: PostgreSQL may ask a locking subquery anew for each row
        .values(state=JobState.RUNNING, token=token, lease_until=at + LEASE, attempts=Job.attempts + 1)
        .returning(Job.id, Job.kind, Job.payload, Job.token, Job.attempts)
        .execution_options(synchronize_session=False)
    ).first()
    return None if taken is None else JobLease(*taken)


def fail_lost(session: Session, *, at: datetime) -> None:
    """A job whose every worker died on the way would be tried for ever: it is dead, too. The caller commits."""
    session.execute(
        update(Job)
        .where(_due(at), Job.attempts >= MAX_ATTEMPTS)
        .values(state=JobState.DEAD, finished_at=at, lease_until=None, token=None, fault="worker lost")
        .execution_options(synchronize_session=False)
    )


def due_jobs(session: Session, *, at: datetime, most: int) -> list[int]:
    """The ids of jobs that wait for a hand, the longest waiting first: new ones, and those whose worker was lost."""
    return list(session.scalars(select(Job.id).where(_due(at)).order_by(Job.due_at, Job.id).limit(most)))


def _due(at: datetime) -> ColumnElement[bool]:
    ready = and_(Job.state == JobState.READY, Job.due_at <= at)
    return or_(ready, and_(Job.state == JobState.RUNNING, Job.lease_until <= at))


def messages_due(session: Session, at: datetime) -> bool:
    return bool(session.scalar(select(exists().where(Message.state == MessageState.QUEUED, Message.due_at <= at))))


# --- who is at work ---------------------------------------------------------------------------------


def heartbeat(session: Session, name: str, *, at: datetime) -> None:
    """A worker says that it is there. The caller commits."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    seen = dialect.insert(Worker).values(name=name, seen_at=at)
    session.execute(seen.on_conflict_do_update(index_elements=["name"], set_={"seen_at": at}))


def worker_is_missing(session: Session, *, at: datetime) -> bool:
    """Work has been waiting for a minute, and in that minute no worker gave a sign of life."""
    seen = session.scalar(select(func.max(Worker.seen_at)))
    if seen is not None and seen > at - WORKER_TIMEOUT:
        return False
    return bool(due_jobs(session, at=at - WORKER_TIMEOUT, most=1)) or messages_due(session, at - WORKER_TIMEOUT)
