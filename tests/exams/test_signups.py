"""Notices, sign-ups and their review. Scores: ``test_exam_scores``."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from app import exams
from app.core.errors import AppError, FixPlace, NotAllowed, NotFound, Unmet
from app.core.vocabulary import AuditAction, Category, CertificateStatus, PaperKind, Registration, Role, SignupState
from app.exams.locking import MOST_AT_ONCE
from app.models import AuditEntry, ExamNotice, ExamSignup, Paper
from tests import make
from tests.make import NOON, TODAY

A, B, C1, C2, C3 = Category.A, Category.B, Category.C1, Category.C2, Category.C3
SELECTED, SUBMITTED, ADMITTED, REJECTED = (
    SignupState.SELECTED,
    SignupState.SUBMITTED,
    SignupState.ADMITTED,
    SignupState.REJECTED,
)
CLERK = make.officer(Role.EXAM_CLERK)
CHANGSHA = make.officer(Role.EXAM_CLERK, region="430100")
ZHUZHOU = make.officer(Role.EXAM_CLERK, region="430200")
SECOND = timedelta(seconds=1)


def codes(error: Unmet | Iterable) -> set[str]:
    return {refusal.code for refusal in (error.refusals if isinstance(error, AppError) else error)}


def fields(error: Unmet) -> set[tuple[str, str]]:
    return {(refusal.code, refusal.field) for refusal in error.refusals}


@pytest.fixture
def enterprise(session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def clerk(enterprise):
    return make.clerk(enterprise)


@pytest.fixture
def notice(session):
    notice = make.notice()
    session.add(notice)
    session.commit()
    return notice


@pytest.fixture
def people(session, enterprise):
    """``people(n, **facts)``: so many own people with complete scans."""

    def hire(n: int = 1, *, without=(), employer=None, **facts):
        hired = [make.person(employer or enterprise, **{"name": f"职工{i:03d}号", **facts}) for i in range(n)]
        session.add_all(hired)
        session.flush()
        session.add_all(paper for person in hired for paper in make.complete_papers(person, without=without))
        session.commit()
        return hired

    return hire


@pytest.fixture
def signups(session, notice, people):
    """``signups(state, n)``: so many sign-ups of own people in a state."""

    def sign_up(state=SUBMITTED, n: int = 1, *, on=None, **facts):
        reason = {"reason": "照片不清楚"} if state is REJECTED else {}
        made = [make.signup(on or notice, person, state=state, **reason, **facts) for person in people(n)]
        session.add_all(made)
        session.commit()
        return made

    return sign_up


@contextmanager
def counting(session):
    """How many statements are run inside."""
    statements: list[str] = []
    note = lambda _c, _cursor, statement, *_rest: statements.append(statement)  # noqa: E731
    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)


def pick(session, notice, picks, clerk, office, at=NOON):
    picks = [(person.id, category) for person, category in picks]
    return exams.select(session, notice.id, picks, clerk, at=at, office=office)


# --- notices ----------------------------------------------------------------------------------------


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
        {"pass_mark": 0},
        {"pass_mark": 100},
        {"exam_on": TODAY + timedelta(days=6)},
        {"signup_end": NOON + SECOND},
        {"quota": 1},
        {"title": "安" * 120},
        {"region_code": "430200"},
    ],
)
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
        lambda: exams.amend(session, notice, other, at=NOON),
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
    exams.amend(session, notice, CLERK, at=NOON)
    session.commit()
    assert session.scalar(select(ExamNotice.title)) == "改期"


def test_a_foreign_notice_cannot_be_pulled_over_by_changing_its_region(session, notice):
    notice.region_code = "430200"
    with pytest.raises(NotFound):
        exams.amend(session, notice, ZHUZHOU, at=NOON)


def test_a_category_in_use_stays_on_offer(session, notice, signups):
    signups(SELECTED, category=C1)
    notice.categories = (A, B)
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, at=NOON)
    assert fields(refused.value) == {("category-in-use", "categories")}


def test_places_already_taken_are_not_cut(session, notice, signups):
    signups(SUBMITTED, 2)
    signups(REJECTED, 1)
    notice.quota = 2
    exams.amend(session, notice, CLERK, at=NOON)
    notice.quota = 1
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, at=NOON)
    assert fields(refused.value) == {("quota-taken", "quota")}


def test_a_notice_with_sign_ups_stays_in_its_region(session, notice, signups):
    signups(SELECTED)
    notice.region_code = "430100"
    with pytest.raises(Unmet) as refused:
        exams.amend(session, notice, CLERK, at=NOON)
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
        exams.amend(session, notice, CLERK, at=NOON)
    assert {field for _code, field in fields(refused.value)} == fixed


def test_a_notice_after_its_sign_up_can_still_be_corrected(session, notice):
    notice.place = "株洲"
    assert exams.amend(session, notice, CLERK, at=notice.signup_end + SECOND).place == "株洲"


def test_a_notice_nobody_signed_up_for_can_be_withdrawn(session, notice):
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
        lambda: exams.read_scores(session, forged, b"", CLERK, at=NOON),
        lambda: exams.submit_scores(session, forged, CLERK, at=NOON),
    ):
        with pytest.raises(NotFound):
            action()


def test_a_foreign_notice_is_not_withdrawn(session, notice):
    with pytest.raises(NotFound):
        exams.withdraw(session, notice.id, CHANGSHA)


# --- who can be signed up ---------------------------------------------------------------------------


def only(session, notice, clerk, office, at=NOON):
    [candidate] = exams.candidates(session, notice.id, clerk, at=at, office=office)
    return candidate


def test_a_complete_person_can_be_signed_up_for_every_category(session, notice, clerk, people, office):
    people()
    assert only(session, notice, clerk, office).open_categories == (A, B, C1, C2, C3)


def test_somebody_without_scans_is_shown_with_each_gap_and_where_to_mend_it(session, notice, clerk, people, office):
    [person] = people(without=tuple(PaperKind))
    candidate = only(session, notice, clerk, office)
    assert candidate.open_categories == ()
    assert [refusal.place for refusal in candidate.lacks] == [
        FixPlace("person", person.id, kind) for kind in ("photo", "id_card", "education", "title")
    ]


def test_a_replaced_scan_is_none(session, notice, clerk, people, office):
    people()
    session.execute(update(Paper).where(Paper.kind == PaperKind.PHOTO).values(replaced_at=NOON))
    assert codes(only(session, notice, clerk, office).lacks) == {"missing-photo"}


def test_a_registration_certificate_is_not_asked_for(session, notice, clerk, people, office):
    people(without=(PaperKind.REGISTRATION,))
    assert only(session, notice, clerk, office).lacks == ()


@pytest.mark.parametrize(("until", "barred"), [(TODAY + timedelta(days=1), True), (TODAY, False), (None, False)])
def test_a_ban_holds_until_its_day(session, notice, clerk, people, office, until, barred):
    people(banned_until=until)
    candidate = only(session, notice, clerk, office)
    assert (codes(candidate.bars) == {"banned"}, candidate.open_categories == ()) == (barred, barred)


@pytest.mark.parametrize(
    ("born", "can_be"),
    [
        (date(2008, 3, 3), ()),  # 18 tomorrow
        (date(2008, 3, 2), (A, B, C1, C2, C3)),  # 18 today
        (date(1966, 3, 3), (A, B, C1, C2, C3)),  # 60 tomorrow
        (date(1966, 3, 2), (A, B)),  # 60 today
    ],
)
def test_safety_officers_are_18_and_under_60_on_the_day(session, notice, clerk, people, office, born, can_be):
    people(id_number=make.id_number(born, sequence=7))
    assert only(session, notice, clerk, office).open_categories == can_be


@pytest.mark.parametrize(
    ("facts", "open_for_c1"),
    [
        ({"valid_to": date(2026, 6, 2)}, True),  # three months to the day
        ({"valid_to": date(2026, 6, 3)}, False),
        ({"valid_to": date(2026, 3, 1)}, True),  # ran out yesterday
        ({"valid_to": date(2028, 1, 1), "status": CertificateStatus.CANCELLED}, True),
        ({"valid_to": date(2028, 1, 1), "status": CertificateStatus.SUSPENDED}, False),
        ({"valid_to": date(2028, 1, 1), "category": C3}, False),  # covers C1
        ({"valid_to": date(2028, 1, 1), "category": C2}, True),  # the other subject
        ({"valid_to": date(2028, 1, 1), "category": A}, True),
    ],
)
def test_a_certificate_stands_in_the_way_until_renewal_opens(session, notice, clerk, people, office, facts, open_for_c1):
    [person] = people()
    session.add(make.certificate(person, **facts))
    session.flush()
    assert (C1 in only(session, notice, clerk, office).open_categories) is open_for_c1


def test_a_sign_up_shuts_its_category_and_for_a_first_c_the_others(session, notice, clerk, signups, office):
    [signup] = signups(SUBMITTED, category=C1)
    candidate = only(session, notice, clerk, office)
    assert candidate.signed_up == {C1: SUBMITTED}
    assert candidate.open_categories == (A, B)
    assert [codes(candidate.per_category[c]) for c in (C1, C2, C3)] == [
        {"already-signed-up"},
        {"one-first-c"},
        {"one-first-c"},
    ]
    session.add(make.certificate(signup.person, category=C2, valid_to=date(2026, 4, 1)))
    session.flush()
    assert only(session, notice, clerk, office).open_categories == (A, B, C2, C3)


def test_only_own_people_are_candidates(session, notice, clerk, people, office):
    other = make.enterprise(name="别家")
    session.add(other)
    people(employer=other)
    assert exams.candidates(session, notice.id, clerk, at=NOON, office=office) == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_only_an_enterprise_clerk_signs_people_up(session, notice, office, role):
    other = make.officer(role)
    for action in (
        lambda: exams.candidates(session, notice.id, other, at=NOON, office=office),
        lambda: exams.select(session, notice.id, [(1, A)], other, at=NOON, office=office),
        lambda: exams.submit(session, [1], other, at=NOON, office=office),
        lambda: exams.deselect(session, [1], other),
    ):
        with pytest.raises(NotAllowed):
            action()


def test_a_clerk_without_an_enterprise_reaches_nothing(session, notice, office):
    lost = make.Actor(None, "?", frozenset({Role.ENTERPRISE_CLERK}))
    with pytest.raises(NotFound):
        exams.candidates(session, notice.id, lost, at=NOON, office=office)


# --- selecting --------------------------------------------------------------------------------------


def test_saving_selects_and_is_not_yet_a_sign_up(session, notice, clerk, people, office):
    first, second = people(2)
    made = pick(session, notice, [(first, A), (second, C1), (first, C2)], clerk, office)
    assert {signup.state for signup in made} == {SELECTED}
    assert [signup.number for signup in made] == [f"430100-BM-20260302-{n:04d}" for n in (1, 2, 3)]
    assert {(s.enterprise_id, s.region_code, s.created_at) for s in made} == {(clerk.enterprise_id, "430100", NOON)}


def test_the_same_pick_twice_is_one(session, notice, clerk, people, office):
    [person] = people()
    assert len(pick(session, notice, [(person, A), (person, A)], clerk, office)) == 1


def test_all_refusals_of_all_people_are_reported_at_once(session, notice, clerk, people, office):
    [bare] = people(without=(PaperKind.PHOTO, PaperKind.TITLE), name="韩梅梅")
    [old] = people(name="老王", id_number=make.id_number(date(1960, 1, 1)))
    [fine] = people(name="李雷")
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(bare, A), (old, C1), (fine, C1), (fine, C2)], clerk, office)
    sentences = [(refusal.code, str(refusal.sentence)) for refusal in refused.value.refusals]
    assert [code for code, _ in sentences] == ["missing-photo", "missing-title", "over-age", "one-first-c"]
    assert [name for _, sentence in sentences for name in ("韩梅梅", "老王", "李雷") if name in sentence] == [
        *("韩梅梅", "韩梅梅", "老王", "李雷")
    ]
    assert session.scalar(select(func.count()).select_from(ExamSignup)) == 0


@pytest.mark.parametrize(
    ("at", "refusal"),
    [
        (NOON - timedelta(days=5, seconds=1), {"signup-not-begun"}),
        (NOON - timedelta(days=5), None),
        (NOON + timedelta(days=5), None),
        (NOON + timedelta(days=5, seconds=1), {"signup-closed"}),
    ],
)
def test_the_window_holds_on_saving_and_on_submitting(session, notice, clerk, people, signups, office, at, refusal):
    [person] = people()
    [waiting] = signups(SELECTED)
    outcome = exams.submit(session, [waiting.id], clerk, at=at, office=office)
    if refusal is None:
        assert outcome.moved == [waiting.id]
        assert pick(session, notice, [(person, A)], clerk, office, at=at)
        return
    assert codes(outcome.refused[waiting.id]) == refusal
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(person, A)], clerk, office, at=at)
    assert codes(refused.value) == refusal


def test_foreign_and_forged_people_are_not_found_and_not_named(session, notice, clerk, people, office):
    other = make.enterprise()
    session.add(other)
    [foreign] = people(employer=other, name="别家的人", without=(PaperKind.PHOTO,))
    with pytest.raises(Unmet) as refused:
        exams.select(session, notice.id, [(foreign.id, A), (999_999, A), (2**70, A)], clerk, at=NOON, office=office)
    assert codes(refused.value) == {"not-found"}
    assert "别家" not in str(refused.value)


def test_a_category_that_is_not_held_cannot_be_picked(session, clerk, people, office):
    notice = make.notice(categories=(A,))
    session.add(notice)
    [person] = people()
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(person, B)], clerk, office)
    assert codes(refused.value) == {"category-not-offered"}


def test_an_exam_of_another_region_is_not_for_this_enterprise(session, clerk, people, office):
    notice = make.notice(region_code="430200")
    session.add(notice)
    [person] = people()
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(person, A)], clerk, office)
    assert codes(refused.value) == {"other-region"}


def test_an_enterprise_whose_registration_is_open_signs_nobody_up(session, notice, enterprise, clerk, people, office):
    [person] = people()
    enterprise.registration = Registration.PENDING
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(person, A)], clerk, office)
    assert codes(refused.value) == {"enterprise-not-registered"}


def test_nobody_is_signed_up_twice_even_by_two_enterprises(session, notice, enterprise, clerk, signups, office):
    [signup] = signups(SUBMITTED, category=A)
    next_employer = make.enterprise()
    session.add(next_employer)
    signup.person.enterprise = next_employer
    session.commit()
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(signup.person, A)], make.clerk(next_employer), office)
    assert codes(refused.value) == {"already-signed-up"}


def test_an_exam_with_a_quota_takes_as_many_as_there_are_places(session, notice, clerk, people, signups, office):
    notice.quota = 4
    signups(SUBMITTED)
    signups(ADMITTED)
    signups(REJECTED)
    signups(SELECTED)
    chosen = people(3)
    with pytest.raises(Unmet) as refused:
        pick(session, notice, [(person, A) for person in chosen], clerk, office)
    assert codes(refused.value) == {"no-places"}
    assert len(pick(session, notice, [(person, A) for person in chosen[:2]], clerk, office)) == 2


def test_an_empty_or_too_large_choice_is_refused_before_anything_is_read(session, notice, clerk, office):
    for ids, code in ((), "nothing-chosen"), (range(1, MOST_AT_ONCE + 2), "batch-too-large"):
        for action in (
            lambda ids=ids: exams.select(session, notice.id, [(n, A) for n in ids], clerk, at=NOON, office=office),
            lambda ids=ids: exams.submit(session, ids, clerk, at=NOON, office=office),
            lambda ids=ids: exams.deselect(session, ids, clerk),
            lambda ids=ids: exams.review(session, ids, True, CLERK, at=NOON),
        ):
            with pytest.raises(Unmet) as refused:
                action()
            assert codes(refused.value) == {code}


@pytest.mark.parametrize("state", SignupState)
def test_only_selected_or_rejected_sign_ups_can_be_deleted(session, clerk, signups, state):
    [signup] = signups(
        state, score=70 if state in (SignupState.PASSED, SignupState.FAILED) else None, absent=state.value == "absent"
    )
    outcome = exams.deselect(session, [signup.id], clerk)
    session.commit()
    gone = session.scalar(select(func.count()).select_from(ExamSignup)) == 0
    assert (outcome.moved == [signup.id]) is gone is (state in (SELECTED, REJECTED))
    assert gone or codes(outcome.refused[signup.id]) == {"stale"}


def test_nobody_takes_another_enterprises_people_off_the_list(session, signups):
    [signup] = signups(SELECTED)
    other = make.enterprise()
    session.add(other)
    session.flush()
    outcome = exams.deselect(session, [signup.id, 999_999], make.clerk(other))
    assert {code for refusals in outcome.refused.values() for code in codes(refusals)} == {"not-found"}
    assert session.scalar(select(func.count()).select_from(ExamSignup)) == 1


# --- submitting -------------------------------------------------------------------------------------


def test_submitting_sends_selected_and_rejected_ones_to_review(session, clerk, signups, office):
    first, again = *signups(SELECTED), *signups(REJECTED)
    outcome = exams.submit(session, [first.id, again.id], clerk, at=NOON, office=office)
    assert (sorted(outcome.moved), outcome.refused) == ([first.id, again.id], {})
    assert {(s.state, s.submitted_at, s.reason, s.reviewed_at) for s in (first, again)} == {(SUBMITTED, NOON, "", None)}


def test_what_was_fine_on_saving_is_checked_again_on_submitting(session, clerk, signups, office):
    stripped, banned, gone, fine = signups(SELECTED, 4)
    session.execute(
        update(Paper).where(Paper.person_id == stripped.person_id, Paper.kind == PaperKind.TITLE).values(replaced_at=NOON)
    )
    banned.person.banned_until = TODAY + timedelta(days=1)
    gone.person.enterprise_id = None
    session.flush()
    outcome = exams.submit(session, [s.id for s in (stripped, banned, gone, fine)], clerk, at=NOON, office=office)
    assert outcome.moved == [fine.id]
    assert [codes(outcome.refused[s.id]) for s in (stripped, banned, gone)] == [
        {"missing-title"},
        {"banned"},
        {"not-own-person"},
    ]
    assert outcome.names[stripped.id] == stripped.person.name


@pytest.mark.parametrize("state", [SUBMITTED, ADMITTED])
def test_what_was_submitted_is_not_submitted_again(session, clerk, signups, office, state):
    [signup] = signups(state)
    assert codes(exams.submit(session, [signup.id], clerk, at=NOON, office=office).refused[signup.id]) == {"stale"}


def test_foreign_and_forged_sign_ups_are_not_found(session, signups, office):
    [foreign] = signups(SELECTED)
    other = make.enterprise()
    session.add(other)
    session.flush()
    outcome = exams.submit(session, [foreign.id, 999_999, 2**70, -1], make.clerk(other), at=NOON, office=office)
    assert outcome.moved == []
    assert {tuple(codes(refusals)) for refusals in outcome.refused.values()} == {("not-found",)}
    assert len(outcome.refused) == 4


def test_where_places_do_not_suffice_for_all_the_enterprise_chooses(session, notice, clerk, signups, office):
    notice.quota = 2
    waiting = signups(SELECTED, 3)
    ids = [signup.id for signup in waiting]
    outcome = exams.submit(session, ids, clerk, at=NOON, office=office)
    assert outcome.moved == []
    assert {tuple(codes(refusals)) for refusals in outcome.refused.values()} == {("no-places",)}
    assert exams.submit(session, ids[:2], clerk, at=NOON, office=office).moved == ids[:2]
    assert codes(exams.submit(session, ids[2:], clerk, at=NOON, office=office).refused[ids[2]]) == {"no-places"}


def test_several_notices_at_once_are_each_asked_for_their_own_window_and_places(session, notice, clerk, signups, office):
    small = make.notice(quota=1)
    closed = make.notice(signup_end=NOON - SECOND)
    session.add_all([small, closed])
    fine, full, late = signups(SELECTED), signups(SELECTED, 2, on=small), signups(SELECTED, on=closed)
    outcome = exams.submit(session, [s.id for s in (*fine, *full, *late)], clerk, at=NOON, office=office)
    assert outcome.moved == [fine[0].id]
    assert {tuple(codes(outcome.refused[s.id])) for s in full} == {("no-places",)}
    assert codes(outcome.refused[late[0].id]) == {"signup-closed"}


# --- review -----------------------------------------------------------------------------------------


def test_a_batch_is_admitted_and_another_rejected_with_a_reason(session, signups):
    good, bad = signups(SUBMITTED, 2), signups(SUBMITTED, 2)
    assert exams.review(session, [s.id for s in good], True, CLERK, at=NOON).moved == [s.id for s in good]
    exams.review(session, [s.id for s in bad], False, CLERK, reason=" 照片不清楚 ", at=NOON)
    assert {(s.state, s.reason) for s in good} == {(ADMITTED, "")}
    assert {(s.state, s.reason, s.reviewed_at, s.reviewed_by) for s in bad} == {(REJECTED, "照片不清楚", NOON, CLERK.name)}


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason-missing"), (" \n", "reason-missing"), ("长" * 501, "reason-too-long")]
)
def test_a_rejection_needs_a_reason_of_sensible_length(session, signups, reason, code):
    [signup] = signups(SUBMITTED)
    with pytest.raises(Unmet) as refused:
        exams.review(session, [signup.id], False, CLERK, reason=reason, at=NOON)
    assert fields(refused.value) == {(code, "reason")}
    assert signup.state is SUBMITTED


@pytest.mark.parametrize("state", [state for state in SignupState if state is not SUBMITTED])
@pytest.mark.parametrize("admit", [True, False])
def test_a_first_decision_meets_only_what_awaits_one(session, signups, state, admit):
    [signup] = signups(
        state, score=70 if state in (SignupState.PASSED, SignupState.FAILED) else None, absent=state.value == "absent"
    )
    outcome = exams.review(session, [signup.id], admit, CLERK, reason="不符合", at=NOON)
    assert codes(outcome.refused[signup.id]) == ({"not-found"} if state is SELECTED else {"stale"})
    session.refresh(signup)
    assert signup.state is state


def test_a_decision_is_undone_by_name_and_takes_an_imported_score_with_it(session, signups):
    [wrong] = signups(ADMITTED, score=80)
    [right] = signups(REJECTED)
    assert exams.review(session, [wrong.id], False, CLERK, reason="冒名", again=True, at=NOON).moved == [wrong.id]
    assert exams.review(session, [right.id], True, CLERK, again=True, at=NOON).moved == [right.id]
    assert (wrong.state, wrong.score, right.state, right.reason) == (REJECTED, None, ADMITTED, "")


def test_an_undone_rejection_needs_a_place(session, notice, signups):
    notice.quota = 1
    [rejected] = signups(REJECTED)
    signups(SUBMITTED)
    outcome = exams.review(session, [rejected.id], True, CLERK, again=True, at=NOON)
    assert codes(outcome.refused[rejected.id]) == {"no-places"}


def test_no_decision_is_made_or_undone_once_the_scores_are_final(session, notice, signups):
    [late], [decided] = signups(SUBMITTED), signups(REJECTED)
    notice.scores_submitted_at = NOON
    session.commit()
    assert codes(exams.review(session, [late.id], True, CLERK, at=NOON).refused[late.id]) == {"scores-final"}
    assert codes(exams.review(session, [decided.id], True, CLERK, again=True, at=NOON).refused[decided.id]) == {
        "scores-final"
    }


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_nobody_else_reviews(session, signups, role):
    [signup] = signups(SUBMITTED)
    with pytest.raises(NotAllowed):
        exams.review(session, [signup.id], True, make.officer(role), at=NOON)


def test_a_clerk_of_another_area_finds_nothing_to_review(session, signups):
    [signup] = signups(SUBMITTED)
    assert codes(exams.review(session, [signup.id], True, ZHUZHOU, at=NOON).refused[signup.id]) == {"not-found"}
    assert exams.review(session, [signup.id], True, CHANGSHA, at=NOON).moved == [signup.id]


def test_who_is_clerk_here_and_there_reviews_by_the_exam_clerks_reach_alone(session, enterprise, signups):
    [signup] = signups(SUBMITTED)
    both = make.Actor(None, "两职", frozenset({Role.EXAM_CLERK, Role.ENTERPRISE_CLERK}), "430200", enterprise.id)
    assert codes(exams.review(session, [signup.id], True, both, at=NOON).refused[signup.id]) == {"not-found"}


def test_each_step_of_a_sign_up_is_audited(session, clerk, signups, office):
    [signup] = signups(SELECTED)
    exams.submit(session, [signup.id], clerk, at=NOON, office=office)
    exams.review(session, [signup.id], False, CLERK, reason="照片不清楚", at=NOON)
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.table == "exam_signup", AuditEntry.row == str(signup.id), AuditEntry.deed == AuditAction.CHANGE)
        .order_by(AuditEntry.id)
    ).all()
    assert [(entry.actor, entry.deed, entry.change) for entry in entries] == [
        (clerk.name, AuditAction.CHANGE, {"state": ["selected", "submitted"]}),
        (CLERK.name, AuditAction.CHANGE, {"state": ["submitted", "rejected"], "reason": "照片不清楚"}),
    ]


# --- at once ----------------------------------------------------------------------------------------


def at_once(system, *actions):
    """Each action in a session and thread of its own, begun together, committed each for itself. Returns the outcomes."""
    barrier = Barrier(len(actions))

    def run(action):
        with Session(system.engine) as session:
            barrier.wait()
            outcome = action(session)
            session.commit()
            return outcome

    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(run, action) for action in actions]]


def test_two_reviewers_at_once_do_not_overwrite_each_other(system, session, signups):
    ids = [signup.id for signup in signups(SUBMITTED, 20)]
    admitted, rejected = at_once(
        system,
        lambda session: exams.review(session, ids, True, CLERK, at=NOON),
        lambda session: exams.review(session, reversed(ids), False, CLERK, reason="不符合", at=NOON),
    )
    assert sorted(admitted.moved + rejected.moved) == ids
    assert set(admitted.refused) == set(rejected.moved)
    session.expire_all()
    states = dict(session.execute(select(ExamSignup.id, ExamSignup.state)).all())
    assert states == {**dict.fromkeys(admitted.moved, ADMITTED), **dict.fromkeys(rejected.moved, REJECTED)}


def test_two_enterprises_at_once_do_not_get_the_same_last_place(system, session, notice, clerk, signups, office):
    notice.quota = 1
    first, second = signups(SELECTED, 2)
    outcomes = at_once(
        system, *(lambda session, n=s.id: exams.submit(session, [n], clerk, at=NOON, office=office) for s in (first, second))
    )
    assert sorted(len(outcome.moved) for outcome in outcomes) == [0, 1]


def test_two_clerks_of_an_enterprise_at_once_select_nobody_twice(system, session, notice, clerk, people, office):
    [person] = people()
    picks = [(person.id, A)]

    def save(session):
        try:
            return len(exams.select(session, notice.id, picks, clerk, at=NOON, office=office))
        except Unmet as refused:
            session.rollback()
            return codes(refused)

    assert sorted(at_once(system, save, save), key=str) == [1, {"already-signed-up"}]


# --- many at once -----------------------------------------------------------------------------------


def test_the_number_of_statements_does_not_grow_with_the_number_of_people(session, notice, clerk, people, office):
    def walk(n):
        hired = people(n)
        with counting(session) as statements:
            exams.candidates(session, notice.id, clerk, at=NOON, office=office)
            made = pick(session, notice, [(person, A) for person in hired], clerk, office)
            ids = [signup.id for signup in made]
            assert len(exams.submit(session, ids, clerk, at=NOON, office=office).moved) == n
            assert len(exams.review(session, ids, True, CLERK, at=NOON).moved) == n
            exams.review(session, ids, False, CLERK, reason="不符合", again=True, at=NOON)
            assert len(exams.deselect(session, ids, clerk).moved) == n
            return len(statements)

    assert walk(1) == walk(300)
