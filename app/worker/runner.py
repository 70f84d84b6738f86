"""Runs a claimed job: calls its handler, renews the lease, stores the outcome."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.accounts.access import Actor
from app.applications.clock_check import stored_doubt
from app.applications.demo_clock import stored_days
from app.applications.office_settings import office_of
from app.backup.repository import Backup
from app.core import kernel_clock, logs
from app.core.clock import ahead_by, office_moment
from app.core.crypto.seal_provider import NoSeal, SealProvider
from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import AuditAction, JobState, Role
from app.db import audit
from app.db.session import read_only
from app.files.storage import Store
from app.models import Job
from app.outbox.jobs import LEASE, JobLease, LeaseLost, after_attempt, claim, progress_values, release_lost, retry_wait
from app.outbox.sms import Gateway
from app.worker.findings import SystemFinding
from app.worker.providers import Operators
from app.worker.schedule import FINAL

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobContext:
    """What handlers work with; made by the worker process, or by a test."""

    engine: Engine
    gateway: Gateway
    store: Store
    now: Callable[[], datetime]
    chance: Callable[[], float] = secrets.SystemRandom().random  # uniform in [0, 1): spreads retries
    office: Office = field(default_factory=Office)  # from the settings; handlers ask ``JobRun.office``
    seal: SealProvider = field(default_factory=NoSeal)
    checkpoints_file: Path | None = None  # audit log checkpoints outside the database
    locale_context: Callable[[str], AbstractContextManager[object]] = lambda _locale: nullcontext()  # for texts people read
    back_up: Callable[[Callable[[int], None]], Backup] | None = None  # makes a backup and records it; none: not set up
    backup_hours: int = 24  # between two of them
    ukeys: Path = Path()  # trusted authorities of sign-in certificates, and their revocation lists
    revocation_lists: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)  # downloads, by name
    fresh_password: Callable[[], tuple[str, str]] = lambda: ("", "")  # a one-time password and its hash
    examine: Callable[[datetime], Sequence[SystemFinding]] = lambda _at: ()  # what is wrong with the installation
    operators: Operators = field(default_factory=Operators)
    clock_confirmed: Callable[[datetime], bool] = kernel_clock.confirms
    leases: dict[str, datetime] = field(default_factory=dict)  # of the jobs that run in this process: token, end

    @property
    def sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine, expire_on_commit=False)

    def days_ahead(self) -> int:
        """By how many days the office's clock is set ahead; 0 but in a demonstration."""
        if not self.office.demonstration:
            return 0
        with read_only(), self.sessions() as session:
            return stored_days(session, self.office)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job, as its handler sees it."""

    lease: JobLease
    context: JobContext

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.lease.payload

    def office(self) -> Office:
        """The present office settings; changes by the administrator count without a restart of the worker."""
        with read_only(), self.context.sessions() as session:
            return office_of(session, self.context.office)

    def office_now(self) -> datetime:
        """This moment by the office's clock, for what the office records; ``context.now`` is the true time."""
        return office_moment(self.context.now())

    def progress(self, done: int, total: int | None = None) -> None:
        """Store the progress and renew the lease for another ``LEASE``. Call it at least once a minute.

        Raises ``LeaseLost`` if another worker has the job; a handler must let it pass and do nothing more.
        """
        until = self.context.now() + LEASE
        if not _write(self.context, self.lease, {"lease_until": until, **progress_values(done, total)}):
            raise LeaseLost(self.lease.id)
        self.context.leases[self.lease.token] = until

    def report(self, result: Mapping[str, int]) -> None:
        """Store the counts shown in the list of jobs. Raises as ``progress`` does."""
        if not _write(self.context, self.lease, {"result": dict(result)}):
            raise LeaseLost(self.lease.id)


Handler = Callable[[JobRun], None]


