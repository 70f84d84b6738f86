"""Recall, cancellation, copies and attachments of notices on screen."""

from io import BytesIO

import pytest
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import select

from app.core.vocabulary import NoticeState
from app.models import ExamNotice, ExamNoticeFile
from tests import foreign_ofd, make
from tests.hostile_files import pdf
from tests.web.exams.exam_steps import SUBMITTED, read, typed
from tests.web.form_steps import save

REASON = {"reason": "考点临时停用"}


def page(browser, notice):
    return browser.get(f"/exam/notices/show/{notice.id}").text


def state(session):
    return read(session, lambda: session.scalar(select(ExamNotice.state)))


def attach(clerk, notice, data=None, name="考场安排.pdf"):
    form = {"file": (BytesIO(data or pdf()), name)}
    return clerk.post(f"/exam/notices/{notice.id}/files", data=form, follow_redirects=True)


def test_an_attachment_with_a_personal_number_in_it_is_not_published(session, client, clerk, notice):
    with_number = seat_plan(f"13873112345 {make.id_number()}")
    for data, name, sentence in (
        (with_number, "考场安排.pdf", "考场安排.pdf, page 1: Mobile 138****2345 stands there."),
        (foreign_ofd.ofd(foreign_ofd.text("13873112345")), "考场安排.ofd", "Mobile 138****2345 stands there."),
    ):
        answer = attach(clerk, notice, data, name)
        assert sentence in answer.text
        assert "13873112345" not in answer.text
    assert session.scalars(select(ExamNoticeFile)).all() == []
    session.commit()
    assert "The attachment is published." in attach(clerk, notice, seat_plan("0731-88950000")).text


def seat_plan(words):
    canvas = Canvas(out := BytesIO())
    canvas.drawString(50, 700, words)
    canvas.save()
    return out.getvalue()


def test_a_recall_is_seen_by_everybody_and_taken_back(session, client, clerk, own, sign, notice):
    sign(SUBMITTED)
    assert "/recall" in page(clerk, notice)
    assert "/recall" not in page(own, notice)
    assert "is recalled" in clerk.post(f"/exam/notices/{notice.id}/recall", data=REASON, follow_redirects=True).text
    assert state(session) is NoticeState.RECALLED
    for text in (page(own, notice), client.get(f"/exam-notices/{notice.id}").text):
        assert "考点临时停用" in text
    assert "考点" not in client.get("/").text
    listed = own.get("/exam/notices/").text
    assert f"/exam/notices/{notice.id}/signup" not in listed
    clerk.post(f"/exam/notices/{notice.id}/republish")
    assert state(session) is NoticeState.PUBLISHED


def test_a_cancellation_needs_a_reason_and_says_so(session, clerk, notice):
    answer = clerk.post(f"/exam/notices/{notice.id}/cancel", data={"reason": " "}, follow_redirects=True)
    assert "Please give the reason in detail." in answer.text
    assert state(session) is NoticeState.PUBLISHED
    clerk.post(f"/exam/notices/{notice.id}/cancel", data=REASON)
    assert state(session) is NoticeState.CANCELLED
    text = page(clerk, notice)
    for gone in ("/cancel", "/recall", "/republish", f"/exam/notices/edit/{notice.id}", f"/exam/notices/{notice.id}/files"):
        assert f'"{gone}' not in text.partition("<main")[2]


def test_a_changed_place_is_shown_as_changed(session, client, clerk, own, notice):
    end, start = notice.signup_end, notice.signup_start
    session.commit()
    edit = clerk.get(f"/exam/notices/edit/{notice.id}").text
    assert edit.count("长沙") >= 1
    form = typed(place="株洲市职业学院", title=notice.title, categories=["A", "B", "C1", "C2", "C3"], exam_time="9:00")
    session.commit()
    assert (end > start, save(clerk, f"/exam/notices/edit/{notice.id}", form).status_code) == (True, 302)
    for text in (page(own, notice), client.get(f"/exam-notices/{notice.id}").text):
        assert "长沙 → 株洲市职业学院" in text
    assert '<span class="tag todo">Changed after publishing</span>' in own.get("/exam/notices/").text


def test_a_new_notice_is_begun_as_a_copy_of_an_earlier_one(session, clerk, own, notice):
    notice.place, notice.contact, notice.quota = "株洲市职业学院", "考务科 0731-88950000", 80
    session.commit()
    text = clerk.get(f"/exam/notices/add?copy={notice.id}").text
    for value in ("株洲市职业学院", "考务科 0731-88950000", 'value="80"'):
        assert value in text
    for day in ("signup_start", "signup_end", "exam_on"):
        assert 'value="' not in text.partition(f'name="{day}"')[2].partition(">")[0].replace('value=""', "")
    assert clerk.get("/exam/notices/add?copy=999999").status_code == 404
    assert clerk.get("/exam/notices/add?copy=x").status_code == 200
    assert own.get(f"/exam/notices/add?copy={notice.id}").status_code == 403


def test_an_attachment_is_opened_by_whoever_reads_the_notice(session, client, clerk, own, notice):
    assert "The attachment is published." in attach(clerk, notice).text
    file_id = read(session, lambda: session.scalars(select(ExamNoticeFile.id)).one())
    inside, public = f"/exam/notices/{notice.id}/files/{file_id}", f"/exam-notices/{notice.id}/files/{file_id}"
    assert inside in page(own, notice)
    assert public in client.get(f"/exam-notices/{notice.id}").text
    for answer in (clerk.get(inside), own.get(inside), client.get(public)):
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert client.get(f"/exam-notices/{notice.id + 1}/files/{file_id}").status_code == 404
    clerk.post(f"{inside}/remove")
    assert own.get(inside).status_code == 404


@pytest.mark.parametrize(("data", "name"), [(b"MZ", "x.exe"), (b"MZ", "x.pdf")])
def test_what_is_no_document_is_refused_with_the_reason(session, clerk, notice, data, name):
    answer = attach(clerk, notice, data, name)
    assert "alert-danger" in answer.text
    assert read(session, lambda: session.scalar(select(ExamNoticeFile.id))) is None


def test_the_places_left_are_shown(session, own, notice, sign):
    notice.quota = 3
    session.commit()
    sign(SUBMITTED)
    assert "(2 places left)" in page(own, notice)
