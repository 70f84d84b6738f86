"""Exam notices: published, amended and withdrawn, each fault at its field."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app import exams
from app.core.errors import NotAllowed, NotFound, Unmet
from app.core.office import Office
from app.core.vocabulary import Category, ImportKind, ImportPhase, NoticeEventKind, NoticeState, Role
from app.models import ExamNotice, ExamNoticeEvent, Message
from tests import make
from tests.exams.conftest import (
    ACTING,
    C1,
    CHANGSHA,
    CLERK,
    REJECTED,
    SECOND,
    SELECTED,
    SUBMITTED,
    ZHUZHOU,
    A,
    B,
    codes,
    fields,
)
from tests.make import NOON, TODAY


def test_saving_a_notice_publishes_it(session):
    notice = exams.publish(session, make.notice(published_at=None, published_by=None), CLERK, at=NOON)
    assert (notice.id is not None, notice.published_at, notice.published_by) == (True, NOON, CLERK.name)


def test_a_notice_without_a_region_is_for_the_clerks_own(session):
    assert exams.publish(session, make.notice(region_code=None), CHANGSHA, at=NOON).region_code == "430100"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"title": " "}, ("title-missing", "title")),
        ({"title": None}, ("title-missing", "title")),
        ({"title": "安" * 121}, ("too-long", "title")),
        ({"number": "1" * 61}, ("too-long", "number")),
        ({"place": "长" * 201}, ("too-long", "place")),
        ({"categories": ()}, ("category-missing", "categories")),
        ({"categories": (A, Category.C)}, ("category-not-current", "categories")),
        ({"signup_start": None}, ("signup-start-missing", "signup_start")),
        ({"signup_end": None}, ("signup-end-missing", "signup_end")),
        ({"exam_on": None}, ("exam-day-missing", "exam_on")),
        ({"signup_start": NOON + timedelta(days=5)}, ("signup-order", "signup_end")),
        ({"exam_on": TODAY + timedelta(days=5)}, ("exam-too-early", "exam_on")),
        ({"signup_end": NOON}, ("signup-over", "signup_end")),
        ({"pass_mark": -1}, ("bad-pass-mark", "pass_mark")),
        ({"pass_mark": 101}, ("bad-pass-mark", "pass_mark")),
        ({"pass_mark": None}, ("bad-pass-mark", "pass_mark")),
        ({"quota": 0}, ("bad-quota", "quota")),
        ({"region_code": "440000"}, ("region-out-of-reach", "region_code")),
        ({"region_code": "439999"}, ("region-unknown", "region_code")),
    ],
)
def test_a_notice_is_refused_at_the_field_that_is_wrong(session, wrong, expected):
    with pytest.raises(Unmet) as refused:
        exams.publish(session, make.notice(**wrong), CLERK, at=NOON)
    assert fields(refused.value) == {expected}
    assert session.scalar(select(func.count()).select_from(ExamNotice)) == 0


@pytest.mark.parametrize(
    "right",
    [
        {"pass_mark": 0}, {"pass_mark": 100}, {"exam_on": TODAY + timedelta(days=6)}, {"signup_end": NOON + SECOND},
        {"quota": 1}, {"title": "安" * 120}, {"region_code": "430200"},
    ],
)  # fmt: skip
def test_a_notice_on_the_edge_is_published(session, right):
    assert exams.publish(session, make.notice(**right), CLERK, at=NOON).id


def test_all_faults_of_a_notice_are_named_at_once(session):
    blank = ExamNotice(title="", region_code="430000")
    with pytest.raises(Unmet) as refused:
        exams.publish(session, blank, CLERK, at=NOON)
    assert {field for _code, field in fields(refused.value)} == {
        *("title", "categories", "signup_start", "signup_end", "exam_on", "pass_mark")
    }


def test_the_exam_day_is_counted_in_office_days(session):
    midnight_in_the_office = datetime(2026, 3, 10, 16, tzinfo=UTC)  # already the 11th there
    with pytest.raises(Unmet) as refused:
        exams.publish(session, make.notice(signup_end=midnight_in_the_office, exam_on=date(2026, 3, 11)), CLERK, at=NOON)
    assert codes(refused.value) == {"exam-too-early"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_only_an_exam_clerk_publishes_amends_and_withdraws(session, notice, role):
    other = make.officer(role)
    for action in (
        lambda: exams.publish(session, make.notice(), other, at=NOON),
        lambda: exams.amend(session, notice, other, **ACTING),
        lambda: exams.withdraw(session, notice.id, other),
    ):
        with pytest.raises(NotAllowed):
            action()


def test_a_clerk_publishes_for_the_own_area_only(session):
    with pytest.raises(Unmet) as refused:
        exams.publish(session, make.notice(region_code="430000"), CHANGSHA, at=NOON)
    assert fields(refused.value) == {("region-out-of-reach", "region_code")}


def test_a_notice_is_amended_while_people_sign_up(session, notice, signups):
    signups(SUBMITTED, category=C1)
    notice.title, notice.categories, notice.exam_on = "改期", (C1, A), TODAY + timedelta(days=30)
    exams.amend(session, notice, CLERK, **ACTING)
    session.commit()
    assert session.scalar(select(ExamNotice.title)) == "改期"


def test_a_foreign_notice_cannot_be_pulled_over_by_changing_its_region(session, notice):
    notice.region_code = "430200"
    with pytest.raises(NotFound):
        exams.amend(session, notice, ZHUZHOU, **ACTING)


def test_a_category_in_use_stays_on_offer(session, notice, signups):
    signups(SELECTED, category=C1)
    notice.categories = (A, B)
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, **ACTING)
    assert fields(refused.value) == {("category-in-use", "categories")}


def test_places_already_taken_are_not_cut(session, notice, signups):
    signups(SUBMITTED, 2)
    signups(REJECTED, 1)
    notice.quota = 2
    exams.amend(session, notice, CLERK, **ACTING)
    notice.quota = 1
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, **ACTING)
    assert fields(refused.value) == {("quota-taken", "quota")}


def test_a_notice_with_sign_ups_stays_in_its_region(session, notice, signups):
    signups(SELECTED)
    notice.region_code = "430100"
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, **ACTING)
    assert fields(refused.value) == {("fixed", "region_code")}


@pytest.mark.parametrize(
    ("stamped", "fixed"),
    [
        ({"scores_imported_at": NOON}, {"exam_on", "pass_mark"}),
        (
            {"scores_imported_at": NOON, "scores_submitted_at": NOON},
            {"exam_on", "pass_mark", "signup_end", "categories", "quota"},
        ),
    ],
)
def test_after_the_scores_what_they_rest_on_is_fixed(session, stamped, fixed):
    notice = make.notice(**stamped)
    session.add(notice)
    session.commit()
    notice.exam_on += timedelta(days=1)
    notice.signup_end += timedelta(days=1)
    notice.title, notice.pass_mark, notice.categories, notice.quota = "改", 50, (A, B), 9
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, **ACTING)
    assert {field for _code, field in fields(refused.value)} == fixed


def test_a_notice_after_its_sign_up_can_still_be_corrected(session, notice):
    notice.place = "株洲"
    assert exams.amend(session, notice, CLERK, at=notice.signup_end + SECOND, office=Office()).place == "株洲"


def test_a_notice_nobody_signed_up_for_can_be_withdrawn(session, notice):
    session.add(make.sheet_import(ImportKind.SCORES, ImportPhase.UNREADABLE, notice_id=notice.id))
    session.flush()  # handed in for the wrong notice
    exams.withdraw(session, notice.id, CLERK)
    assert session.scalar(select(func.count()).select_from(ExamNotice)) == 0


def test_a_notice_with_even_one_selection_is_not_withdrawn(session, notice, signups):
    signups(SELECTED)
    with pytest.raises(Unmet) as refused:
        exams.withdraw(session, notice.id, CLERK)
    assert codes(refused.value) == {"notice-in-use"}


@pytest.mark.parametrize("forged", [0, -1, 999_999, 2**70])
def test_a_forged_notice_id_is_not_found_by_any_function(session, forged, clerk, office):
    for action in (
        lambda: exams.withdraw(session, forged, CLERK),
        lambda: exams.candidates(session, forged, clerk, at=NOON, office=office),
        lambda: exams.select(session, forged, [(1, A)], clerk, at=NOON, office=office),
        lambda: exams.signup_sheet(session, forged, CLERK, at=NOON),
        lambda: exams.notice_to_score(session, forged, CLERK),
        lambda: exams.submit_scores(session, forged, CLERK, at=NOON),
    ):
        with pytest.raises(NotFound):
            action()


def test_a_foreign_notice_is_not_withdrawn(session, notice):
    with pytest.raises(NotFound):
        exams.withdraw(session, notice.id, CHANGSHA)


# --- what is changed stays on record, and those concerned are told --------------------------------


def last_event(session):
    return session.scalars(select(ExamNoticeEvent).order_by(ExamNoticeEvent.id.desc())).first()


@pytest.mark.parametrize(
    ("field", "value", "before", "after"),
    [
        ("exam_on", date(2026, 4, 9), f"{TODAY + timedelta(days=20)}", "2026-04-09"),
        ("place", "株洲市职业学院", "长沙", "株洲市职业学院"),
        ("exam_time", "下午2:00", "", "下午2:00"),
        ("signup_end", datetime(2026, 3, 20, 9, tzinfo=UTC), "2026-03-07", "2026-03-20 17:00"),
    ],
)
def test_a_new_date_or_place_is_told_to_all_who_signed_up_and_stays_on_record(
    session, notice, signups, field, value, before, after
):
    signups(SUBMITTED, 2)
    setattr(notice, field, value)
    exams.amend(session, notice, CLERK, **ACTING)
    event = last_event(session)
    assert (event.kind, event.by, list(event.changes)) == (NoticeEventKind.CHANGED, CLERK.name, [field])
    assert (event.changes[field][0].startswith(before), event.changes[field][1]) == (True, after)
    [text] = session.scalars(select(Message.text))
    assert after in text


@pytest.mark.parametrize(("field", "value"), [("title", "改期"), ("body", "补充说明。"), ("contact", "0731-88950000")])
def test_another_change_stays_on_record_and_sends_nothing(session, notice, signups, field, value):
    signups(SUBMITTED)
    setattr(notice, field, value)
    exams.amend(session, notice, CLERK, **ACTING)
    assert list(last_event(session).changes) == [field]
    assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_saving_without_a_change_is_no_event(session, notice, signups):
    signups(SUBMITTED)
    notice.categories = tuple(reversed(notice.categories))
    exams.amend(session, notice, CLERK, **ACTING)
    assert last_event(session) is None


def test_of_a_refused_change_nobody_is_told(session, notice, signups):
    signups(SUBMITTED)
    notice.place, notice.pass_mark = "株洲", 101
    with pytest.raises(Unmet):
        exams.amend(session, notice, CLERK, **ACTING)
    session.rollback()
    assert (last_event(session), session.scalar(select(func.count()).select_from(Message))) == (None, 0)


def test_a_recalled_notice_is_changed_without_a_message(session, notice, signups):
    signups(SUBMITTED)
    notice.state = NoticeState.RECALLED
    session.commit()
    notice.place = "株洲"
    exams.amend(session, notice, CLERK, **ACTING)
    assert list(last_event(session).changes) == ["place"]
    assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_a_mobile_number_as_contact_is_refused_as_everybody_reads_it(session):
    with pytest.raises(Unmet) as refused:
        exams.publish(session, make.notice(contact="王工 13800138000"), CLERK, at=NOON)
    assert fields(refused.value) == {("personal-number", "contact")}
