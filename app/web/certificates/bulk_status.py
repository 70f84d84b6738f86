"""批量证书措施: a sheet of measures, what it would do row by row, and its execution.

Law: between the check and the deed the sheet waits in the store; what is done is what this very administrator had checked.
"""

from datetime import timedelta
from io import BytesIO

from flask import current_app, request, send_file, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.certificates.bulk_status_changes import StatusChangePlan, carry_out, listed, plan, result_sheet, template
from app.core.errors import AppError, Stale
from app.db.session import db
from app.models import Certificate
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.forms import AppForm, UploadField

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WAITS = 60 * 60  # seconds between the check and the deed, and in which a result is handed out
SHEET, RESULT = "sheet", "result"  # what a ticket is for
LISTED = 100  # rows shown on the page; the sheet has all


class StatusSheetForm(AppForm):
    sheet = UploadField(_("Sheet of measures"), accept=(".xlsx",), limit_mb=10, needed=True)


class MeasuresView(BaseView):
    route_base = "/standing-sheet"
    class_permission_name = "StandingSheet"
    default_view = "mass"

    @route("/", "GET", "POST")
    def mass(self) -> Response:
        """The upload, and after it the dry run."""
        request_context.require_second_factor()
        form = StatusSheetForm()
        if not form.validate_on_submit() or form.sheet.data is None:
            return self._page(form)
        try:
            data = request_context.uploaded_bytes(form.sheet.data)
            planned = plan(
                db.session(),
                data,
                request_context.current_actor(),
                on=request_context.today(),
                office=request_context.current_office(),
            )
        except AppError as no:
            return self._refused(form, no)
        finally:
            db.session.rollback()  # a dry run leaves nothing, not even a lock
        ticket = _ticket(SHEET, request_context.store().put(data), planned.digest) if planned.orders else ""
        return self._page(form, planned, ticket, done=False)

    @route("/confirm", "POST")
    @permission_name("mass")
    def confirm(self) -> Response:
        """All rows that can be done, in one transaction."""
        request_context.require_second_factor()
        form, at = StatusSheetForm(formdata=None), request_context.now()
        try:
            file, digest = _redeemed(SHEET)
            data = request_context.store().read(file)
            planned = carry_out(
                db.session(),
                data,
                request_context.current_actor(),
                at=at,
                office=request_context.current_office(),
                digest=digest,
            )
            db.session.commit()
        except AppError as no:
            db.session.rollback()
            return self._refused(form, no)
        request_context.store().remove(file, at + timedelta(days=1))  # nobody waits for it, and it names people
        return self._page(form, planned, done=True)

    @route("/result.xlsx", "POST")
    @permission_name("mass")
    def result(self) -> Response:
        """What becomes or became of every row: names and certificate numbers leave the house, and the diary says so."""
        file, rows = _redeemed(RESULT)
        data = request_context.store().open(file)
        request_context.note_export(Certificate, list="measures", rows=int(rows))
        name = gettext("Result of the measures")
        return send_file(data, XLSX, as_attachment=True, download_name=f"{name}.xlsx")

    @route("/template.xlsx")
    @permission_name("mass")
    def template(self) -> Response:
        name = gettext("Measures by sheet")
        return send_file(BytesIO(template()), XLSX, as_attachment=True, download_name=f"{name}.xlsx")

    def _refused(self, form: StatusSheetForm, no: AppError) -> Response:
        if no.status == 403:
            raise no
        form.sheet.errors = [refusal.sentence for refusal in no.refusals]
        return self._page(form, status=no.status)

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
            "casework/measures.html",
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


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="measures")


def _result(planned: StatusChangePlan, *, done: bool) -> str:
    return _ticket(RESULT, request_context.store().put(result_sheet(planned, done=done)), str(len(planned.lines)))


def _ticket(use: str, file: str, told: str) -> str:
    """Names a file in the store, for this use, administrator and region. The sweeper takes what nobody fetches."""
    actor = request_context.current_actor()
    return str(_signer().dumps([file, told, use, actor.id, actor.region]))


def _redeemed(use: str) -> tuple[str, str]:
    """The file, and what its ticket tells: the digest of what was planned, or how many rows a result has."""
    actor = request_context.current_actor()
    try:
        file, told, *holder = _signer().loads(request.form.get("ticket", ""), max_age=WAITS)
    except (BadSignature, ValueError):
        file, told, holder = "", "", []
    if holder != [use, actor.id, actor.region] or not request_context.store().has(str(file)):
        raise Stale(_("The check of this sheet has expired. Please choose the file again and check it once more."))
    return str(file), str(told)
