"""电子档案: application form, letters, certificate, papers and steps of a case (R89–R91).

Shown from the submitted snapshot, not from present data; every opening is written to the audit log.
"""

from flask import send_file, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import load_only
from werkzeug.wrappers import Response

from app.core.errors import NotFound
from app.core.vocabulary import CHANGEABLE, AuditAction, State
from app.db.session import db
from app.eligibility.facts import Facts, of_applications
from app.models import Application, CertificateVersion
from app.web import request_context
from app.web.applications.archive import case_zip
from app.web.applications.archive.letters import FORMS, documents_of, letters_of, may_see_numbers, preview_of
from app.web.applications.review.access import case_of
from app.web.applications.review.case_page import default_list_url
from app.web.applications.review.matter_details import details_of
from app.web.applications.review.presentation import about_case, about_person, scans_of
from app.web.applications.review.progress import history
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, route
from app.web.base.layout import safe_next
from app.web.base.printed_forms import as_file

PREVIEW = "preview"  # in the place of a document


class ArchiveView(BaseView):
    """Everything stored of a case on one page, laid out for A4."""

    route_base = "/archive"
    class_permission_name = "Archive"
    default_view = "show"

    @route(f"/{ROW}application_id>")
    def show(self, application_id: int) -> str:
        case, facts = _submitted_case(application_id)
        version = _version_of(case)
        request_context.note_reading(case, shown="archive")
        return self.render_template(
            "applications/archive.html",
            title=gettext("E-archive"),
            crumbs=[(case.person.name, url_for("CaseView.read", application_id=case.id))],
            case=case,
            person=about_person(facts, in_full=may_see_numbers(case)),
            about=about_case(case, facts),
            claim=details_of(facts, in_full=may_see_numbers(case), today=False),
            form_title=FORMS[case.matter],
            letters=letters_of(case),
            version=version,
            scans=scans_of(facts),
            history=history(case),
            back=safe_next(default_list_url()),
        )

    @route(f"/{ROW}application_id>/<part>.pdf")
    def letter(self, application_id: int, part: str) -> Response:
        """One document as PDF: the form, a letter or the record of the steps; of a draft a preview of the form."""
        if part == PREVIEW:
            return self._preview(application_id)
        case, facts = _submitted_case(application_id)
        document = documents_of(case, facts).get(part)
        if document is None:
            raise NotFound
        name, read = document
        data = read()
        request_context.note_reading(case, shown=part)
        return as_file(data, case_zip.safe_file_name(f"{case.number}-{name}"))

    def _preview(self, application_id: int) -> Response:
        case = case_of(application_id)
        if case.state not in CHANGEABLE or not may_see_numbers(case):
            raise NotFound
        name, data = preview_of(case, of_applications(db.session, [case.id])[case.id])
        request_context.note_reading(case, shown=PREVIEW)
        return as_file(data, case_zip.safe_file_name(f"{case.number}-{name}"))

    @route(f"/{ROW}application_id>.zip")
    def bundle(self, application_id: int) -> Response:
        """Everything the reader may see of the case, in one file."""
        case, facts = _submitted_case(application_id)
        request_context.note_reading(case, AuditAction.EXPORT, shown="archive")
        name = f"{facts.submitted['person']['name']}-{case.number}.zip"
        packed = case_zip.pack(case, facts, _version_of(case))
        return send_file(packed, mimetype="application/zip", as_attachment=True, download_name=case_zip.safe_file_name(name))


def _submitted_case(application_id: int) -> tuple[Application, Facts]:
    case = case_of(application_id)
    if case.state is State.DRAFT:
        raise NotFound  # never submitted: there is no archive
    return case, of_applications(db.session, [case.id])[case.id]


def _version_of(case: Application) -> CertificateVersion | None:
    """The certificate version issued by this case, even if a later one has replaced it."""
    mine = select(CertificateVersion).where(CertificateVersion.application_id == case.id)
    brief = mine.options(load_only(CertificateVersion.id, CertificateVersion.token))
    found: CertificateVersion | None = db.session.scalars(brief).first()
    return found
