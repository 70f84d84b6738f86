"""Numbers: without a gap, never twice, given back by a rollback."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy.orm import Session

from app.db.sequences import certificate_numbers, daily_numbers, next_numbers


@pytest.mark.parametrize(("count", "numbers"), [(1, [1]), (3, [1, 2, 3]), (0, [])])
def test_a_sequence_begins_at_one_and_goes_on(session, count, numbers):
    assert list(next_numbers(session, "a", count)) == numbers
    assert list(next_numbers(session, "a", 2)) == [len(numbers) + 1, len(numbers) + 2]
    assert list(next_numbers(session, "b")) == [1]


def test_a_rollback_gives_the_numbers_back(session):
    next_numbers(session, "a", 5)
    session.rollback()
    assert list(next_numbers(session, "a")) == [1]


def test_numbers_taken_at_once_are_all_different(session, engine):
    def take(_n: int) -> int:
        with Session(engine) as own:
            (number,) = next_numbers(own, "a")
            own.commit()
            return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(24))) == list(range(1, 25))


def test_each_day_kind_and_year_has_numbers_of_its_own(session):
    day = date(2026, 3, 2)
    assert daily_numbers(session, "430000", "AG", day, 2) == ["430000-AG-20260302-0001", "430000-AG-20260302-0002"]
    assert daily_numbers(session, "430000", "SB", day) == ["430000-SB-20260302-0001"]
    assert daily_numbers(session, "430000", "AG", date(2026, 3, 3)) == ["430000-AG-20260303-0001"]
    assert certificate_numbers(session, "湘", "A", 2026, 2) == ["湘建安A(2026)0000001", "湘建安A(2026)0000002"]
    assert certificate_numbers(session, "湘", "A", 2027) == ["湘建安A(2027)0000001"]


def test_a_number_that_outgrows_its_digits_is_still_its_own(session):
    next_numbers(session, "430000-AG-20260302", 9999)
    assert daily_numbers(session, "430000", "AG", date(2026, 3, 2)) == ["430000-AG-20260302-10000"]
