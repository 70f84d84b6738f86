from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import exams
from app.accounts.registry import (
    add_person,
    identity_is_fixed_by,
    remove_person,
    save_enterprise,
    save_qualification,
    update_person,
)
from app.core.errors import AppError, FixPlace, NotAllowed, NotFound, Unmet
from app.core.office import Office
from app.core.vocabulary import UNDER_WAY, Action, CertificateStatus, MatterKind, Position, Role, SignupState, State
from app.models import Person
from app.workflow import carry_out
from tests import make
from tests.at_once import at_once
from tests.workflow_fixture import Firm

TODAY = {"on": make.TODAY, "office": Office()}


@pytest.fixture
def mine(session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def clerk(mine):
    return make.clerk(mine)


def unsaved(**facts):
    return make.person(None, **facts)


def codes_of(error):
    return [refusal.code for refusal in error.value.refusals]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"id_number": make.id_number(make.TODAY - timedelta(days=10 * 365), 1)}, "too-young"),
        ({"id_number": make.id_number(date(2099, 1, 1), 1)}, "id-birth-date"),
        ({"id_number": make.id_number(date(1, 1, 1), 1)}, "id-birth-date"),
        ({"id_number": make.id_number(region="000000", sequence=1)}, "id-region"),
        ({"name": "张三."}, "bad-name"),
        ({"name": "张\U000f0000"}, "bad-name"),
        ({"name": "张\U00032000"}, "bad-name"),
    ],
    ids=str,
)
def test_who_cannot_be_certified_is_refused_at_entry(session, clerk, facts, code):
    with pytest.raises(Unmet) as no:
        add_person(session, unsaved_as_typed(**facts), clerk, **TODAY)
    assert codes_of(no) == [code]


def unsaved_as_typed(**facts):
    """The row of a form: the setter of the model derives nothing from an impossible number."""
    person = unsaved()
    for key, value in facts.items():
        person.__dict__[key] = value
    return person


def test_new_person_is_stored_normalised(session, mine, clerk):
    number = make.id_number()
    add_person(session, unsaved(name=" 古丽•买买提 ", id_number=number.lower(), mobile="138 0000 0000"), clerk, **TODAY)
    session.commit()
    person = session.scalars(select(Person)).one()
    assert (person.name, person.id_number, person.mobile) == ("古丽·买买提", number, "13800000000")
    assert person.enterprise_id == mine.id


def test_all_field_errors_are_reported_together(session, clerk):
    with pytest.raises(Unmet) as error:
        add_person(session, unsaved(name="李", mobile="1", education=None, position=None), clerk, **TODAY)
    assert {r.field for r in error.value.refusals} == {"name", "mobile", "education", "position"}
    assert session.scalar(select(func.count(Person.id))) == 0


def test_own_person_cannot_be_added_twice(session, clerk):
    person = add_person(session, unsaved(), clerk, **TODAY)
    session.commit()
    with pytest.raises(AppError) as error:
        add_person(session, unsaved(id_number=person.id_number), clerk, **TODAY)
    assert codes_of(error) == ["already-yours"]


def test_person_employed_elsewhere_is_refused(session, clerk):
    theirs = make.person(make.enterprise(name="别家"))
    session.add(theirs)
    session.commit()
    with pytest.raises(AppError) as error:
        add_person(session, unsaved(id_number=theirs.id_number), clerk, **TODAY)
    assert codes_of(error) == ["employed-elsewhere"]


def test_person_without_employer_can_be_added_under_the_same_name_only(session, mine, clerk):
    free = make.person(None, name="韩梅梅")
    session.add(free)
    session.commit()
    with pytest.raises(AppError) as error:
        add_person(session, unsaved(name="别人", id_number=free.id_number), clerk, **TODAY)
    assert codes_of(error) == ["name-differs"]
    session.rollback()
    again = add_person(session, unsaved(name="韩梅梅", id_number=free.id_number), clerk, **TODAY)
    assert (again.id, again.enterprise_id) == (free.id, mine.id)


def test_only_enterprise_clerks_add_people(session):
    with pytest.raises(NotAllowed):
        add_person(session, unsaved(), make.officer(Role.ADMIN), **TODAY)


