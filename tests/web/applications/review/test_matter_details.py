"""What an officer sees of a certificate and of what will be otherwise."""

from app.certificates.lifecycle import extended
from app.core.vocabulary import CancellationReason, Category, PaperKind, Role
from tests import make
from tests.web.applications.matter_steps import CANCELLATION, RENEWAL, REPLACEMENT, TRANSFER, WRONG, MatterFirm

FIRM = MatterFirm


def test_the_page_shows_the_certificate_and_what_will_be_otherwise(firm):
    application = firm.case(RENEWAL)
    page = firm.browser(Role.ACCEPTANCE_OFFICER).get(f"/cases/{application.id}").text
    held = application.certificate
    for shown in ("Certificate acted upon", held.number, held.valid_to.isoformat(), extended(held.valid_to, 3).isoformat()):
        assert shown in page
    assert "Within the window of renewal" in page


def test_a_correction_stands_before_and_after_side_by_side(firm):
    application = firm.case(REPLACEMENT, **WRONG)
    page = firm.browser(Role.REVIEWER).get(f"/cases/{application.id}/read").text
    assert "Wrong information on the certificate" in page
    assert "李雷" in page
    assert "<b>李蕾</b>" in page


def test_a_corrected_id_number_is_masked_until_it_is_asked_for(firm):
    number = make.id_number()
    facts = {"reason_code": WRONG["reason_code"], "details": {"id_number": number}}
    application, officer = firm.case(REPLACEMENT, **facts), firm.browser(Role.ACCEPTANCE_OFFICER)
    assert number not in officer.get(f"/cases/{application.id}").text
    assert number in officer.post(f"/cases/{application.id}/id-number", data={"why": "核对"}).text


def test_scans_of_the_application_lie_beside_those_of_the_person(firm):
    application = firm.case(CANCELLATION, reason_code=CancellationReason.LEFT.value)
    page = firm.browser(Role.ACCEPTANCE_OFFICER).get(f"/cases/{application.id}").text
    for kind in (PaperKind.ID_CARD, PaperKind.DISMISSAL_PROOF):
        assert f'data-name="{kind}"' in page


def test_certificates_that_stay_with_the_old_enterprise_are_named(firm):
    certificate = firm.held(firm.old)
    behind = firm.held(firm.old, person=certificate.person, category=Category.B)
    application = firm.case(TRANSFER, certificate=certificate)
    assert f"{behind.number} stays with" in firm.browser(Role.ACCEPTANCE_OFFICER).get(f"/cases/{application.id}").text
