"""批量导入人员: a template to take home, a sheet to hand in, what it would do, and the import.

Law: between the check and the import the sheet waits in the store; what is imported is what this very clerk had checked.
"""

from datetime import timedelta
from io import BytesIO

from flask import current_app, flash, redirect, request, send_file, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.accounts.people_import import ROSTER_COLUMNS, RosterPreview, import_people, masked_row, read_people, roster_template
from app.core.errors import AppError, Stale
from app.db.session import db
from app.web import request_context
from app.web.base.fab import BaseView, expose, has_access, permission_name
from app.web.forms import AppForm, UploadField

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WAITS = 60 * 60  # seconds between the check and the import
LISTED = 50  # people shown of a preview


class RosterForm(AppForm):
    sheet = UploadField(_("Sheet of people"), accept=(".xlsx",), limit_mb=10, needed=True)


class RosterView(BaseView):
    route_base = "/people/import"
    default_view = "roster"
    class_permission_name = "Roster"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def roster(self) -> Response | str:
        """The upload, and after it the dry run."""
        form, preview, ticket = RosterForm(), None, ""
        if form.validate_on_submit() and form.sheet.data is not None:
            try:
                data = request_context.uploaded_bytes(form.sheet.data)
                preview = read_people(db.session(), data, request_context.current_actor())
            except AppError as no:
                form.sheet.errors = [refusal.sentence for refusal in no.refusals]
            else:
                ticket = "" if preview.errors or not preview.people else _ticket(request_context.store().put(data))
            db.session().rollback()  # a dry run leaves nothing, not even a lock
        return self._page(form, preview, ticket)

    @expose("/confirm", methods=["POST"])
    @has_access
    @permission_name("roster")
    def confirm(self) -> Response | str:
        """All of them, or nobody."""
        session = db.session()
        try:
            digest = _redeemed(request.form.get("ticket", ""))
            data = request_context.store().read(digest)
            preview = import_people(session, data, request_context.current_actor(), at=request_context.now(), digest=digest)
            session.commit()
        except AppError as no:
            session.rollback()
            if no.status == 403:
                raise
            form = RosterForm()
            form.sheet.errors = [refusal.sentence for refusal in no.refusals]
            return self._page(form, None, "")
        request_context.store().remove(
            digest, request_context.now() + timedelta(days=1)
        )  # nobody waits for it: it is full of ID numbers
        flash(gettext("%(n)s people were added. Their scans are still missing.", n=len(preview.people)), "success")
        return redirect(url_for("PersonScreen.list", scans="incomplete"))

    @expose("/template.xlsx")
    @has_access
    @permission_name("roster")
    def template(self) -> Response:
        what = gettext("Template for importing people")
        name = f"{what}.xlsx"
        return send_file(BytesIO(roster_template()), XLSX, as_attachment=True, download_name=name)

    def _page(self, form: RosterForm, preview: RosterPreview | None, ticket: str) -> Response:
        needed = gettext(", ").join(str(column.title) for column in ROSTER_COLUMNS if column.required)
        form.sheet.description = gettext("These columns must be filled in: %(titles)s.", titles=needed)
        bad = bool(form.errors) or (preview is not None and bool(preview.errors))
        people = [masked_row(row) for row in preview.people[:LISTED]] if preview else []
        page = self.render_template(
            "basics/roster.html",
            title=gettext("Import people"),
            crumbs=[(gettext("People"), url_for("PersonScreen.list"))],
            form=form,
            preview=preview,
            people=people,
            ticket=ticket,
            columns=[column.title for column in ROSTER_COLUMNS],
        )
        return Response(page, 422 if bad else 200, mimetype="text/html")


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="roster")


def _ticket(digest: str) -> str:
    """Names the checked sheet, for this clerk and this enterprise only."""
    actor = request_context.current_actor()
    return str(_signer().dumps([digest, actor.id, actor.enterprise_id]))


def _redeemed(ticket: str) -> str:
    """The digest of the sheet that this very clerk has had checked within the hour."""
    actor = request_context.current_actor()
    try:
        digest, *holder = _signer().loads(ticket, max_age=WAITS)
    except (BadSignature, ValueError):
        holder, digest = [], ""
    if holder != [actor.id, actor.enterprise_id] or not request_context.store().has(str(digest)):
        raise Stale(_("The check of this sheet has expired. Please choose the file again and check it once more."))
    return str(digest)
