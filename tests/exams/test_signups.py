"""Sign-ups: who may be signed up, selecting and submitting, also at once."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import exams
from app.core.errors import FixPlace, NotAllowed, NotFound, Unmet
from app.core.office import Office
from app.core.vocabulary import AuditAction, CertificateStatus, PaperKind, Position, Registration, Role, SignupState
from app.eligibility.picking import PickerQuery
from app.exams.locking import MOST_AT_ONCE
from app.models import AuditEntry, ExamSignup, Paper
from tests import make
from tests.at_once import at_once
from tests.exams.conftest import ACTING, ADMITTED, C1, C2, C3, CLERK, REJECTED, SECOND, SELECTED, SUBMITTED, A, B, codes
from tests.make import NOON, TODAY
from tests.query_counter import queries


def pick(session, notice, picks, clerk, office, at=NOON):
    picks = [(person.id, category) for person, category in picks]
    return exams.select(session, notice.id, picks, clerk, at=at, office=office)


# --- who can be signed up ---------------------------------------------------------------------------
def only(session, notice, clerk, office, at=NOON):
    [candidate] = exams.candidates(session, notice.id, clerk, at=at, office=office).candidates
    return candidate


def test_a_complete_person_can_be_signed_up_for_every_category(session, notice, clerk, people, office):
    people()
    assert only(session, notice, clerk, office).open_categories == (A, B, C1, C2, C3)


@pytest.mark.parametrize(
    ("position", "can_be"),
    [
        (Position.LEGAL_REPRESENTATIVE, (A,)),
        (Position.SAFETY_DIRECTOR, (A,)),
        (Position.PROJECT_MANAGER, (B,)),
        (Position.SAFETY_OFFICER, (C1, C2, C3)),
        (None, ()),
    ],
)
def test_the_position_decides_for_which_category(session, notice, clerk, people, position, can_be):
    """In the list, on saving and on submitting."""
    [person] = people(position=position)
    assert only(session, notice, clerk, Office()).open_categories == can_be
    for category in {A, B, C1} - set(can_be):
        with pytest.raises(Unmet) as no:
            pick(session, notice, [(person, category)], clerk, Office())
        assert codes(no.value) == {"position-does-not-fit"}
    if can_be:
        [signup] = pick(session, notice, [(person, can_be[0])], clerk, Office())
        person.position = Position.PROJECT_MANAGER if position is not Position.PROJECT_MANAGER else Position.SAFETY_OFFICER
        session.flush()
        outcome = exams.submit(session, [signup.id], clerk, at=NOON, office=Office())
        assert codes(outcome.refused[signup.id]) == {"position-does-not-fit"}


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
    assert exams.candidates(session, notice.id, clerk, at=NOON, office=office).candidates == []


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


def test_all_who_can_be_signed_up_for_a_category_are_found_in_portions(session, notice, clerk, people, office):
    fit = people(5)
    people(without=(PaperKind.PHOTO,))
    pick(session, notice, [(fit[0], A)], clerk, office)
    asked = PickerQuery()

    def found(office):
        return exams.all_open(session, notice.id, C1, clerk, asked, at=NOON, office=office, portion=2)

    assert found(office) == [person.id for person in fit[1:]]
    assert found(replace(office, largest_batch=3)) == [person.id for person in fit[1:4]]
    other = make.enterprise(name="别家")
    session.add(other)
    session.flush()
    assert exams.all_open(session, notice.id, C1, make.clerk(other), asked, at=NOON, office=office) == []
    assert exams.own_names(session, [person.id for person in fit], make.clerk(other)) == {}


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
            lambda ids=ids: exams.review(session, ids, True, CLERK, **ACTING),
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
def test_each_step_of_a_sign_up_is_audited(session, clerk, signups, office):
    [signup] = signups(SELECTED)
    exams.submit(session, [signup.id], clerk, at=NOON, office=office)
    exams.review(session, [signup.id], False, CLERK, reason="照片背景杂乱，面部看不清楚", **ACTING)
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.table == "exam_signup", AuditEntry.row == str(signup.id), AuditEntry.deed == AuditAction.CHANGE)
        .order_by(AuditEntry.id)
    ).all()
    assert [(entry.actor, entry.deed, entry.change) for entry in entries] == [
        (clerk.name, AuditAction.CHANGE, {"state": ["selected", "submitted"]}),
        (CLERK.name, AuditAction.CHANGE, {"state": ["submitted", "rejected"], "reason": "照片背景杂乱，面部看不清楚"}),
    ]


# --- at once ----------------------------------------------------------------------------------------
def committed_at_once(system, *actions):
    """The outcome of each action, in a session of its own that it commits."""

    def run(action):
        with Session(system.engine) as session:
            outcome = action(session)
            session.commit()
            return outcome

    return at_once(run, actions)


def test_two_reviewers_at_once_do_not_overwrite_each_other(system, session, signups):
    ids = [signup.id for signup in signups(SUBMITTED, 20)]
    admitted, rejected = committed_at_once(
        system,
        lambda session: exams.review(session, ids, True, CLERK, **ACTING),
        lambda session: exams.review(session, reversed(ids), False, CLERK, reason="学历证与填报的学历不一致", **ACTING),
    )
    assert sorted(admitted.moved + rejected.moved) == ids
    assert set(admitted.refused) == set(rejected.moved)
    session.expire_all()
    states = dict(session.execute(select(ExamSignup.id, ExamSignup.state)).all())
    assert states == {**dict.fromkeys(admitted.moved, ADMITTED), **dict.fromkeys(rejected.moved, REJECTED)}


def test_two_enterprises_at_once_do_not_get_the_same_last_place(system, session, notice, clerk, signups, office):
    notice.quota = 1
    first, second = signups(SELECTED, 2)
    outcomes = committed_at_once(
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

    assert sorted(committed_at_once(system, save, save), key=str) == [1, {"already-signed-up"}]


# --- many at once -----------------------------------------------------------------------------------
def test_the_number_of_statements_does_not_grow_with_the_number_of_people(session, notice, clerk, people, office):
    def walk(n):
        hired = people(n)
        with queries(session.get_bind()) as statements:
            exams.candidates(session, notice.id, clerk, at=NOON, office=office)
            made = pick(session, notice, [(person, A) for person in hired], clerk, office)
            ids = [signup.id for signup in made]
            assert len(exams.submit(session, ids, clerk, at=NOON, office=office).moved) == n
            assert len(exams.review(session, ids, True, CLERK, **ACTING).moved) == n
            exams.review(session, ids, False, CLERK, reason="学历证与填报的学历不一致", again=True, **ACTING)
            assert len(exams.deselect(session, ids, clerk).moved) == n
            return len(statements)

    assert walk(1) == walk(300)


@pytest.mark.parametrize(("months", "possible"), [(3, False), (0, True)])
def test_a_holder_may_sign_up_at_any_time_where_renewal_is_always_open(session, notice, clerk, people, months, possible):
    [person] = people()
    session.add(make.certificate(person, category=C1, valid_to=TODAY + timedelta(days=900)))
    session.flush()
    assert (C1 in only(session, notice, clerk, Office(renewal_window_months=months)).open_categories) is possible


def test_a_full_exam_says_so_and_asks_for_nobody_less(session, notice, clerk, people, signups, office):
    notice.quota = 1
    signups(SUBMITTED)
    [late] = people()
    with pytest.raises(Unmet) as full:
        pick(session, notice, [(late, C1)], clerk, office)
    assert [str(refusal.sentence) for refusal in full.value.refusals] == ["This exam has no places left."]
