"""Recall and cancellation of a published notice."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import exams
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import NoticeEventKind, NoticeState, Role, SignupState
from app.models import AuditEntry, ExamNoticeEvent, Message
from tests import make
from tests.at_once import at_once
from tests.exams.conftest import ACTING, ADMITTED, C1, CLERK, REJECTED, SELECTED, SUBMITTED, ZHUZHOU, codes
from tests.make import NOON

STEPS = (exams.recall, exams.cancel)
REASON = "考点临时停用"


def events(session):
    return [(event.kind, event.reason, event.by) for event in session.scalars(select(ExamNoticeEvent).order_by("id"))]


def messages(session):
    return list(session.scalars(select(Message.text).order_by(Message.id)))


def test_a_recalled_notice_takes_no_sign_ups_until_it_is_published_again(
    session, notice, clerk, enterprise, people, signups, office
):
    [person], [waiting] = people(), signups(SELECTED)
    exams.recall(session, notice.id, f" {REASON} ", CLERK, **ACTING)
    assert notice.state is NoticeState.RECALLED
    assert {refusal.code for refusal in exams.not_open(notice, enterprise, at=NOON)} == {"notice-not-in-force"}
    with pytest.raises(Unmet) as refused:
        exams.select(session, notice.id, [(person.id, C1)], clerk, at=NOON, office=office)
    assert "notice-not-in-force" in codes(refused.value)
    outcome = exams.submit(session, [waiting.id], clerk, at=NOON, office=office)
    assert codes(outcome.refused[waiting.id]) == {"notice-not-in-force"}
    exams.republish(session, notice.id, CLERK, **ACTING)
    assert exams.submit(session, [waiting.id], clerk, at=NOON, office=office).moved == [waiting.id]
    assert events(session) == [(NoticeEventKind.RECALLED, REASON, CLERK.name), (NoticeEventKind.REPUBLISHED, "", CLERK.name)]
    assert [REASON in text for text in messages(session)] == [True, False]


@pytest.mark.parametrize("step", [exams.recall, exams.cancel], ids=["recalled", "cancelled"])
def test_nobody_is_scored_at_an_exam_that_does_not_hold(session, notice, signups, step):
    signups(ADMITTED, score=80)
    step(session, notice.id, REASON, CLERK, **ACTING)
    with pytest.raises(AppError) as refused:
        exams.submit_scores(session, notice.id, CLERK, at=NOON)
    assert refused.value.code in ("notice-recalled", "exam-cancelled")
    with pytest.raises(AppError):
        exams.notice_to_score(session, notice.id, CLERK)
    assert notice.scores_submitted_at is None


def test_a_cancelled_exam_ends_its_sign_ups_and_all_who_signed_up_are_told(session, notice, signups):
    before = {state: signups(state)[0] for state in (SELECTED, SUBMITTED, REJECTED)}
    [scored] = signups(ADMITTED, score=80)
    notice.scores_imported_at = NOON
    session.commit()
    exams.cancel(session, notice.id, REASON, CLERK, **ACTING)
    ended = SignupState.CANCELLED
    assert [before[state].state for state in before] == [ended, ended, REJECTED]
    assert (scored.state, scored.score, notice.scores_imported_at, notice.state) == (ended, None, None, NoticeState.CANCELLED)
    [text] = messages(session)
    assert REASON in text
    logged = session.scalars(
        select(AuditEntry.change).where(AuditEntry.table == "exam_signup", AuditEntry.row == str(scored.id))
    )
    assert ["admitted", "cancelled"] in [change.get("state") for change in logged]


def test_nothing_is_done_in_a_cancelled_exam(session, notice, clerk, enterprise, signups, office):
    [rejected] = signups(REJECTED)
    exams.cancel(session, notice.id, REASON, CLERK, **ACTING)
    assert codes(exams.review(session, [rejected.id], True, CLERK, again=True, **ACTING).refused[rejected.id]) == {
        "exam-cancelled"
    }
    assert codes(exams.submit(session, [rejected.id], clerk, at=NOON, office=office).refused[rejected.id]) == {
        "notice-not-in-force"
    }
    for step in STEPS:
        with pytest.raises(Stale):
            step(session, notice.id, REASON, CLERK, **ACTING)
    with pytest.raises(Stale):
        exams.republish(session, notice.id, CLERK, **ACTING)
    notice.place = "株洲"
    with pytest.raises(AppError) as refused:
        exams.amend(session, notice, CLERK, **ACTING)
    assert codes(refused.value) == {"exam-cancelled"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", "reason-missing"),
        (" 无 ", "reason-missing"),
        ("长" * 501, "reason-too-long"),
        ("请问13800138000", "personal-number"),
    ],
)
def test_each_needs_a_reason_that_can_be_published(session, notice, step, reason, code):
    with pytest.raises(Unmet) as refused:
        step(session, notice.id, reason, CLERK, **ACTING)
    assert codes(refused.value) == {code}
    assert notice.state is NoticeState.PUBLISHED


def test_a_notice_with_imported_scores_is_not_recalled_and_one_with_final_scores_not_cancelled(session, notice):
    notice.scores_imported_at = NOON
    session.commit()
    with pytest.raises(Unmet) as refused:
        exams.recall(session, notice.id, REASON, CLERK, **ACTING)
    assert codes(refused.value) == {"scores-imported"}
    notice.scores_submitted_at = NOON
    session.commit()
    with pytest.raises(Stale):
        exams.cancel(session, notice.id, REASON, CLERK, **ACTING)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
@pytest.mark.parametrize("step", STEPS)
def test_nobody_else_recalls_or_cancels(session, notice, step, role):
    with pytest.raises(NotAllowed):
        step(session, notice.id, REASON, make.officer(role), **ACTING)


def test_a_clerk_of_another_area_finds_nothing_to_recall(session, notice):
    notice.region_code = "430100"
    session.commit()
    for step in STEPS:
        with pytest.raises(NotFound):
            step(session, notice.id, REASON, ZHUZHOU, **ACTING)


def test_of_a_cancellation_and_a_review_at_once_the_sign_up_is_ended(system, session, notice, signups):
    [signup] = signups(SUBMITTED)

    signup_id, notice_id = signup.id, notice.id
    session.commit()

    def review(own):
        exams.review(own, [signup_id], True, CLERK, **ACTING)

    def cancel(own):
        exams.cancel(own, notice_id, REASON, CLERK, **ACTING)

    def run(step):
        with Session(system.engine) as own:
            step(own)
            own.commit()

    at_once(run, (review, cancel))
    session.expire_all()
    assert signup.state is SignupState.CANCELLED


def test_a_cancelled_exam_keeps_nobody_from_leaving(session, notice, clerk, signups):
    from app.accounts import registry  # noqa: PLC0415

    [signup] = signups(SUBMITTED)
    exams.cancel(session, notice.id, REASON, CLERK, **ACTING)
    assert registry.remove_person(session, signup.person_id, clerk, at=NOON + timedelta(days=1)).enterprise_id is None


def test_the_office_is_asked_for_nothing_more(session, notice, signups):
    """One message per enterprise, however many of its people are signed up."""
    signups(SUBMITTED, 3)
    exams.cancel(session, notice.id, REASON, CLERK, at=NOON, office=Office())
    assert session.scalar(select(func.count()).select_from(Message)) == 1
