"""Corrections of scores on screen."""

import pytest
from sqlalchemy import select, update

from app.core.clock import now
from app.core.vocabulary import Role, ScoreCorrectionState
from app.models import ExamNotice, ExamSignup, ScoreCorrection
from tests import make
from tests.query_counter import queries
from tests.web.exams.exam_steps import PASSED, SUBMITTED, read

ASK = {"score": "55", "reason": "登分错误，以试卷为准"}


@pytest.fixture
def final(session, sign):
    """A passed sign-up with its final score."""
    session.execute(update(ExamNotice).values(scores_imported_at=now(), scores_submitted_at=now()))
    [signup] = sign(PASSED, score=80, names=["已合格人"])
    return signup


def address(signup):
    return f"/exam/score-corrections/ask/{signup.id}"


def newest(session):
    query = select(ScoreCorrection).order_by(ScoreCorrection.id.desc()).execution_options(populate_existing=True)
    return read(session, lambda: session.scalars(query).first())


def test_one_clerk_asks_and_another_decides(session, clerk, at_work, final):
    second = at_work(Role.EXAM_CLERK)
    path = address(final)
    session.commit()
    assert path in clerk.get(f"/exam/review/{final.id}").text
    asked = clerk.post(path, data=ASK, follow_redirects=True)
    assert "waits for the decision of another exam clerk" in asked.text
    assert "80 → 55" in asked.text
    made = newest(session)
    assert "decide/yes" not in asked.text
    session.commit()
    assert "Corrections of scores to decide" not in clerk.get("/work/").text
    assert "Corrections of scores to decide" in second.get("/work/").text
    listed = second.get("/exam/score-corrections/?by=others").text
    assert f"/exam/score-corrections/{made.id}/decide/yes" in listed
    session.commit()
    own = clerk.post(f"/exam/score-corrections/{made.id}/decide/yes", follow_redirects=True)
    assert "another exam clerk has to decide" in own.text
    assert (
        "The score is corrected." in second.post(f"/exam/score-corrections/{made.id}/decide/yes", follow_redirects=True).text
    )
    assert str(read(session, lambda: session.scalar(select(ExamSignup.score)))) == "55.00"
    assert "80 → 55" in second.get(f"/exam/review/{final.id}").text


def test_the_enterprise_sees_a_correction_with_its_reason_once_it_is_made(session, own, final):
    asker, decider = make.plain_account(session), make.plain_account(session)
    session.add(make.score_correction(final, asker, reason="甲的理由"))
    session.add(make.score_correction(final, asker, ScoreCorrectionState.CONFIRMED, decider, reason="乙的理由"))
    session.commit()
    text = own.get(f"/exam/signups/show/{final.id}").text
    assert ("乙的理由" in text, "甲的理由" in text) == (True, False)


def test_a_refused_request_keeps_what_was_typed(session, clerk, final):
    path = address(final)
    session.commit()
    answer = clerk.post(path, data={"score": "555", "reason": "登分错误"})
    assert (answer.status_code, 'value="555"' in answer.text, "登分错误" in answer.text) == (422, True, True)
    assert newest(session) is None


def test_a_refusal_is_made_with_its_reason_and_a_request_taken_back(session, clerk, at_work, final):
    second, path = at_work(Role.EXAM_CLERK), address(final)
    session.commit()
    clerk.post(path, data=ASK)
    made = newest(session)
    session.commit()
    second.post(f"/exam/score-corrections/{made.id}/decide/no", data={"reason": "试卷无误"})
    assert newest(session).decision_reason == "试卷无误"
    session.commit()
    clerk.post(path, data=ASK)
    again = newest(session)
    session.commit()
    clerk.post(f"/exam/score-corrections/{again.id}/retract")
    session.expire_all()
    assert newest(session).state is ScoreCorrectionState.RETRACTED


def test_there_is_nothing_to_correct_before_the_scores_are_final(session, clerk, sign):
    [signup] = sign(SUBMITTED)
    path = address(signup)
    session.commit()
    assert clerk.get(path).status_code == 404


def test_the_number_of_queries_does_not_grow_with_corrections(session, app, clerk, sign):
    asker, counted = make.plain_account(session), []
    for n in (1, 9):
        session.add_all(make.score_correction(signup, asker) for signup in sign(PASSED, n, score=80))
        session.commit()
        with app.app_context():
            engine = app.extensions["sqlalchemy"].engine
        clerk.get("/exam/score-corrections/")
        with queries(engine) as seen:
            clerk.get("/exam/score-corrections/")
        counted.append(len(seen))
    assert counted[0] == counted[1]
