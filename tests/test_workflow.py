from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.clock import Calendar
from app.core.errors import NotAllowed, Unmet
from app.core.office import Office
from app.core.vocabulary import (
    CLOSED,
    LETTER_OF,
    Action,
    Category,
    CertificateStatus,
    MatterKind,
    PaperKind,
    ReplacementReason,
    Role,
    Side,
    Stage,
    State,
)
from app.models import (
    Account,
    Application,
    Certificate,
    CertificateVersion,
    ExamPass,
    Message,
    Paper,
    Person,
    PublicNotice,
    Step,
)
from app.procedure import Move
from app.workflow import ACTORS, MOVES, carry_out, plan
from tests import make
from tests.at_once import at_once
from tests.query_counter import queries
from tests.workflow_fixture import Firm


@pytest.fixture
def firm(session):
    """An enterprise with everything in order, and a way to add people who can be filed for at once."""
    return Firm(session)


def do(session, application, action, actor, reason="", at=make.NOON, office=None):
    ids = [getattr(one, "id", one) for one in application] if isinstance(application, list) else [application.id]
    return carry_out(session, ids, action, actor, reason=reason, at=at, office=office or Office())


def codes(planned):
    return [refusal.code for refusals in planned.refused.values() for refusal in refusals]


# --- the table ---------------------------------------------------------------------------------------
OFFERED = {(kind, move.source, move.action, move.by, move.side) for move in MOVES for kind in move.matters}
MADE = [(kind, move) for move in MOVES for kind in move.matters]
ACTORS_ON_SIDES = [*((role, Side.FILER) for role in Role), (Role.ENTERPRISE_CLERK, Side.RELEASER)]
NEEDED = {  # of the application on which an action is done
    Action.ABANDON: {"seen": True},  # a draft that was submitted before
    Action.LAPSE: {"due_on": make.TODAY - timedelta(days=1)},
}


def named(value):
    return f"{value.source.value}-{value.action.value}" if isinstance(value, Move) else value.value


@pytest.mark.parametrize("matter", MatterKind, ids=named)
def test_whatever_is_not_in_the_table_is_refused_for_every_action_and_role(firm, session, matter):
    with firm.together():
        made = {state: firm.application(state, matter=matter) for state in State}
    for action, (role, side) in product(Action, ACTORS_ON_SIDES):
        outside = [one for state, one in made.items() if (matter, state, action, role, side) not in OFFERED]
        try:
            planned = do(session, outside, action, firm.actor(role, side), reason=make.REASON)
        except NotAllowed:
            assert role not in ACTORS[action]
        else:
            assert planned.passes == {}
            assert planned.refused.keys() == {one.id for one in outside}
    session.expire_all()
    assert {state: session.get(Application, one.id).state for state, one in made.items()} == {state: state for state in State}
    assert session.scalar(select(func.count(Step.id))) == 0


@pytest.mark.parametrize(("matter", "move"), MADE, ids=named)
def test_every_move_of_the_table_can_be_made_and_leaves_one_step(firm, session, matter, move):
    application = firm.application(move.source, matter=matter, **NEEDED.get(move.action, {}))
    actor = firm.actor(move.by, move.side)
    planned = do(session, application, move.action, actor, reason=make.REASON if move.reason else "")
    session.commit()
    assert codes(planned) == []
    moved = session.get(Application, application.id)
    assert moved.state is move.target
    assert (moved.closed_at is not None) == (move.target in CLOSED)
    assert [(s.action, s.source, s.target) for s in moved.steps] == [(move.action, move.source, move.target)]