def signed_up(state):
    return lambda person: make.signup(make.notice(), person, state=state, **SIGNUP_FACTS.get(state, {}))


def applying(state, **facts):
    return lambda person: make.application(person, state, **facts)


def certified(status):
    return lambda person: make.certificate(person, status=status, status_reason="-")


SIGNUP_FACTS = {SignupState.REJECTED: {"reason": "照片背景杂乱，面部看不清楚"}}
SIGNUP_FACTS |= {state: {"score": 60} for state in (SignupState.PASSED, SignupState.FAILED)}
SIGNUP_FACTS |= {SignupState.ABSENT: {"absent": True}}
STANDING = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)
BUSINESS = (
    ("selected for an exam", signed_up(SignupState.SELECTED), []),
    *((state.value, signed_up(state), ["settled-by-exam"]) for state in SignupState if state is not SignupState.SELECTED),
    ("passed", make.exam_pass, ["settled-by-exam"]),
    *(
        (
            f"{matter.value} {state.value}",
            applying(state, matter=matter, round=1),
            ["settled-by-application"] if state in UNDER_WAY else [],
        )
        for matter in (MatterKind.NEW,)
        for state in State
        if state not in (State.APPROVED, State.AWAITING_RELEASE, State.RELEASE_REFUSED)  # need a certificate, see below
    ),
    *(
        (status.value, certified(status), ["settled-by-certificate" if status in STANDING else "settled-by-exam"])
        for status in CertificateStatus
    ),
)  # fmt: skip


@pytest.mark.parametrize("field", ["name", "id_number"])
@pytest.mark.parametrize(("make_it", "codes"), [row[1:] for row in BUSINESS], ids=[row[0] for row in BUSINESS])
def test_name_and_id_number_are_fixed_by_submitted_business(session, mine, clerk, make_it, codes, field):
    person = make.person(mine)
    session.add(person)
    session.flush()
    session.add(make_it(person))
    session.commit()
    before = (person.name, person.id_number)
    assert [refusal.code for refusal in identity_is_fixed_by(session, person.id, make.TODAY)] == codes
    setattr(person, field, "改名" if field == "name" else make.id_number())
    if not codes:
        update_person(session, person, clerk, **TODAY)
        return
    with pytest.raises(Unmet) as error:
        update_person(session, person, clerk, **TODAY)
    assert codes_of(error) == codes
    assert {refusal.field for refusal in error.value.refusals} == {field}
    session.rollback()
    assert (person.name, person.id_number) == before


def test_everything_else_about_a_fixed_person_can_be_changed(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.certificate(person)])
    session.commit()
    person.major, person.position, person.name = "土木工程", Position.SAFETY_DIRECTOR, f" {person.name} "
    update_person(session, person, clerk, **TODAY)
    session.commit()
    assert (person.major, person.name) == ("土木工程", "李雷")


def test_each_way_to_correct_a_fixed_identity_is_told(session, mine):
    person = make.person(mine)
    session.add_all([person, make.exam_pass(person), make.application(person, State.AWAITING_REVIEW)])
    session.commit()
    withdraw, ask = identity_is_fixed_by(session, person.id, make.TODAY)
    assert (withdraw.code, ask.code) == ("settled-by-application", "settled-by-exam")
    assert "Withdraw it" in str(withdraw.sentence)
    assert ask.place == FixPlace("identity", person.id)


# --- a rename and a submission at once ----------------------------------------------------------------


def committed_at_once(system, *actions):
    """The codes of what was refused to each action, in a session of its own that it commits."""

    def run(action):
        with Session(system.engine) as session:
            try:
                refused = action(session)
            except AppError as error:
                session.rollback()
                return [refusal.code for refusal in error.refusals]
            session.commit()
            return refused

    return at_once(run, actions)


def rename(person_id, clerk):
    def act(session):
        person = session.get_one(Person, person_id)
        person.name = "王五"
        update_person(session, person, clerk, **TODAY)
        return []

    return act


