"""批量导入人员: template, upload of a sheet, preview of what it would do, and the import of exactly the sheet previewed."""

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts.people_import import ROSTER_COLUMNS, RosterPreview, import_people, masked_row, read_people, roster_template
from app.core.errors import AppError
from app.db.session import db
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.staged_upload import StagedUpload, remove
from app.web.base.workbook import send_workbook
from app.web.forms import AppForm, UploadField

UPLOAD = StagedUpload("roster")
LISTED = 50  # people shown of a preview


class RosterForm(AppForm):
    sheet = UploadField(_("Sheet of people"), accept=(".xlsx",), limit_mb=10, needed=True)


class RosterView(BaseView):
    route_base = "/people/import"
    default_view = "roster"
    class_permission_name = "Roster"

    @route("/", "GET", "POST")
    def roster(self) -> Response | str:
        """The upload form; after an upload, the preview."""
        form, preview, ticket = RosterForm(), None, ""
        if form.validate_on_submit() and form.sheet.data is not None:
            try:
                data = request_context.uploaded_bytes(form.sheet.data)
                preview = read_people(
                    db.session(),
                    data,
                    request_context.current_actor(),
                    on=request_context.today(),
                    office=request_context.current_office(),
                )
            except AppError as error:
                form.sheet.errors = [refusal.sentence for refusal in error.refusals]
            else:
                ticket = "" if preview.errors or not preview.people else UPLOAD.stage(data)
            db.session().rollback()  # a preview keeps no locks
        return self._page(form, preview, ticket)

    @route("/confirm", "POST")
    @permission_name("roster")
    def confirm(self) -> Response | str:
        """Imports everybody or nobody."""
        session = db.session()
        try:
            file = UPLOAD.staged()
            actor, at = request_context.current_actor(), request_context.office_now()
            preview = import_people(
                session, file.data, actor, at=at, office=request_context.current_office(), digest=file.digest
            )
            session.commit()
        except AppError as error:
            session.rollback()
            if error.status == 403:
                raise
            form = RosterForm()
            form.sheet.errors = [refusal.sentence for refusal in error.refusals]
            return self._page(form)
        remove(file)
        flash(gettext("%(n)s people were added. Their scans are still missing.", n=len(preview.people)), "success")
        return redirect(url_for("PersonScreen.list", scans="incomplete"))

    @route("/template.xlsx")
    @permission_name("roster")
    def template(self) -> Response:
        return send_workbook(roster_template(), gettext("Template for importing people"))

    def _page(self, form: RosterForm, preview: RosterPreview | None = None, ticket: str = "") -> Response:
        needed = gettext(", ").join(str(column.title) for column in ROSTER_COLUMNS if column.required)
        form.sheet.description = gettext("These columns must be filled in: %(titles)s.", titles=needed)
        has_errors = bool(form.errors) or (preview is not None and bool(preview.errors))
        people = [masked_row(row) for row in preview.people[:LISTED]] if preview else []
        page = self.render_template(
            "enterprise/people_import.html",
            title=gettext("Import people"),
            crumbs=[(gettext("People"), url_for("PersonScreen.list"))],
            form=form,
            preview=preview,
            people=people,
            ticket=ticket,
            columns=[column.title for column in ROSTER_COLUMNS],
        )
        return Response(page, 422 if has_errors else 200, mimetype="text/html")
