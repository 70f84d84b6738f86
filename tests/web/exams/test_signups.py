"""The enterprise's list of its own sign-ups."""

import re
from decimal import Decimal

from sqlalchemy import select, update

from app.core.vocabulary import PaperKind
from app.models import ExamSignup
from tests import make
from tests.web.exams.exam_steps import ADMITTED, PASSED, REJECTED, SELECTED, SUBMITTED, end_sign_up, row_of, states


def test_what_cannot_be_submitted_is_named_with_a_link_to_fix_it(session, own, sign, hire, notice):
    sign(SELECTED, names=["能报人"])
    [lacking] = hire(name="缺件人", without=(PaperKind.PHOTO,))
    session.add(make.signup(notice, lacking, state=SELECTED))
    session.commit()
    ids = session.scalars(select(ExamSignup.id)).all()
    session.commit()
    answer = own.post("/exam/signups/submit", data={"rowid": ids})
    assert "done for 1 (能报人)" in answer.text
    assert f"/people/edit/{lacking.id}?next=/exam/signups/#paper-photo" in row_of(answer.text, "缺件人")
    assert states(session) == [SUBMITTED, SELECTED]


def test_the_button_of_a_row_submits_that_row_only(session, own, sign):
    first, second = sign(SELECTED, 2)
    own.post(f"/exam/signups/submit?only={second.id}", data={"rowid": first.id})
    assert states(session) == [SELECTED, SUBMITTED]


def test_a_selected_sign_up_is_removed_and_a_submitted_one_stays(session, own, sign):
    unsent, sent = sign(SELECTED, names=["未报人"])[0], sign(SUBMITTED, names=["已报人"])[0]
    answer = own.post("/exam/signups/cancel", data={"rowid": [unsent.id, sent.id]})
    assert "已报人" in answer.text
    assert states(session) == [SUBMITTED]


def test_a_score_is_hidden_until_it_is_final(session, own, sign):
    sign(ADMITTED, score=Decimal("87.5"))
    assert "87.5" not in own.get("/exam/signups/").text
    session.execute(update(ExamSignup).values(state=PASSED))
    session.commit()
    assert "87.5 points" in own.get("/exam/signups/").text


def test_the_reason_of_a_rejection_is_shown(own, sign):
    sign(REJECTED)
    assert "Reason: 照片背景杂乱，面部看不清楚" in own.get("/exam/signups/").text


def test_after_the_end_of_sign_up_nothing_offers_to_submit(session, own, sign, notice):
    sign(SELECTED, names=["误期人"])
    for path in ("/exam/signups/", f"/exam/notices/{notice.id}/signup"):
        assert re.search(r"/exam/signups/submit(\?only=|\")", own.get(path).text.partition("<main")[2]), path
    end_sign_up(session, notice)
    assert "/exam/signups/submit?only=" not in own.get("/exam/signups/").text
    assert "Not submitted before sign-up ended" in row_of(own.get("/exam/signups/").text, "误期人")
    assert "/exam/signups/submit" not in own.get(f"/exam/notices/{notice.id}/signup").text
