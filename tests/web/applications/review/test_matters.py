"""Every matter on the officers' and the administrator's pages, up to the certificate and the public lookup."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from app.certificates.lifecycle import extended
from app.core.clock import now, office_day
from app.core.vocabulary import (
    Action,
    CancellationReason,
    Category,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    PaperKind,
    ReplacementReason,
    Role,
    State,
)
from app.files.storage import Store
from app.models import Certificate, CertificateEvent, CertificateVersion, Paper, PaperRule, Step
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import read_scalar, rolling_back
from tests.workflow_fixture import Firm


def today() -> date:
    """Called by each test, as a run may cross midnight of the office."""
    return office_day(now())


RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION = (
    MatterKind.RENEWAL,
    MatterKind.TRANSFER,
    MatterKind.REPLACEMENT,
    MatterKind.CANCELLATION,
)
DECISIONS = ((Role.ACCEPTANCE_OFFICER, Action.ACCEPT), (Role.REVIEWER, Action.ENDORSE), (Role.APPROVER, Action.APPROVE))
WRONG = {"reason_code": ReplacementReason.WRONG_INFORMATION.value, "details": {"name": "李蕾"}}


class MatterFirm(Firm):
    """Two enterprises, their certificates, and a browser for each role."""

    def __init__(self, session, signed_in, system) -> None:
        super().__init__(session)
        self.signed_in, self.system = signed_in, system
        self.browsers = {}

    def held(self, firm=None, **facts) -> Certificate:
        facts = {"first_issued_on": today() - timedelta(days=1000), "valid_to": today() + timedelta(days=60), **facts}
        begun = {"issued_on": facts["first_issued_on"], "valid_from": facts["first_issued_on"]}
        certificate = (firm or self).certificate(**{**begun, **facts})
        digest = Store(self.system.settings.blobs).put(jpeg(413, 579))
        for paper in self.session.scalars(select(Paper).where(Paper.person_id == certificate.person_id)):
            paper.digest = digest
        return certificate

    def case(self, matter, state=State.AWAITING_ACCEPTANCE, certificate=None, **facts):
        held = certificate or self.held(self.old if matter is TRANSFER else None)
        return self.on(held, matter, state, **facts)

    def browser(self, role, enterprise=None):
        key = (role, enterprise.id if enterprise else None)
        if key not in self.browsers:
            facts = {"enterprise_id": enterprise.id} if enterprise else {}
            account = make.account(self.session, f"{role.value}-{key[1]}", role, **facts)
            self.browsers[key] = rolling_back(self.signed_in(account), self.session)
        return self.browsers[key]

    def decide(self, application) -> None:
        """Decide all three stages on the case page."""
        for role, action in DECISIONS:
            page = self.browser(role).get(f"/cases/{application.id}")
            assert page.status_code == 200
            answer = self.browser(role).post(f"/cases/{application.id}/decide", data={"decision": action.value})
            assert answer.status_code == 302, (action, answer.text)

    def now(self, certificate) -> Certificate:
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Certificate, certificate.id)

    def token(self, certificate) -> str:
        newest = CertificateVersion.certificate_id == certificate.id, CertificateVersion.replaced_at.is_(None)
        return read_scalar(self.session, select(CertificateVersion.token).where(*newest))


@pytest.fixture
def firm(session, signed_in, system) -> MatterFirm:
    return MatterFirm(session, signed_in, system)


@pytest.fixture
def public(client):
    client.post("/preference", data={"locale": "en", "next": "/"})
    return client


@pytest.fixture
def admin(firm):
    return firm.browser(Role.ADMIN)


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
    assert "Acceptance slip" in page
    assert "Decision of approval" in page
    assert ("p-cert" in page) == (matter is not CANCELLATION)


def test_the_viewer_reads_closed_cases_of_every_matter_only(firm):
    viewer = firm.browser(Role.VIEWER)
    for matter in (RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION):
        assert viewer.get(f"/cases/{firm.case(matter).id}/read").status_code == 404
        assert viewer.get(f"/cases/{firm.case(matter, State.APPROVED).id}/read").status_code == 200


def test_the_administrator_releases_with_a_reason(firm, admin):
    application = firm.case(TRANSFER, State.AWAITING_RELEASE)
    assert application.certificate.number in admin.get("/office-releases/").text
    assert admin.post(f"/office-releases/{application.id}/release", data={"reason": "仲裁裁决"}).status_code == 302
    firm.session.refresh(application)
    assert application.state is State.AWAITING_ACCEPTANCE
    assert read_scalar(firm.session, select(Step.reason).order_by(Step.id.desc())) == "仲裁裁决"


def test_without_a_reason_nothing_is_released(firm, admin):
    application = firm.case(TRANSFER, State.AWAITING_RELEASE)
    page = admin.post(f"/office-releases/{application.id}/release", follow_redirects=True)
    assert "Please give the reason in detail." in page.text
    firm.session.refresh(application)
    assert application.state is State.AWAITING_RELEASE


@pytest.mark.parametrize("state", [state for state in State if state is not State.AWAITING_RELEASE])
def test_the_administrator_reaches_no_transfer_that_waits_for_nobody(firm, admin, state):
    application = firm.case(TRANSFER, state)
    assert application.number not in admin.get("/office-releases/").text
    assert admin.post(f"/office-releases/{application.id}/release", data={"reason": "x"}).status_code == 404
    for path in (f"/cases/{application.id}", f"/cases/{application.id}/read", f"/archive/{application.id}"):
        assert admin.get(path).status_code in (302, 403, 404)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_opens_the_administrators_screens(firm, role):
    application, certificate = firm.case(TRANSFER, State.AWAITING_RELEASE), firm.held()
    browser = firm.browser(role, firm.enterprise if role is Role.ENTERPRISE_CLERK else None)
    for path in ("/office-releases/", "/standing/", "/required-papers/list/"):
        assert browser.get(path).status_code in (302, 403)
    assert browser.post(f"/office-releases/{application.id}/release", data={"reason": "x"}).status_code == 403
    assert browser.post(f"/standing/{certificate.id}/revoked", data={"reason": "x"}).status_code == 403
    assert firm.now(certificate).status is CertificateStatus.VALID


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


@pytest.fixture
def paper_rules(session):
    """Removes the rules that a test adds, since the table outlives the test."""
    there = set(session.scalars(select(PaperRule.id)))
    yield
    session.rollback()
    for rule in session.scalars(select(PaperRule).where(PaperRule.id.not_in(there))):
        session.delete(rule)
    session.commit()


def asked(**typed):
    usual = {"matter": "renewal", "category": "", "reason_code": "", "paper": "pledge", "required": "y"}
    return {**usual, "required_from": today().isoformat(), **typed}


def test_a_paper_is_asked_for_from_its_day_on(firm, admin, paper_rules):
    assert admin.post("/required-papers/add", data=asked(matter="cancellation", paper="loss_statement")).status_code == 302
    before, after = firm.case(CANCELLATION, submitted_at=now() - timedelta(days=9)), firm.case(CANCELLATION, State.DRAFT)
    assert PaperKind.LOSS_STATEMENT not in _required(firm, before)
    assert PaperKind.LOSS_STATEMENT in _required(firm, after)


def _required(firm, application):
    from app.eligibility.facts import of_applications  # noqa: PLC0415

    return of_applications(firm.session, [application.id])[application.id].required_papers(today())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"required_from": "2020-01-01"}, "not for days gone by"),
        ({"paper": "photo"}, "There is such a line already"),
        ({"reason_code": "lost"}, "belongs to another kind"),
        ({"matter": "nonsense"}, "need"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(firm, admin, paper_rules, typed, message):
    answer = admin.post("/required-papers/add", data=asked(**typed))
    assert answer.status_code == 422
    assert message in answer.text


def test_a_line_of_the_standard_list_is_not_deleted(firm, admin):
    rule = read_scalar(firm.session, select(PaperRule.id).order_by(PaperRule.id))
    assert "Switch" in admin.post(f"/required-papers/delete/{rule}", follow_redirects=True).text
    assert read_scalar(firm.session, select(PaperRule.id).where(PaperRule.id == rule)) == rule


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


def test_the_archive_does_not_show_the_present_status_of_the_certificate(firm):
    certificate = firm.held()
    application = firm.case(RENEWAL, certificate=certificate)
    firm.decide(application)
    firm.decide(firm.case(CANCELLATION, certificate=firm.now(certificate)))
    page = firm.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert certificate.number in page
    assert "Cancelled" not in page
