"""Every matter through the officers' and the administrator's pages, to its end on the certificate and in the lookup."""

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
from tests.web.applications.review.test_case_page import letting_go, look
from tests.workflow_fixture import Firm


def today() -> date:
    """Asked by each test: a run may cross the office's midnight."""
    return office_day(now())


RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION = (
    MatterKind.RENEWAL,
    MatterKind.TRANSFER,
    MatterKind.REPLACEMENT,
    MatterKind.CANCELLATION,
)
ROAD = (
    (Role.ACCEPTANCE_OFFICER, Action.ACCEPT),
    (Role.REVIEWER, Action.ENDORSE),
    (Role.APPROVER, Action.APPROVE),
)
WRONG = {"reason_code": ReplacementReason.WRONG_INFORMATION.value, "details": {"name": "李蕾"}}


class Bench(Firm):
    """Two enterprises, their certificates, and a browser for everybody."""

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
            self.browsers[key] = letting_go(self.signed_in(account), self.session)
        return self.browsers[key]

    def decide(self, application) -> None:
        """All three stages, each by its own officer through the page."""
        for role, action in ROAD:
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
        return look(self.session, select(CertificateVersion.token).where(*newest))


@pytest.fixture
def bench(session, signed_in, system) -> Bench:
    return Bench(session, signed_in, system)


@pytest.fixture
def public(client):
    client.post("/preference", data={"locale": "en", "next": "/"})
    return client


@pytest.fixture
def admin(bench):
    return bench.browser(Role.ADMIN)


def found(public, bench, certificate) -> str:
    data = {"name": certificate.holder, "number": certificate.number}
    bench.session.rollback()
    return public.post("/lookup", data=data, follow_redirects=True).text


# --- each matter to its end ------------------------------------------------------------------------------------


def test_a_renewal_keeps_the_number_and_adds_three_years_everywhere(bench, public):
    certificate = bench.held()
    until = extended(certificate.valid_to, 3)
    bench.decide(bench.case(RENEWAL, certificate=certificate))
    after = bench.now(certificate)
    assert (after.number, after.valid_to, after.is_electronic) == (certificate.number, until, True)
    token = bench.token(after)
    bench.session.rollback()
    assert until.isoformat() in public.get(f"/v/{token}").text
    assert until.isoformat() in found(public, bench, after)


def test_a_transfer_takes_the_certificate_to_the_new_enterprise_everywhere(bench, public):
    certificate = bench.held(bench.old)
    bench.decide(bench.case(TRANSFER, certificate=certificate))
    after = bench.now(certificate)
    assert (after.enterprise_id, after.printed_enterprise) == (bench.enterprise.id, bench.enterprise.name)
    token, name, old = bench.token(after), bench.enterprise.name, bench.old.enterprise.name
    bench.session.rollback()
    page = public.get(f"/v/{token}").text
    assert name in page
    assert old not in page


def test_a_correction_reaches_the_print_and_the_lookup(bench, public):
    certificate = bench.held()
    bench.decide(bench.case(REPLACEMENT, certificate=certificate, **WRONG))
    after = bench.now(certificate)
    assert (after.holder, after.number) == ("李蕾", certificate.number)
    token = bench.token(after)
    bench.session.rollback()
    assert "李蕾" in public.get(f"/v/{token}").text


def test_an_undivided_c_becomes_what_was_chosen_under_a_new_number(bench):
    certificate = bench.held(category=Category.C, is_electronic=False)
    facts = {"reason_code": ReplacementReason.PAPER_TO_ELECTRONIC.value, "details": {"category": "C2"}}
    application = bench.case(REPLACEMENT, certificate=certificate, **facts)
    bench.decide(application)
    assert bench.now(certificate).status is CertificateStatus.CANCELLED
    new = look(bench.session, select(Certificate).where(Certificate.id != certificate.id))
    assert (new.category, new.valid_to) == (Category.C2, certificate.valid_to)


def test_a_cancellation_shows_at_once_in_lookup_and_code(bench, public):
    certificate = bench.held()
    bench.decide(bench.case(RENEWAL, certificate=certificate))
    bench.decide(bench.case(CANCELLATION, certificate=bench.now(certificate)))
    after, token = bench.now(certificate), bench.token(certificate)
    assert after.status is CertificateStatus.CANCELLED
    bench.session.rollback()
    for page in (public.get(f"/v/{token}").text, found(public, bench, after)):
        assert "Cancelled" in page


# --- what the page shows ---------------------------------------------------------------------------------------


def test_the_page_shows_the_certificate_and_what_will_be_otherwise(bench):
    application = bench.case(RENEWAL)
    page = bench.browser(Role.ACCEPTANCE_OFFICER).get(f"/cases/{application.id}").text
    held = application.certificate
    for shown in ("Certificate acted upon", held.number, held.valid_to.isoformat(), extended(held.valid_to, 3).isoformat()):
        assert shown in page
    assert "Within the window of renewal" in page


