"""What ``anguan doctor`` lists of databases in which people were renamed after they were examined."""

import pytest
from sqlalchemy import text, update

from app.core.vocabulary import Action, MatterKind, ReplacementReason, Role, SignupState, State
from app.eligibility.identity_check import SLICE, differing_identities
from app.models import ExamPass, Person
from app.workflow import carry_out
from tests import make
from tests.workflow_fixture import Firm

STEPS = (
    (Action.SUBMIT, Role.ENTERPRISE_CLERK),
    (Action.ACCEPT, Role.ACCEPTANCE_OFFICER),
    (Action.ENDORSE, Role.REVIEWER),
    (Action.APPROVE, Role.APPROVER),
)


@pytest.fixture
def firm(session):
    return Firm(session)


def brought(firm, office, steps, **facts):
    application = firm.application(**facts)
    for action, role in STEPS[:steps]:
        done = carry_out(firm.session, [application.id], action, firm.actor(role), at=make.NOON, office=office)
        assert not done.refused
    firm.session.commit()
    return application


def swap(firm, application):
    number = make.id_number()
    firm.session.execute(
        update(Person).where(Person.id == application.person_id).values(name="王五六", id_number=number, id_number_key=number)
    )
    firm.session.commit()
    return number


def found(session):
    session.rollback()
    return list(differing_identities(session))


def test_a_database_in_order_has_nothing_to_list(firm, office, session):
    for steps in range(5):
        brought(firm, office, steps)
    wrong = {"reason_code": ReplacementReason.WRONG_INFORMATION.value, "details": {"name": "李磊"}}
    brought(firm, office, 4, matter=MatterKind.REPLACEMENT, **wrong)
    session.add(make.signup(make.notice(), firm.person()))  # selected only
    session.commit()
    assert found(session) == []


def test_an_open_application_of_a_renamed_passer_is_listed_with_the_pass(firm, office, session):
    application = brought(firm, office, 3)
    number, before = swap(firm, application), application.snapshot["person"]["id_number"]
    exam, opened = found(session)
    assert "passed by somebody else" in exam
    assert application.number in opened
    for sentence in (exam, opened):
        assert "王** / 李*" in sentence
        assert f"{number[:6]}********{number[-4:]} / {before[:6]}********{before[-4:]}" in sentence
        assert number not in sentence


def test_a_certificate_issued_on_somebody_elses_pass_is_listed(firm, office, session):
    application = brought(firm, office, 4)
    session.execute(update(ExamPass).values(identity={"name": "赵六", "id_number": make.id_number()}))
    session.commit()
    assert [f"Application {application.number} was approved on an exam that somebody else passed" in one
            for one in found(session)] == [False, True]  # fmt: skip


def test_a_certificate_that_differs_from_the_record_is_listed(firm, office, session):
    application = brought(firm, office, 4)
    swap(firm, application)
    listed = found(session)
    assert any(f"{application.certificate.number} does not say what the record" in one for one in listed)


def test_a_holder_that_differs_from_what_is_printed_is_listed(firm, office, session):
    application = brought(firm, office, 4)
    application.certificate.holder = "王五"
    session.commit()
    [listed] = found(session)
    assert application.certificate.number in listed


def test_a_print_that_differs_from_its_application_is_listed(firm, office, session):
    application = brought(firm, office, 4)
    version = application.certificate.versions[0]
    version.face = {**version.face, "name": "王五"}
    session.commit()
    assert any(f"names somebody else than application {application.number}" in one for one in found(session))


def test_what_is_bound_to_nobody_is_listed(firm, session):
    person = firm.person()
    session.add_all([make.exam_pass(person), make.signup(make.notice(), person, state=SignupState.SUBMITTED)])
    session.commit()
    for table in ("exam_signup", "exam_pass"):
        session.execute(text(f"UPDATE {table} SET identity = NULL"))  # noqa: S608
    session.commit()
    assert ["is bound to nobody" in one for one in found(session)] == [True, True]


def test_more_rows_than_a_slice_are_read(firm, session):
    person = firm.person()
    other = {**make.identity(person), "name": "王五"}
    session.add_all(make.exam_pass(person, identity=other) for _each in range(SLICE + 1))
    session.commit()
    assert len(found(session)) == SLICE + 1


def test_what_is_closed_without_a_certificate_is_not_listed(firm, session):
    refused = firm.application(State.REVIEW_REFUSED, snapshot={"person": {"name": "王五", "id_number": make.id_number()}})
    assert refused.state is State.REVIEW_REFUSED
    assert found(session) == []
