"""Runs a job that was taken: calls its handler, renews the lease, writes down what became of it."""

import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session, sessionmaker

from app.accounts.access import Actor
from app.applications.office_settings import office_of
from app.core.crypto.seal_provider import NoSeal, SealProvider
from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import AuditAction, JobState, Role
from app.db import audit
from app.db.session import read_only
from app.files.storage import Store
from app.models import Job
from app.outbox.jobs import LEASE, MAX_ATTEMPTS, JobLease, LeaseLost, claim, fail_lost
from app.outbox.sms import Gateway

LONGEST_WAIT = 300  # seconds between two attempts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobContext:
    """What handlers work with, handed in by the worker or by a test."""

    engine: Engine
    gateway: Gateway
    store: Store
    now: Callable[[], datetime]
    chance: Callable[[], float] = secrets.SystemRandom().random  # evenly in [0, 1): spreads second attempts
    office: Office = field(default_factory=Office)  # as the settings say it; a handler asks ``Run.office``
    seal: SealProvider = field(default_factory=NoSeal)
    heads: Path | None = None  # where checkpoints of the diary are written down outside the database
    speaking: Callable[[str], AbstractContextManager[object]] = lambda _locale: nullcontext()  # for what people will read
    ukeys: Path = Path()  # authorities whose certificates sign in, and their lists
    lists: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)  # whence newer lists are had, by name
    fresh_password: Callable[[], tuple[str, str]] = lambda: ("", "")  # a one-time password and its hash

    @property
    def sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine, expire_on_commit=False)


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job in its handler's hands."""

    claim: JobLease
    tools: JobContext

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.claim.payload

    def office(self) -> Office:
        """The office as it stands now: what the administrator changed counts without a restart of the worker."""
        with read_only(), self.tools.sessions() as session:
            return office_of(session, self.tools.office)

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the work is, and keep the job for another ``LEASE``. Call it at least once a minute.

        Raises ``LeaseLost`` once the job is somebody else's; a handler lets that pass through and does no more.
        """
        until = self.tools.now() + LEASE
        if not _write(self.tools, self.claim, {"lease_until": until, "done": done, "total": total}):
            raise LeaseLost(self.claim.id)

    def tell(self, result: Mapping[str, int]) -> None:
        """Say what came of it, for the list of jobs. Raises as ``progress`` does."""
        if not _write(self.tools, self.claim, {"result": dict(result)}):
            raise LeaseLost(self.claim.id)


Handler = Callable[[JobRun], None]


# --- asking anew ------------------------------------------------------------------------------------


def retry(session: Session, job_id: int, actor: Actor, *, at: datetime, address: str = "") -> None:
    """Give a dead job all its attempts anew. The caller commits. ``NotFound`` unless there is such a job and it is dead."""
    actor.demand(Role.ADMIN)
    fresh = {"state": JobState.READY, "attempts": 0, "due_at": at, "finished_at": None, "fault": ""}
    here = (Job.id == job_id, Job.state == JobState.DEAD)
    revived = update(Job).where(*here).values(**fresh).returning(Job.id).execution_options(synchronize_session=False)
    if session.execute(revived).first() is None:
        raise NotFound
    change = {"state": [JobState.DEAD.value, JobState.READY.value]}
    audit.log(session, actor.name, AuditAction.CHANGE, Job.__tablename__, job_id, change, at=at, address=address)


# --- doing it ---------------------------------------------------------------------------------------


def run_due(tools: JobContext, handlers: Mapping[str, Handler], *, most: int) -> list[JobState | None]:
    """Work off what is due, at most so many; what became of each. Any number may do so at once."""
    became = []
    for _n in range(most):
        claimed = _claimed(tools, handlers, None)
        if claimed is None:
            break
        became.append(_work(tools, handlers[claimed.kind], claimed))
    return became


def run_one(tools: JobContext, handlers: Mapping[str, Handler], job_id: int) -> JobState | None:
    """Work this job off if it is still to be done. None if it is not, or if it was lost to somebody else on the way."""
    claimed = _claimed(tools, handlers, job_id)
    return None if claimed is None else _work(tools, handlers[claimed.kind], claimed)


def _claimed(tools: JobContext, handlers: Mapping[str, Handler], job_id: int | None) -> JobLease | None:
    with tools.sessions.begin() as session:
        at = tools.now()
        fail_lost(session, at=at)
        return claim(session, handlers, at=at, job_id=job_id)


def _work(tools: JobContext, handler: Handler, claimed: JobLease) -> JobState | None:
    """Call the handler outside any transaction of ours, then write down what became of the job."""
    try:
        handler(JobRun(claimed, tools))
    except LeaseLost:
        log.warning("job %s (%s) went on in other hands", claimed.id, claimed.kind)
        return None
    except Exception as fault:  # whatever a handler raises, the other jobs must still be done
        log.exception("job %s (%s), attempt %s", claimed.id, claimed.kind, claimed.attempts)
        return _failed(tools, claimed, f"{type(fault).__name__}: {fault}".splitlines()[0][:200])
    done = {"state": JobState.DONE, "finished_at": tools.now(), "lease_until": None, "token": None, "fault": ""}
    return JobState.DONE if _write(tools, claimed, done) else None


def _failed(tools: JobContext, claimed: JobLease, fault: str) -> JobState | None:
    """Wait longer each time, half of it for sure and half by chance, so that many do not come back at once."""
    at, free = tools.now(), {"lease_until": None, "token": None, "fault": fault}
    if claimed.attempts >= MAX_ATTEMPTS:
        state, values = JobState.DEAD, {"finished_at": at}
    else:
        longest = min(2**claimed.attempts, LONGEST_WAIT)
        state, values = JobState.READY, {"due_at": at + timedelta(seconds=longest * (1 + tools.chance()) / 2)}
    return state if _write(tools, claimed, {"state": state, **values, **free}) else None


def _write(tools: JobContext, claimed: JobLease, values: Mapping[str, object]) -> bool:
    """Write to the job if it is still ours."""
    ours = (Job.id == claimed.id, Job.token == claimed.token, Job.state == JobState.RUNNING)
    written = update(Job).where(*ours).values(**values).returning(Job.id).execution_options(synchronize_session=False)
    with tools.sessions.begin() as session:
        return session.execute(written).first() is not None
