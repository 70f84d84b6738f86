"""Measures on one certificate, by the administrator."""

from sqlalchemy import func, select

from app.core.vocabulary import CertificateStatus
from app.models import CertificateEvent
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.matter_steps import MatterFirm

FIRM = MatterFirm


def test_suspended_lifted_and_revoked_with_reasons_that_stay_in_the_history(firm, admin):
    certificate = firm.held()
    firm.session.commit()
    for code, status in (("suspended", "02"), ("reinstated", "01"), ("revoked", "03")):
        assert admin.post(f"/standing/{certificate.id}/{code}", data={"reason": f"因为{code}"}).status_code == 302
        assert firm.now(certificate).status.value == status
    page = admin.get("/standing/", query_string={"number": certificate.number}).text
    assert all(f"因为{code}" in page for code in ("suspended", "reinstated", "revoked"))
    assert "It has ended for good" in page


def test_what_cannot_be_done_to_a_certificate_changes_nothing(firm, admin):
    certificate = firm.held()
    firm.session.commit()
    assert admin.post(f"/standing/{certificate.id}/suspended").status_code == 302
    assert admin.post(f"/standing/{certificate.id}/reinstated", data={"reason": "x"}).status_code == 302
    assert admin.post(f"/standing/{certificate.id}/issued", data={"reason": "x"}).status_code == 404
    assert firm.now(certificate).status is CertificateStatus.VALID
    assert read_scalar(firm.session, select(func.count(CertificateEvent.id))) == 0


def test_a_certificate_is_found_by_its_exact_number_only(firm, admin):
    certificate = firm.held()
    firm.session.commit()
    assert certificate.holder in admin.get("/standing/", query_string={"number": certificate.number}).text
    for typed in (certificate.number[:-1], "%", certificate.number + "0"):
        assert admin.get("/standing/", query_string={"number": typed}).status_code == 404
