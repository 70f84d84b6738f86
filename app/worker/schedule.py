"""Work that comes round: what is enqueued each minute, hour and night."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates.pdf import render_jobs
from app.core.clock import OFFICE_ZONE, office_day
from app.db.audit import checkpoints
from app.models import Job
from app.outbox.jobs import enqueue, messages_due

# --- work that comes round --------------------------------------------------------------------------


def _this_minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _this_hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


def _last_night(at: datetime) -> str:
    """The office day on which it last was two in the morning."""
    return office_day(at - timedelta(hours=2)).isoformat()


def last_night_start(at: datetime) -> datetime:
    return datetime.combine(office_day(at - timedelta(hours=2)), time(2), OFFICE_ZONE)


def _always(_session: Session, _at: datetime) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Schedule:
    """Work that comes round: once per period, and only where there is anything to do."""

    period: Callable[[datetime], str]
    called_for: Callable[[Session, datetime], bool] = _always


def _papers_wait(session: Session, _at: datetime) -> bool:
    return bool(render_jobs.unsealed(session, most=1))


def _diary_grew(session: Session, _at: datetime) -> bool:
    return checkpoints.has_uncovered_entries(session)


SCHEDULES: dict[str, Schedule] = {
    "messages": Schedule(_this_minute, messages_due),
    "seal": Schedule(_this_hour, _papers_wait),
    "sweep": Schedule(_last_night),
    "nightly": Schedule(_last_night),
    "checkpoint": Schedule(_this_hour, _diary_grew),
    checkpoints.VERIFY_JOB: Schedule(_last_night),
    "retention": Schedule(_last_night),
}


def due_schedules(session: Session, *, at: datetime) -> dict[str, str]:
    """Kind → key of each job that this moment asks for and that nobody has enqueued yet. Reads only."""
    keys = {kind: f"{kind}:{round_.period(at)}" for kind, round_ in SCHEDULES.items()}
    there = set(session.scalars(select(Job.key).where(Job.key.in_(keys.values()))))
    return {kind: key for kind, key in keys.items() if key not in there and SCHEDULES[kind].called_for(session, at)}


def enqueue_due(session: Session, *, at: datetime) -> int:
    """Enqueue what this moment asks for; how many. The caller commits. However many tick at once, one job per period."""
    return sum(enqueue(session, kind, key, {}, at=at) for kind, key in due_schedules(session, at=at).items())
