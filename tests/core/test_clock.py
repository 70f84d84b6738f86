from datetime import UTC, date, datetime

import pytest

from app.core.clock import Calendar, add_months, add_years, office_day


def test_office_day_uses_the_time_zone_of_the_office():
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
def test_add_years_keeps_the_day_and_29_february_becomes_1_march(start, years, end):
    assert add_years(start, years) == end


def test_add_months_ends_at_the_end_of_a_short_month():
    assert add_months(date(2026, 5, 31), -3) == date(2026, 2, 28)


MONDAY, SATURDAY = date(2026, 3, 2), date(2026, 3, 7)


def test_working_days_skip_weekends_and_days_off_and_the_day_itself():
    assert Calendar().add_working_days(MONDAY, 5) == date(2026, 3, 9)
    assert Calendar(days_off=frozenset({date(2026, 3, 3)})).add_working_days(MONDAY, 5) == date(2026, 3, 10)
    assert Calendar().add_working_days(SATURDAY, 1) == date(2026, 3, 9)
    assert Calendar().add_working_days(MONDAY, 0) == MONDAY


def test_a_make_up_day_on_a_weekend_is_worked():
    calendar = Calendar(days_on=frozenset({SATURDAY}))
    assert calendar.is_working_day(SATURDAY)
    assert calendar.add_working_days(MONDAY, 5) == SATURDAY


@pytest.mark.parametrize("days", [1, 5, 20])
def test_counting_and_adding_working_days_agree(days):
    calendar = Calendar(frozenset({date(2026, 3, 3)}), frozenset({SATURDAY}))
    due = calendar.add_working_days(MONDAY, days)
    assert calendar.working_days_between(MONDAY, due) == days
    assert calendar.working_days_between(due, MONDAY) == -days
