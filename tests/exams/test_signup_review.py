"""Review of sign-ups: who decides, what, and how a decision is undone."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app import exams
from app.core.errors import NotAllowed, Unmet
from app.core.vocabulary import Category, MeasureGround, Role, SignupState
from app.models import ExamSignup, Message, Person
from tests import make
from tests.exams.conftest import ACTING, ADMITTED, CHANGSHA, CLERK, REJECTED, SELECTED, SUBMITTED, ZHUZHOU, codes, fields
from tests.make import NOON, TODAY

ANOTHER = "现场照片与身份证照片不是同一人"


def test_a_batch_is_admitted_and_another_rejected_with_a_reason(session, signups):
    good, bad = signups(SUBMITTED, 2), signups(SUBMITTED, 2)
    assert exams.review(session, [s.id for s in good], True, CLERK, **ACTING).moved == [s.id for s in good]
    exams.review(session, [s.id for s in bad], False, CLERK, reason=" 照片背景杂乱，面部看不清楚 ", **ACTING)
    assert {(s.state, s.reason) for s in good} == {(ADMITTED, "")}
    assert {(s.state, s.reason, s.reviewed_at, s.reviewed_by) for s in bad} == {
        (REJECTED, "照片背景杂乱，面部看不清楚", NOON, CLERK.name)
    }


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason-missing"), (" \n", "reason-missing"), ("长" * 501, "reason-too-long")]
)
def test_a_rejection_needs_a_reason_of_sensible_length(session, signups, reason, code):
    [signup] = signups(SUBMITTED)
    with pytest.raises(Unmet) as refused:
        exams.review(session, [signup.id], False, CLERK, reason=reason, **ACTING)
    assert fields(refused.value) == {(code, "reason")}
    assert signup.state is SUBMITTED


@pytest.mark.parametrize("state", [state for state in SignupState if state is not SUBMITTED])
@pytest.mark.parametrize("admit", [True, False])
def test_a_first_decision_meets_only_what_awaits_one(session, signups, state, admit):
    [signup] = signups(
        state, score=70 if state in (SignupState.PASSED, SignupState.FAILED) else None, absent=state.value == "absent"
    )
    outcome = exams.review(session, [signup.id], admit, CLERK, reason="学历证与填报的学历不一致", **ACTING)
    assert codes(outcome.refused[signup.id]) == ({"not-found"} if state is SELECTED else {"stale"})
    session.refresh(signup)
    assert signup.state is state


def test_a_decision_is_undone_by_name_and_takes_an_imported_score_with_it(session, signups):
    [wrong] = signups(ADMITTED, score=80)
    [right] = signups(REJECTED)
    assert exams.review(session, [wrong.id], False, CLERK, reason=ANOTHER, again=True, **ACTING).moved == [wrong.id]
    assert exams.review(session, [right.id], True, CLERK, again=True, **ACTING).moved == [right.id]
    assert (wrong.state, wrong.score, right.state, right.reason) == (REJECTED, None, ADMITTED, "")


def test_an_undone_rejection_needs_a_place(session, notice, signups):
    notice.quota = 1
    [rejected] = signups(REJECTED)
    signups(SUBMITTED)
    outcome = exams.review(session, [rejected.id], True, CLERK, again=True, **ACTING)
    assert codes(outcome.refused[rejected.id]) == {"no-places"}


def test_no_decision_is_made_or_undone_once_the_scores_are_final(session, notice, signups):
    [late], [decided] = signups(SUBMITTED), signups(REJECTED)
    notice.scores_submitted_at = NOON
    session.commit()
    assert codes(exams.review(session, [late.id], True, CLERK, **ACTING).refused[late.id]) == {"scores-final"}
    assert codes(exams.review(session, [decided.id], True, CLERK, again=True, **ACTING).refused[decided.id]) == {
        "scores-final"
    }


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_nobody_else_reviews(session, signups, role):
    [signup] = signups(SUBMITTED)
    with pytest.raises(NotAllowed):
        exams.review(session, [signup.id], True, make.officer(role), **ACTING)


def test_a_clerk_of_another_area_finds_nothing_to_review(session, signups):
    [signup] = signups(SUBMITTED)
    assert codes(exams.review(session, [signup.id], True, ZHUZHOU, **ACTING).refused[signup.id]) == {"not-found"}
    assert exams.review(session, [signup.id], True, CHANGSHA, **ACTING).moved == [signup.id]


def test_who_is_clerk_here_and_there_reviews_by_the_exam_clerks_reach_alone(session, enterprise, signups):
    [signup] = signups(SUBMITTED)
    both = make.Actor(None, "两职", frozenset({Role.EXAM_CLERK, Role.ENTERPRISE_CLERK}), "430200", enterprise.id)
    assert codes(exams.review(session, [signup.id], True, both, **ACTING).refused[signup.id]) == {"not-found"}


# --- the enterprise is told -----------------------------------------------------------------------


def texts(session):
    return list(session.scalars(select(Message.text).order_by(Message.id)))


def test_a_rejection_reaches_the_enterprise_in_one_message(session, notice, signups):
    bad = signups(SUBMITTED, 4)
    exams.review(session, [s.id for s in bad], False, CLERK, reason="照片背景杂乱，面部看不清楚。", **ACTING)
    [text] = texts(session)
    assert all(part in text for part in ("照片背景杂乱", notice.title, "职工000号、职工001号、职工002号…", "2026-"))


def test_an_admission_sends_nothing(session, signups):
    exams.review(session, [signups(SUBMITTED)[0].id], True, CLERK, **ACTING)
    assert texts(session) == []


def test_a_reversal_is_told_both_ways(session, signups):
    [admitted], [rejected] = signups(ADMITTED), signups(REJECTED)
    exams.review(session, [admitted.id], False, CLERK, reason=ANOTHER, again=True, **ACTING)
    exams.review(session, [rejected.id], True, CLERK, again=True, **ACTING)
    first, second = texts(session)
    assert (ANOTHER in first, ANOTHER in second) == (True, False)


def test_of_a_refused_rejection_nobody_is_told(session, signups):
    [decided] = signups(ADMITTED)
    exams.review(session, [decided.id], False, CLERK, reason="学历证与填报的学历不一致", **ACTING)
    assert texts(session) == []


def test_a_plan_says_what_the_review_then_does_and_changes_nothing(session, signups):
    waiting, decided = signups(SUBMITTED, 4), signups(ADMITTED, 1)
    waiting[0].category = Category.C3
    ban = {"banned_until": TODAY + timedelta(days=9), "banned_for": MeasureGround.DECEIT}
    session.execute(update(Person).where(Person.id == waiting[1].person_id).values(**ban))
    session.commit()
    ids = [one.id for one in (*waiting, *decided)]
    plan = exams.plan_review(session, ids, True, CLERK, **ACTING)
    session.rollback()
    assert set(session.scalars(select(ExamSignup.state))) == {SUBMITTED, ADMITTED}
    assert plan.counts == ((Category.C1, 2), (Category.C3, 1))
    done = exams.review(session, ids, True, CLERK, **ACTING)
    assert (
        (plan.outcome.moved, plan.outcome.names)
        == (done.moved, done.names)
        == ([waiting[n].id for n in (0, 2, 3)], done.names)
    )
    assert {key: codes(one) for key, one in plan.outcome.refused.items()} == {
        key: codes(one) for key, one in done.refused.items()
    }


def test_only_a_clerk_of_exams_may_plan(session, signups, clerk):
    [one] = signups(SUBMITTED, 1)
    with pytest.raises(NotAllowed):
        exams.plan_review(session, [one.id], True, clerk, **ACTING)
