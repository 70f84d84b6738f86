"""【系统】历史数据导入: templates and upload of sheets of the old system; each import has its page (``web.base.imports``)."""

from flask import redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications import legacy_import
from app.core.errors import AppError, NotFound
from app.core.vocabulary import OLD_SYSTEM, ImportKind, Role
from app.db.session import db
from app.files.spreadsheets import LARGE_SHEET, MOST_ROWS
from app.web import request_context
from app.web.base.fab import BaseView, route
from app.web.base.imports import take_in
from app.web.base.workbook import send_workbook
from app.web.forms import MEGABYTE, SHEETS, AppForm, UploadField

DESCRIPTIONS: dict[ImportKind, object] = {
    ImportKind.ACCOUNTS: _("Enterprises and the accounts they signed in with. They come in with a first password made here."),
    ImportKind.PASSES: _("Who passed an exam in the old system, for new applications within two years."),
    ImportKind.CERTIFICATES: _(
        "Certificates that the old system issued, for renewal, transfer, replacement and cancellation."
    ),
}


class LegacySheetForm(AppForm):
    sheet = UploadField(_("Sheet"), accept=SHEETS, limit_bytes=LARGE_SHEET.file, needed=True)


class LegacyView(BaseView):
    """The administrator's page where sheets of the old system are handed in."""

    route_base = "/legacy"
    default_view = "home"
    class_permission_name = "Legacy"
    base_permissions = ["can_home", "can_template", "can_hand_in"]

    @route("/")
    def home(self) -> Response:
        return self._home()

    @route("/template/<code>.xlsx")
    def template(self, code: str) -> Response:
        kind = _kind(code)
        return send_workbook(legacy_import.template(kind), gettext("Template of %(records)s", records=kind))

    @route("/hand-in/<code>", "POST")
    def hand_in(self, code: str) -> Response:
        """导入: stores the sheet and has it checked."""
        request_context.current_actor().demand(Role.ADMIN)
        kind, form = _kind(code), LegacySheetForm()
        file = form.sheet.data if form.validate() else None
        if file is None:
            return self._home(kind, form, 413 if (request.content_length or 0) > LARGE_SHEET.file else 422)
        try:
            number = take_in(kind, file)
        except AppError as error:
            db.session.rollback()
            form.sheet.errors = [refusal.sentence for refusal in error.refusals]
            return self._home(kind, form, error.status)
        return redirect(url_for("ImportView.course", import_id=number))

    def _home(self, kind: ImportKind | None = None, form: LegacySheetForm | None = None, status: int = 200) -> Response:
        request_context.current_actor().demand(Role.ADMIN)
        return self.rendered(
            "admin/legacy_import/home.html",
            status,
            title=gettext("Import from the old system"),
            cards=[
                (one, DESCRIPTIONS[one], form if one is kind and form else LegacySheetForm(formdata=None))
                for one in OLD_SYSTEM
            ],
            failed=form,
            limit=LARGE_SHEET.file // MEGABYTE,
            most=MOST_ROWS,
        )


def _kind(code: str) -> ImportKind:
    found = next((kind for kind in OLD_SYSTEM if kind.value == code), None)
    if found is None:
        raise NotFound
    return found
