"""Corrections of final scores: two people, a reason, and the pass list that follows."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import CertificateStatus, PassSource, Role, ScoreCorrectionState, SignupState, State
from app.exams import score_corrections
from app.models import ExamPass, Message, ScoreCorrection
from tests import make
from tests.at_once import at_once
from tests.exams.conftest import ACTING, ADMITTED, C1, ZHUZHOU, codes, fields
from tests.make import NOON, TODAY

PASSED, FAILED, ABSENT = SignupState.PASSED, SignupState.FAILED, SignupState.ABSENT
REASON = "登分错误，复核试卷为准"


@pytest.fixture
def clerks(session):
    """Two exam clerks with accounts."""
    accounts = [make.plain_account(session) for _n in range(2)]
    session.commit()
    return [make.officer(Role.EXAM_CLERK, account_id=account.id) for account in accounts]


@pytest.fixture
def scored(session, notice, signups):
    """``scored(state, score)``: a sign-up with its final result, on the pass list if it passed."""

    def final(state, score=None):
        notice.scores_imported_at = notice.scores_submitted_at = NOON
        [signup] = signups(state, score=score, absent=score is None)
        if state is PASSED:
            facts = {"category": C1, "source": PassSource.SYSTEM, "originals_verified_at": None}
            session.add(make.exam_pass(signup.person, signup_id=signup.id, passed_on=notice.exam_on, **facts))
        session.commit()
        return signup

    return final


def asked(session, signup, typed, clerk, reason=REASON):
    made = score_corrections.propose(session, signup.id, typed, reason, clerk, at=NOON)
    session.commit()
    return made


def passes(session):
    return [(one.signup_id, one.category, one.passed_on) for one in session.scalars(select(ExamPass))]


def test_asking_changes_nothing_yet(session, clerks, scored):
    signup = scored(FAILED, 59)
    made = asked(session, signup, "61", clerks[0])
    assert (made.state, signup.score, signup.state, passes(session)) == (ScoreCorrectionState.PROPOSED, 59, FAILED, [])


@pytest.mark.parametrize(
    ("before", "typed", "after", "listed"),
    [
        ((FAILED, 59), "60", (PASSED, 60, False), True),
        ((FAILED, 59), "59.99", (FAILED, Decimal("59.99"), False), False),
        ((ABSENT, None), "75", (PASSED, 75, False), True),
        ((PASSED, 60), "59", (FAILED, 59, False), False),
        ((PASSED, 60), "缺考", (ABSENT, None, True), False),
        ((PASSED, 60), "90", (PASSED, 90, False), True),
    ],
)
def test_the_second_clerk_corrects_and_the_pass_list_follows(session, notice, clerks, scored, before, typed, after, listed):
    signup = scored(*before)
    made = asked(session, signup, typed, clerks[0])
    score_corrections.confirm(session, made.id, clerks[1], **ACTING)
    assert (signup.state, signup.score, signup.absent) == after
    assert passes(session) == ([(signup.id, C1, notice.exam_on)] if listed else [])
    [text] = session.scalars(select(Message.text))
    assert signup.person.name in text
    assert (made.state, made.decided_by_id) == (ScoreCorrectionState.CONFIRMED, clerks[1].id)


def test_a_new_pass_is_bound_to_who_was_signed_up(session, clerks, scored):
    signup = scored(FAILED, 59)
    score_corrections.confirm(session, asked(session, signup, "60", clerks[0]).id, clerks[1], **ACTING)
    assert session.scalars(select(ExamPass.identity)).one() == make.identity(signup.person)


def test_nobody_decides_on_the_own_request(session, clerks, scored):
    made = asked(session, scored(FAILED, 59), "61", clerks[0])
    for step in (
        lambda: score_corrections.confirm(session, made.id, clerks[0], **ACTING),
        lambda: score_corrections.refuse(session, made.id, REASON, clerks[0], at=NOON),
    ):
        with pytest.raises(Unmet) as refused:
            step()
        assert codes(refused.value) == {"same-person"}
    session.rollback()
    made.state, made.decided_by_id, made.decided_at = ScoreCorrectionState.CONFIRMED, clerks[0].id, NOON
    with pytest.raises(IntegrityError):  # the database promises it too
        session.flush()
    session.rollback()


def test_only_whoever_asked_takes_it_back(session, clerks, scored):
    made = asked(session, scored(FAILED, 59), "61", clerks[0])
    with pytest.raises(NotFound):
        score_corrections.take_back(session, made.id, clerks[1], at=NOON)
    assert score_corrections.take_back(session, made.id, clerks[0], at=NOON).state is ScoreCorrectionState.RETRACTED
    with pytest.raises(Stale):
        score_corrections.confirm(session, made.id, clerks[1], **ACTING)


def test_a_refusal_needs_a_reason_and_leaves_the_score(session, clerks, scored):
    signup = scored(FAILED, 59)
    made = asked(session, signup, "61", clerks[0])
    with pytest.raises(Unmet) as refused:
        score_corrections.refuse(session, made.id, " ", clerks[1], at=NOON)
    assert fields(refused.value) == {("reason-missing", "reason")}
    score_corrections.refuse(session, made.id, "试卷无误", clerks[1], at=NOON)
    assert (made.state, made.decision_reason, signup.score) == (ScoreCorrectionState.REFUSED, "试卷无误", 59)


@pytest.mark.parametrize(
    ("typed", "reason", "expected"),
    [
        ("", REASON, {("bad-score", "score")}),
        ("101", REASON, {("bad-score", "score")}),
        ("59.00", REASON, {("nothing-corrected", "score")}),
        ("61", "", {("reason-missing", "reason")}),
        ("x", "长" * 501, {("bad-score", "score"), ("reason-too-long", "reason")}),
    ],
)
def test_a_request_is_refused_at_the_field_that_is_wrong(session, clerks, scored, typed, reason, expected):
    with pytest.raises(Unmet) as refused:
        asked(session, scored(FAILED, 59), typed, clerks[0], reason)
    assert fields(refused.value) == expected


def test_a_draft_is_not_corrected_and_one_request_is_open_at_a_time(session, clerks, signups, scored):
    [draft] = signups(ADMITTED, score=50)
    with pytest.raises(Stale):
        asked(session, draft, "61", clerks[0])
    signup = scored(FAILED, 59)
    asked(session, signup, "61", clerks[0])
    with pytest.raises(Stale):
        asked(session, signup, "62", clerks[1])
    session.rollback()


@pytest.mark.parametrize(
    ("status", "days", "refused"),
    [
        (CertificateStatus.VALID, 1, True),
        (CertificateStatus.VALID, 0, True),
        (CertificateStatus.VALID, -1, False),
        (CertificateStatus.SUSPENDED, 1, True),
        (CertificateStatus.REVOKED, 1, False),
    ],
)
def test_a_pass_behind_a_certificate_in_force_stays_until_that_is_revoked(session, clerks, scored, status, days, refused):
    signup = scored(PASSED, 60)
    held = make.certificate(signup.person, category=C1, status=status, valid_to=TODAY + timedelta(days=days))
    case = make.application(signup.person, State.APPROVED, certificate=held)
    session.add(case)
    session.flush()
    session.scalars(select(ExamPass)).one().used_by_application_id = case.id
    session.commit()
    made = asked(session, signup, "50", clerks[0])
    if refused:
        with pytest.raises(Unmet) as no:
            score_corrections.confirm(session, made.id, clerks[1], **ACTING)
        assert (codes(no.value), held.number in str(no.value.refusals[0].sentence)) == ({"pass-in-use"}, True)
        session.rollback()
        assert len(passes(session)) == 1
    else:
        score_corrections.confirm(session, made.id, clerks[1], **ACTING)
        assert (signup.state, passes(session)) == (FAILED, [])


def test_a_better_score_above_the_mark_does_not_touch_the_certificate(session, clerks, scored):
    signup = scored(PASSED, 60)
    held = make.certificate(signup.person, category=C1)
    case = make.application(signup.person, State.APPROVED, certificate=held)
    session.add(case)
    session.flush()
    session.scalars(select(ExamPass)).one().used_by_application_id = case.id
    session.commit()
    score_corrections.confirm(session, asked(session, signup, "80", clerks[0]).id, clerks[1], **ACTING)
    assert (signup.score, len(passes(session))) == (80, 1)


@pytest.mark.parametrize(
    ("facts", "code"), [({"name": "改名人"}, "identity-differs"), ({"banned_until": TODAY + timedelta(days=99)}, "banned")]
)
def test_nobody_is_put_on_the_pass_list_as_another_or_while_banned(session, clerks, scored, facts, code):
    signup = scored(FAILED, 59)
    made = asked(session, signup, "61", clerks[0])
    for name, value in facts.items():
        setattr(signup.person, name, value)
    session.commit()
    with pytest.raises(Unmet) as refused:
        score_corrections.confirm(session, made.id, clerks[1], **ACTING)
    assert (codes(refused.value), passes(session)) == ({code}, [])


def test_of_two_decisions_at_once_one_counts(system, session, clerks, scored):
    signup = scored(FAILED, 59)
    made = asked(session, signup, "61", clerks[0])
    third = make.plain_account(session)
    session.commit()
    others = [clerks[1], make.officer(Role.EXAM_CLERK, account_id=third.id)]
    made_id = made.id
    session.commit()

    def decide(clerk):
        with Session(system.engine) as own:
            try:
                score_corrections.confirm(own, made_id, clerk, at=NOON, office=Office())
                own.commit()
            except AppError as error:
                own.rollback()
                return error.code
        return "done"

    assert sorted(at_once(decide, others)) == ["done", "stale"]
    session.expire_all()
    assert len(passes(session)) == 1


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_nobody_else_asks_or_decides(session, clerks, scored, role):
    signup = scored(FAILED, 59)
    made, other = asked(session, signup, "61", clerks[0]), make.officer(role)
    for step in (
        lambda: asked(session, signup, "62", other),
        lambda: score_corrections.confirm(session, made.id, other, **ACTING),
        lambda: score_corrections.refuse(session, made.id, REASON, other, at=NOON),
        lambda: score_corrections.take_back(session, made.id, other, at=NOON),
    ):
        with pytest.raises(NotAllowed):
            step()
    assert score_corrections.corrections_to_decide(session, other) == 0


def test_a_clerk_of_another_area_finds_nothing_to_correct(session, clerks, scored):
    signup = scored(FAILED, 59)
    made = asked(session, signup, "61", clerks[0])
    assert score_corrections.corrections_to_decide(session, ZHUZHOU) == 0
    for step in (
        lambda: asked(session, signup, "62", ZHUZHOU),
        lambda: score_corrections.confirm(session, made.id, ZHUZHOU, **ACTING),
        lambda: score_corrections.confirm(session, 2**40, clerks[1], **ACTING),
    ):
        with pytest.raises(NotFound):
            step()


def test_the_tile_counts_what_others_asked_for(session, clerks, scored):
    asked(session, scored(FAILED, 59), "61", clerks[0])
    assert [score_corrections.corrections_to_decide(session, clerk) for clerk in clerks] == [0, 1]


def test_every_correction_stays_on_record(session, clerks, scored):
    signup = scored(FAILED, 59)
    score_corrections.confirm(session, asked(session, signup, "61", clerks[0]).id, clerks[1], **ACTING)
    score_corrections.confirm(session, asked(session, signup, "58", clerks[1]).id, clerks[0], **ACTING)
    kept = session.execute(select(ScoreCorrection.old_score, ScoreCorrection.new_score).order_by(ScoreCorrection.id)).all()
    assert ([tuple(row) for row in kept], passes(session)) == ([(59, 61), (61, 58)], [])
