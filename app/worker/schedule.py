"""Recurring jobs: what is enqueued each minute, hour and night."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.applications import checks
from app.applications.decision_batches import records as batches
from app.applications.letters import issue
from app.applications.statistics import counting
from app.certificates.pdf import render_jobs
from app.core.clock import OFFICE_ZONE, office_day
from app.db.audit import checkpoints
from app.models import Job
from app.outbox.jobs import enqueue, messages_due


@dataclass(frozen=True, slots=True)
class Schedule:
    """A recurring job: once per period, and only if there is something to do."""

    period: Callable[[datetime], str]
    is_due: Callable[[Session, datetime], bool] = lambda _session, _at: True
    by_office_clock: bool = False  # it follows the office's clock, which a demonstration sets ahead


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _five_minutes(at: datetime) -> str:
    return f"{_hour(at)}:{at.minute // 5 * 5:02d}"


def _hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


def _night(at: datetime) -> str:
    return last_night_start(at).date().isoformat()


def last_night_start(at: datetime) -> datetime:
    """The latest 02:00 in the office's time zone."""
    return datetime.combine(office_day(at - timedelta(hours=2)), time(2), OFFICE_ZONE)


SCHEDULES: dict[str, Schedule] = {
    "messages": Schedule(_minute, messages_due),
    "checks": Schedule(_minute, checks.has_due, by_office_clock=True),
    "seal": Schedule(
        _hour,
        lambda session, _at: bool(render_jobs.waiting_for_seal(session, most=1) or issue.waiting_for_seal(session, most=1)),
    ),
    "watch": Schedule(_five_minutes),
    "sweep": Schedule(_night),
    "nightly": Schedule(_night, by_office_clock=True),
    "checkpoint": Schedule(_hour, lambda session, _at: checkpoints.has_uncovered_entries(session)),
    checkpoints.VERIFY_JOB: Schedule(_night),
    "retention": Schedule(_night, by_office_clock=True),
    counting.KIND: Schedule(_night, by_office_clock=True),
}


# What cannot be undone, so it waits while the clock is in doubt (``applications.clock_check``).
FINAL = frozenset({"nightly", "retention", "sweep", batches.KIND})

# What an officer watches until it is done: it goes before the letters and certificates that wait already.
WATCHED = frozenset({batches.KIND})


def due_schedules(session: Session, *, at: datetime, days_ahead: int = 0, without: Collection[str] = ()) -> dict[str, str]:
    """Kind → key of each recurring job that is due and not enqueued yet, ``without`` these kinds. Reads only."""
    ahead = timedelta(days=days_ahead)
    moments = {kind: at + ahead if schedule.by_office_clock else at for kind, schedule in SCHEDULES.items()}
    keys = {kind: f"{kind}:{SCHEDULES[kind].period(moment)}" for kind, moment in moments.items()}
    existing = set(session.scalars(select(Job.key).where(Job.key.in_(keys.values()))))
    wanted = {kind: key for kind, key in keys.items() if key not in existing and kind not in without}
    return {kind: key for kind, key in wanted.items() if SCHEDULES[kind].is_due(session, moments[kind])}


def enqueue_due(session: Session, *, at: datetime, days_ahead: int = 0, without: Collection[str] = ()) -> int:
    """Enqueue the due recurring jobs; returns how many. The caller commits. Concurrent callers make one job per period."""
    due = due_schedules(session, at=at, days_ahead=days_ahead, without=without)
    return sum(enqueue(session, kind, key, {}, at=at) for kind, key in due.items())