def test_a_correction_stands_before_and_after_side_by_side(bench):
    application = bench.case(REPLACEMENT, **WRONG)
    page = bench.browser(Role.REVIEWER).get(f"/cases/{application.id}/read").text
    assert "Wrong information on the certificate" in page
    assert "李雷" in page
    assert "<b>李蕾</b>" in page


def test_a_corrected_id_number_is_masked_until_it_is_asked_for(bench):
    number = make.id_number()
    facts = {"reason_code": WRONG["reason_code"], "details": {"id_number": number}}
    application, officer = bench.case(REPLACEMENT, **facts), bench.browser(Role.ACCEPTANCE_OFFICER)
    assert number not in officer.get(f"/cases/{application.id}").text
    assert number in officer.post(f"/cases/{application.id}/id-number", data={"why": "核对"}).text


def test_scans_of_the_application_lie_beside_those_of_the_person(bench):
    application = bench.case(CANCELLATION, reason_code=CancellationReason.LEFT.value)
    page = bench.browser(Role.ACCEPTANCE_OFFICER).get(f"/cases/{application.id}").text
    for kind in (PaperKind.ID_CARD, PaperKind.DISMISSAL_PROOF):
        assert f'data-name="{kind}"' in page


def test_certificates_left_behind_are_named(bench):
    certificate = bench.held(bench.old)
    behind = bench.held(bench.old, person=certificate.person, category=Category.B)
    application = bench.case(TRANSFER, certificate=certificate)
    assert f"{behind.number} stays with" in bench.browser(Role.ACCEPTANCE_OFFICER).get(f"/cases/{application.id}").text


@pytest.mark.parametrize("matter", [RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION])
def test_a_queue_can_be_asked_for_one_matter(bench, matter):
    numbers = {kind: bench.case(kind).number for kind in (RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION)}
    page = bench.browser(Role.ACCEPTANCE_OFFICER).get(f"/acceptance/?matter={matter.value}").text
    assert {kind for kind, number in numbers.items() if number in page} == {matter}


@pytest.mark.parametrize("matter", [RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION])
def test_the_archive_has_the_form_of_the_matter_and_its_decision(bench, matter):
    application = bench.case(matter)
    bench.decide(application)
    page = bench.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert f"Application form for the {matter.value}" in page
    assert "Acceptance slip" in page
    assert "Decision of approval" in page
    assert ("p-cert" in page) == (matter is not CANCELLATION)


def test_the_viewer_reads_closed_cases_of_every_matter_only(bench):
    viewer = bench.browser(Role.VIEWER)
    for matter in (RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION):
        assert viewer.get(f"/cases/{bench.case(matter).id}/read").status_code == 404
        assert viewer.get(f"/cases/{bench.case(matter, State.APPROVED).id}/read").status_code == 200


# --- the administrator releases, and nothing else ---------------------------------------------------------------


def test_the_administrator_releases_with_a_reason(bench, admin):
    application = bench.case(TRANSFER, State.AWAITING_RELEASE)
    assert application.certificate.number in admin.get("/office-releases/").text
    assert admin.post(f"/office-releases/{application.id}/release", data={"reason": "仲裁裁决"}).status_code == 302
    bench.session.refresh(application)
    assert application.state is State.AWAITING_ACCEPTANCE
    assert look(bench.session, select(Step.reason).order_by(Step.id.desc())) == "仲裁裁决"


def test_without_a_reason_nothing_is_released(bench, admin):
    application = bench.case(TRANSFER, State.AWAITING_RELEASE)
    page = admin.post(f"/office-releases/{application.id}/release", follow_redirects=True)
    assert "Please give the reason in detail." in page.text
    bench.session.refresh(application)
    assert application.state is State.AWAITING_RELEASE


@pytest.mark.parametrize("state", [state for state in State if state is not State.AWAITING_RELEASE])
def test_the_administrator_reaches_no_transfer_that_waits_for_nobody(bench, admin, state):
    application = bench.case(TRANSFER, state)
    assert application.number not in admin.get("/office-releases/").text
    assert admin.post(f"/office-releases/{application.id}/release", data={"reason": "x"}).status_code == 404
    for path in (f"/cases/{application.id}", f"/cases/{application.id}/read", f"/archive/{application.id}"):
        assert admin.get(path).status_code in (302, 403, 404)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_opens_the_administrators_screens(bench, role):
    application, certificate = bench.case(TRANSFER, State.AWAITING_RELEASE), bench.held()
    browser = bench.browser(role, bench.enterprise if role is Role.ENTERPRISE_CLERK else None)
    for path in ("/office-releases/", "/standing/", "/required-papers/list/"):
        assert browser.get(path).status_code in (302, 403)
    assert browser.post(f"/office-releases/{application.id}/release", data={"reason": "x"}).status_code == 403
    assert browser.post(f"/standing/{certificate.id}/revoked", data={"reason": "x"}).status_code == 403
    assert bench.now(certificate).status is CertificateStatus.VALID


# --- standing ---------------------------------------------------------------------------------------------------


