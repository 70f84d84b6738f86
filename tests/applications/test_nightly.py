"""Nightly work: expiry is recorded and reminders are sent once, however often and concurrently it runs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.applications import nightly
from app.applications.nightly import (
    NIGHTLY,
    note_expired,
    remind_of_corrections,
    remind_of_deadlines,
    remind_of_drafts,
    remind_of_expiry,
)
from app.core.clock import Calendar, office_time
from app.core.office import Office
from app.core.vocabulary import (
    CertificateEventKind,
    CertificateStatus,
    JobState,
    Level,
    MatterKind,
    NightlyTask,
    NotificationKind,
    Role,
    State,
)
from app.files.folder_store import FolderStore
from app.models import Account, CertificateEvent, Job, Message, NightlyDone, Notification
from app.outbox.jobs import enqueue
from app.outbox.sms import ConsoleGateway
from app.worker import handlers, schedule
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from tests import make
from tests.query_counter import queries

DAY = timedelta(days=1)
NIGHT = make.NOON - timedelta(hours=10)  # two in the morning
OFFICE = Office()
LOCAL = Office(review_level=Level.PREFECTURE)


@pytest.fixture
def enterprise(session):
    enterprise = make.enterprise(contact_mobile="13900000001")
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def hold(session, enterprise):
    """``hold(40)``: somebody's certificate whose last day is in so many days."""

    def one(days, employer=enterprise, **facts):
        held = make.certificate(make.person(employer), valid_to=make.TODAY + timedelta(days=days), **facts)
        session.add(held)
        session.commit()
        return held

    return one


def run(session, *checks, on=make.TODAY, office=OFFICE):
    for check in checks:
        check(session, on, office, at=NIGHT + (on - make.TODAY))
    session.commit()


def texts(session):
    return [message.text for message in session.scalars(select(Message).order_by(Message.id))]


def told_inside(session):
    return session.scalars(select(Notification).order_by(Notification.account_id, Notification.id)).all()


# --- expiry -----------------------------------------------------------------------------------------
def test_an_expiry_is_noted_once_on_the_day_after_the_last(session, hold):
    held = hold(0)
    run(session, note_expired)
    assert held.events == []
    for night in (1, 1, 2):
        run(session, note_expired, on=make.TODAY + night * DAY)
    session.expire_all()
    (event,) = held.events
    assert (event.deed, event.status) == (CertificateEventKind.EXPIRED, CertificateStatus.EXPIRED)
    assert office_time(event.at).isoformat() == "2026-03-03T00:00:00+08:00"
    assert held.status is CertificateStatus.VALID  # computed on reading


def test_a_certificate_that_was_renewed_can_expire_again(session, hold):
    held = hold(-1)
    run(session, note_expired)
    held.valid_to = make.TODAY + 10 * DAY
    run(session, note_expired, on=make.TODAY + 11 * DAY)
    assert session.scalar(select(func.count(CertificateEvent.id))) == 2


def test_what_was_ended_before_does_not_expire(session, hold):
    hold(-1, status=CertificateStatus.CANCELLED)
    run(session, note_expired)
    assert session.scalar(select(func.count(CertificateEvent.id))) == 0


@pytest.mark.parametrize(("left", "days"), [(91, []), (90, [90]), (61, [90]), (60, [60]), (30, [30]), (0, [30]), (-1, [])])
def test_an_enterprise_is_reminded_at_the_nearest_limit_and_not_of_the_past(session, hold, left, days):
    hold(left)
    run(session, remind_of_expiry)
    assert list(session.scalars(select(NightlyDone.days).where(NightlyDone.kind == NightlyTask.EXPIRING))) == days
    assert len(texts(session)) == len(days)


def test_each_threshold_reminds_once_however_many_nights_go_by(session, hold):
    held = hold(92)
    for night in range(93):
        run(session, remind_of_expiry, on=make.TODAY + night * DAY)
    days = session.scalars(select(NightlyDone.days).order_by(NightlyDone.id)).all()
    assert days == [90, 60, 30]
    assert len(texts(session)) == 3
    assert held.number in texts(session)[0]


def test_a_certificate_with_a_later_last_day_is_reminded_of_anew(session, hold):
    held = hold(30)
    run(session, remind_of_expiry)
    held.valid_to += 365 * DAY
    run(session, remind_of_expiry, on=make.TODAY + 365 * DAY)
    assert len(texts(session)) == 2


def test_many_certificates_of_one_enterprise_are_one_message(session, hold):
    for days in (20, 25, 80):
        hold(days)
    run(session, remind_of_expiry)
    (text,) = texts(session)
    assert "3" in text
    assert "2026-03-22" in text


def test_no_message_goes_out_before_the_morning(session, hold):
    hold(10)
    run(session, remind_of_expiry)
    assert office_time(session.scalars(select(Message.due_at)).one()).isoformat() == "2026-03-02T08:30:00+08:00"


