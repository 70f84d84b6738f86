"""批量证书措施: upload of a sheet of measures, preview row by row, and the execution of exactly what was previewed."""

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.certificates.bulk_status_changes import StatusChangePlan, carry_out, listed, plan, result_sheet, template
from app.core.errors import AppError
from app.db.session import db
from app.models import Certificate
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.staged_upload import StagedUpload, remove
from app.web.base.workbook import send_workbook
from app.web.forms import AppForm, UploadField

UPLOAD = StagedUpload("measures")
SHEET, RESULT = "sheet", "result"  # purposes of a ticket
LISTED = 100  # rows shown on the page; the sheet has all


class StatusSheetForm(AppForm):
    sheet = UploadField(_("Sheet of measures"), accept=(".xlsx",), limit_mb=10, needed=True)


class MeasuresView(BaseView):
    route_base = "/standing-sheet"
    class_permission_name = "StandingSheet"
    default_view = "mass"

    @route("/", "GET", "POST")
    def mass(self) -> Response:
        """The upload form; after an upload, the preview."""
        request_context.require_second_factor()
        form = StatusSheetForm()
        if not form.validate_on_submit() or form.sheet.data is None:
            return self._page(form)
        try:
            data = request_context.uploaded_bytes(form.sheet.data)
            actor, office = request_context.current_actor(), request_context.current_office()
            planned = plan(db.session(), data, actor, on=request_context.today(), office=office)
        except AppError as error:
            return self._refused(form, error)
        finally:
            db.session.rollback()  # a preview keeps no locks
        ticket = UPLOAD.stage(data, SHEET, note=planned.digest) if planned.orders else ""
        return self._page(form, planned, ticket, done=False)

    @route("/confirm", "POST")
    @permission_name("mass")
    def confirm(self) -> Response:
        """Carries out all rows that can be done, in one transaction."""
        request_context.require_second_factor()
        form = StatusSheetForm(formdata=None)
        try:
            file = UPLOAD.staged(SHEET)
            planned = carry_out(db.session(), file.data, digest=file.note, **request_context.acting())
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
        form.sheet.errors = [refusal.sentence for refusal in error.refusals]
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
            crumbs=[(gettext("Standing of certificates"), url_for("StandingView.find"))],
            form=form,
            planned=planned,
            lines=listed(planned.lines, LISTED) if planned else [],
            ticket=ticket,
            result=_result(planned, done=done) if planned else "",
            done=done,
            most=request_context.current_office().largest_batch,
        )
        return Response(page, 422 if form.errors and status == 200 else status, mimetype="text/html")


def _result(planned: StatusChangePlan, *, done: bool) -> str:
    """The ticket of the sheet with the result of every row."""
    return UPLOAD.stage(result_sheet(planned, done=done), RESULT, note=len(planned.lines))