@pytest.mark.parametrize(("matter", "move"), [(kind, move) for kind, move in MADE if move.stage], ids=named)
def test_every_decision_owes_a_message_and_a_masked_public_notice(firm, session, matter, move):
    application = firm.application(move.source, matter=matter)
    do(session, application, move.action, firm.actor(move.by), reason=make.REASON if move.reason else "")
    session.commit()
    message = session.scalars(select(Message)).one()
    number = application.person.id_number
    assert message.mobile == "13800000000"
    assert number not in message.text
    if move.action is Action.RETURN:
        assert session.scalars(select(PublicNotice)).all() == []
        return
    notice = session.scalars(select(PublicNotice)).one()
    assert (notice.stage, notice.agreed) == (move.stage, move.agreed)
    assert notice.masked_id_number == f"{number[:3]}*************{number[-2:]}"


# --- reach and request --------------------------------------------------------------------------------
def test_a_foreign_enterprise_meets_the_same_answer_as_for_nothing_at_all(firm, session):
    application = firm.application()
    other = make.enterprise(name="别家")
    session.add(other)
    session.commit()
    planned = carry_out(session, [application.id, 999_999], Action.SUBMIT, make.clerk(other), at=make.NOON, office=_office())
    assert codes(planned) == ["not-found", "not-found"]


def test_an_officer_of_another_prefecture_reaches_nothing(firm, session):
    application = firm.application(State.AWAITING_ACCEPTANCE)
    planned = do(session, application, Action.ACCEPT, make.officer(Role.ACCEPTANCE_OFFICER, region="430200"))
    assert codes(planned) == ["not-found"]


@pytest.mark.parametrize("mark", ["😀", "㎡", "\u200b"])
@pytest.mark.parametrize("move", [move for move in MOVES if move.action in LETTER_OF], ids=lambda move: move.action.value)
def test_what_no_letter_can_show_is_refused_before_the_decision_and_not_found_out_after_it(firm, session, move, mark):
    application = firm.application(move.source, matter=move.matters[0])
    with pytest.raises(Unmet) as error:
        do(session, application, move.action, firm.actor(move.by), reason=f"{make.REASON}{mark}")
    assert [refusal.code for refusal in error.value.refusals] == ["cannot-be-printed"]


def test_a_pasted_reason_gets_plain_blanks(firm, session):
    application = firm.application(State.AWAITING_ACCEPTANCE)
    do(session, application, Action.DECLINE, firm.actor(Role.ACCEPTANCE_OFFICER), reason=f"一\t{make.REASON}\r\n二\u00a0三")
    assert session.scalars(select(Step.reason)).all()[-1] == f"一 {make.REASON}\n二 三"


@pytest.mark.parametrize("reason", ["", "   \n"])
def test_a_refusal_needs_a_reason(firm, session, reason):
    application = firm.application(State.AWAITING_ACCEPTANCE)
    with pytest.raises(Unmet) as error:
        do(session, application, Action.DECLINE, firm.actor(Role.ACCEPTANCE_OFFICER), reason=reason)
    assert error.value.refusals[0].code == "reason-missing"


def test_nothing_chosen_and_too_much_chosen_are_refused(firm, session):
    officer = firm.actor(Role.ACCEPTANCE_OFFICER)
    for ids, code in (([], "nothing-chosen"), (range(10_001), "batch-too-large")):
        with pytest.raises(Unmet) as error:
            carry_out(session, ids, Action.ACCEPT, officer, at=make.NOON, office=_office())
        assert error.value.refusals[0].code == code


def test_the_second_of_two_equal_decisions_is_told_that_it_is_too_late(firm, session):
    application = firm.application(State.AWAITING_ACCEPTANCE)
    officer = firm.actor(Role.ACCEPTANCE_OFFICER)
    do(session, application, Action.ACCEPT, officer)
    again = do(session, application, Action.ACCEPT, officer)
    assert codes(again) == ["stale"]
    assert session.scalar(select(func.count(Step.id))) == 1


def test_a_plan_says_what_would_happen_and_changes_nothing(firm, session, system):
    good, bad = firm.application(State.AWAITING_ACCEPTANCE), firm.application(State.AWAITING_REVIEW)
    with queries(system.engine) as seen:
        planned = plan(
            session, [good.id, bad.id], Action.ACCEPT, firm.actor(Role.ACCEPTANCE_OFFICER), at=make.NOON, office=_office()
        )
    assert list(planned.passes) == [good.id]
    assert list(planned.refused) == [bad.id]
    assert all(statement.lstrip().startswith("SELECT") for statement in seen)


