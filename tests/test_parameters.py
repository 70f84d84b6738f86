"""What the administrator sets in the system: which word counts, and that no stored word breaks the house."""

from datetime import date

import pytest

from app import desk
from app.config import Office
from app.jobs import Claim, Run, Tools
from app.models import CalendarDay, Parameter
from app.parameters import office_of
from app.storage import Store
from tests import make
from tests.count import queries


@pytest.fixture
def stored(session):
    """``stored(name=value)``: as the administrator left it."""

    def store(**values: str) -> None:
        for name, value in values.items():
            session.merge(Parameter(name=name, value=value, changed_at=make.NOON, changed_by="管理员"))
        session.commit()

    return store


def test_what_is_stored_counts_before_the_default_and_the_environment_before_both(session, stored):
    stored(accept_days="7", swift_days="8")
    office = office_of(session, Office(accept_days=6, pinned=frozenset({"accept_days"})))
    assert (office.accept_days, office.swift_days, office.decide_days) == (6, 8, Office().decide_days)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("validity_years", "three"), ("validity_years", "0"), ("validity_years", "11"), ("two_pairs_of_eyes", "maybe"),
        ("review_level", "county"), ("issuer", ""), ("province", "湖北省"), ("calendar", "x"), ("gone", "1"),
    ],
)  # fmt: skip
def test_a_stored_word_that_says_nothing_is_passed_over(session, stored, name, text):
    stored(**{name: text})
    assert office_of(session, Office()) == Office()


def test_the_calendar_is_read_with_it(session):
    session.add_all([
        CalendarDay(day=date(2026, 3, 3), working=False, name="节日"),
        CalendarDay(day=date(2026, 3, 7), working=True, name="调休"),
    ])  # fmt: skip
    session.commit()
    calendar = office_of(session, Office()).calendar
    assert not calendar.is_working_day(date(2026, 3, 3))
    assert calendar.is_working_day(date(2026, 3, 7))


def test_asking_does_not_write_what_the_caller_has_not_finished(session):
    unfinished = make.enterprise(uscc="too short")
    session.add(unfinished)
    assert office_of(session, Office()) == Office()
    assert unfinished.id is None


def test_it_is_read_once_in_a_request_and_only_when_asked(app, house):
    with app.test_request_context(), queries(house.engine), queries(desk.db.engine) as seen:
        assert seen == []
        assert desk.office() is desk.office()
        assert len(seen) == 2


def test_every_process_sees_a_change_with_its_next_request(app, client, stored):
    assert "0731-12345" not in client.get("/").text
    stored(support="0731-12345")
    assert "0731-12345" in client.get("/").text


def test_a_job_sees_a_change_without_a_restart_of_its_worker(house, tmp_path, session, stored):
    tools = Tools(house.engine, None, Store(tmp_path), lambda: make.NOON, office=Office(accept_days=6))
    run = Run(Claim(1, "test", {}, "t", 1), tools)
    assert run.office().decide_days == 20
    stored(decide_days="15")
    assert (run.office().decide_days, run.office().accept_days) == (15, 6)
