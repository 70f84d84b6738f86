"""The limit for acceptance and the one notice of correction (行政许可法 art. 32), through the procedure."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import Calendar
from app.core.errors import NotAllowed, Unmet
from app.core.office import Office
from app.core.vocabulary import Action, MatterKind, Role, Side, State
from app.eligibility.acceptance_limit import counts_as_accepted
from app.eligibility.corrections import CorrectionMark
from app.models import Application, Message, Person, Step
from app.workflow import carry_out
from tests import make
from tests.workflow_fixture import Firm

MAJOR, PHOTO = CorrectionMark("person.major", "与学历证不一致"), CorrectionMark("papers.photo", "照片不是白色背景")
DAY = timedelta(days=1)
LIMIT = make.TODAY + 7 * DAY  # five working days after Monday


@pytest.fixture
def firm(session):
    return Firm(session)


def do(firm, application, action, role=Role.ACCEPTANCE_OFFICER, at=make.NOON, office=None, **more):
    done = carry_out(
        firm.session, [application.id], action, firm.actor(role, Side.FILER), at=at, office=office or Office(), **more
    )
    firm.session.commit()
    return {refusal.code for refusals in done.refused.values() for refusal in refusals}


def submitted(firm, matter=MatterKind.NEW):
    application = firm.application(matter=matter) if matter is MatterKind.NEW else firm.on(firm.certificate(), matter)
    assert do(firm, application, Action.SUBMIT, Role.ENTERPRISE_CLERK) == set()
    return application


def corrected(firm, application, **facts):
    """The marked items of the person are changed and the application is submitted again."""
    for name, value in facts.items():
        setattr(firm.session.get(Person, application.person_id), name, value)
    firm.session.commit()
    assert do(firm, application, Action.SUBMIT, Role.ENTERPRISE_CLERK, reason="照片为上月拍摄") == set()


# --- the limit ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("action", [Action.RETURN, Action.DECLINE])
@pytest.mark.parametrize(("days", "code"), [(6, set()), (7, set()), (8, {"counts-as-accepted"})])
def test_up_to_the_last_day_it_is_returned_or_not_accepted_and_afterwards_neither(firm, action, days, code):
    application = submitted(firm)
    assert application.due_on == LIMIT
    assert do(firm, application, action, at=make.NOON + days * DAY, reason=make.REASON) == code
    assert (application.state is State.AWAITING_ACCEPTANCE) == bool(code)


def test_the_limit_is_the_offices_parameter(firm):
    application = firm.application()
    do(firm, application, Action.SUBMIT, Role.ENTERPRISE_CLERK, office=Office(accept_days=3))
    assert do(firm, application, Action.RETURN, at=make.NOON + 4 * DAY, reason=make.REASON) == {"counts-as-accepted"}


@pytest.mark.parametrize(("days", "received"), [(7, None), (8, make.TODAY)])
def test_after_the_limit_the_time_for_the_decision_is_counted_from_the_day_of_receipt(firm, days, received):
    application = submitted(firm)
    accepted_at = make.NOON + days * DAY
    assert do(firm, application, Action.ACCEPT, at=accepted_at) == set()
    start = received or accepted_at.date()
    assert (application.counts_from, application.due_from) == (received, start)
    assert application.due_on == application.promised_on == Calendar().add_working_days(start, 20)


def test_what_stops_an_acceptance_does_not_stop_it_once_it_counts_as_accepted_but_stops_the_review(firm):
    unseen = {"originals_verified_at": None, "originals_verified_by": ""}
    application = firm.application(exam=unseen)
    do(firm, application, Action.SUBMIT, Role.ENTERPRISE_CLERK)
    assert do(firm, application, Action.ACCEPT, at=make.NOON + 7 * DAY) == {"originals-not-verified"}
    assert do(firm, application, Action.ACCEPT, at=make.NOON + 8 * DAY) == set()
    assert do(firm, application, Action.ENDORSE, Role.REVIEWER, at=make.NOON + 8 * DAY) == {"originals-not-verified"}
    assert do(firm, application, Action.REFUSE_REVIEW, Role.REVIEWER, at=make.NOON + 8 * DAY, reason=make.REASON) == set()


@pytest.mark.parametrize("state", State)
def test_only_what_awaits_acceptance_past_its_limit_counts_as_accepted(state):
    yesterday = make.TODAY - DAY
    assert counts_as_accepted(state, yesterday, make.TODAY) == (state is State.AWAITING_ACCEPTANCE)
    assert not counts_as_accepted(state, make.TODAY, make.TODAY)
    assert not counts_as_accepted(state, None, make.TODAY)


# --- told once -----------------------------------------------------------------------------------------
def test_a_notice_names_the_day_until_which_the_correction_is_awaited(firm, session):
    application = submitted(firm)
    do(firm, application, Action.RETURN, marks=[MAJOR], office=Office(correction_days=4))
    friday = make.TODAY + 4 * DAY
    assert (application.due_on, application.steps[-1].awaited_until) == (friday, friday)
    assert f"{friday}前" in session.scalars(select(Message.text).order_by(Message.id.desc())).first()


def test_a_second_notice_names_only_what_the_correction_changed_and_the_officer_says_so(firm):
    application = submitted(firm)
    do(firm, application, Action.RETURN, marks=[MAJOR, PHOTO])
    corrected(firm, application, major="土木")
    for marks in ((), (PHOTO,), (MAJOR, PHOTO), (CorrectionMark("person.education", "与学历证不一致"),)):
        reason = "" if marks else make.REASON
        assert do(firm, application, Action.RETURN, marks=marks, reason=reason, brought_up=True) == {"told-once"}
    assert do(firm, application, Action.RETURN, marks=[MAJOR]) == {"not-said"}
    assert application.state is State.AWAITING_ACCEPTANCE
    assert do(firm, application, Action.RETURN, marks=[MAJOR], brought_up=True) == set()
    assert [step.brought_up for step in application.steps if step.action is Action.RETURN] == [False, True]


def test_the_first_notice_is_never_said_to_be_brought_up_by_a_correction(firm):
    application = submitted(firm)
    do(firm, application, Action.RETURN, marks=[MAJOR], brought_up=True)
    assert application.steps[-1].brought_up is False


def test_what_was_withdrawn_and_filed_anew_may_be_returned_as_if_new(firm):
    application = submitted(firm)
    do(firm, application, Action.RETURN, marks=[MAJOR])
    do(firm, application, Action.WITHDRAW, Role.ENTERPRISE_CLERK)
    assert application.due_on is None
    do(firm, application, Action.SUBMIT, Role.ENTERPRISE_CLERK)
    assert do(firm, application, Action.RETURN, marks=[PHOTO]) == set()


# --- awaited until ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("days", "code"), [(-1, {"still-awaited"}), (0, {"still-awaited"}), (1, set())])
def test_after_the_named_day_the_office_may_close_the_case_and_the_enterprise_is_told(firm, session, days, code):
    application = submitted(firm, MatterKind.RENEWAL)
    do(firm, application, Action.RETURN, marks=[MAJOR])
    at = make.NOON + (application.due_on - make.TODAY + days * DAY)
    assert do(firm, application, Action.LAPSE, at=at) == code
    if code:
        assert application.state is State.RETURNED
        return
    assert (application.state, application.due_on, application.closed_at) == (State.ABANDONED, None, at)
    assert "已终止办理" in session.scalars(select(Message.text).order_by(Message.id.desc())).first()
    again = firm.on(application.certificate, MatterKind.RENEWAL)  # nothing stands in the way of a new one
    assert do(firm, again, Action.SUBMIT, Role.ENTERPRISE_CLERK, at=make.NOON) == set()


def test_until_the_office_closes_it_the_enterprise_may_still_submit(firm):
    application = submitted(firm)
    do(firm, application, Action.RETURN, marks=[MAJOR])
    firm.session.get(Person, application.person_id).major = "土木"
    firm.session.commit()
    assert do(firm, application, Action.SUBMIT, Role.ENTERPRISE_CLERK, at=make.NOON + 40 * DAY) == set()


def test_a_notice_of_an_older_version_named_no_day_and_closes_nothing(firm):
    application = firm.application(State.RETURNED)
    assert do(firm, application, Action.LAPSE, at=make.NOON + 400 * DAY) == {"no-day-named"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ACCEPTANCE_OFFICER])
def test_nobody_but_an_acceptance_officer_closes_it(firm, session, role):
    application = firm.application(State.RETURNED, due_on=make.TODAY - DAY)
    with pytest.raises(NotAllowed):
        do(firm, application, Action.LAPSE, role)
    assert session.get(Application, application.id).state is State.RETURNED
    assert session.scalar(select(Step.id)) is None


def test_a_stock_phrase_is_no_explanation_of_a_mark(firm):
    application = submitted(firm)
    for why in ("材料不齐全", "与学历证【哪一处】不一致"):
        with pytest.raises(Unmet) as error:
            do(firm, application, Action.RETURN, marks=[CorrectionMark("person.major", why)])
        assert error.value.refusals[0].field == "why-person.major"
