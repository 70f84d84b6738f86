from datetime import UTC, date, datetime

import pytest

from app.clock import add_months, add_working_days, add_years, office_day


def test_a_day_is_the_office_s_day():
    assert office_day(datetime(2026, 3, 1, 16, tzinfo=UTC)) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        (date(2026, 3, 2), 3, date(2029, 3, 2)),
        (date(2024, 2, 29), 3, date(2027, 3, 1)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2023, 2, 28), 1, date(2024, 2, 28)),
    ],
)
def test_years_later_is_the_same_day_and_29_february_loses_none(start, years, end):
    assert add_years(start, years) == end


def test_months_end_where_the_month_ends():
    assert add_months(date(2026, 5, 31), -3) == date(2026, 2, 28)


def test_working_days_skip_weekends_and_holidays_and_the_day_itself():
    monday = date(2026, 3, 2)
    assert add_working_days(monday, 5) == date(2026, 3, 9)
    assert add_working_days(monday, 5, {date(2026, 3, 3)}) == date(2026, 3, 10)
    assert add_working_days(date(2026, 3, 7), 1) == date(2026, 3, 9)
