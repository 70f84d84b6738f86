"""Certificate files: rendered on approval, downloaded by those who may."""

from sqlalchemy import select

from app.core.vocabulary import Action, AuditAction, Role, State
from app.files.folder_store import FolderStore
from app.models import AuditEntry, CertificateVersion, Paper
from tests.web.applications.case_fixture import approved, decide, in_batch, read_scalar


def test_an_approval_draws_the_certificate_at_once(firm, system, session):
    application = firm.case(State.AWAITING_APPROVAL, name="李雷")
    decide(firm.browser(Role.APPROVER), application, Action.APPROVE)
    version = read_scalar(session, select(CertificateVersion))
    assert FolderStore(system.settings.blobs).read(version.digest).startswith(b"%PDF")


def test_a_batch_that_is_approved_in_part_draws_what_was_issued(firm, session):
    fit, settled = firm.case(State.AWAITING_APPROVAL), firm.case(State.AWAITING_REVIEW, name="还早着")
    answer = in_batch(firm.browser(Role.APPROVER), [fit, settled], Action.APPROVE)
    assert "还早着: now “Awaiting review”; this can no longer be done." in answer.text
    assert read_scalar(session, select(CertificateVersion.digest)) is not None


def test_a_photo_that_is_lost_does_not_undo_an_approval(firm, session):
    application = firm.case(State.AWAITING_APPROVAL)
    for paper in session.scalars(select(Paper)):
        paper.digest = "0" * 64
    session.commit()
    assert decide(firm.browser(Role.APPROVER), application, Action.APPROVE).status_code == 302
    assert firm.state(application) is State.APPROVED
    assert read_scalar(session, select(CertificateVersion.digest)) is None


def test_the_file_is_named_after_holder_and_number(firm, clerk):
    _application, version = approved(firm, name="李雷")
    shown = clerk.get(f"/certificates/{version.id}.pdf")
    assert (shown.mimetype, shown.data[:4]) == ("application/pdf", b"%PDF")
    assert shown.headers["Content-Disposition"].startswith("inline")
    kept = clerk.get(f"/certificates/{version.id}.pdf?download=1").headers["Content-Disposition"]
    assert kept.startswith("attachment")
    assert "%E6%9D%8E%E9%9B%B7-%E6%B9%98%E5%BB%BA%E5%AE%89C1" in kept


def test_a_certificate_is_drawn_again_when_it_never_was_drawn(firm, clerk, session):
    _application, version = approved(firm)
    session.get_one(CertificateVersion, version.id).digest = None
    session.commit()
    assert clerk.get(f"/certificates/{version.id}.pdf").data.startswith(b"%PDF")
    assert read_scalar(session, select(CertificateVersion.digest)) == version.digest


def test_a_certificate_is_for_its_enterprise_and_the_officers_of_the_region(firm, other_firm, session):
    _application, version = approved(firm)
    path = f"/certificates/{version.id}.pdf"
    assert other_firm.browser(Role.ENTERPRISE_CLERK).get(path).status_code == 404
    assert firm.browser(Role.REVIEWER, "430200").get(path).status_code == 404
    assert firm.browser(Role.EXAM_CLERK).get(path).status_code == 403
    assert firm.browser(Role.VIEWER).get(path).status_code == 200
    assert read_scalar(session, select(AuditEntry.table).where(AuditEntry.deed == AuditAction.READ)) == "certificate_version"
