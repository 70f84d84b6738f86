"""The national record of a certificate: every field of C0317-2022, from what we keep."""

import base64

import pytest

from app.certificates.national_record import OPERATIONS, national_record
from app.certificates.pdf.seal_and_store import EDUCATIONS
from app.core.errors import NotFound
from app.core.vocabulary import Action, Category, CertificateEventKind, Education, MatterKind, ReplacementReason, Role
from app.models import Certificate, CertificateVersion, Paper
from app.workflow import carry_out
from tests import make, measures
from tests.hostile_files import jpeg
from tests.workflow_fixture import Firm

# domain.md 2.6
FIELDS = [
    "eCertID", "provinceNum", "certNum", "issuAuth", "issuAuthCode", "issuedDate", "issuDate", "effectiveDate",
    "expiringDate", "categoryCode", "name", "gender", "birthDate", "identityCard", "identityCardType", "companyName",
    "creditCode", "appointment", "technicalTitle", "educationDegree", "major", "photo", "certState",
    "certStatusDescription", "associatedZzeCertID", "businessInformation", "operateType", "oldcertNum",
]  # fmt: skip


@pytest.fixture
def decide(session, office, store):
    """Submit and approve; the certificate that comes of it. Every scan is one picture in the store."""
    digest = store.put(jpeg(413, 579))

    def go(application, firm):
        for paper in session.query(Paper):
            paper.digest = digest
        session.commit()
        for action, actor in (
            (Action.SUBMIT, make.clerk(firm.enterprise)),
            (Action.ACCEPT, make.officer(Role.ACCEPTANCE_OFFICER)),
            (Action.ENDORSE, make.officer(Role.REVIEWER)),
            (Action.APPROVE, make.officer(Role.APPROVER)),
        ):
            done = carry_out(session, [application.id], action, actor, at=make.NOON, office=office)
            assert done.passes, done.refused
            session.commit()
        session.refresh(application)
        return session.get_one(Certificate, application.certificate_id)

    return go


@pytest.fixture
def issued(session, decide):
    firm = Firm(session)
    person = firm.person(name="欧阳𬭎翀")
    passed = make.exam_pass(person, category=Category.C1, passed_on=make.TODAY)
    application = make.application(person, category=Category.C1, enterprise=firm.enterprise)
    session.add_all([passed, application])
    session.commit()
    return firm, decide(application, firm)


def test_every_field_is_there_and_agrees_with_the_certificate(session, store, office, issued):
    firm, certificate = issued
    record = national_record(session, store, certificate, office, on=make.TODAY)
    assert sorted(record) == sorted(FIELDS)
    assert all(isinstance(value, str) for value in record.values())
    expected = {
        "certNum": certificate.number.replace("(", "（").replace(")", "）"), "name": "欧阳𬭎翀", "categoryCode": "C1",
        "companyName": firm.enterprise.name, "creditCode": firm.enterprise.uscc, "certState": "01", "operateType": "01",
        "issuedDate": "2026-03-02", "expiringDate": "2029-03-01", "associatedZzeCertID": "", "oldcertNum": "",
        "provinceNum": "430000", "issuAuthCode": "11430000006122244L", "identityCardType": "111",
        "identityCard": certificate.person.id_number, "appointment": "专职安全生产管理人员",
    }  # fmt: skip
    assert {name: record[name] for name in expected} == expected
    assert len(record["eCertID"]) == 32
    assert base64.b64decode(record["photo"]).startswith(b"\xff\xd8")


def test_a_new_version_has_its_own_id_and_refers_to_the_previous_one(session, store, office, issued, decide):
    firm, certificate = issued
    before = national_record(session, store, certificate, office, on=make.TODAY)
    first = certificate.versions[0].face["licence_identifier"]
    again = firm.on(certificate, MatterKind.REPLACEMENT, reason_code=ReplacementReason.LOST.value)
    session.expire_all()
    decide(again, firm)
    session.expire_all()
    after = national_record(session, store, certificate, office, on=make.TODAY)
    assert after["eCertID"] != before["eCertID"]
    assert after["associatedZzeCertID"] == first
    assert (after["certNum"], after["operateType"]) == (before["certNum"], "07")
    assert certificate.versions[1].face["licence_identifier"].split(".")[-2] == "002"


def test_it_follows_how_the_certificate_stands(session, store, office, issued):
    _firm, certificate = issued
    measure = measures.impose(session, certificate, office=office)
    record = national_record(session, store, certificate, office, on=make.TODAY)
    assert (record["certState"], record["operateType"], record["certStatusDescription"]) == (
        "02",
        "03",
        certificate.status_reason,
    )
    assert measure.document_number in record["certStatusDescription"]
    certificate.status = type(certificate.status).VALID
    past = certificate.valid_to.replace(year=certificate.valid_to.year + 1)
    record = national_record(session, store, certificate, office, on=past)
    assert (record["certState"], record["operateType"]) == ("05", "04")


def test_a_certificate_without_electronic_version_has_no_record(session, store, office):
    certificate = make.certificate(make.person(make.enterprise()), is_electronic=False)
    session.add(certificate)
    session.commit()
    with pytest.raises(NotFound):
        national_record(session, store, certificate, office, on=make.TODAY)
    assert not session.query(CertificateVersion).count()


def test_every_term_and_every_event_has_its_national_code():
    assert set(EDUCATIONS) == {term.value for term in Education}
    assert set(OPERATIONS) == set(CertificateEventKind)
