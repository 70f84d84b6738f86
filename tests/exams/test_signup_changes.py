"""Sign-ups taken back and given another category by the enterprise."""

import pytest
from sqlalchemy import select

from app import exams
from app.core.errors import NotAllowed, NotFound, Unmet
from app.core.office import Office
from app.core.vocabulary import AuditAction, Position, Role, SignupState
from app.models import AuditEntry, ExamSignup
from tests import make
from tests.exams.conftest import ACTING, ADMITTED, C1, C2, CLERK, REJECTED, SECOND, SELECTED, SUBMITTED, A, B, codes
from tests.make import NOON

SCORED = {"score": 70}


def retract(session, signups, clerk, at=NOON):
    return exams.retract(session, [signup.id for signup in signups], clerk, at=at)


def to_category(session, signup, category, clerk, office, at=NOON):
    return exams.change_category(session, signup.id, category, clerk, at=at, office=office)


def test_what_nobody_has_reviewed_is_taken_back_and_can_be_submitted_again(session, clerk, signups, office):
    both = signups(SUBMITTED, 2, submitted_at=NOON)
    assert retract(session, both, clerk).moved == [signup.id for signup in both]
    for signup in both:
        session.refresh(signup)
    assert {(s.state, s.submitted_at, s.identity) for s in both} == {(SELECTED, None, None)}
    assert exams.submit(session, [both[0].id], clerk, at=NOON, office=office).moved == [both[0].id]
    assert session.scalars(select(ExamSignup.identity).where(ExamSignup.id == both[0].id)).one() is not None
    logged = session.scalars(select(AuditEntry.change).where(AuditEntry.deed == AuditAction.CHANGE))
    assert ["submitted", "selected"] in [change.get("state") for change in logged]


def test_a_place_given_back_is_free(session, notice, clerk, signups, office):
    notice.quota = 1
    [first], [second] = signups(SUBMITTED), signups(SELECTED)
    assert codes(exams.submit(session, [second.id], clerk, at=NOON, office=office).refused[second.id]) == {"no-places"}
    retract(session, [first], clerk)
    assert exams.submit(session, [second.id], clerk, at=NOON, office=office).moved == [second.id]


@pytest.mark.parametrize("state", [state for state in SignupState if state is not SUBMITTED])
def test_what_is_reviewed_or_not_submitted_stays(session, clerk, signups, state):
    facts = {"absent": True} if state is SignupState.ABSENT else SCORED if state.value in ("passed", "failed") else {}
    [signup] = signups(state, **facts)
    assert codes(retract(session, [signup], clerk).refused[signup.id]) == {"stale"}
    session.refresh(signup)
    assert signup.state is state


def test_the_review_of_what_was_taken_back_finds_nothing(session, clerk, signups):
    [signup] = signups(SUBMITTED)
    retract(session, [signup], clerk)
    assert codes(exams.review(session, [signup.id], True, CLERK, **ACTING).refused[signup.id]) == {"not-found"}


def test_others_take_nothing_back_and_change_nothing(session, signups, office):
    [signup], other = signups(SUBMITTED), make.enterprise(name="别家")
    session.add(other)
    session.commit()
    stranger = make.clerk(other)
    assert codes(retract(session, [signup], stranger).refused[signup.id]) == {"not-found"}
    signup.state = SELECTED
    session.commit()
    with pytest.raises(NotFound):
        to_category(session, signup, C2, stranger, office)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_no_officer_takes_back_or_changes(session, signups, role, office):
    [signup] = signups(SUBMITTED)
    for step in (
        lambda: retract(session, [signup], make.officer(role)),
        lambda: to_category(session, signup, C2, make.officer(role), office),
    ):
        with pytest.raises(NotAllowed):
            step()


@pytest.mark.parametrize("state", [SELECTED, REJECTED])
def test_a_rejected_category_is_changed_and_submitted_again(session, clerk, signups, office, state):
    [signup] = signups(state, category=C1)
    assert to_category(session, signup, A, clerk, office).category is A
    assert signup.state is state
    assert exams.submit(session, [signup.id], clerk, at=NOON, office=office).moved == [signup.id]


@pytest.mark.parametrize("state", [SUBMITTED, ADMITTED])
def test_a_category_under_review_stays(session, clerk, signups, office, state):
    [signup] = signups(state, category=C1)
    with pytest.raises(Unmet) as refused:
        to_category(session, signup, C2, clerk, office)
    assert codes(refused.value) == {"stale"}


def test_a_category_that_does_not_fit_is_refused_with_the_reason(session, clerk, signups):
    [signup] = signups(REJECTED, category=C1)
    signup.person.position = Position.SAFETY_OFFICER
    session.commit()
    with pytest.raises(Unmet) as refused:
        to_category(session, signup, A, clerk, Office())
    assert codes(refused.value) == {"position-does-not-fit"}


def test_a_category_twice_not_offered_or_too_late_is_refused(session, notice, clerk, signups, office):
    notice.categories = (C1, C2, A)
    [signup] = signups(REJECTED, category=C1)
    session.add(make.signup(notice, signup.person, category=A, state=SUBMITTED))
    session.commit()
    for category, at, code in ((A, NOON, "already-signed-up"), (B, NOON, "category-not-offered")):
        with pytest.raises(Unmet) as refused:
            to_category(session, signup, category, clerk, office, at)
        assert codes(refused.value) == {code}
    with pytest.raises(Unmet) as refused:
        to_category(session, signup, C2, clerk, office, notice.signup_end + SECOND)
    assert codes(refused.value) == {"signup-closed"}
    assert to_category(session, signup, C2, clerk, office, notice.signup_end).category is C2


def test_the_old_category_does_not_stand_in_the_way_of_the_new(session, clerk, signups, office):
    """A first safety officer may change C1 to C2, although only one C is allowed."""
    [signup] = signups(SELECTED, category=C1)
    assert to_category(session, signup, C2, clerk, office).category is C2