def test_one_bad_row_never_spoils_a_batch(firm, session):
    batch = [firm.application(State.AWAITING_ACCEPTANCE) for _ in range(3)]
    batch.insert(1, firm.application(State.AWAITING_REVIEW))
    planned = do(session, [application.id for application in batch], Action.ACCEPT, firm.actor(Role.ACCEPTANCE_OFFICER))
    session.commit()
    assert len(planned.passes) == 3
    numbers = session.scalars(select(Application.acceptance_number).where(Application.id.in_(planned.passes))).all()
    assert len(set(numbers)) == 3


# --- submission -----------------------------------------------------------------------------------------
def test_submission_names_every_gap_at_once_and_where_to_fix_it(session):
    enterprise = make.enterprise()
    person = make.person(enterprise, position=make.position_for(Category.B))
    application = make.application(person, category=Category.B)
    session.add(application)
    session.commit()
    planned = do(session, application, Action.SUBMIT, make.clerk(enterprise))
    (standing,) = planned.refused.values()
    places = {refusal.code: refusal.place.page for refusal in standing if refusal.place}
    assert {r.code for r in standing} == {
        *(f"missing-{kind}" for kind in ("photo", "id_card", "education", "title", "registration")),
        "missing-qualification",
        "missing-pledge",
        "no-exam-pass",
    }
    assert places["missing-photo"] == "person"
    assert places["missing-pledge"] == "enterprise"


@pytest.mark.parametrize(("days_late", "passes"), [(0, True), (1, False)])
def test_an_exam_counts_for_two_years_the_last_day_included(firm, session, days_late, passes):
    passed_on = make.TODAY.replace(year=make.TODAY.year - 2) - timedelta(days=days_late)
    application = firm.application(exam={"passed_on": passed_on})
    planned = do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK))
    assert bool(planned.passes) is passes
    assert codes(planned) == ([] if passes else ["exam-pass-too-old"])


@pytest.mark.parametrize(
    ("born", "category", "code"),
    [("1966-03-02", Category.C1, "over-age"), ("1966-03-03", Category.C1, None), ("1966-03-02", Category.A, None)],
)
def test_a_safety_officer_is_under_sixty(firm, session, born, category, code):
    number = make.id_number(date.fromisoformat(born), sequence=1)
    application = firm.application(category=category, person={"id_number": number})
    planned = do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK))
    assert codes(planned) == ([code] if code else [])


def test_who_holds_the_certificate_already_cannot_apply_for_it(firm, session):
    application = firm.application()
    session.add(make.certificate(application.person, category=Category.C3))
    session.commit()
    planned = do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK))
    assert codes(planned) == ["already-certified"]


def test_an_expired_certificate_does_not_stand_in_the_way(firm, session):
    application = firm.application()
    session.add(make.certificate(application.person, valid_to=make.TODAY - timedelta(days=1)))
    session.commit()
    assert do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK)).passes


def test_officers_decide_on_what_was_submitted_whatever_changes_later(firm, session):
    application = firm.application()
    do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK))
    application.person.major = "改了"
    session.commit()
    snapshot = session.get(Application, application.id).snapshot
    assert snapshot["person"]["major"] == ""
    assert set(snapshot["papers"]) == {"photo", "id_card", "education", "title", "registration"}


def test_a_returned_application_is_submitted_again_in_its_next_round(firm, session):
    application = firm.application()
    clerk, officer = firm.actor(Role.ENTERPRISE_CLERK), firm.actor(Role.ACCEPTANCE_OFFICER)
    do(session, application, Action.SUBMIT, clerk)
    do(session, application, Action.RETURN, officer, reason="照片面部模糊，无法与身份证核对")
    do(session, application, Action.SUBMIT, clerk)
    session.commit()
    again = session.get(Application, application.id)
    assert (again.state, again.round) == (State.AWAITING_ACCEPTANCE, 2)
    assert [step.round for step in again.steps] == [1, 1, 2]


