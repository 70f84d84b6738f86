"""批量导入人员: template and upload of a sheet, whose import has its own page (``web.base.imports``)."""

from flask import redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts.people_import import ROSTER_COLUMNS, roster_template
from app.core.errors import AppError
from app.core.vocabulary import ImportKind, Role
from app.db.session import db
from app.files.spreadsheets import LARGE_SHEET, MOST_ROWS
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.imports import take_in
from app.web.base.workbook import send_workbook
from app.web.forms import SHEETS, AppForm, UploadField


class RosterForm(AppForm):
    sheet = UploadField(_("Sheet of people"), accept=SHEETS, limit_bytes=LARGE_SHEET.file, needed=True)


class RosterView(BaseView):
    route_base = "/people/import"
    default_view = "roster"
    class_permission_name = "Roster"

    @route("/", "GET", "POST")
    def roster(self) -> Response:
        """The upload form; an upload leads to the page of its import."""
        request_context.current_actor().demand(Role.ENTERPRISE_CLERK)
        form, status = RosterForm(), 200
        if form.validate_on_submit() and form.sheet.data is not None:
            try:
                return redirect(url_for("ImportView.course", import_id=take_in(ImportKind.ROSTER, form.sheet.data)))
            except AppError as error:
                if error.status == 403:
                    raise
                db.session.rollback()
                form.sheet.errors, status = [refusal.sentence for refusal in error.refusals], error.status
        needed = gettext(", ").join(str(column.title) for column in ROSTER_COLUMNS if column.required)
        form.sheet.description = gettext("These columns must be filled in: %(titles)s.", titles=needed)
        return self.rendered(
            "enterprise/people_import.html",
            422 if form.errors and status == 200 else status,
            title=gettext("Import people"),
            crumbs=[(gettext("People"), url_for("PersonScreen.list"))],
            form=form,
            most=MOST_ROWS,
        )

    @route("/template.xlsx")
    @permission_name("roster")
    def template(self) -> Response:
        return send_workbook(roster_template(), gettext("Template for importing people"))
