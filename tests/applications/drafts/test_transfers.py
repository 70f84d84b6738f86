"""Certificates of other enterprises: searched for by name and ID number, filed for, and released."""

import pytest

from app.applications import drafts
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import Category, CertificateStatus, MatterKind, Role, State
from tests import make
from tests.applications.drafts.conftest import GIVEN, HANDLER


def find(firm, name, number, **more):
    clerk = more.pop("clerk", make.clerk(firm.enterprise))
    return drafts.find_for_transfer(firm.session, name, number, clerk, **GIVEN)


def test_name_and_id_number_find_the_certificates_and_no_more_than_is_needed(firm, session):
    person = firm.old.person(name="欧阳娜仁·其其格")
    held = firm.old.certificate(person)
    firm.old.certificate(person, category=Category.A, valid_to=make.TODAY.replace(year=2025))
    firm.old.certificate(person, category=Category.B, status=CertificateStatus.CANCELLED)
    session.commit()
    found = find(firm, " 欧阳娜仁・其其格 ", person.id_number.lower())
    assert found.masked_id_number.count("*") == 8
    assert [(c.number == held.number, [refusal.code for refusal in c.bars]) for c in found.certificates] == [
        (True, []),
        (False, ["certificate-expired"]),
    ]
    assert found.certificates[0].enterprise_name == firm.old.enterprise.name


def test_a_wrong_name_is_answered_like_nobody(firm, session):
    person = firm.old.certificate().person
    session.commit()
    answers = []
    for name, number in (("李蕾", person.id_number), ("李雷", make.id_number()), ("李雷", firm.old.person().id_number)):
        with pytest.raises(AppError) as error:
            find(firm, name, number)
        answers.append((error.value.code, str(error.value)))
    assert set(answers) == {("nobody-found", answers[0][1])}


def test_one_s_own_people_are_not_found_but_named(firm, session):
    person = firm.certificate().person
    session.commit()
    with pytest.raises(AppError) as error:
        find(firm, person.name, person.id_number)
    assert error.value.code == "already-yours"


@pytest.mark.parametrize(("name", "number", "count"), [("", "", 2), ("李", "11010519491231002X", 1), ("李雷", "110105", 1)])
def test_what_cannot_be_a_name_or_number_is_said_field_by_field(firm, name, number, count):
    with pytest.raises(Unmet) as error:
        find(firm, name, number)
    assert len(error.value.refusals) == count


def test_only_a_clerk_searches(firm):
    with pytest.raises(NotAllowed):
        find(firm, "李雷", make.id_number(), clerk=make.officer(Role.ACCEPTANCE_OFFICER))


def test_a_transfer_is_filed_with_name_and_number_not_with_a_guessed_id(firm, session, clerk):
    certificate, other = firm.old.certificate(), firm.old.certificate()
    session.commit()
    who = (certificate.person.name, certificate.person.id_number)
    with pytest.raises(NotFound):
        drafts.draft_transfer(session, *who, [other.id], *HANDLER, clerk, **GIVEN)
    filing = drafts.draft_transfer(session, *who, [certificate.id], *HANDLER, clerk, **GIVEN)
    session.commit()
    (application,) = filing.applications
    assert application.releasing_enterprise_id == firm.old.enterprise.id
    assert application.region_code == firm.enterprise.region_code
    drafts.amend_transfer(session, filing.id, "李雷", "13900000000", clerk)
    assert filing.handler_name == "李雷"


def test_the_old_enterprise_finds_what_awaits_its_consent_and_nobody_else_does(firm, session):
    waiting = firm.application(State.AWAITING_RELEASE, matter=MatterKind.TRANSFER)
    firm.application(State.DRAFT, matter=MatterKind.TRANSFER)
    firm.application(State.RELEASE_REFUSED, matter=MatterKind.TRANSFER)
    assert [a.id for a in drafts.releases(session, make.clerk(firm.old.enterprise))] == [waiting.id]
    assert drafts.releases(session, make.clerk(firm.enterprise)) == []