# --- acceptance, review, approval ---------------------------------------------------------------------------
def test_originals_of_legacy_passers_are_seen_before_acceptance(firm, session):
    application = firm.application(
        State.AWAITING_ACCEPTANCE, exam={"originals_verified_at": None, "originals_verified_by": ""}
    )
    planned = do(session, application, Action.ACCEPT, firm.actor(Role.ACCEPTANCE_OFFICER))
    assert codes(planned) == ["originals-not-verified"]


def test_acceptance_gives_a_number_and_starts_the_legal_clock(firm, session):
    application = firm.application(State.AWAITING_ACCEPTANCE)
    do(session, application, Action.ACCEPT, firm.actor(Role.ACCEPTANCE_OFFICER))
    session.commit()
    accepted = session.get(Application, application.id)
    assert accepted.acceptance_number == "430000-SL-20260302-0001"
    assert accepted.due_on == make.TODAY + timedelta(days=28)  # 20 working days
    assert (accepted.promised_days, accepted.promised_on) == (20, accepted.due_on)


# --- more time ----------------------------------------------------------------------------------------------
LAST_DAY = make.TODAY + timedelta(days=28)


def at_noon(day):
    return make.NOON + timedelta(days=(day - make.TODAY).days)


@pytest.mark.parametrize("state", [State.AWAITING_REVIEW, State.AWAITING_APPROVAL])
@pytest.mark.parametrize(("day", "refused"), [(LAST_DAY, []), (LAST_DAY + timedelta(days=1), ["too-late-to-extend"])])
def test_more_time_is_given_until_the_last_day_and_not_after_it(firm, session, state, day, refused):
    application = firm.application(state)
    planned = do(session, application, Action.EXTEND, firm.actor(Role.APPROVER), make.REASON, at=at_noon(day))
    session.commit()
    assert codes(planned) == refused
    later = session.get(Application, application.id)
    if refused:
        assert (later.due_on, later.due_days, later.extended_to) == (LAST_DAY, 20, None)
    else:
        assert (later.state, later.due_days) == (state, 30)
        assert later.due_on == later.extended_to == LAST_DAY + timedelta(days=14)  # 10 working days


def test_more_time_is_given_once_whatever_happens_in_between(firm, session):
    application = firm.application(State.AWAITING_REVIEW)
    head = firm.actor(Role.APPROVER)
    do(session, application, Action.EXTEND, head, "外省注册情况须向原考核机关核实")
    assert codes(do(session, application, Action.EXTEND, head, make.REASON)) == ["already-extended"]
    do(session, application, Action.ENDORSE, firm.actor(Role.REVIEWER))
    assert codes(do(session, application, Action.EXTEND, head, make.REASON)) == ["already-extended"]
    session.commit()
    with pytest.raises(IntegrityError):
        session.execute(
            insert(Step).values(
                application_id=application.id, round=1, action=Action.EXTEND, source=State.AWAITING_APPROVAL,
                target=State.AWAITING_APPROVAL, actor="他人", at=make.NOON,
            )
        )  # fmt: skip
    session.rollback()


def test_more_time_counts_the_calendar_and_the_parameter(firm, session):
    application = firm.application(State.AWAITING_REVIEW)
    office = _office(extend_days=3, calendar=Calendar(days_off=frozenset({LAST_DAY + timedelta(days=1)})))
    do(session, application, Action.EXTEND, firm.actor(Role.APPROVER), "外省注册情况须向原考核机关核实", office=office)
    session.commit()
    assert session.get(Application, application.id).due_on == LAST_DAY + timedelta(days=4)