def test_nobody_is_reminded_of_what_is_not_in_force_is_under_way_or_has_left(session, hold, enterprise):
    hold(10, status=CertificateStatus.SUSPENDED)
    renewed, gone = hold(10), hold(10)
    session.add(make.application(renewed.person, State.AWAITING_REVIEW, matter=MatterKind.RENEWAL, certificate=renewed))
    gone.person.enterprise_id = None
    run(session, remind_of_expiry)
    assert texts(session) == []


def test_an_enterprise_without_a_mobile_is_reminded_inside_the_system(session, built, hold):
    silent = make.enterprise(name="没有联系电话")
    session.add(silent)
    session.commit()
    account = make.account(session, "无号企业", Role.ENTERPRISE_CLERK, enterprise_id=silent.id)
    held = hold(10, silent)
    for _again in range(2):
        run(session, remind_of_expiry)
    assert texts(session) == []
    (told,) = told_inside(session)
    assert (told.account_id, told.kind, told.subject_id) == (account.id, NotificationKind.CERTIFICATE, held.id)


def test_a_saved_renewal_that_was_never_submitted_does_not_silence_the_reminder(session, hold):
    held = hold(10)
    session.add(make.application(held.person, State.DRAFT, matter=MatterKind.RENEWAL, certificate=held))
    session.commit()
    run(session, remind_of_expiry)
    assert len(texts(session)) == 1


def test_without_thresholds_nobody_is_reminded(session, hold):
    hold(10)
    run(session, remind_of_expiry, office=Office(expiry_reminders=()))
    assert texts(session) == []


def test_five_thousand_certificates_take_as_many_statements_as_five(session, system, enterprise):
    def cost():
        with queries(system.engine) as seen:
            remind_of_expiry(session, make.TODAY, OFFICE, at=NIGHT)
        session.commit()
        return len(seen)

    people = [make.person(enterprise) for _ in range(5)]
    session.add_all(people)
    session.flush()
    session.add_all([make.certificate(people[0], valid_to=make.TODAY + 10 * DAY) for _ in range(5)])
    session.commit()
    few = cost()
    session.add_all([make.certificate(person, valid_to=make.TODAY + 10 * DAY) for person in people for _ in range(1000)])
    session.commit()
    assert cost() == few <= 4
    assert session.scalar(select(func.count(NightlyDone.id))) == 5005


# --- drafts -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("days", "reminded"), [(2, 0), (3, 1), (40, 1)])
def test_the_handler_is_reminded_once_of_what_was_never_submitted(session, enterprise, days, reminded):
    person = make.person(enterprise)
    session.add(make.application(person, State.DRAFT, created_at=NIGHT - days * DAY))
    session.add(make.application(make.person(enterprise), State.DRAFT, round=1, created_at=NIGHT - 9 * DAY))  # withdrawn
    session.add(make.application(make.person(enterprise), State.AWAITING_REVIEW, created_at=NIGHT - 9 * DAY))
    session.commit()
    for _again in range(2):
        run(session, remind_of_drafts)
    assert len(texts(session)) == reminded
    assert all(person.name in text for text in texts(session))


def test_the_people_of_one_filing_are_one_message_and_none_where_it_is_switched_off(session, enterprise):
    filing = make.filing(enterprise)
    for _n in range(4):
        person = make.person(enterprise)
        session.add(make.application(person, State.DRAFT, filing=filing, created_at=NIGHT - 5 * DAY))
    session.commit()
    run(session, remind_of_drafts, office=Office(draft_reminder_days=0))
    assert texts(session) == []
    run(session, remind_of_drafts)
    assert len(texts(session)) == 1


# --- corrections ------------------------------------------------------------------------------------
@pytest.mark.parametrize(("left", "told"), [(-1, 0), (0, 1), (3, 1), (4, 0)])
def test_an_enterprise_is_reminded_once_of_a_correction_that_is_awaited_soon(session, built, enterprise, left, told):
    """Three working days, Monday to Thursday; inside the system only."""
    make.account(session, "补正企业", Role.ENTERPRISE_CLERK, enterprise_id=enterprise.id)
    case = make.application(make.person(enterprise), State.RETURNED, due_on=make.TODAY + left * DAY)
    session.add_all([case, make.application(make.person(enterprise), State.AWAITING_REVIEW, due_on=make.TODAY)])
    session.commit()
    run(session, remind_of_corrections, office=Office(correction_reminder_days=0))
    assert told_inside(session) == []
    for _again in range(2):
        run(session, remind_of_corrections)
    assert [(row.kind, row.subject_id) for row in told_inside(session)] == [(NotificationKind.DEADLINE, case.id)] * told
    assert texts(session) == []


