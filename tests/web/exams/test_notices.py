"""Exam notices: form, list and page."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core.clock import now
from app.core.vocabulary import CURRENT_CATEGORIES
from app.models import ExamNotice
from tests.web.exams.exam_steps import C1, DAY, A, count, end_sign_up, typed
from tests.web.form_steps import save


def test_saving_publishes_and_says_so(session, clerk):
    answer = clerk.post("/exam/notices/add", data=typed(), follow_redirects=True)
    assert "The notice is published" in answer.text
    notice = session.scalars(select(ExamNotice)).one()
    assert (notice.region_code, notice.categories, notice.quota) == ("430000", (A, C1), None)
    assert notice.published_at is not None


def test_the_form_shows_office_time(session, clerk):
    clerk.post("/exam/notices/add", data=typed(signup_start="2026-01-05T09:00"))
    notice = session.scalars(select(ExamNotice)).one()
    assert f"{notice.signup_start:%Y-%m-%d %H:%M}" == "2026-01-05 01:00"
    assert 'value="2026-01-05T09:00"' in clerk.get(f"/exam/notices/edit/{notice.id}").text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": ""}, "Please fill this in."),
        ({"categories": []}, "Please choose at least one category."),
        ({"categories": ["C"]}, "is not a valid choice"),
        ({"signup_end": "2026-02-30T09:00"}, "This time does not exist."),
        ({"signup_end": "2020-01-01T09:00"}, "Sign-up must end after it begins."),
        ({"exam_on": "2020-01-01"}, "The exam must be on a day after the end of sign-up."),
        ({"quota": "0"}, "The number of places must be 1 or more"),
        ({"quota": "many"}, "Please enter a whole number."),
        ({"pass_mark": "101"}, "The pass mark must lie between 0 and 100."),
    ],
)
def test_a_wrong_notice_is_refused_with_what_was_typed(changes, sentence, session, clerk):
    answer = clerk.post("/exam/notices/add", data=typed(**changes))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "湘建培〔2026〕3号" in answer.text
    assert count(session, ExamNotice) == 0


def test_saving_an_old_notice_unchanged_moves_nothing(session, clerk, notice):
    end_sign_up(session, notice)
    page = clerk.get(f"/exam/notices/edit/{notice.id}").text
    dates = {
        name: re.search(rf'name="{name}"[^>]* value="([^"]+)"', page)[1] for name in ("signup_start", "signup_end", "exam_on")
    }
    ended = session.scalar(select(ExamNotice.signup_end))
    session.commit()
    answer = save(clerk, f"/exam/notices/edit/{notice.id}", typed(**dates, categories=["A", "B", "C1", "C2", "C3"]))
    assert answer.status_code == 302
    assert session.scalar(select(ExamNotice.signup_end)) == ended


def test_a_notice_with_sign_ups_is_not_deleted(session, clerk, notice, sign):
    sign()
    answer = clerk.post(f"/exam/notices/delete/{notice.id}", follow_redirects=True)
    assert "1 sign-ups belong to this notice" in answer.text
    assert count(session, ExamNotice) == 1


def test_a_notice_without_sign_ups_is_deleted(session, clerk, notice):
    assert "Deleted." in clerk.post(f"/exam/notices/delete/{notice.id}", follow_redirects=True).text
    assert count(session, ExamNotice) == 0


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [(timedelta(days=2), 5 * DAY, "begins in 2 days"), (-DAY, 3 * DAY, "3 days left"), (-5 * DAY, -DAY, "Sign-up closed")],
)
def test_the_list_tells_how_sign_up_stands(start, end, word, session, own, notice):
    session.execute(update(ExamNotice).values(signup_start=now() + start, signup_end=now() + end))
    session.commit()
    answer = own.get("/exam/notices/")
    assert word in answer.text
    assert (f"/exam/notices/{notice.id}/signup" in answer.text) is (start < timedelta() < end)


def test_a_notice_reads_as_an_official_paper(own, notice, session):
    session.execute(update(ExamNotice).values(body="各企业：\n<script>alert(1)</script>", number="湘建培〔2026〕1号"))
    session.commit()
    text = own.get(f"/exam/notices/show/{notice.id}").text
    assert 'class="redhead"' in text
    assert "湘建培〔2026〕1号" in text
    assert "<script>alert" not in text


def test_the_filter_offers_no_category_that_a_notice_cannot_have(own, notice):
    options = re.search(r'<select[^>]*name="categories".*?</select>', own.get("/exam/notices/").text, re.DOTALL)[0]
    assert re.findall(r'value="(\w+)"', options) == [category.value for category in CURRENT_CATEGORIES]
