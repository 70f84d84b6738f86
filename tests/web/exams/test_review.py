"""Review of sign-ups by exam clerks, singly and in batch."""

import re

import pytest
from sqlalchemy import select, update

from app.core.clock import now
from app.core.vocabulary import AuditAction, Position
from app.models import AuditEntry, ExamNotice, ExamSignup
from tests import make
from tests.web.exams.exam_steps import ADMITTED, REJECTED, SUBMITTED, read, states

UNLIKE = "现场照片与身份证照片不是同一人"


def test_the_list_opens_with_waiting_sign_ups(clerk, sign):
    sign(names=["待审人"])
    sign(ADMITTED, names=["已过人"])
    assert "已过人" not in clerk.get("/exam/review/").text
    assert "待审人" not in clerk.get("/exam/review/?state=admitted").text
    every = clerk.get("/exam/review/?state=all").text
    assert "待审人" in every
    assert "已过人" in every


def test_the_list_can_be_narrowed_to_one_exam(session, clerk, sign, notice):
    other = make.notice(
        title="另一期", signup_start=notice.signup_start, signup_end=notice.signup_end, exam_on=notice.exam_on
    )
    session.add(other)
    session.commit()
    sign(names=["甲期人"])
    sign(names=["乙期人"], on=other)
    text = clerk.get(f"/exam/review/?notice={other.id}").text
    assert "乙期人" in text
    assert "甲期人" not in text
    assert f'<option value="{other.id}" selected' in text


def test_a_batch_reports_the_result_of_each_sign_up(session, clerk, sign):
    waiting, decided = sign(names=["待审人"])[0], sign(ADMITTED, names=["已过人"])[0]
    answer = clerk.post("/exam/review/decide?admit=yes", data={"rowid": [waiting.id, decided.id], "sure": "1"})
    assert "done for 1 (待审人)" in answer.text
    assert "已过人: now" in answer.text
    assert states(session) == [ADMITTED, ADMITTED]


@pytest.mark.parametrize(("answer", "target", "reason"), [("yes", ADMITTED, ""), ("no", REJECTED, UNLIKE)])
def test_a_batch_is_planned_before_it_is_confirmed(session, clerk, sign, answer, target, reason):
    waiting, decided = sign(names=["待审人"])[0], sign(ADMITTED, names=["已过人"])[0]
    where, ticked = f"/exam/review/decide?admit={answer}", [waiting.id, decided.id]
    page = clerk.post(where, data={"rowid": ticked, "reason": reason})
    assert (page.status_code, ": 1 can be done" in page.text, "已过人: now" in page.text) == (200, True, True)
    assert states(session) == [SUBMITTED, ADMITTED]
    form = re.findall(r'name="(sure|rowid|reason)"[^>]*value="([^"]*)"', page.text)
    assert form == [("sure", "1"), ("rowid", f"{waiting.id}"), *([("reason", reason)] if reason else [])]
    assert clerk.post(where, data=dict(form)).status_code == 302
    assert states(session) == [target, ADMITTED]


def test_a_batch_of_which_nothing_passes_has_no_button(session, clerk, sign):
    [decided] = sign(ADMITTED)
    page = clerk.post("/exam/review/decide?admit=yes", data={"rowid": decided.id})
    assert (page.status_code, 'name="rowid"' in page.text) == (422, False)


def test_a_rejection_of_many_without_a_reason_is_not_even_planned(session, clerk, sign):
    [waiting] = sign()
    answer = clerk.post("/exam/review/decide?admit=no", data={"rowid": waiting.id}, follow_redirects=True)
    assert "Please give the reason" in answer.text
    assert states(session) == [SUBMITTED]


def test_a_rejection_needs_a_reason(session, clerk, sign):
    [signup] = sign()
    answer = clerk.post(f"/exam/review/decide?admit=no&only={signup.id}", follow_redirects=True)
    assert "Please give the reason" in answer.text
    clerk.post(f"/exam/review/decide?admit=no&only={signup.id}", data={"reason": "身份证有效期至2025年1月，已过期"})
    assert session.execute(select(ExamSignup.state, ExamSignup.reason)).one() == (REJECTED, "身份证有效期至2025年1月，已过期")


@pytest.mark.parametrize("answer", ["", "maybe", "1"])
def test_a_decision_other_than_yes_or_no_is_a_bad_request(answer, session, clerk, sign):
    [signup] = sign()
    assert clerk.post(f"/exam/review/decide?admit={answer}&only={signup.id}").status_code == 400
    assert clerk.post(f"/exam/review/{signup.id}", data={"decision": answer}).status_code == (400 if answer else 422)
    assert states(session) == [SUBMITTED]


