"""Export, check, import and submission of scores."""

import re
from decimal import Decimal
from io import BytesIO

import pytest
from sqlalchemy import select, update

from app.core.clock import now
from app.core.vocabulary import AuditAction, Role, SignupState
from app.files.spreadsheets import LARGE_SHEET
from app.models import AuditEntry, ExamNotice, ExamSignup
from tests.web.exams.exam_steps import ADMITTED, PASSED, XLSX, check, confirm, end_sign_up, exported, read, states, ticket


def test_the_export_has_a_chinese_name_and_is_audited(session, clerk, notice, sign):
    sign()
    answer = clerk.post(f"/exam/notices/{notice.id}/export")
    assert "%E5%AE%89%E7%AE%A1%E4%BA%BA%E5%91%98" in answer.headers["Content-Disposition"]
    entry = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT)).one()
    assert (entry.table, entry.row) == ("exam_notice", str(notice.id))


def test_a_small_sheet_is_checked_answered_and_imported_while_its_clerk_waits_and_undone_again(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三", "李四"])
    end_sign_up(session, notice)
    page = check(clerk, notice, exported(clerk, notice).put("张三", "Score", "101").put("李四", "Score", "缺考"))
    assert ('/confirm"' in page.text, "1 rows must be put right first" in page.text) == (False, True)
    assert "The score 101 does not lie between 0 and 100." in page.text
    address = re.search(r'action="(/imports/\d+)/answer"', page.text)[1]
    answers = {"digest": ticket(page, "digest"), "cell:3:score": "80"}
    page = clerk.post(f"{address}/answer", data=answers, follow_redirects=True)
    assert session.scalar(select(ExamSignup.score)) is None
    session.rollback()
    page = confirm(clerk, page)
    assert "What the import did" in page.text
    marks = select(ExamSignup.score, ExamSignup.absent).order_by(ExamSignup.id)
    assert read(session, lambda: session.execute(marks).all()) == [(80, False), (None, True)]
    assert "成绩.xlsx" in clerk.get("/imports/").text
    assert clerk.post(f"{address}/report.xlsx").mimetype == XLSX
    assert "undone as a whole" in clerk.post(f"{address}/undo", follow_redirects=True).text
    assert read(session, lambda: session.execute(marks).all()) == [(None, False)] * 2


def test_an_import_is_that_of_its_region_and_is_confirmed_as_it_was_shown(session, clerk, at_work, notice, sign):
    sign(ADMITTED, names=["张三"])
    end_sign_up(session, notice)
    page = check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80))
    address = re.search(r'action="(/imports/\d+)/confirm"', page.text)[1]
    confirm(clerk, page, "forged")
    others = at_work(Role.EXAM_CLERK, region_code="430200"), at_work(Role.ENTERPRISE_CLERK), at_work(Role.APPROVER)
    statuses = [(other.get(address).status_code, other.post(f"{address}/undo").status_code) for other in others]
    assert statuses == [(404, 404), (404, 404), (403, 403)]
    assert "成绩.xlsx" not in others[0].get("/imports/").text
    assert read(session, lambda: session.scalar(select(ExamSignup.score))) is None


@pytest.mark.parametrize(
    ("name", "data", "status", "sentence"),
    [
        ("成绩.xlsx", b"", 422, "The file is empty"),
        ("成绩.docx", b"a,b", 422, "Only these kinds of file"),
        ("成绩.xlsx", b"a\0b", 422, "neither a workbook nor a text table"),
        ("成绩.xlsx", b"PK\x03\x04" + b"0" * 500, 422, "damaged or incomplete"),
        ("成绩.xlsx", b"0" * (LARGE_SHEET.file + 1), 413, "larger than 20 MB"),
    ],
)
def test_a_file_that_is_no_score_sheet_is_refused_with_a_reason(name, data, status, sentence, clerk, notice):
    answer = clerk.post(f"/exam/notices/{notice.id}/scores", data={"sheet": (BytesIO(data), name)})
    assert (answer.status_code, sentence in answer.text) == (status, True)


def test_a_request_beyond_the_size_limit_gets_an_error_page(app, clerk, notice):
    app.config["MAX_CONTENT_LENGTH"], usual = 1000, app.config["MAX_CONTENT_LENGTH"]
    answer = clerk.post(f"/exam/notices/{notice.id}/scores", data={"sheet": (BytesIO(b"0" * 2000), "成绩.xlsx")})
    app.config["MAX_CONTENT_LENGTH"] = usual
    assert (answer.status_code, "too large" in answer.text) == (413, True)


def test_without_a_file_it_asks_for_one(clerk, notice):
    assert "Please choose a file" in clerk.post(f"/exam/notices/{notice.id}/scores").text


def test_an_empty_column_offers_no_import(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"])
    end_sign_up(session, notice)
    answer = check(clerk, notice, exported(clerk, notice))
    assert '/confirm"' not in answer.text


def test_the_last_page_names_who_is_missing_and_refuses(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"], score=Decimal(80))
    sign(ADMITTED, names=["缺分人"])
    end_sign_up(session, notice)
    page = clerk.get(f"/exam/notices/{notice.id}/scores/submit").text
    assert "缺分人" in page
    assert "Once submitted" not in page
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/submit")
    assert (answer.status_code, "have no score yet (缺分人)" in answer.text) == (422, True)
    assert states(session) == [ADMITTED, ADMITTED]


def test_final_scores_stay(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"], score=Decimal(80))
    end_sign_up(session, notice)
    sheet = exported(clerk, notice).put("张三", "Score", 90)
    clerk.post(f"/exam/notices/{notice.id}/scores/submit")
    assert clerk.post(f"/exam/notices/{notice.id}/scores/submit").status_code == 409
    assert check(clerk, notice, sheet).status_code == 409
    assert states(session) == [PASSED]


def test_a_draft_is_discarded_and_its_scores_are_shown_to_officers_only_as_a_draft(session, clerk, own, sign, notice):
    [signup] = sign(ADMITTED, score=80)
    session.execute(update(ExamNotice).values(scores_imported_at=now()))
    session.commit()
    assert "80 (draft)" in clerk.get("/exam/review/?state=all").text
    assert "80 (draft)" in clerk.get(f"/exam/review/{signup.id}").text
    assert "/scores/discard" in clerk.get(f"/exam/notices/{notice.id}/scores").text
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/discard", follow_redirects=True)
    assert "1 imported scores were discarded." in answer.text
    assert "/scores/discard" not in answer.text
    assert "80 (draft)" not in clerk.get("/exam/review/?state=all").text
    assert clerk.post(f"/exam/notices/{notice.id}/scores/discard").status_code == 422


def test_pass_rates_are_shown_once_the_scores_are_final(session, clerk, sign, notice):
    sign(PASSED, 2, score=80)
    sign(SignupState.FAILED, 1, score=50)
    session.execute(update(ExamNotice).values(scores_imported_at=now(), scores_submitted_at=now()))
    session.commit()
    assert "66.7%" in clerk.get(f"/exam/notices/{notice.id}/scores").text
    assert "2 passed (66.7%)" in clerk.get("/exam/notices/").text
