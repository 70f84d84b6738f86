"""批量导入人员: template, upload of a sheet, preview of what it would do, and the import of exactly the sheet previewed."""

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts.people_import import ROSTER_COLUMNS, RosterPreview, import_people, read_people, roster_template
from app.core.errors import AppError
from app.db.session import db
from app.files.spreadsheets import Answers
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.sheet_preview import PlaceAsked, answered_cells, answers_noted, as_note, preview_page
from app.web.base.sheet_results import ReadSheet, offer, offer_next
from app.web.base.staged_upload import StagedUpload, remove
from app.web.base.workbook import send_workbook
from app.web.forms import SHEETS, AppForm, UploadField

UPLOAD = StagedUpload("roster")


class RosterForm(AppForm):
    sheet = UploadField(_("Sheet of people"), accept=SHEETS, limit_mb=10, needed=True)


class RosterView(BaseView):
    route_base = "/people/import"
    default_view = "roster"
    class_permission_name = "Roster"

    @route("/", "GET", "POST")
    def roster(self) -> Response | str:
        """The upload form; after an upload, the preview."""
        form = RosterForm()
        if form.validate_on_submit() and form.sheet.data is not None:
            return self._previewed(form, request_context.uploaded_bytes(form.sheet.data), {})
        return self._page(form)

    @route("/check", "POST")
    @permission_name("roster")
    def check(self) -> Response | str:
        """The preview of the same sheet with what was answered to it, or other rows of it."""
        form = RosterForm(formdata=None)
        try:
            file = UPLOAD.staged()
        except AppError as error:
            return self._refused(error)
        return self._previewed(form, file.data, answers_noted(file.note) | answered_cells(request.form))

    @route("/confirm", "POST")
    @permission_name("roster")
    def confirm(self) -> Response | str:
        """Imports everybody or nobody."""
        session = db.session()
        try:
            file = UPLOAD.staged()
            actor, at, office = (
                request_context.current_actor(),
                request_context.office_now(),
                request_context.current_office(),
            )
            answers = answers_noted(file.note)
            if typed := answered_cells(request.form):  # it was not checked yet
                return self._previewed(RosterForm(formdata=None), file.data, answers | typed)
            preview = import_people(session, file.data, actor, at=at, office=office, digest=file.digest, answers=answers)
            session.commit()
        except AppError as error:
            session.rollback()
            if error.status == 403:
                raise
            return self._refused(error)
        remove(file)
        flash(gettext("%(n)s people were added. Their scans are still missing.", n=len(preview.people)), "success")
        offer_next(_sheet(file.data, preview, answers))
        return redirect(url_for("PersonScreen.list", scans="incomplete"))

    @route("/template.xlsx")
    @permission_name("roster")
    def template(self) -> Response:
        return send_workbook(roster_template(), gettext("Template for importing people"))

    def _previewed(self, form: RosterForm, data: bytes, answers: Answers) -> Response:
        session, actor, on = db.session(), request_context.current_actor(), request_context.today()
        preview, ticket = None, ""
        try:
            preview = read_people(session, data, actor, on=on, office=request_context.current_office(), answers=answers)
        except AppError as error:
            form.sheet.errors = [refusal.sentence for refusal in error.refusals]
        else:
            ticket = UPLOAD.stage(data, note=as_note(answers)) if preview.rows else ""
        session.rollback()  # a preview keeps no locks
        return self._page(form, preview, ticket, _sheet(data, preview, answers) if preview else None)

    def _refused(self, error: AppError) -> Response:
        form = RosterForm(formdata=None)
        form.sheet.errors = [refusal.sentence for refusal in error.refusals]
        return self._page(form)

    def _page(
        self, form: RosterForm, preview: RosterPreview | None = None, ticket: str = "", sheet: ReadSheet | None = None
    ) -> Response:
        needed = gettext(", ").join(str(column.title) for column in ROSTER_COLUMNS if column.required)
        form.sheet.description = gettext("These columns must be filled in: %(titles)s.", titles=needed)
        has_errors = bool(form.errors) or (preview is not None and bool(preview.errors))
        asked = PlaceAsked.of(request.form.get("go", ""))
        page = self.render_template(
            "enterprise/people_import.html",
            title=gettext("Import people"),
            crumbs=[(gettext("People"), url_for("PersonScreen.list"))],
            form=form,
            preview=preview,
            rows=preview_page(ROSTER_COLUMNS, preview.rows, asked, may_answer=True) if preview else None,
            ticket=ticket,
            results=offer(sheet) if sheet else None,
        )
        return Response(page, 422 if has_errors else 200, mimetype="text/html")


def _sheet(data: bytes, preview: RosterPreview, answers: Answers) -> ReadSheet:
    return ReadSheet(data, ROSTER_COLUMNS, preview.layout, preview.rows, answers, "person")
