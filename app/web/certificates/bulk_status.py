"""批量证书措施: upload of a sheet of measures, preview row by row, and the proposal of exactly what was previewed."""

from dataclasses import astuple
from typing import Any

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.certificates.bulk_status_changes import StatusChangePlan, carry_out, listed, plan, result_sheet, template
from app.certificates.status_changes import MeasureDocument
from app.core.errors import AppError, Stale
from app.db.session import db
from app.files.inspect import FileRefused
from app.models import Certificate
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.staged_upload import StagedUpload, remove
from app.web.base.workbook import send_workbook
from app.web.forms import AppForm, UploadField
from app.web.scan_upload import measure_document

UPLOAD = StagedUpload("measures")
SHEET, RESULT = "sheet", "result"  # purposes of a ticket
LISTED = 100  # rows shown on the page; the sheet has all


class StatusSheetForm(AppForm):
    sheet = UploadField(_("Sheet of measures"), accept=(".xlsx",), limit_mb=10, needed=True)
    document = UploadField(_("Scan of the document"), description=_("One document for all rows of the sheet."))


class MeasuresView(BaseView):
    route_base = "/standing-sheet"
    class_permission_name = "StandingSheet"
    default_view = "mass"

    @route("/", "GET", "POST")
    def mass(self) -> Response:
        """The upload form; after an upload, the preview."""
        request_context.require_second_factor()
        form = _form()
        if not form.validate_on_submit() or form.sheet.data is None:
            return self._page(form)
        try:
            data = request_context.uploaded_bytes(form.sheet.data)
            document = measure_document(form.document)
            planned = plan(
                db.session(),
                data,
                request_context.current_actor(),
                document=document,
                on=request_context.today(),
                office=request_context.current_office(),
            )
        except AppError as error:
            return self._refused(form, error)
        finally:
            db.session.rollback()  # a preview keeps no locks
        note = [planned.digest, list(astuple(document)) if document else None]
        ticket = UPLOAD.stage(data, SHEET, note=note) if planned.proposals else ""
        return self._page(form, planned, ticket, done=False)

    @route("/confirm", "POST")
    @permission_name("mass")
    def confirm(self) -> Response:
        """Proposes all rows that can be proposed, in one transaction."""
        request_context.require_second_factor()
        form = _form(formdata=None)
        try:
            file = UPLOAD.staged(SHEET)
            digest, kept = file.note
            document = MeasureDocument(*kept) if kept else None
            if document and not request_context.store().has(document.digest):
                raise Stale(UPLOAD.expired)
            actor, office = request_context.current_actor(), request_context.current_office()
            planned = carry_out(
                db.session(),
                file.data,
                actor,
                document=document,
                at=request_context.office_now(),
                office=office,
                digest=digest,
            )
            db.session.commit()
        except AppError as error:
            db.session.rollback()
            return self._refused(form, error)
        remove(file)
        return self._page(form, planned, done=True)

    @route("/result.xlsx", "POST")
    @permission_name("mass")
    def result(self) -> Response:
        """The result of every row, with names and certificate numbers: the export is logged."""
        file = UPLOAD.staged(RESULT)
        request_context.note_export(Certificate, list="measures", rows=file.note)
        return send_workbook(file.data, gettext("Result of the measures"))

    @route("/template.xlsx")
    @permission_name("mass")
    def template(self) -> Response:
        return send_workbook(template(), gettext("Measures by sheet"))

    def _refused(self, form: StatusSheetForm, error: AppError) -> Response:
        if error.status == 403:
            raise error
        field = form.document if isinstance(error, FileRefused) else form.sheet
        field.errors = [refusal.sentence for refusal in error.refusals]
        return self._page(form, status=error.status)

    def _page(
        self,
        form: StatusSheetForm,
        planned: StatusChangePlan | None = None,
        ticket: str = "",
        *,
        done: bool = False,
        status: int = 200,
    ) -> Response:
        page = self.render_template(
            "certificates/bulk_status.html",
            title=gettext("Measures by sheet"),
            crumbs=[(gettext("Measures against certificates"), url_for("MeasureScreen.list"))],
            form=form,
            planned=planned,
            lines=listed(planned.lines, LISTED) if planned else [],
            ticket=ticket,
            result=_result(planned, done=done) if planned else "",
            done=done,
            most=request_context.current_office().largest_batch,
        )
        return Response(page, 422 if form.errors and status == 200 else status, mimetype="text/html")


def _form(**given: Any) -> StatusSheetForm:
    form, office = StatusSheetForm(**given), request_context.current_office()
    form.document.limit_bytes, form.document.needed = office.scan_bytes, office.measure_document
    return form


def _result(planned: StatusChangePlan, *, done: bool) -> str:
    """The ticket of the sheet with the result of every row."""
    return UPLOAD.stage(result_sheet(planned, done=done), RESULT, note=len(planned.lines))
