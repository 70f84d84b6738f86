"""The enterprise's list of its own sign-ups."""

import re
from decimal import Decimal

from sqlalchemy import select, update

from app.core.vocabulary import PaperKind, Position
from app.models import ExamSignup
from tests import make
from tests.web.exams.exam_steps import ADMITTED, C2, PASSED, REJECTED, SELECTED, SUBMITTED, end_sign_up, row_of, states


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


def test_a_submitted_sign_up_is_taken_back(session, own, sign):
    [sent], [reviewed] = sign(SUBMITTED, names=["可撤人"]), sign(ADMITTED, names=["已审人"])
    text = own.get("/exam/signups/").text
    assert f"/exam/signups/retract?only={sent.id}" in row_of(text, "可撤人")
    assert "/exam/signups/retract?only=" not in row_of(text, "已审人")
    answer = own.post("/exam/signups/retract", data={"rowid": [sent.id, reviewed.id]})
    assert "已审人: now" in answer.text
    assert states(session) == [SELECTED, ADMITTED]


def test_a_rejection_reaches_the_enterprise_on_its_workbench_its_menu_and_its_list(session, own, sign, notice):
    sign(REJECTED)
    tile = '/exam/signups/?state=rejected&amp;window=open"'
    assert tile in own.get("/work/").text
    assert "1 sign-ups were rejected." in own.get("/exam/signups/").text
    assert "职工000号" in own.get("/exam/signups/?state=rejected&window=open").text
    end_sign_up(session, notice)
    assert tile not in own.get("/work/").text
    assert "职工000号" not in own.get("/exam/signups/?state=rejected&window=open").text


def test_the_category_of_a_rejected_sign_up_is_changed(session, own, sign):
    [signup] = sign(REJECTED)
    signup.person.position = Position.SAFETY_OFFICER
    session.commit()
    path = f"/exam/signups/{signup.id}/category"
    assert path in own.get(f"/exam/signups/show/{signup.id}").text
    refused = own.post(path, data={"category": "A"})
    assert (refused.status_code, '<option value="A" selected>' in refused.text) == (422, True)
    assert own.post(path, data={"category": "C2"}).status_code == 302
    assert session.scalar(select(ExamSignup.category)) is C2


def test_after_the_end_the_list_says_so_instead_of_offering_to_submit(session, own, sign, notice):
    sign(SELECTED, names=["误期人"])
    assert 'formaction="/exam/signups/submit"' in own.get("/exam/signups/").text
    end_sign_up(session, notice)
    text = own.get("/exam/signups/").text
    assert 'formaction="/exam/signups/submit"' not in text
    assert "nothing more can be submitted" in text


def test_the_page_of_a_sign_up_shows_the_final_score_and_no_draft(session, own, sign):
    [signup] = sign(ADMITTED, score=Decimal("87.5"))
    page = f"/exam/signups/show/{signup.id}"
    assert "87.5" not in own.get(page).text
    session.execute(update(ExamSignup).values(state=PASSED))
    session.commit()
    text = own.get(page).text
    assert ("87.5 points" in text, "Pass mark" in text) == (True, True)
