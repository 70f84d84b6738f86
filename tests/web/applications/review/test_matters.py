"""Every matter on the pages of the office, up to the certificate and the public lookup."""

import pytest
from sqlalchemy import select

from app.certificates.lifecycle import extended
from app.core.vocabulary import Category, CertificateStatus, ReplacementReason, Role, State
from app.models import Certificate
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.matter_steps import CANCELLATION, RENEWAL, REPLACEMENT, TRANSFER, WRONG, MatterFirm

FIRM = MatterFirm


@pytest.fixture
def public(client):
    client.post("/preference", data={"locale": "en", "next": "/"})
    return client


def found(public, firm, certificate) -> str:
    data = {"name": certificate.holder, "number": certificate.number}
    firm.session.rollback()
    return public.post("/lookup", data=data, follow_redirects=True).text


def test_a_renewal_keeps_the_number_and_adds_three_years_everywhere(firm, public):
    certificate = firm.held()
    until = extended(certificate.valid_to, 3)
    firm.decide(firm.case(RENEWAL, certificate=certificate))
    after = firm.now(certificate)
    assert (after.number, after.valid_to, after.is_electronic) == (certificate.number, until, True)
    token = firm.token(after)
    firm.session.rollback()
    assert until.isoformat() in public.get(f"/v/{token}").text
    assert until.isoformat() in found(public, firm, after)


def test_a_transfer_takes_the_certificate_to_the_new_enterprise_everywhere(firm, public):
    certificate = firm.held(firm.old)
    firm.decide(firm.case(TRANSFER, certificate=certificate))
    after = firm.now(certificate)
    assert (after.enterprise_id, after.printed_enterprise) == (firm.enterprise.id, firm.enterprise.name)
    token, name, old = firm.token(after), firm.enterprise.name, firm.old.enterprise.name
    firm.session.rollback()
    page = public.get(f"/v/{token}").text
    assert name in page
    assert old not in page


def test_a_correction_reaches_the_new_version_and_the_lookup(firm, public):
    certificate = firm.held()
    firm.decide(firm.case(REPLACEMENT, certificate=certificate, **WRONG))
    after = firm.now(certificate)
    assert (after.holder, after.number) == ("李蕾", certificate.number)
    token = firm.token(after)
    firm.session.rollback()
    assert "李蕾" in public.get(f"/v/{token}").text


def test_an_undivided_c_becomes_what_was_chosen_under_a_new_number(firm):
    certificate = firm.held(category=Category.C, is_electronic=False)
    facts = {"reason_code": ReplacementReason.PAPER_TO_ELECTRONIC.value, "details": {"category": "C2"}}
    application = firm.case(REPLACEMENT, certificate=certificate, **facts)
    firm.decide(application)
    assert firm.now(certificate).status is CertificateStatus.CANCELLED
    new = read_scalar(firm.session, select(Certificate).where(Certificate.id != certificate.id))
    assert (new.category, new.valid_to) == (Category.C2, certificate.valid_to)


def test_a_cancellation_shows_at_once_in_lookup_and_code(firm, public):
    certificate = firm.held()
    firm.decide(firm.case(RENEWAL, certificate=certificate))
    firm.decide(firm.case(CANCELLATION, certificate=firm.now(certificate)))
    after, token = firm.now(certificate), firm.token(certificate)
    assert after.status is CertificateStatus.CANCELLED
    firm.session.rollback()
    for page in (public.get(f"/v/{token}").text, found(public, firm, after)):
        assert "Cancelled" in page


@pytest.mark.parametrize("matter", [RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION])
def test_a_queue_can_be_asked_for_one_matter(firm, matter):
    numbers = {kind: firm.case(kind).number for kind in (RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION)}
    page = firm.browser(Role.ACCEPTANCE_OFFICER).get(f"/acceptance/?matter={matter.value}").text
    assert {kind for kind, number in numbers.items() if number in page} == {matter}


@pytest.mark.parametrize("matter", [RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION])
def test_the_archive_has_the_form_of_the_matter_and_its_decision(firm, matter):
    application = firm.case(matter)
    firm.decide(application)
    page = firm.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert f"Application form for the {matter.value}" in page
    titles = {RENEWAL: "准予延续行政许可决定书", TRANSFER: "准予变更行政许可决定书", REPLACEMENT: "准予换发证书决定书"}
    words = {RENEWAL: "证书延续申请", TRANSFER: "证书变更申请", REPLACEMENT: "证书换发申请"}
    said = ("受理单", titles.get(matter, "注销决定书"), "《中华人民共和国行政许可法》", words.get(matter, "证书注销申请"))
    assert [part for part in said if part not in page] == []
    assert ("延续后有效期" in page) == (matter is RENEWAL)
    assert (f"原企业：{firm.old.enterprise.name}；变更后企业：{firm.enterprise.name}。" in page) == (matter is TRANSFER)
    assert ("p-cert" in page) == (matter is not CANCELLATION)


def test_the_viewer_reads_closed_cases_of_every_matter_only(firm):
    viewer = firm.browser(Role.VIEWER)
    for matter in (RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION):
        assert viewer.get(f"/cases/{firm.case(matter).id}/read").status_code == 404
        assert viewer.get(f"/cases/{firm.case(matter, State.APPROVED).id}/read").status_code == 200


def test_the_archive_does_not_show_the_present_status_of_the_certificate(firm):
    certificate = firm.held()
    application = firm.case(RENEWAL, certificate=certificate)
    firm.decide(application)
    firm.decide(firm.case(CANCELLATION, certificate=firm.now(certificate)))
    page = firm.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert certificate.number in page
    assert "Cancelled" not in page
