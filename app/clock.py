"""Time as the office counts it: UTC in the store, office days on paper, working days in promises.

Law: the wall clock is read at the doors and in jobs only; below them a moment (``at``) or a day (``on``) is handed in.
"""

from collections.abc import Container
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

OFFICE_ZONE = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


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


def add_working_days(start: date, days: int, holidays: Container[date] = frozenset()) -> date:
    """The day on which a promise of ``days`` working days falls due; the start day never counts (行政许可法 art. 82)."""
    due = start
    while days > 0:
        due += timedelta(days=1)
        if due.weekday() < 5 and due not in holidays:
            days -= 1
    return due
