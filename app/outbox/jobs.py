"""The job queue in the database: request, enqueue, lease and heartbeat.

A job is written in the transaction that causes it and runs once per key. ``app.worker`` runs jobs.
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.clock import true_moment
from app.core.vocabulary import JobState, MessageState
from app.db.session import insert_into
from app.models import Job, Message, Worker

LEASE = timedelta(minutes=2)  # longer than a handler may run without calling JobRun.progress
MAX_ATTEMPTS = 8  # without progress: an attempt that got further than all before it counts as the first
MAX_RETRY_SECONDS = 300  # between two attempts
WORKER_LOST = "worker lost"  # the fault of a job whose worker was killed, or hung until its lease ran out
RETENTION = timedelta(days=30)  # of finished jobs
FUTURE = timedelta(days=1)  # nothing is queued for later: reminders wait for the next morning at most
WORKER_TIMEOUT = timedelta(seconds=60)  # without a heartbeat for so long, a worker counts as missing


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to enqueue. Requests with the same ``key`` are the same job."""

    kind: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    total: int | None = None  # amount of work, if known beforehand


@dataclass(frozen=True, slots=True)
class JobLease:
    """A job claimed by this worker until the lease runs out; ``token`` proves it."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    token: str
    attempts: int  # since the job last made progress, this one included
    fault: str = ""  # of the attempt before


class LeaseLost(Exception):
    """Another worker holds the job by now; the rest of it is that worker's to do."""


def enqueue(
    session: Session, kind: str, key: str, payload: Mapping[str, Any], *, at: datetime, due_at: datetime | None = None
) -> bool:
    """Enqueue a job in the caller's transaction; the caller commits.

    False if a job with this key exists in any state (finished jobs are deleted after ``RETENTION``).
    """
    return enqueue_all(session, [JobRequest(kind, key, payload)], at=at, due_at=due_at) == 1


def enqueue_all(session: Session, requests: Sequence[JobRequest], *, at: datetime, due_at: datetime | None = None) -> int:
    """Enqueue many jobs in one statement; returns how many are new."""
    if not requests:
        return 0
    dates = {"due_at": true_moment(due_at or at), "created_at": at}
    rows = [{"kind": job.kind, "key": job.key, "payload": dict(job.payload), "total": job.total, **dates} for job in requests]
    new = insert_into(session.get_bind(), Job).values(rows).on_conflict_do_nothing(index_elements=["key"]).returning(Job.id)
    return len(session.execute(new).all())


def claim(session: Session, kinds: Mapping[str, object], *, at: datetime, job_id: int | None = None) -> JobLease | None:
    """Lease one due job of these kinds: ``job_id``, or the oldest. Of concurrent callers, one gets it."""
    only = [] if job_id is None else [Job.id == job_id]
    is_due = (Job.state == JobState.READY, Job.due_at <= at, Job.kind.in_(kinds), *only)
    oldest = select(Job.id).where(*is_due).order_by(Job.due_at, Job.id).limit(1).with_for_update(skip_locked=True)
    token = secrets.token_hex(16)
    row = session.execute(
        update(Job)
        # Not IN: PostgreSQL may run a locking subquery again for each row. The condition is repeated on the locked row.
        .where(Job.id == oldest.scalar_subquery(), *is_due)
        .values(state=JobState.RUNNING, token=token, lease_until=at + LEASE, attempts=Job.attempts + 1)
        .returning(Job.id, Job.kind, Job.payload, Job.token, Job.attempts, Job.fault)
        .execution_options(synchronize_session=False)
    ).first()
    return None if row is None else JobLease(*row)


def release_lost(session: Session, *, at: datetime, chance: Callable[[], float]) -> None:
    """Queue again the jobs whose worker was lost, or give them up after the last attempt. The caller commits.

    The first such attempt is followed at once. Later ones wait from the end of the lease: if one job kills the worker,
    those that ran beside it should not start together with it each time.
    """
    is_lost = (Job.state == JobState.RUNNING, Job.lease_until <= at)
    lost = select(Job.id, Job.attempts, Job.lease_until).where(*is_lost).with_for_update(skip_locked=True)
    for job_id, attempts, ended_at in session.execute(lost).all():
        wait = retry_wait(attempts, chance()) if attempts > 1 else timedelta()
        values = after_attempt(attempts, at, due_at=(ended_at or at) + wait) | {"fault": WORKER_LOST}
        session.execute(update(Job).where(Job.id == job_id).values(values).execution_options(synchronize_session=False))


