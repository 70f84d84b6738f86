"""The history of a certificate."""

from sqlalchemy import select

from app.core.vocabulary import CertificateEventKind, Role
from app.models import CertificateEvent
from tests.web.applications.matter_steps import RENEWAL, REPLACEMENT, MatterFirm

FIRM = MatterFirm


def test_the_history_of_a_certificate_shows_every_version_and_event(firm):
    certificate = firm.held()
    firm.decide(firm.case(RENEWAL, certificate=certificate))
    firm.decide(firm.case(REPLACEMENT, certificate=firm.now(certificate)))
    clerk = firm.browser(Role.ENTERPRISE_CLERK, firm.enterprise)
    page = clerk.get(f"/certificates/{certificate.id}/history").text
    for shown in ("Version 1", "Version 2", "Updated on", "Latest version", *map(str, _event_kinds(firm, certificate))):
        assert shown in page
    assert firm.browser(Role.VIEWER).get(f"/certificates/{certificate.id}/history").status_code == 200


def _event_kinds(firm, certificate) -> list[CertificateEventKind]:
    firm.session.rollback()
    mine = CertificateEvent.certificate_id == certificate.id
    return list(firm.session.scalars(select(CertificateEvent.deed).where(mine)))


def test_the_history_of_a_certificate_of_another_enterprise_is_not_found(firm):
    certificate = firm.held(firm.old)
    firm.session.commit()
    clerk = firm.browser(Role.ENTERPRISE_CLERK, firm.enterprise)
    assert clerk.get(f"/certificates/{certificate.id}/history").status_code == 404