def test_suspended_lifted_and_revoked_with_reasons_that_stay_in_the_history(bench, admin):
    certificate = bench.held()
    bench.session.commit()
    for code, status in (("suspended", "02"), ("reinstated", "01"), ("revoked", "03")):
        assert admin.post(f"/standing/{certificate.id}/{code}", data={"reason": f"因为{code}"}).status_code == 302
        assert bench.now(certificate).status.value == status
    page = admin.get("/standing/", query_string={"number": certificate.number}).text
    assert all(f"因为{code}" in page for code in ("suspended", "reinstated", "revoked"))
    assert "It has ended for good" in page


def test_what_cannot_be_done_to_a_certificate_changes_nothing(bench, admin):
    certificate = bench.held()
    bench.session.commit()
    assert admin.post(f"/standing/{certificate.id}/suspended").status_code == 302
    assert admin.post(f"/standing/{certificate.id}/reinstated", data={"reason": "x"}).status_code == 302
    assert admin.post(f"/standing/{certificate.id}/issued", data={"reason": "x"}).status_code == 404
    assert bench.now(certificate).status is CertificateStatus.VALID
    assert look(bench.session, select(func.count(CertificateEvent.id))) == 0


def test_a_certificate_is_found_by_its_exact_number_only(bench, admin):
    certificate = bench.held()
    bench.session.commit()
    assert certificate.holder in admin.get("/standing/", query_string={"number": certificate.number}).text
    for typed in (certificate.number[:-1], "%", certificate.number + "0"):
        assert admin.get("/standing/", query_string={"number": typed}).status_code == 404


# --- required papers --------------------------------------------------------------------------------------------


@pytest.fixture
def standard(session):
    """The table of papers outlives a test, so what is added here is taken away again."""
    there = set(session.scalars(select(PaperRule.id)))
    yield
    session.rollback()
    for rule in session.scalars(select(PaperRule).where(PaperRule.id.not_in(there))):
        session.delete(rule)
    session.commit()


def asked(**typed):
    usual = {"matter": "renewal", "category": "", "reason_code": "", "paper": "pledge", "required": "y"}
    return {**usual, "required_from": today().isoformat(), **typed}


def test_a_paper_is_asked_for_from_its_day_on(bench, admin, standard):
    assert admin.post("/required-papers/add", data=asked(matter="cancellation", paper="loss_statement")).status_code == 302
    before, after = bench.case(CANCELLATION, submitted_at=now() - timedelta(days=9)), bench.case(CANCELLATION, State.DRAFT)
    assert PaperKind.LOSS_STATEMENT not in _required(bench, before)
    assert PaperKind.LOSS_STATEMENT in _required(bench, after)


def _required(bench, application):
    from app.eligibility.facts import of_applications  # noqa: PLC0415

    return of_applications(bench.session, [application.id])[application.id].required_papers(today())


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"required_from": "2020-01-01"}, "not for days gone by"),
        ({"paper": "photo"}, "There is such a line already"),
        ({"reason_code": "lost"}, "belongs to another kind"),
        ({"matter": "nonsense"}, "need"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(bench, admin, standard, typed, told):
    answer = admin.post("/required-papers/add", data=asked(**typed))
    assert answer.status_code == 422
    assert told in answer.text


def test_a_line_of_the_standard_list_is_not_deleted(bench, admin):
    rule = look(bench.session, select(PaperRule.id).order_by(PaperRule.id))
    assert "Switch" in admin.post(f"/required-papers/delete/{rule}", follow_redirects=True).text
    assert look(bench.session, select(PaperRule.id).where(PaperRule.id == rule)) == rule


# --- history ----------------------------------------------------------------------------------------------------


def test_the_history_of_a_certificate_shows_every_print_and_cause(bench):
    certificate = bench.held()
    bench.decide(bench.case(RENEWAL, certificate=certificate))
    bench.decide(bench.case(REPLACEMENT, certificate=bench.now(certificate)))
    clerk = bench.browser(Role.ENTERPRISE_CLERK, bench.enterprise)
    page = clerk.get(f"/certificates/{certificate.id}/history").text
    for shown in ("Version 1", "Version 2", "Updated on", "Latest version", *map(str, _deeds(bench, certificate))):
        assert shown in page
    assert bench.browser(Role.VIEWER).get(f"/certificates/{certificate.id}/history").status_code == 200


def _deeds(bench, certificate) -> list[CertificateEventKind]:
    bench.session.rollback()
    mine = CertificateEvent.certificate_id == certificate.id
    return list(bench.session.scalars(select(CertificateEvent.deed).where(mine)))


def test_the_history_of_a_strangers_certificate_does_not_exist(bench):
    certificate = bench.held(bench.old)
    bench.session.commit()
    clerk = bench.browser(Role.ENTERPRISE_CLERK, bench.enterprise)
    assert clerk.get(f"/certificates/{certificate.id}/history").status_code == 404


def test_the_archive_does_not_tell_how_the_certificate_stands_by_now(bench):
    certificate = bench.held()
    application = bench.case(RENEWAL, certificate=certificate)
    bench.decide(application)
    bench.decide(bench.case(CANCELLATION, certificate=bench.now(certificate)))
    page = bench.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert certificate.number in page
    assert "Cancelled" not in page