def test_the_page_shows_scans_and_a_masked_number(clerk, sign):
    [signup] = sign()
    text = clerk.get(f"/exam/review/{signup.id}").text
    person = signup.person
    assert person.masked_id_number in text
    assert person.id_number not in text
    assert f"{person.birth_date}" not in text  # beside the mask it would make the number whole
    assert len(re.findall(r'data-scan="/papers/\d+"', text)) == 5


def test_deciding_opens_the_next_one(session, clerk, sign):
    first, second = sign(n=2)
    answer = clerk.post(f"/exam/review/{first.id}", data={"decision": "yes", "next": "/exam/review/"})
    assert answer.location.startswith(f"/exam/review/{second.id}?next=")
    answer = clerk.post(
        f"/exam/review/{second.id}", data={"decision": "no", "reason": "学历证与填报的学历不一致", "next": "/exam/review/"}
    )
    assert answer.location == "/exam/review/"
    assert states(session) == [ADMITTED, REJECTED]


def test_the_second_of_two_clerks_is_refused_and_changes_nothing(session, clerk, sign):
    [signup] = sign(ADMITTED)
    answer = clerk.post(f"/exam/review/{signup.id}", data={"decision": "no", "reason": "学历证与填报的学历不一致"})
    assert (answer.status_code, "can no longer be done" in answer.text) == (422, True)
    assert states(session) == [ADMITTED]


def test_a_refused_decision_keeps_what_was_typed(clerk, sign):
    [signup] = sign()
    answer = clerk.post(f"/exam/review/{signup.id}", data={"decision": "no", "reason": "长" * 501})
    assert answer.status_code == 422
    assert "长" * 501 in answer.text
    assert re.search(r'value="no" checked', answer.text)


def test_a_decision_can_be_reversed_until_the_scores_are_final(session, clerk, notice, sign):
    [signup] = sign(ADMITTED)
    undo = f"/exam/review/decide?admit=no&only={signup.id}&again=1"
    assert undo.replace("&", "&amp;") in clerk.get("/exam/review/?state=admitted").text
    clerk.post(undo, data={"reason": "误将另一人的报名审核通过"})
    assert states(session) == [REJECTED]
    session.execute(update(ExamNotice).values(scores_submitted_at=now()))
    session.commit()
    assert "again=1" not in clerk.get("/exam/review/?state=rejected").text
    assert clerk.post(f"/exam/review/decide?admit=yes&only={signup.id}&again=1").status_code == 422
    assert states(session) == [REJECTED]


def test_the_number_is_shown_in_full_to_decide_and_later_for_a_reason(session, clerk, sign):
    [signup] = sign()
    number, born, page = signup.person.id_number, f"{signup.person.birth_date}", f"/exam/review/{signup.id}"
    shown = clerk.post(f"{page}/id-number", data={"reason": "字迹不清"})
    assert number in shown.text
    assert born in shown.text
    assert "字迹不清" in shown.text  # what was typed beside it is kept
    assert number not in clerk.get(page).text
    clerk.post(page, data={"decision": "yes"})
    refused = clerk.post(f"{page}/id-number", data={"why": ""})
    assert (refused.status_code, number in refused.text) == (422, False)
    assert number in clerk.post(f"{page}/id-number", data={"why": "核对身份证扫描件"}).text
    seen = select(AuditEntry.table, AuditEntry.row, AuditEntry.change["why"].as_string())
    entries = read(session, lambda: session.execute(seen.where(AuditEntry.deed == AuditAction.READ)).all())
    assert entries == [
        ("exam_signup", str(signup.id), f"Deciding {signup.number}"),
        ("exam_signup", str(signup.id), "核对身份证扫描件"),
    ]


def test_the_page_tells_of_certificates_passes_and_a_position_that_does_not_fit(session, clerk, sign):
    [signup] = sign()
    signup.person.position = Position.PROJECT_MANAGER
    session.add_all([make.certificate(signup.person, number="湘建安C2(2020)0000001"), make.exam_pass(signup.person)])
    session.commit()
    text = clerk.get(f"/exam/review/{signup.id}").text
    assert "湘建安C2(2020)0000001" in text
    assert "Passed exams" in text
    assert "alert-warning" in text
