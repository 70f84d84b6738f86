"""Export, check, import and submission of scores."""

from decimal import Decimal
from io import BytesIO

import pytest
from sqlalchemy import select, update

from app.core.clock import now, office_day
from app.core.vocabulary import AuditAction, Role, SignupState
from app.files.spreadsheets import SheetLimits
from app.models import AuditEntry, ExamNotice, ExamSignup
from tests import make
from tests.web.exams.exam_steps import ADMITTED, PASSED, REJECTED, check, end_sign_up, exported, states, ticket


def test_the_export_has_a_chinese_name_and_is_audited(session, clerk, notice, sign):
    sign()
    answer = clerk.post(f"/exam/notices/{notice.id}/export")
    assert "%E5%AE%89%E7%AE%A1%E4%BA%BA%E5%91%98" in answer.headers["Content-Disposition"]
    entry = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT)).one()
    assert (entry.table, entry.row) == ("exam_notice", str(notice.id))


def test_bad_cells_are_named_and_nothing_is_offered_to_be_confirmed(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三", "李四"])
    end_sign_up(session, notice)
    sheet = exported(clerk, notice).put("张三", "Score", "101").put("李四", "Score", "良好")
    answer = check(clerk, notice, sheet)
    assert answer.status_code == 422
    assert "Confirm the import" not in answer.text
    assert "The score 101 does not lie between 0 and 100." in answer.text


def test_only_the_checked_sheet_of_this_exam_and_clerk_is_imported(session, clerk, at_work, notice, sign):
    sign(ADMITTED, names=["张三"])
    end_sign_up(session, notice)
    good = ticket(check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80)))
    other = make.notice(title="另一期", exam_on=office_day(now()))
    session.add(other)
    session.commit()
    tries = [(clerk, notice, "forged"), (clerk, notice, ""), (clerk, other, good), (clerk, notice, good[:-2] + "xx")]
    tries.append((at_work(Role.EXAM_CLERK), notice, good))
    answers = [who.post(f"/exam/notices/{on.id}/scores/import", data={"ticket": it}) for who, on, it in tries]
    assert {answer.status_code for answer in answers} == {409}
    assert session.scalar(select(ExamSignup.score)) is None


def test_the_sheet_is_removed_from_the_store_after_the_import(session, system, clerk, notice, sign):
    sign(ADMITTED, names=["张三"])
    end_sign_up(session, notice)
    good = ticket(check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80)))
    kept = set(system.settings.blobs.glob("??/??/*"))
    clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": good})
    assert len(kept - set(system.settings.blobs.glob("??/??/*"))) == 1
    again = clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": good})
    assert (again.status_code, "has expired" in again.text) == (409, True)


def test_a_change_between_check_and_import_stops_the_import(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"])
    end_sign_up(session, notice)
    good = ticket(check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80)))
    session.execute(update(ExamSignup).values(state=REJECTED, reason="误将另一人的报名审核通过"))
    session.commit()
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": good})
    assert (answer.status_code, "not admitted" in answer.text) == (422, True)
    assert session.scalar(select(ExamSignup.score)) is None


@pytest.mark.parametrize(
    ("name", "data", "status", "sentence"),
    [
        ("成绩.xlsx", b"", 422, "The file is empty"),
        ("成绩.docx", b"a,b", 422, "Only these kinds of file"),
        ("成绩.xlsx", b"a\0b", 422, "neither a workbook nor a text table"),
        ("成绩.xlsx", b"PK\x03\x04" + b"0" * 500, 422, "damaged or incomplete"),
        ("成绩.xlsx", b"0" * (SheetLimits().file + 1), 413, "larger than 10 MB"),
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
    assert "there is nothing to import" in answer.text
    assert "Confirm the import" not in answer.text


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