def test_the_reason_for_more_time_is_told_to_the_handler_and_nobody_else(firm, session):
    application = firm.application(State.AWAITING_APPROVAL)
    do(session, application, Action.EXTEND, firm.actor(Role.APPROVER), "须向外省核实注册情况")
    session.commit()
    (message,) = session.scalars(select(Message))
    assert message.mobile == "13800000000"
    for part in ("2026-04-13", "须向外省核实注册情况", "10"):
        assert part in message.text
    assert session.scalar(select(func.count(PublicNotice.id))) == 0


def test_an_extension_hides_nobody_s_decision(firm, session):
    """Whoever endorsed must not approve, even though somebody else gave more time in between."""
    session.add_all(
        Account(id=n, first_name="张", last_name="", username=f"z{n}", email=f"z{n}@example.test") for n in (7, 8)
    )
    application = firm.application(State.AWAITING_REVIEW)
    both = make.officer(Role.REVIEWER, Role.APPROVER, account_id=7)
    other = make.officer(Role.APPROVER, account_id=8)
    do(session, application, Action.ENDORSE, both)
    do(session, application, Action.EXTEND, other, "外省注册情况须向原考核机关核实")
    assert codes(do(session, application, Action.APPROVE, both)) == ["two-pairs-of-eyes"]
    assert do(session, application, Action.APPROVE, other).passes


def test_a_batch_gives_more_time_to_whom_it_can_and_names_the_others(firm, session):
    fresh, late = firm.application(State.AWAITING_REVIEW), firm.application(State.AWAITING_APPROVAL)
    late.due_on = make.TODAY - timedelta(days=1)
    session.commit()
    planned = do(session, [fresh, late], Action.EXTEND, firm.actor(Role.APPROVER), make.REASON)
    assert list(planned.passes) == [fresh.id]
    assert codes(planned) == ["too-late-to-extend"]


def test_nobody_decides_two_consecutive_stages(firm, session):
    account = Account(id=7, first_name="张", last_name="", username="z", email="z@example.test")
    session.add(account)
    application = firm.application(State.AWAITING_ACCEPTANCE)
    both = make.officer(Role.ACCEPTANCE_OFFICER, Role.REVIEWER, account_id=account.id)
    do(session, application, Action.ACCEPT, both)
    assert codes(do(session, application, Action.ENDORSE, both)) == ["two-pairs-of-eyes"]
    assert do(session, application, Action.ENDORSE, both, office=_office(two_pairs_of_eyes=False)).passes


def test_who_returned_an_application_may_accept_it_later(firm, session):
    session.add(Account(id=7, first_name="张", last_name="", username="z", email="z@example.test"))
    application = firm.application()
    officer, clerk = make.officer(Role.ACCEPTANCE_OFFICER, account_id=7), firm.actor(Role.ENTERPRISE_CLERK)
    do(session, application, Action.SUBMIT, clerk)
    do(session, application, Action.RETURN, officer, reason="照片缺少，请补交近期免冠照片")
    do(session, application, Action.SUBMIT, clerk)
    assert do(session, application, Action.ACCEPT, officer).passes


def test_approval_issues_a_numbered_certificate_for_three_years(firm, session):
    application = firm.application()
    _submit_to_approval(firm, session, application)
    do(session, application, Action.APPROVE, firm.actor(Role.APPROVER))
    session.commit()
    certificate = session.scalars(select(Certificate)).one()
    assert certificate.number == "湘建安C1(2026)0000001"
    assert (str(certificate.valid_from), str(certificate.valid_to)) == ("2026-03-02", "2029-03-01")
    version = session.scalars(select(CertificateVersion)).one()
    assert version.face["name"] == application.person.name
    assert len(version.token) >= 22
    assert session.get(Application, application.id).certificate_id == certificate.id
    assert session.scalars(select(ExamPass)).one().used_by_application_id == application.id
    approval = session.scalars(select(PublicNotice).where(PublicNotice.stage == Stage.APPROVAL)).one()
    assert approval.certificate_number == certificate.number