def retry(session: Session, job_id: int, actor: Actor, *, at: datetime, address: str = "") -> None:
    """Give a dead job all its attempts again. The caller commits. ``NotFound`` unless the job exists and is dead."""
    actor.demand(Role.ADMIN)
    fresh = {"state": JobState.READY, "attempts": 0, "furthest": 0, "due_at": at, "finished_at": None, "fault": ""}
    here = (Job.id == job_id, Job.state == JobState.DEAD)
    revived = update(Job).where(*here).values(**fresh).returning(Job.id).execution_options(synchronize_session=False)
    if session.execute(revived).first() is None:
        raise NotFound
    change = {"state": [JobState.DEAD.value, JobState.READY.value]}
    audit.log(session, actor.name, AuditAction.CHANGE, Job.__tablename__, job_id, change, at=at, address=address)


def run_due(context: JobContext, handlers: Mapping[str, Handler], *, most: int) -> list[JobState | None]:
    """Run at most ``most`` due jobs; the state of each afterwards. Safe to call concurrently."""
    states = []
    for _n in range(most):
        lease = _claim(context, handlers, None)
        if lease is None:
            break
        states.append(_run(context, handlers[lease.kind], lease))
    return states


def run_one(context: JobContext, handlers: Mapping[str, Handler], job_id: int) -> JobState | None:
    """Run this job if it is still due. None if it is not, or if its lease was lost on the way."""
    lease = _claim(context, handlers, job_id)
    return None if lease is None else _run(context, handlers[lease.kind], lease)


def _claim(context: JobContext, handlers: Mapping[str, Handler], job_id: int | None) -> JobLease | None:
    with context.sessions.begin() as session:
        at = context.now()
        release_lost(session, at=at, chance=context.chance)
        if stored_doubt(session):
            handlers = {kind: handler for kind, handler in handlers.items() if kind not in FINAL}
        return claim(session, handlers, at=at, job_id=job_id)


def _run(context: JobContext, handler: Handler, lease: JobLease) -> JobState | None:
    """Call the handler outside any transaction, then store the outcome."""
    context.leases[lease.token] = context.now() + LEASE
    logs.number.set(f"job {lease.id}")
    try:
        with ahead_by(context.days_ahead()):
            handler(JobRun(lease, context))
    except LeaseLost:
        log.warning("job %s (%s) was taken over by another worker", lease.id, lease.kind)
        return None
    except Exception as error:  # whatever a handler raises, the other jobs must still run
        log.exception("job %s (%s), attempt %s", lease.id, lease.kind, lease.attempts)
        return _failed(context, lease, f"{type(error).__name__}: {error}".splitlines()[0][:200])
    finally:
        del context.leases[lease.token]
        logs.number.set("")
    done = {"state": JobState.DONE, "finished_at": context.now(), "lease_until": None, "token": None, "fault": ""}
    return JobState.DONE if _write(context, lease, done) else None


def _failed(context: JobContext, lease: JobLease, fault: str) -> JobState | None:
    """Queue the job again, or give it up; None if the lease was lost."""
    with read_only(), context.sessions() as session:  # progress has changed it since the lease
        attempts = session.scalar(select(Job.attempts).where(Job.id == lease.id, Job.token == lease.token)) or lease.attempts
    at = context.now()
    values = after_attempt(attempts, at, due_at=at + retry_wait(attempts, context.chance()))
    return values["state"] if _write(context, lease, values | {"fault": fault}) else None


def hung(context: JobContext) -> bool:
    """Whether a job of this process has run on for as long again since its lease ended: its thread will not come back."""
    return any(until + LEASE < context.now() for until in list(context.leases.values()))


def _write(context: JobContext, lease: JobLease, values: Mapping[str, object]) -> bool:
    """Update the job; False if the lease was lost."""
    ours = (Job.id == lease.id, Job.token == lease.token, Job.state == JobState.RUNNING)
    written = update(Job).where(*ours).values(**values).returning(Job.id).execution_options(synchronize_session=False)
    with context.sessions.begin() as session:
        return session.execute(written).first() is not None