def test_the_corrections_of_one_enterprise_are_one_message(session, built, enterprise):
    make.account(session, "补正企业", Role.ENTERPRISE_CLERK, enterprise_id=enterprise.id)
    session.add_all([make.application(make.person(enterprise), State.RETURNED, due_on=make.TODAY + DAY) for _n in range(3)])
    session.commit()
    run(session, remind_of_corrections)
    (told,) = told_inside(session)
    assert told.subject_id is None  # the workbench counts them
    assert "3" in told.text
    assert "2026-03-03" in told.text


# --- deadlines --------------------------------------------------------------------------------------
@pytest.fixture
def due(session, built, enterprise):
    """A reviewer of Changsha and one of Zhuzhou, with mobiles; cases of Changsha near and past their limits."""
    regions = make.regions()
    for region in regions:
        session.merge(region)
    session.commit()
    for name, region in (("长沙", "430100"), ("株洲", "430200")):
        make.account(session, name, Role.REVIEWER, region_code=region, mobile="13900000009")
    make.account(session, "无号", Role.REVIEWER, region_code="430100")
    for days in (-3, 0, 1, 30):
        due_on = make.TODAY + timedelta(days=days)
        session.add(make.application(make.person(enterprise), State.AWAITING_REVIEW, due_on=due_on))
    session.add(make.application(make.person(enterprise), State.AWAITING_APPROVAL, due_on=make.TODAY))
    session.commit()


def test_an_officer_is_told_of_the_own_stage_and_region_once_a_day(session, due):
    for _again in range(2):
        run(session, remind_of_deadlines, office=LOCAL)
    (text,) = texts(session)
    assert "长沙" in text
    assert sorted(part for part in text if part.isdigit()) == ["1", "1", "1", "2"]  # of each one, within two days
    run(session, remind_of_deadlines, on=make.TODAY + DAY, office=LOCAL)
    assert len(texts(session)) == 2


def test_no_officer_is_told_of_what_others_decide(session, due):
    run(session, remind_of_deadlines)  # the province reviews
    assert texts(session) == []


def test_officers_with_and_without_a_mobile_are_told_inside_the_system_and_of_nothing_else(session, due):
    run(session, remind_of_deadlines, office=replace(LOCAL, deadline_messages=False))
    assert texts(session) == []
    told = told_inside(session)
    names = {session.get_one(Account, row.account_id).username for row in told}
    assert names == {"长沙", "无号"}  # neither 株洲, nor twice
    assert {(row.kind, row.subject_id) for row in told} == {(NotificationKind.WORK, None)}


@pytest.mark.parametrize(
    "office", [replace(LOCAL, deadline_messages=False), replace(LOCAL, calendar=Calendar(days_off=frozenset({make.TODAY})))]
)
def test_no_officer_is_told_on_a_day_off_or_where_it_is_switched_off(session, due, office):
    run(session, remind_of_deadlines, office=office)
    assert texts(session) == []


# --- the job ----------------------------------------------------------------------------------------
@pytest.fixture
def tools(system, session, tmp_path) -> JobContext:
    return JobContext(
        system.engine,
        ConsoleGateway(),
        FolderStore(tmp_path / "blobs"),
        lambda: NIGHT + timedelta(minutes=1),
        chance=lambda: 0.0,
    )


def look(session):
    session.rollback()
    session.expire_all()
    return session.scalars(select(Job)).one()


def test_a_night_that_was_broken_off_goes_on_where_it_was(session, hold, tools, monkeypatch):
    """The worker is killed between two checks: what was done is not done again, and the rest is."""
    hold(-1), hold(20)

    def killed(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(handlers, "NIGHTLY", (*NIGHTLY[:5], killed))
    enqueue(session, "nightly", "nightly:2026-03-02", {}, at=NIGHT)
    session.commit()
    with pytest.raises(KeyboardInterrupt):
        run_due(tools, HANDLERS, most=1)
    assert look(session).state is JobState.RUNNING  # its lease runs out, and another worker takes it
    session.rollback()
    monkeypatch.setattr(handlers, "NIGHTLY", NIGHTLY)
    later = JobContext(tools.engine, tools.gateway, tools.store, lambda: NIGHT + timedelta(minutes=9), chance=lambda: 0.0)
    assert run_due(later, HANDLERS, most=1) == [JobState.DONE]
    assert len(texts(session)) == 1
    assert session.scalar(select(func.count(CertificateEvent.id))) == 1
    assert look(session).result == {
        "suspensions": 0,
        "expired": 1,
        "expiring": 1,
        "unsent": 0,
        "corrections": 0,
        "deadlines": 0,
    }


def test_the_night_comes_round_once_and_says_what_came_of_it(session, hold, tools):
    hold(20)
    for minute in (0, 1, 2):
        schedule.enqueue_due(session, at=NIGHT + timedelta(minutes=minute))
    session.commit()
    keys = session.scalars(select(Job.key).where(Job.kind == "nightly")).all()
    assert keys == ["nightly:2026-03-02"]
    assert nightly.done_since(session, NIGHT) == dict.fromkeys((kind.value for kind in NightlyTask), 0)
