"""People freed from an enterprise that does not let them go."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.accounts import employment_releases, registry
from app.accounts.employment_releases import ReleaseRequest
from app.applications.scan_retention import referenced_digests
from app.core.errors import NotAllowed, Unmet
from app.core.office import Office
from app.core.vocabulary import CertificateStatus, Registration, Role, SignupState, State
from app.files.storage import keep_scan
from app.models import AuditEntry, EmploymentRelease, ExamSignup, Message
from tests import make
from tests.hostile_files import jpeg
from tests.make import NOON, TODAY

ADMIN = make.officer(Role.ADMIN)
OFFICE = Office()


def codes(error):
    return {refusal.code for refusal in error.value.refusals}


@pytest.fixture
def old(session):
    firm = make.enterprise(contact_mobile="13700000001")
    session.add(firm)
    session.commit()
    return firm


@pytest.fixture
def new(session):
    firm = make.enterprise(name="湖南新东家建设有限公司", contact_mobile="13700000002")
    session.add(firm)
    session.commit()
    return firm


@pytest.fixture
def person(session, old):
    person = make.person(old)
    session.add(person)
    session.commit()
    return person


@pytest.fixture
def asked(store, person, new):
    award = keep_scan(store, jpeg(900, 600), "裁决书.jpg", office=OFFICE)
    return ReleaseRequest(person.name, person.id_number, new.uscc, "劳动仲裁裁决已解除劳动关系", award)


def free(session, asked, actor=ADMIN):
    return employment_releases.free(session, asked, actor, at=NOON, office=OFFICE)


def test_the_person_is_freed_both_are_told_and_the_new_enterprise_can_add_them(session, asked, person, old, new):
    made = free(session, asked)
    assert (person.enterprise_id, made.old_enterprise, made.new_enterprise) == (None, old, new)
    first, second = session.scalars(select(Message).order_by(Message.id))
    assert (first.mobile, new.name in first.text, "劳动仲裁" in first.text) == ("13700000001", True, True)
    assert (second.mobile, person.name in second.text) == ("13700000002", True)
    assert all(person.id_number not in message.text for message in (first, second))
    assert referenced_digests(session, [made.digest]) == {made.digest}
    again = make.person(None, name=person.name, id_number=person.id_number)
    added = registry.add_person(session, again, make.clerk(new), on=TODAY, office=OFFICE)
    assert (added.id, added.enterprise_id) == (person.id, new.id)


def test_it_is_logged(session, asked):
    made = free(session, asked)
    session.commit()
    of_release = (AuditEntry.table == "employment_release", AuditEntry.row == str(made.id))
    assert session.scalar(select(func.count()).select_from(AuditEntry).where(*of_release)) == 1


def test_saved_sign_ups_come_off_the_old_list_and_submitted_ones_stay(session, asked, person):
    saved, sent = (make.signup(make.notice(), person, state=state) for state in (SignupState.SELECTED, SignupState.SUBMITTED))
    session.add_all([saved, sent])
    session.commit()
    sent_id = sent.id
    free(session, asked)
    session.commit()
    assert session.scalars(select(ExamSignup.id)).all() == [sent_id]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "别人"}, "person-unknown"),
        ({"id_number": make.id_number()}, "person-unknown"),
        ({"id_number": "123"}, None),
        ({"uscc": make.uscc()}, "enterprise-unknown"),
        ({"reason": " "}, "reason-missing"),
        ({"reason": "长" * 501}, "reason-too-long"),
        ({"document": None}, "document-missing"),
    ],
)
def test_a_request_is_refused_with_the_reason_and_nobody_is_freed(session, asked, person, old, change, code):
    with pytest.raises(Unmet) as refused:
        free(session, replace(asked, **change))
    assert code is None or codes(refused) == {code}
    session.rollback()
    assert person.enterprise_id == old.id
    assert session.scalar(select(func.count()).select_from(EmploymentRelease)) == 0


@pytest.mark.parametrize(("days", "refused"), [(-1, False), (0, True)])
@pytest.mark.parametrize("status", [CertificateStatus.VALID, CertificateStatus.SUSPENDED])
def test_with_a_certificate_in_force_it_is_a_transfer(session, asked, person, status, days, refused):
    session.add(make.certificate(person, status=status, valid_to=TODAY + timedelta(days=days)))
    session.commit()
    if not refused:
        assert free(session, asked).id
        return
    with pytest.raises(Unmet) as no:
        free(session, asked)
    assert codes(no) == {"certificate-in-force"}


@pytest.mark.parametrize(("state", "refused"), [(State.DRAFT, False), (State.AWAITING_REVIEW, True)])
def test_an_application_under_way_is_closed_first(session, asked, person, state, refused):
    session.add(make.application(person, state))
    session.commit()
    if not refused:
        assert free(session, asked).id
        return
    with pytest.raises(Unmet) as no:
        free(session, asked)
    assert codes(no) == {"open-application"}


def test_twice_is_refused_the_second_time(session, asked):
    free(session, asked)
    session.commit()
    with pytest.raises(Unmet) as refused:
        free(session, asked)
    assert codes(refused) == {"free-already"}


def test_for_the_own_employer_or_an_unregistered_enterprise_there_is_nothing_to_free(session, asked, old, new):
    with pytest.raises(Unmet) as refused:
        free(session, replace(asked, uscc=old.uscc))
    assert codes(refused) == {"same-enterprise"}
    session.rollback()
    new.registration = Registration.PENDING
    session.commit()
    with pytest.raises(Unmet) as refused:
        free(session, asked)
    assert codes(refused) == {"enterprise-unknown"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_frees(session, asked, role):
    with pytest.raises(NotAllowed):
        free(session, asked, make.officer(role))


def test_an_administrator_of_another_area_knows_no_such_enterprise(session, asked):
    with pytest.raises(Unmet) as refused:
        free(session, asked, make.officer(Role.ADMIN, region="430200"))
    assert codes(refused) == {"enterprise-unknown"}
