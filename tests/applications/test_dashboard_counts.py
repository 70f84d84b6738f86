from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.applications import dashboard_counts
from app.core.office import Office
from app.core.vocabulary import Level, MatterKind, Role, SignupState, State, Urgency
from app.models import Application
from tests import make
from tests.query_counter import queries


@pytest.fixture
def world(session):
    """Cases of one enterprise in every state, overdue, due today and later."""
    enterprise = make.enterprise()
    session.add(enterprise)
    days = iter((-2, 0, 1))
    for state in (*State, State.AWAITING_REVIEW, State.AWAITING_REVIEW):
        person = make.person(enterprise)
        held = {"certificate": make.certificate(person)} if state is State.APPROVED else {}
        due = {"due_on": make.TODAY + timedelta(days=next(days))} if state is State.AWAITING_REVIEW else {}
        session.add(make.application(person, state, **held, **due))
    session.commit()
    return enterprise


def test_a_reviewer_s_counts_are_those_of_the_queue(world, session):
    reviewer = make.officer(Role.REVIEWER)
    assert dashboard_counts.menu_counts(session, reviewer, Office(), at=make.NOON) == {"Review": 3}
    lots = [lot for lot in dashboard_counts.due_counts(session, reviewer) if lot.state is State.AWAITING_REVIEW]
    assert list(dashboard_counts.count_by_urgency(lots, make.TODAY, make.TODAY + timedelta(days=1)).values()) == [1, 1, 1, 0]


def test_what_is_decided_elsewhere_is_not_counted_as_waiting(world, session):
    local = make.officer(Role.REVIEWER, region="430100")
    assert dashboard_counts.menu_counts(session, local, Office(), at=make.NOON) == {}
    assert dashboard_counts.menu_counts(session, local, Office(review_level=Level.PREFECTURE), at=make.NOON) == {"Review": 3}


def test_a_clerk_is_told_of_drafts_and_corrections(world, session):
    counts = dashboard_counts.menu_counts(session, make.clerk(world), Office(), at=make.NOON)
    assert {name: n for name, n in counts.items() if n} == {"NewApplication": 3}
    assert {*dashboard_counts.MENU_OF_MATTER.values(), "Releases", "Signup"} == counts.keys()


def test_somebody_else_s_cases_are_not_counted(world, session):
    other = make.enterprise(name="别家")
    session.add(other)
    session.commit()
    assert set(dashboard_counts.waiting(session, make.clerk(other), State).values()) == {0}
    assert dashboard_counts.menu_counts(session, make.officer(Role.ADMIN), Office(), at=make.NOON) == {
        "Enterprises": 0
    }  # none awaits approval


def test_people_with_missing_scans_are_counted(world, session):
    person = make.person(world)
    session.add(person)
    session.flush()
    session.add_all(make.complete_papers(person))
    session.commit()
    assert dashboard_counts.people_with_gaps(session, make.clerk(world), make.TODAY) == len(State) + 2


def test_certificates_that_run_out_soon_are_counted_the_last_day_included(world, session):
    clerk = make.clerk(world)
    for days in (0, 92, 93, -1):  # 2 June is three months later
        session.add(make.certificate(make.person(world), valid_to=make.TODAY + timedelta(days=days)))
    session.commit()
    assert dashboard_counts.expiring(session, clerk, make.TODAY, Office()) == 2


def test_months_are_filled_also_where_nothing_was_submitted(world, session):
    months = dashboard_counts.by_month(session, make.officer(Role.REVIEWER), make.NOON)
    assert months.labels[-1] == "2026-03"
    assert len(months.labels) == len(months.series[MatterKind.NEW]) == 6
    assert sum(months.series[MatterKind.NEW]) == 13


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC), "2026-02"),  # 23:59:59 in the office
        (datetime(2026, 2, 28, 16, 0, tzinfo=UTC), "2026-03"),  # midnight of 1 March
        (datetime(2025, 9, 30, 16, 0, tzinfo=UTC), "2025-10"),  # the first moment of the chart
        (datetime(2025, 9, 30, 15, 59, 59, tzinfo=UTC), None),
    ],
)
def test_months_are_those_of_the_office(session, moment, month):
    session.add(make.application(make.person(make.enterprise()), State.AWAITING_ACCEPTANCE, submitted_at=moment))
    session.commit()
    months = dashboard_counts.by_month(session, make.officer(Role.REVIEWER), make.NOON)
    counts = dict(zip(months.labels, months.series[MatterKind.NEW], strict=True))
    assert {label: n for label, n in counts.items() if n} == ({month: 1} if month else {})


def test_the_menu_asks_two_questions_at_most(world, session, system):
    session.add(make.signup(make.notice(), make.person(world), state=SignupState.SELECTED))
    session.commit()
    actor = make.clerk(world)
    with queries(system.engine) as seen:
        dashboard_counts.menu_counts(session, actor, Office(), at=make.NOON)
    assert len(seen) <= 2


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_the_limits_of_a_region_are_counted_as_the_list_asks_for_them_and_no_further(world, session, role):
    until = make.TODAY + timedelta(days=1)
    officer = make.officer(role, region="430100")
    counts = dashboard_counts.count_by_urgency(dashboard_counts.due_counts(session, officer), make.TODAY, until)
    for urgency in Urgency:
        condition = dashboard_counts.is_due(urgency, make.TODAY, until)
        assert session.scalar(select(func.count(Application.id)).where(condition)) == counts[urgency], urgency
    assert dashboard_counts.due_counts(session, make.officer(role, region="430200")) == []


def test_an_enterprise_is_shown_what_expires_next(world, session):
    for days in (40, 20, 30, 93):
        session.add(make.certificate(make.person(world), valid_to=make.TODAY + timedelta(days=days)))
    session.commit()
    rows = dashboard_counts.next_expiring(session, make.clerk(world), make.TODAY, Office())
    assert [(held.valid_to - make.TODAY).days for held in rows] == [20, 30, 40]
