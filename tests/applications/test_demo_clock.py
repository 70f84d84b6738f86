"""The demonstration's clock: only forward, never in production, and what follows it and what does not."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.applications.demo_clock import MOST_AHEAD, milestones, set_day, stored_days
from app.applications.office_settings import DEMO_CLOCK, office_of
from app.core import clock
from app.core.errors import AppError, Stale
from app.core.office import Office
from app.core.vocabulary import AuditAction
from app.db import audit
from app.models import AuditEntry, Enterprise, Job, Message, Parameter
from app.outbox.jobs import due_jobs, enqueue
from app.outbox.sms import queue_messages
from app.outbox.sms_texts import OutgoingMessage
from tests import make
from tests.at_once import at_once

DEMO = Office(demonstration=True)
TODAY = clock.office_day(make.NOON)
DAY = timedelta(days=1)
MINE = select(AuditEntry).where(AuditEntry.table != "region")


def move(session, day: date, base: Office = DEMO, at=make.NOON) -> int:
    ahead = set_day(session, day, by="演示人员", base=base, at=at)
    session.commit()
    return ahead


def test_the_office_has_the_day_that_was_set_and_goes_on_from_it(session):
    assert move(session, TODAY + 20 * DAY) == 20
    assert office_of(session, DEMO).days_ahead == stored_days(session, DEMO) == 20
    assert move(session, TODAY + 22 * DAY, at=make.NOON + DAY) == 21


def test_production_refuses_it_in_a_clear_sentence_and_ignores_what_is_stored(session):
    move(session, TODAY + DAY)
    with pytest.raises(AppError, match=r"demonstration|演示") as no:
        move(session, TODAY + 2 * DAY, base=Office())
    assert no.value.code == "demo-clock-in-production"
    session.rollback()
    assert (office_of(session, Office()).days_ahead, stored_days(session, Office())) == (0, 0)


@pytest.mark.parametrize(
    ("days", "code"), [(-1, "demo-clock-back"), (4, "demo-clock-back"), (MOST_AHEAD + 1, "demo-clock-too-far")]
)
def test_it_goes_neither_back_nor_too_far(session, days, code):
    move(session, TODAY + 5 * DAY)
    with pytest.raises(AppError) as no:
        move(session, TODAY + days * DAY)
    assert (no.value.code, no.value.refusals[0].field) == (code, "day")
    session.rollback()
    assert stored_days(session, DEMO) == 5
    assert move(session, TODAY + MOST_AHEAD * DAY) == MOST_AHEAD


def test_the_same_day_again_changes_nothing_and_is_not_logged(session):
    assert (move(session, TODAY), stored_days(session, DEMO)) == (0, 0)
    move(session, TODAY + DAY)
    move(session, TODAY + DAY)
    assert session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.row == DEMO_CLOCK)) == 1


def test_setting_it_is_logged_with_both_days(session):
    move(session, TODAY + 20 * DAY)
    entry = session.scalars(select(AuditEntry).where(AuditEntry.row == DEMO_CLOCK)).one()
    assert (entry.actor, entry.change["value"]) == ("演示人员", [TODAY.isoformat(), (TODAY + 20 * DAY).isoformat()])


def test_two_who_set_it_at_once_leave_one_day_that_was_asked_for(system, session):
    def one(n: int) -> str:
        with Session(system.engine) as own:
            try:
                move(own, TODAY + n * DAY)
            except (Stale, AppError) as error:
                own.rollback()
                return type(error).__name__
        return ""

    at_once(one, [3, 4])
    assert stored_days(session, DEMO) in (3, 4)
    assert session.scalar(select(func.count()).select_from(Parameter)) == 1


# --- what keeps the true time --------------------------------------------------------------------------------
def test_audit_entries_bear_the_true_time_and_the_day_of_the_office(session):
    before = clock.now()
    with clock.ahead_by(20):
        office_now = clock.office_moment(clock.now())
        session.info["at"] = office_now
        session.add(make.enterprise())
        session.flush()
        audit.log(session, "某人", AuditAction.READ, Enterprise, 1, {"x": 1}, at=office_now)
        bulk = {"at": office_now, "actor": "某人", "address": "", "deed": AuditAction.CHANGE, "table": "x", "row": "1"}
        audit.log_many(session, [{**bulk, "change": {}}])
        session.commit()
    entries = session.scalars(MINE).all()
    assert len(entries) == 3
    for entry in entries:
        assert before <= entry.at <= clock.now()
        assert entry.change["demo_clock"] == clock.office_day(office_now).isoformat()


def test_without_the_clock_entries_are_as_ever(session):
    audit.log(session, "某人", AuditAction.READ, Enterprise, 1, at=make.NOON)
    session.commit()
    entry = session.scalars(MINE).one()
    assert (entry.at, entry.change) == (make.NOON, {})


def test_jobs_and_messages_of_the_office_are_due_at_the_true_time(session):
    with clock.ahead_by(20):
        office_at = clock.office_moment(make.NOON)
        enqueue(session, "test", "k", {}, at=office_at)
        queue_messages(session, [OutgoingMessage("13812345678", "字")], at=office_at)
        session.commit()
    assert due_jobs(session, at=make.NOON, most=1)
    assert session.scalars(select(Message.due_at)).one() == session.scalars(select(Job.due_at)).one() == make.NOON


def test_milestones_are_the_days_on_which_a_notice_goes_on(session):
    session.add(make.notice())
    session.commit()
    found = milestones(session, date(2000, 1, 1))
    assert [one.day for one in found] == sorted(one.day for one in found)
    assert len(found) == 3
    assert milestones(session, found[-1].day) == []
