import pytest
from sqlalchemy import select

from app.applications.originals_check import ORIGINALS, verify_originals
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import Level, PassSource, Role, State
from app.models import ExamPass
from tests import make

UNSEEN = {"originals_verified_at": None, "originals_verified_by": ""}


def filed(session, state=State.AWAITING_ACCEPTANCE, **exam):
    enterprise = make.enterprise()
    person = make.person(enterprise)
    application = make.application(person, state)
    session.add_all([enterprise, person, make.exam_pass(person, **{**UNSEEN, **exam}), application])
    session.commit()
    return application


OFFICER = make.officer(Role.ACCEPTANCE_OFFICER)
OFFICE = Office()


def verify(session, application, ticks=ORIGINALS, actor=OFFICER, at=make.NOON, office=OFFICE):
    return verify_originals(session, application.id, ticks, actor, at=at, office=office)


def test_the_three_originals_are_noted_with_name_and_time(session):
    row = verify(session, filed(session))
    assert (row.originals_verified_at, row.originals_verified_by) == (make.NOON, OFFICER.name)


@pytest.mark.parametrize("left", ORIGINALS)
def test_every_original_that_was_not_seen_is_named(session, left):
    application = filed(session)
    with pytest.raises(Unmet) as error:
        verify(session, application, [left])
    assert [refusal.field for refusal in error.value.refusals] == [f"original-{k.value}" for k in ORIGINALS if k is not left]
    assert session.scalar(select(ExamPass.originals_verified_at)) is None


def test_whoever_verified_first_stays_named(session):
    application = filed(session, originals_verified_at=make.NOON, originals_verified_by="先到")
    assert verify(session, application).originals_verified_by == "先到"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ACCEPTANCE_OFFICER])
def test_only_an_acceptance_officer_verifies(session, role):
    with pytest.raises(NotAllowed):
        verify(session, filed(session), actor=make.officer(role))


def test_another_region_and_an_unknown_case_do_not_exist(session):
    application = filed(session)
    with pytest.raises(NotFound):
        verify(session, application, actor=make.officer(Role.ACCEPTANCE_OFFICER, region="430200"))
    with pytest.raises(NotFound):
        verify_originals(session, 10**6, ORIGINALS, OFFICER, at=make.NOON, office=OFFICE)


def test_where_acceptance_is_the_provinces_so_are_the_originals(session):
    application, local = filed(session), make.officer(Role.ACCEPTANCE_OFFICER, region="430100")
    with pytest.raises(NotAllowed):
        verify(session, application, actor=local)
    assert verify(session, application, actor=local, office=Office(acceptance_level=Level.PREFECTURE)).originals_verified_at


NOT_AT_THE_COUNTER = [
    state
    for state in State
    if state not in (State.AWAITING_ACCEPTANCE, State.DRAFT, State.APPROVED, State.AWAITING_RELEASE, State.RELEASE_REFUSED)
]


@pytest.mark.parametrize("state", [State.AWAITING_RELEASE, State.RELEASE_REFUSED])
def test_a_case_that_lies_between_two_enterprises_is_not_the_office_s_yet(session, state):
    with pytest.raises(NotFound):
        verify(session, filed(session, state))


@pytest.mark.parametrize("state", NOT_AT_THE_COUNTER)
def test_a_case_that_is_not_at_the_counter_has_nothing_to_verify(session, state):
    with pytest.raises(Stale):
        verify(session, filed(session, state))


def test_after_acceptance_by_lapse_of_time_they_can_still_be_shown(session):
    """Acceptance asked for none then, and the review does: without them nobody could recommend the case."""
    application = filed(session, State.AWAITING_REVIEW)
    application.counts_from = make.NOON.date()
    session.commit()
    assert verify(session, application).originals_verified_at == make.NOON


def test_who_passed_in_this_system_has_no_originals_to_show(session):
    enterprise = make.enterprise()
    person = make.person(enterprise)
    signup = make.signup(make.notice(), person)
    application = make.application(person, State.AWAITING_ACCEPTANCE)
    passed = make.exam_pass(person, **UNSEEN, source=PassSource.SYSTEM)
    session.add_all([enterprise, person, signup, application])
    session.flush()
    passed.signup_id = signup.id
    session.add(passed)
    session.commit()
    with pytest.raises(AppError) as error:
        verify(session, application)
    assert error.value.code == "no-originals"
