"""Time as the office counts it: UTC in the database, office days on documents, working days in time limits.

Only views, commands and jobs read the wall clock; all other code takes a moment (``at``) or a day (``on``) as argument.

In a demonstration the office's clock may be set ahead of the true time by whole days (``applications.demo_clock``).
Documents, limits and nightly work follow it. Sign-in, sessions, tokens, limits of attempts, the queues and the audit log
do not: they take the true time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

OFFICE_ZONE = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


_days_ahead: ContextVar[int] = ContextVar("days_ahead", default=0)


def days_ahead() -> int:
    """By how many days the office's clock is ahead in this request, job or command; 0 but in a demonstration."""
    return _days_ahead.get()


def set_days_ahead(days: int) -> None:
    """For the rest of this request."""
    _days_ahead.set(days)


@contextmanager
def ahead_by(days: int) -> Iterator[None]:
    """The office's clock is ahead by so many days inside."""
    token = _days_ahead.set(days)
    try:
        yield
    finally:
        _days_ahead.reset(token)


def office_moment(at: datetime) -> datetime:
    """A moment of the true time by the office's clock."""
    return at + timedelta(days=days_ahead())


def true_moment(at: datetime) -> datetime:
    """A moment by the office's clock in true time, as the queues of jobs and messages count it."""
    return at - timedelta(days=days_ahead())


def office_time(moment: datetime) -> datetime:
    """The same moment as the office's wall clock shows it."""
    return moment.astimezone(OFFICE_ZONE)


def office_day(moment: datetime) -> date:
    """The calendar day a moment falls on for the office, whatever the server's own zone."""
    return office_time(moment).date()


def add_years(day: date, years: int) -> date:
    """The same day ``years`` later; 29 February becomes 1 March where there is none.

    So a term that ends "the day before" loses no day (domain.md 2.6).
    """
    later = day + relativedelta(years=years)
    return later + timedelta(days=1) if (day.month, day.day) == (2, 29) and later.day == 28 else later


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later (or earlier), the last day of the month where it is too short."""
    return day + relativedelta(months=months)


@dataclass(frozen=True, slots=True)
class Calendar:
    """On which days the office works: Monday to Friday, but for days off and for make-up days (the State Council's list)."""

    days_off: frozenset[date] = frozenset()
    days_on: frozenset[date] = frozenset()  # Saturdays and Sundays that are worked to make up for a long holiday

    def is_working_day(self, day: date) -> bool:
        return day in self.days_on or (day.weekday() < 5 and day not in self.days_off)

    def add_working_days(self, start: date, days: int) -> date:
        """The last day of a limit of ``days`` working days; the start day never counts (行政许可法 art. 82)."""
        due = start
        while days > 0:
            due += timedelta(days=1)
            days -= self.is_working_day(due)
        return due

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days come after ``start``, up to and including ``end``; negative where ``end`` is earlier."""
        if end < start:
            return -self.working_days_between(end, start)
        return sum(self.is_working_day(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))