def test_numbers_run_on_per_category_and_year(firm, session):
    batch = [firm.application(category=category) for category in (Category.A, Category.C1, Category.A)]
    for application in batch:
        _submit_to_approval(firm, session, application)
    do(session, [application.id for application in batch], Action.APPROVE, firm.actor(Role.APPROVER))
    session.commit()
    numbers = {a.id: session.get(Application, a.id).certificate.number for a in batch}
    assert [numbers[a.id] for a in batch] == ["湘建安A(2026)0000001", "湘建安C1(2026)0000001", "湘建安A(2026)0000002"]


def test_c3_ends_the_c1_it_was_added_to(firm, session):
    application = firm.application(category=Category.C3)
    held = make.certificate(application.person, category=Category.C1)
    session.add(held)
    session.commit()
    _submit_to_approval(firm, session, application)
    do(session, application, Action.APPROVE, firm.actor(Role.APPROVER))
    session.commit()
    session.refresh(held)
    assert held.status is CertificateStatus.CANCELLED
    assert held.status_reason == "→ 湘建安C3(2026)0000001"


def test_a_name_that_no_font_has_is_refused_before_anything_is_issued(firm, session):
    application = firm.application(person={"name": "李\ue000"})
    planned = do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK))
    assert codes(planned) == ["cannot-be-printed"]


def _submit_to_approval(firm, session, application):
    do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK))
    do(session, application, Action.ACCEPT, firm.actor(Role.ACCEPTANCE_OFFICER))
    do(session, application, Action.ENDORSE, firm.actor(Role.REVIEWER))
    session.commit()


def _office(**changes):
    return Office(**changes)


# --- many at once, and at the same time -----------------------------------------------------------------------
def _many(firm, session, count, state=State.AWAITING_APPROVAL):
    """Applications in bulk, each with a person, papers and a pass, in few statements."""
    people = [make.person(firm.enterprise) for _ in range(count)]
    session.add_all(people)
    session.flush()
    session.add_all([p for person in people for p in make.complete_papers(person)])
    session.add_all([make.exam_pass(person) for person in people])
    filing = make.filing(firm.enterprise)
    applications = [make.application(person, state, filing=filing) for person in people]
    session.add_all(applications)
    session.commit()
    return [application.id for application in applications]


def test_five_hundred_are_approved_in_as_many_queries_as_one(firm, session, system):
    one, many = _many(firm, session, 1), _many(firm, session, 500)
    approver = firm.actor(Role.APPROVER)
    with queries(system.engine) as few:
        do(session, one, Action.APPROVE, approver)
        session.commit()
    with queries(system.engine) as lots:
        planned = do(session, many, Action.APPROVE, approver)
        session.commit()
    assert len(planned.passes) == 500
    assert len(lots) == len(few), sorted({statement[:60] for statement in lots})


def test_two_approvers_at_once_issue_each_certificate_once(firm, session, system):
    ids = _many(firm, session, 12)

    def approve(_n: int) -> int:
        with Session(system.engine) as mine:
            planned = carry_out(mine, ids, Action.APPROVE, make.officer(Role.APPROVER), at=make.NOON, office=_office())
            mine.commit()
            return len(planned.passes)

    assert sorted(at_once(approve, range(2))) == [0, 12]
    assert session.scalar(select(func.count(Certificate.id))) == 12
    assert session.scalar(select(func.count(func.distinct(Certificate.number)))) == 12


def test_a_rolled_back_approval_leaves_no_trace_and_gives_its_numbers_back(firm, session):
    application = _many(firm, session, 1)
    do(session, application, Action.APPROVE, firm.actor(Role.APPROVER))
    session.rollback()
    do(session, application, Action.APPROVE, firm.actor(Role.APPROVER))
    session.commit()
    assert session.scalars(select(Certificate.number)).all() == ["湘建安C1(2026)0000001"]
    assert session.scalar(select(func.count(Message.id))) == 1


# --- one and the same person ------------------------------------------------------------------------