@pytest.mark.parametrize("turn", range(5))
def test_a_rename_and_a_signup_at_once_agree_on_the_name(system, session, mine, clerk, office, turn):
    person = make.person(mine)
    session.add(person)
    session.flush()
    signup = make.signup(make.notice(), person)
    session.add_all([signup, *make.complete_papers(person)])
    session.commit()

    def submit(session):
        outcome = exams.submit(session, [signup.id], clerk, at=make.NOON, office=office)
        return [refusal.code for refusals in outcome.refused.values() for refusal in refusals]

    renamed, submitted = committed_at_once(system, rename(person.id, clerk), submit)
    session.expire_all()
    assert submitted == []
    assert renamed in ([], ["settled-by-exam"])
    assert signup.identity == {"name": person.name, "id_number": person.id_number}
    assert person.name == ("李雷" if renamed else "王五")


@pytest.mark.parametrize("turn", range(5))
def test_a_rename_and_a_submission_at_once_agree_on_the_name(system, session, office, turn):
    firm = Firm(session)
    application = firm.on_a_certificate_of_another_province()
    clerk = make.clerk(firm.enterprise)

    def submit(session):
        planned = carry_out(session, [application.id], Action.SUBMIT, clerk, at=make.NOON, office=office)
        return [refusal.code for refusals in planned.refused.values() for refusal in refusals]

    renamed, submitted = committed_at_once(system, rename(application.person_id, clerk), submit)
    session.expire_all()
    assert submitted == []
    assert renamed in ([], ["settled-by-application"])
    assert application.snapshot["person"]["name"] == application.person.name == ("李雷" if renamed else "王五")


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_rename_waits_for_a_submission_that_is_not_committed_yet(system, session, mine, clerk, office):
    person = make.person(mine)
    session.add(person)
    session.flush()
    signup = make.signup(make.notice(), person)
    session.add_all([signup, *make.complete_papers(person)])
    session.commit()
    with Session(system.engine) as first, ThreadPoolExecutor(1) as pool:
        exams.submit(first, [signup.id], clerk, at=make.NOON, office=office)

        def renaming():
            with Session(system.engine) as second:
                return rename(person.id, clerk)(second)

        waiting = pool.submit(renaming)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        first.commit()
        with pytest.raises(Unmet):
            waiting.result(timeout=10)


def test_person_of_another_enterprise_is_not_found(session, clerk):
    theirs = make.person(make.enterprise(name="别家"))
    session.add(theirs)
    session.commit()
    with pytest.raises(NotFound):
        remove_person(session, theirs.id, clerk, at=make.NOON)
    theirs.major = "改"
    with pytest.raises(NotFound):
        update_person(session, theirs, clerk, **TODAY)


def test_person_with_open_application_signup_or_certificate_is_not_removed(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.application(person, State.AWAITING_REVIEW), make.certificate(person)])
    session.add(make.signup(make.notice(), person, state=SignupState.ADMITTED))
    session.commit()
    with pytest.raises(Unmet) as error:
        remove_person(session, person.id, clerk, at=make.NOON)
    assert codes_of(error) == ["open-application", "open-signup", "certificate-in-force"]


def test_person_with_a_pending_correction_is_not_removed(session, mine, clerk):
    person = make.person(mine)
    session.add(person)
    session.flush()
    session.add(make.identity_correction(person))
    session.commit()
    with pytest.raises(Unmet) as error:
        remove_person(session, person.id, clerk, at=make.NOON)
    assert [refusal.code for refusal in error.value.refusals] == ["correction-pending"]


def test_person_with_expired_certificate_is_removed(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.certificate(person, valid_to=make.TODAY - timedelta(days=1))])
    session.commit()
    assert remove_person(session, person.id, clerk, at=make.NOON).enterprise_id is None


def test_qualification_validity_order_and_number_are_checked(session, mine, clerk):
    save_qualification(session, make.qualification(mine, enterprise_id=mine.id), clerk)
    session.commit()
    twin = make.qualification(mine, enterprise_id=mine.id, valid_to=date(2020, 1, 1))
    with pytest.raises(Unmet) as error:
        save_qualification(session, twin, clerk)
    assert codes_of(error) == ["validity-order", "number-taken"]


def test_qualification_and_enterprise_of_others_are_not_found(session, clerk):
    theirs = make.enterprise(name="别家")
    session.add(theirs)
    session.commit()
    with pytest.raises(NotFound):
        save_enterprise(session, theirs, clerk)
    with pytest.raises(NotFound):
        save_qualification(session, make.qualification(theirs, enterprise_id=theirs.id), clerk)
