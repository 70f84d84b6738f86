"""The stored result of the automatic checks: computed where it is missing or old, within ten minutes, by indexes."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import sessionmaker

from app.applications import checks
from app.applications.checks import STALE_AFTER, refresh, results
from app.core.office import Office
from app.core.vocabulary import Action, CheckResult, MatterKind, Role, State
from app.eligibility.facts import of_applications
from app.models import Application, ExamPass, Person
from app.web.applications.review.auto_checks import checks_of
from app.worker import schedule
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from app.workflow import carry_out
from tests import make
from tests.query_counter import queries, tables_read_whole
from tests.workflow_fixture import Firm

UNSEEN = {"originals_verified_at": None, "originals_verified_by": ""}
PASSES, WARNS, FAILS = CheckResult


@pytest.fixture
def firm(session):
    return Firm(session)


def checked(session, at=make.NOON):
    session.rollback()
    count = refresh(sessionmaker(session.get_bind()), Office(), at=at)
    session.expire_all()
    return count


def stored(session):
    session.rollback()
    return list(session.scalars(select(Application.check_result).order_by(Application.id)))


def test_each_case_that_awaits_a_decision_is_checked_for_its_own_stage(session, firm):
    firm.application(State.AWAITING_ACCEPTANCE)
    firm.application(State.AWAITING_ACCEPTANCE, exam=UNSEEN)
    firm.application(State.AWAITING_REVIEW, exam=UNSEEN)  # a rule of acceptance no longer blocks; it is shown as a warning
    firm.application(State.AWAITING_APPROVAL)
    firm.application(State.DRAFT)
    firm.application(State.APPROVED)
    assert checked(session) == 4
    assert stored(session) == [PASSES, FAILS, WARNS, PASSES, None, None]


def test_the_word_is_the_colour_that_the_page_of_the_case_shows(session, firm):
    for exam in ({}, UNSEEN):
        for state in (State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW, State.AWAITING_APPROVAL):
            firm.application(state, exam=exam)
    firm.application(State.AWAITING_APPROVAL, matter=MatterKind.CANCELLATION)
    cases = of_applications(session, list(session.scalars(select(Application.id))))
    for case in cases.values():
        lines = checks_of(case, tuple(checks.blocking(case, make.TODAY, Office())), make.TODAY, Office())
        colours = {line[0] for line in lines}
        shown = FAILS if False in colours else WARNS if None in colours else PASSES
        assert checks.result_of(case, make.TODAY, Office()) is shown


def test_a_move_empties_the_result_so_that_the_next_stage_is_checked_anew(session, firm):
    case = firm.application(State.AWAITING_ACCEPTANCE)
    checked(session)
    carry_out(session, [case.id], Action.ACCEPT, make.officer(Role.ACCEPTANCE_OFFICER), at=make.NOON, office=Office())
    session.commit()
    assert stored(session) == [None]
    assert checked(session) == 1
    assert stored(session) == [PASSES]


@pytest.mark.parametrize(("late", "again"), [(timedelta(seconds=-1), 0), (timedelta(0), 1), (timedelta(seconds=1), 1)])
def test_a_fact_that_changes_is_seen_within_ten_minutes(session, firm, late, again):
    firm.application(State.AWAITING_ACCEPTANCE)
    checked(session)
    session.execute(update(Person).values(banned_until=make.TODAY + timedelta(days=9)))
    session.commit()
    assert checked(session, make.NOON + STALE_AFTER + late) == again
    assert stored(session) == [FAILS if again else PASSES]


def test_what_was_never_checked_comes_before_what_is_old(session, firm):
    old, new = firm.application(State.AWAITING_ACCEPTANCE), firm.application(State.AWAITING_APPROVAL)
    session.execute(update(Application).where(Application.id == old.id).values(checked_at=make.NOON - timedelta(days=1)))
    assert checks.due(session, make.NOON, most=1) == [new.id]
    assert checks.due(session, make.NOON) == [new.id, old.id]


def test_a_case_that_moved_while_it_was_checked_keeps_no_result_of_the_stage_before(session, firm):
    case = firm.application(State.AWAITING_ACCEPTANCE)
    facts = of_applications(session, [case.id])[case.id]
    session.execute(update(Application).values(state=State.AWAITING_REVIEW, accepted_at=make.NOON, acceptance_number="SL1"))
    checks._store(session, [(facts, PASSES)], make.NOON)
    session.commit()
    assert stored(session) == [None]


def test_the_minute_s_job_checks_and_is_not_queued_when_nothing_is_due(session, firm, store):
    firm.application(State.AWAITING_ACCEPTANCE)
    assert "checks" in schedule.due_schedules(session, at=make.NOON)
    schedule.enqueue_due(session, at=make.NOON)
    session.commit()
    session.rollback()
    run_due(JobContext(session.get_bind(), None, store, lambda: make.NOON), {"checks": HANDLERS["checks"]}, most=9)
    assert stored(session) == [PASSES]
    assert "checks" not in schedule.due_schedules(session, at=make.NOON + timedelta(minutes=1))
    assert "checks" in schedule.due_schedules(session, at=make.NOON + STALE_AFTER)


def test_what_is_due_follows_the_office_s_clock(session, firm, store):
    firm.application(State.AWAITING_ACCEPTANCE)
    session.execute(update(Application).values(check_result=PASSES, checked_at=make.NOON + timedelta(days=9)))
    session.commit()
    assert "checks" not in schedule.due_schedules(session, at=make.NOON, days_ahead=9)
    assert "checks" in schedule.due_schedules(session, at=make.NOON + STALE_AFTER, days_ahead=9)


def test_checking_reads_no_table_whole_and_needs_as_many_queries_for_more(session, firm, system):
    asked = []
    for more in (3, 17):
        for _n in range(more):
            firm.application(State.AWAITING_ACCEPTANCE)
        ids = list(session.scalars(select(Application.id)))
        with queries(system.engine) as seen:
            assert set(results(session, ids, make.TODAY, Office()).values()) == {PASSES}
        asked.append(len(seen))
    assert asked[0] == asked[1]
    session.rollback()
    with queries(system.engine) as seen:
        checks.due(session, make.NOON)
    assert not set().union(*(tables_read_whole(session, statement) for statement in seen)) & {"application"}


def test_nothing_to_check_asks_nothing(session, system):
    with queries(system.engine) as seen:
        assert results(session, [], make.TODAY, Office()) == {}
    assert not seen
    assert session.scalar(select(ExamPass.id)) is None