def bring_back(session: Session, *, at: datetime) -> None:
    """Make due what was queued or leased while the clock was ahead: it would wait until that day. The caller commits."""
    for row, state, column in (
        (Job, JobState.READY, Job.due_at),
        (Message, MessageState.QUEUED, Message.due_at),
        (Message, MessageState.QUEUED, Message.next_try_at),
    ):
        ahead = update(row).where(row.state == state, column > at + FUTURE).values({column: at})
        session.execute(ahead.execution_options(synchronize_session=False))
    held = update(Job).where(Job.state == JobState.RUNNING, Job.lease_until > at + FUTURE).values(lease_until=at)
    session.execute(held.execution_options(synchronize_session=False))


def retry_wait(attempts: int, chance: float) -> timedelta:
    """Exponential backoff, half of it random, so that many failed jobs do not retry at the same moment."""
    return timedelta(seconds=min(2**attempts, MAX_RETRY_SECONDS) * (1 + chance) / 2)


def after_attempt(attempts: int, at: datetime, *, due_at: datetime) -> dict[str, Any]:
    """What is stored when an attempt did not finish the job: dead after the last one, else due again at ``due_at``."""
    free = {"lease_until": None, "token": None}
    if attempts >= MAX_ATTEMPTS:
        return {"state": JobState.DEAD, "finished_at": at, **free}
    return {"state": JobState.READY, "due_at": due_at, **free}


def progress_values(done: int, total: int | None) -> dict[str, Any]:
    """What is stored of progress: an attempt that gets further than all before it counts as the first."""
    further = Job.furthest < done
    return {
        "done": done,
        "total": total,
        "furthest": case((further, done), else_=Job.furthest),
        "attempts": case((further, 1), else_=Job.attempts),
    }


def due_jobs(session: Session, *, at: datetime, most: int, kinds: Collection[str] = ()) -> list[int]:
    """Ids of due jobs, oldest first, including those whose worker was lost; of these ``kinds`` only, if any are named."""
    only = (Job.kind.in_(kinds),) if kinds else ()
    return list(session.scalars(select(Job.id).where(_is_due(at), *only).order_by(Job.due_at, Job.id).limit(most)))


def messages_due(session: Session, at: datetime) -> bool:
    return bool(session.scalar(select(exists().where(Message.state == MessageState.QUEUED, Message.next_try_at <= at))))


def heartbeat(session: Session, name: str, *, at: datetime) -> None:
    """Record that a worker is running. The caller commits."""
    seen = insert_into(session.get_bind(), Worker).values(name=name, seen_at=at)
    session.execute(seen.on_conflict_do_update(index_elements=["name"], set_={"seen_at": at}))


def last_heartbeat(session: Session) -> datetime | None:
    """When any worker reported last; None if none has since the list was cleared."""
    return session.scalar(select(func.max(Worker.seen_at)))


def oldest_due(session: Session, *, at: datetime) -> datetime | None:
    """Since when the job waits that is due for the longest time; None if none is."""
    return session.scalar(select(func.min(Job.due_at)).where(Job.state == JobState.READY, Job.due_at <= at))


def worker_is_missing(session: Session, *, at: datetime) -> bool:
    """Jobs or messages have been due for ``WORKER_TIMEOUT`` and no worker sent a heartbeat in that time."""
    seen = last_heartbeat(session)
    if seen is not None and seen > at - WORKER_TIMEOUT:
        return False
    return bool(due_jobs(session, at=at - WORKER_TIMEOUT, most=1)) or messages_due(session, at - WORKER_TIMEOUT)


def _is_due(at: datetime) -> ColumnElement[bool]:
    ready = and_(Job.state == JobState.READY, Job.due_at <= at)
    return or_(ready, and_(Job.state == JobState.RUNNING, Job.lease_until <= at))
