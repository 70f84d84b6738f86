"""批量证书措施: upload of a sheet of measures, preview row by row, and the proposal of exactly what was previewed."""

from dataclasses import astuple
from typing import Any

from flask import request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.certificates.bulk_status_changes import COLUMNS, StatusChangePlan, carry_out, plan, template
from app.certificates.status_changes import MeasureDocument
from app.core.errors import AppError, Stale
from app.db.session import db
from app.files.inspect import FileRefused
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.sheet_preview import PlaceAsked, answered_cells, answers_noted, as_note, preview_page
from app.web.base.sheet_results import ReadSheet, offer, offer_done
from app.web.base.staged_upload import StagedFile, StagedUpload, remove
from app.web.base.workbook import send_workbook
from app.web.forms import SHEETS, AppForm, UploadField
from app.web.scan_upload import measure_document, receive_scans

UPLOAD = StagedUpload("measures")


class StatusSheetForm(AppForm):
    sheet = UploadField(_("Sheet of measures"), accept=SHEETS, limit_mb=10, needed=True)
    document = UploadField(_("Scan of the document"), description=_("One document for all rows of the sheet."))


class MeasuresView(BaseView):
    route_base = "/standing-sheet"
    class_permission_name = "StandingSheet"
    default_view = "mass"

    @route("/", "GET", "POST")
    def mass(self) -> Response:
        """The upload form; after an upload, the preview."""
        request_context.require_second_factor()
        if request.method == "POST":
            receive_scans("document")
        form = _form()
        if not form.validate_on_submit() or form.sheet.data is None:
            return self._page(form)
        try:
            document = measure_document("document")
        except AppError as error:
            return self._refused(form, error)
        return self._checked(form, request_context.uploaded_bytes(form.sheet.data), document, {})

    @route("/check", "POST")
    @permission_name("mass")
    def check(self) -> Response:
        """The preview of the same sheet with what was answered to it, or other rows of it."""
        request_context.require_second_factor()
        form = _form(formdata=None)
        try:
            file, _digest, document, answers = _staged()
        except AppError as error:
            return self._refused(form, error)
        return self._checked(form, file.data, document, answers | answered_cells(request.form))

    @route("/confirm", "POST")
    @permission_name("mass")
    def confirm(self) -> Response:
        """Proposes all rows that can be proposed, in one transaction."""
        request_context.require_second_factor()
        form = _form(formdata=None)
        try:
            file, digest, document, answers = _staged()
            if typed := answered_cells(request.form):  # it was not checked yet
                return self._checked(form, file.data, document, answers | typed)
            planned = carry_out(
                db.session(),
                file.data,
                request_context.current_actor(),
                document=document,
                at=request_context.office_now(),
                office=request_context.current_office(),
                digest=digest,
                answers=answers,
            )
            db.session.commit()
        except AppError as error:
            db.session.rollback()
            return self._refused(form, error)
        remove(file)
        return self._page(form, planned, _sheet(file.data, planned, answers), done=True)

    @route("/template.xlsx")
    @permission_name("mass")
    def template(self) -> Response:
        return send_workbook(template(), gettext("Measures by sheet"))

    def _checked(
        self, form: StatusSheetForm, data: bytes, document: MeasureDocument | None, answers: dict[tuple[int, str], str]
    ) -> Response:
        """The preview; it keeps no locks."""
        actor, office, on = request_context.current_actor(), request_context.current_office(), request_context.today()
        try:
            planned = plan(db.session(), data, actor, document=document, on=on, office=office, answers=answers)
        except AppError as error:
            return self._refused(form, error)
        finally:
            db.session.rollback()
        note = [planned.digest, list(astuple(document)) if document else None, as_note(answers)]
        ticket = UPLOAD.stage(data, note=note) if planned.rows else ""
        return self._page(form, planned, _sheet(data, planned, answers), ticket)

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
        sheet: ReadSheet | None = None,
        ticket: str = "",
        *,
        done: bool = False,
        status: int = 200,
    ) -> Response:
        asked = PlaceAsked.of(request.form.get("go", ""))
        page = self.render_template(
            "certificates/bulk_status.html",
            title=gettext("Measures by sheet"),
            crumbs=[(gettext("Measures against certificates"), url_for("MeasureScreen.list"))],
            form=form,
            planned=planned,
            rows=preview_page(COLUMNS, planned.rows, asked, may_answer=not done) if planned else None,
            ticket=ticket,
            results=(offer_done if done else offer)(sheet) if sheet else None,
            done=done,
            most=request_context.current_office().largest_batch,
        )
        return Response(page, 422 if form.errors and status == 200 else status, mimetype="text/html")


def _form(**given: Any) -> StatusSheetForm:
    form, office = StatusSheetForm(**given), request_context.current_office()
    form.document.limit_bytes, form.document.needed = office.scan_bytes, office.measure_document
    return form


def _sheet(data: bytes, planned: StatusChangePlan, answers: dict[tuple[int, str], str]) -> ReadSheet:
    return ReadSheet(data, COLUMNS, planned.layout, planned.rows, answers, "certificate")


def _staged() -> tuple[StagedFile, str, MeasureDocument | None, dict[tuple[int, str], str]]:
    """The sheet that was checked, the digest of its plan, its document, what was answered. Raises ``Stale``."""
    file = UPLOAD.staged()
    digest, kept, note = file.note
    document = MeasureDocument(*kept) if kept else None
    if document and not request_context.store().has(document.digest):
        raise Stale(UPLOAD.expired)
    return file, digest, document, answers_noted(note)
