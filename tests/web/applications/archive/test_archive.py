"""The archive page of a case."""

import io
import re

from pypdf import PdfReader
from sqlalchemy import select

from app.core.vocabulary import Action, AuditAction, Role, State
from app.models import AuditEntry, Person
from tests.web.applications.case_fixture import approved, decide, read_scalar

CURVES = re.compile(rb"\d c\s")  # outlines in a page's drawing


def test_the_archive_holds_form_slip_certificate_and_steps_and_its_opening_is_noted(firm, clerk, session):
    application, version = approved(firm)
    page = clerk.get(f"/archive/{application.id}").text
    for part in ("p-form", "p-cert", "p-papers", "p-steps"):
        assert f'id="{part}"' in page
    assert f'<iframe class="pdf" src="/certificates/{version.id}.pdf"' in page
    assert read_scalar(session, select(AuditEntry.change).where(AuditEntry.deed == AuditAction.READ)) == {"shown": "archive"}


def test_the_archive_of_a_case_that_was_not_accepted_holds_the_notice_with_its_reason(firm, clerk, acceptance):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, "该工程在外省，申请事项不属于本机关职权范围（《行政许可法》第三十二条）")
    page = clerk.get(f"/archive/{application.id}").text
    assert "不予受理通知书" in page
    assert "申请事项不属于本机关职权范围" in page
    assert "行政复议" in page
    assert 'id="p-cert"' not in page


def test_the_archive_shows_submitted_not_present_data(firm, clerk, session):
    application = firm.case(State.DRAFT, name="原姓名")
    clerk.post("/applications/new/submit", data={"rowid": application.id})
    session.get_one(Person, application.person_id).name = "新姓名"
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    assert "<td>原姓名</td>" in page
    assert "<td>新姓名</td>" not in page


def test_the_viewer_gets_the_archive_without_papers(firm):
    application, _version = approved(firm)
    page = firm.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert 'id="p-cert"' in page
    assert "p-papers" not in page
    assert application.person.id_number not in page


def test_a_draft_has_no_archive_but_a_preview_of_its_form_for_its_enterprise(firm, clerk):
    draft, waiting = firm.case(State.DRAFT, name="龙在天"), firm.case()
    preview = f"/archive/{draft.id}/preview.pdf"
    assert clerk.get(f"/archive/{draft.id}").status_code == 404
    assert preview in clerk.get("/applications/new/").text
    pdf = clerk.get(preview)
    assert (pdf.status_code, pdf.mimetype) == (200, "application/pdf")
    drawn = PdfReader(io.BytesIO(pdf.data)).pages[0]
    assert "龙在天" in drawn.extract_text()
    form = clerk.get(f"/archive/{waiting.id}/form.pdf").data
    plain = PdfReader(io.BytesIO(form)).pages[0]
    assert CURVES.findall(drawn.get_contents().get_data())  # the word across the page, in outlines
    assert not CURVES.findall(plain.get_contents().get_data())
    assert clerk.get(f"/archive/{waiting.id}/preview.pdf").status_code == 404
    for role in (Role.ACCEPTANCE_OFFICER, Role.VIEWER):
        assert firm.browser(role).get(preview).status_code == 404