STEPS = (
    (State.DRAFT, Action.SUBMIT, Role.ENTERPRISE_CLERK),
    (State.AWAITING_ACCEPTANCE, Action.ACCEPT, Role.ACCEPTANCE_OFFICER),
    (State.AWAITING_REVIEW, Action.ENDORSE, Role.REVIEWER),
    (State.AWAITING_APPROVAL, Action.APPROVE, Role.APPROVER),
)


def brought_to(session, firm, state, matter):
    """An application that has gone through every step before a state."""
    application = firm.application(matter=matter)
    for source, action, role in STEPS[: [source for source, *_rest in STEPS].index(state)]:
        assert not do(session, application, action, firm.actor(role)).refused
        if source is State.DRAFT and matter is MatterKind.TRANSFER:
            do(session, application, Action.RELEASE, firm.actor(Role.ENTERPRISE_CLERK, Side.RELEASER))
    return application


@pytest.mark.parametrize("field", ["name", "id_number"])
@pytest.mark.parametrize("matter", list(MatterKind))
@pytest.mark.parametrize(("state", "action", "role"), STEPS)
def test_nothing_is_decided_for_a_record_changed_behind_the_domain(session, firm, matter, state, action, role, field):
    application = brought_to(session, firm, state, matter)
    number = make.id_number()
    changed = {"name": "王五"} if field == "name" else {"id_number": number, "id_number_key": number}
    session.execute(update(Person).where(Person.id == application.person_id).values(**changed))
    session.commit()
    refused = codes(do(session, application, action, firm.actor(role)))
    on_paper = state is State.DRAFT and matter is not MatterKind.NEW and field == "id_number"  # which shows no ID number here
    assert refused == ([] if on_paper else ["identity-differs"] * len(refused)), refused
    assert on_paper or refused
    session.rollback()
    assert application.state is state


@pytest.mark.parametrize("matter", list(MatterKind))
@pytest.mark.parametrize(("state", "action", "role"), STEPS)
def test_the_same_steps_are_open_to_an_unchanged_person(session, firm, matter, state, action, role):
    application = brought_to(session, firm, state, matter)
    assert not do(session, application, action, firm.actor(role)).refused


def test_a_pass_of_somebody_else_supports_no_application(session, firm):
    application = firm.application(exam={"identity": {"name": "王五", "id_number": make.id_number()}})
    assert set(codes(do(session, application, Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK)))) == {"identity-differs"}


def test_a_scan_of_somebody_else_is_no_paper_of_the_application(session, firm):
    application, other = brought_to(session, firm, State.AWAITING_ACCEPTANCE, MatterKind.NEW), firm.person()
    snapshot = dict(application.snapshot)
    foreign = session.scalar(select(Paper.id).where(Paper.person_id == other.id, Paper.kind == PaperKind.ID_CARD))
    application.snapshot = {**snapshot, "papers": {**snapshot["papers"], "id_card": foreign}}
    session.commit()
    planned = do(session, application, Action.ACCEPT, firm.actor(Role.ACCEPTANCE_OFFICER))
    assert codes(planned) == ["identity-differs"]


def test_two_certificates_of_one_person_are_corrected_one_after_the_other(session, firm):
    person = firm.person()
    facts = {"reason_code": ReplacementReason.WRONG_INFORMATION.value, "details": {"name": "李磊"}}
    both = [
        firm.on(firm.certificate(person, category=category), MatterKind.REPLACEMENT, **facts)
        for category in (Category.A, Category.C1)
    ]
    for _state, action, role in STEPS[:3]:
        assert not do(session, both, action, firm.actor(role)).refused
    for application in both:
        assert not do(session, application, Action.APPROVE, firm.actor(Role.APPROVER)).refused
        session.commit()
    holders = session.scalars(select(Certificate.holder).where(Certificate.person_id == person.id)).all()
    assert (session.get_one(Person, person.id).name, holders) == ("李磊", ["李磊", "李磊"])
