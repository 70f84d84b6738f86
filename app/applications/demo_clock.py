"""The demonstration's clock: the office's day set ahead, so that an exam notice leads to a certificate in one sitting.

Only forward, because records of a later day would otherwise lie ahead; never in production. What follows it and what does
not: ``core.clock``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.applications.office_settings import DEMO_CLOCK, days_ahead
from app.core.clock import office_day
from app.core.errors import AppError, Stale
from app.core.office import Office
from app.core.vocabulary import AuditAction
from app.db import audit
from app.models import ExamNotice, Parameter

MOST_AHEAD = 730  # days: the demonstration's seal is valid for three years


@dataclass(frozen=True, slots=True)
class Milestone:
    """A day on which something goes on: after the end of sign-up, after an exam."""

    title: str
    what: object
    day: date


def stored_days(session: Session, base: Office) -> int:
    """By how many days the clock is set ahead; 0 in production. At most one small query."""
    if not base.demonstration:
        return 0
    return days_ahead(session.scalar(select(Parameter.value).where(Parameter.name == DEMO_CLOCK)), base)


def set_day(session: Session, day: date, *, by: str, base: Office, at: datetime, address: str = "") -> int:
    """Set the office's day; returns by how many days it is now ahead. ``at`` is the true time. The caller commits.

    Raises ``AppError`` in production, for a day that is over and for one too far ahead, ``Stale`` if somebody else set it.
    """
    if not base.demonstration:
        raise AppError(
            _("The demonstration clock is only for demonstrations: in production the day of the office is the true one."),
            code="demo-clock-in-production",
        )
    locked = select(Parameter).where(Parameter.name == DEMO_CLOCK).with_for_update().execution_options(populate_existing=True)
    stored = session.scalars(locked).one_or_none()
    today = office_day(at)
    present = today + timedelta(days=days_ahead(stored.value if stored else None, base))
    last = today + timedelta(days=MOST_AHEAD)
    if day < present:
        sentence = _(
            "The demonstration clock only goes forward: the office's day is %(day)s already. To begin anew, make a new "
            "demonstration.",
            day=present.isoformat(),
        )
        raise AppError(sentence, code="demo-clock-back", field="day")
    if day > last:
        sentence = _("The demonstration clock goes to %(day)s at most.", day=last.isoformat())
        raise AppError(sentence, code="demo-clock-too-far", field="day")
    ahead = (day - today).days
    if day > present:
        _store(session, stored, ahead, by, at)
        change = {"value": [present.isoformat(), day.isoformat()]}
        audit.log(session, by, AuditAction.CHANGE, Parameter, DEMO_CLOCK, change, at=at, address=address)
    return ahead


def _store(session: Session, stored: Parameter | None, ahead: int, by: str, at: datetime) -> None:
    if stored is None:
        session.add(Parameter(name=DEMO_CLOCK, value=str(ahead), changed_at=at, changed_by=by))
    else:
        stored.value, stored.changed_at, stored.changed_by = str(ahead), at, by
    try:
        session.flush()
    except IntegrityError as error:  # somebody else set it for the first time meanwhile
        raise Stale from error


def milestones(session: Session, on: date, *, most: int = 6) -> list[Milestone]:
    """The next days on which an exam notice goes on, the nearest first."""
    notices = session.scalars(select(ExamNotice).where(ExamNotice.exam_on >= on).order_by(ExamNotice.exam_on).limit(most))
    return sorted((one for notice in notices for one in _milestones_of(notice, on)), key=lambda one: one.day)[:most]


def _milestones_of(notice: ExamNotice, on: date) -> Iterator[Milestone]:
    day = timedelta(days=1)
    for what, when in (
        (_("Sign-up has begun"), office_day(notice.signup_start)),
        (_("Sign-up has ended"), office_day(notice.signup_end) + day),
        (_("The exam is held; scores can be submitted"), notice.exam_on),
    ):
        if when > on:
            yield Milestone(notice.title, what, when)
