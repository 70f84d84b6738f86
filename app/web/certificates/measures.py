"""证书措施: the list of measures, one measure, and its decision by a second person; its document and its letter."""

import builtins

from flask import abort, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement
from werkzeug.wrappers import Response

from app.accounts.access import CASE_OFFICERS, must_reach
from app.applications.letters import measure_letters
from app.applications.letters.text import in_chinese
from app.certificates import status_changes
from app.certificates.confirmation_plan import plan_confirmation
from app.certificates.grounds import banned_until
from app.core.errors import AppError, NotAllowed, NotFound
from app.core.vocabulary import PUNISHING, TAKEN, MeasureState, Role
from app.db import search
from app.db.session import db
from app.models import Certificate, CertificateMeasure
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, safe_next, shown
from app.web.base.access_filter import ROW, WithinReach, asked_ids, asked_reason
from app.web.base.batch_result import run_batch, run_step, skipped_rows
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.file_response import file_answer, sends_content
from app.web.base.layout import this_page
from app.web.certificates.letter_file import pdf_of_measure

CONFIRM, REFUSE = "confirm", "refuse"
REASONS = (
    _("The evidence does not prove the facts."),
    _("The ground does not fit the facts."),
    _("The measure is not proportionate."),
)


def _by_certificate_number(text: str) -> ColumnElement[bool] | None:
    return search.found(db.session(), Certificate.number, text, CertificateMeasure.certificate_id)


class MeasureScreen(ModelScreen):
    """Proposed by a reviewer, confirmed or refused by an approver with another account."""

    datamodel = SelInterface(CertificateMeasure)
    route_base = "/measures"
    class_permission_name = "Measure"
    base_permissions = ["can_list", "can_show", "can_decide", "can_retract"]
    exclude_route_methods = {"add", "edit", "delete"}
    base_filters = [["id", WithinReach, None]]
    list_template = "applications/list.html"
    show_template = "certificates/measure.html"
    list_title, show_title = _("Measures against certificates"), _("Measure against a certificate")
    list_columns = ["holder", "kind", "document_number", "last_day", "proposed_at", "state"]
    sub_columns = {
        "holder": "certificate.number",
        "kind": "ground",
        "document_number": "enterprise_name",
        "proposed_at": "proposed_by",
    }
    head_column = "holder"
    tag_columns = ("state",)
    tabs_column = "state"
    tab_first = MeasureState.PROPOSED
    order_columns = ["proposed_at", "last_day"]
    base_order = ("proposed_at", "desc")
    search_columns = ["holder", "kind", "enterprise_name", "document_number", "proposed_at"]
    search_by = {"number": _by_certificate_number}
    show_columns = ["id"]
    label_columns = {
        "holder": _("Full name"),
        "number": _("Certificate number"),
        "certificate.number": _("Certificate number"),
        "certificate.category": _("Personnel category"),
        "kind": _("Measure"),
        "ground": _("Ground of the measure"),
        "facts": _("Facts"),
        "document_number": _("Document number"),
        "enterprise_name": _("Enterprise"),
        "last_day": _("Last day of the suspension"),
        "banned_until": _("May not apply before"),
        "state": _("State"),
        "proposed_by": _("Proposed by"),
        "proposed_at": _("Proposed at"),
        "decided_by": _("Decided by"),
        "decided_at": _("Decided at"),
        "decision_reason": _("Reason of the decision"),
        "ended_at": _("Ended at"),
    }
    show_fieldsets = [
        (_("Measure"), {"fields": ["state", "kind", "ground", "facts", "document_number", "last_day", "banned_until"]}),
        (
            _("Against whom"),
            {"fields": ["holder", "certificate.number", "certificate.category", "enterprise_name"]},
        ),
        (
            _("Decision"),
            {
                "fields": [
                    "proposed_by", "proposed_at", "decided_by", "decided_at", "decision_reason", "ended_at",
                ]
            },
        ),
    ]  # fmt: skip

    @route("/")
    def list(self) -> Response | str:
        return super().list()

    def decides(self) -> bool:
        return self.may("decide") and status_changes.may_decide(
            request_context.current_actor(), request_context.current_office()
        )

    def note(self) -> object:
        return gettext("A measure takes effect when a second person has confirmed it.")

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No measure awaits a decision here."), next(iter(self.head_links()), None)

    def head_links(self) -> builtins.list[Link]:
        if not self.may("retract"):  # whoever proposes takes back
            return []
        return [
            Link(gettext("Propose a measure"), url_for("StandingView.find"), icon="plus", primary=True),
            Link(gettext("Measures by sheet"), url_for("MeasuresView.mass"), icon="file-text"),
        ]

    def batch_links(self) -> builtins.list[Link]:
        if not self.decides() or self._chosen(self.asked()) != MeasureState.PROPOSED.value:
            return []
        return [Link(_verb(), url_for(f"{self.endpoint}.decide", code=CONFIRM), primary=True, post=True), self._refuse()]

    def row_links(self, item: CertificateMeasure) -> builtins.list[Link]:
        return [Link(gettext("View"), self.url("show", pk=item.id)), *self._open_links(item)]

    def show_links(self, item: CertificateMeasure) -> builtins.list[Link]:
        return [*self._papers(item), *self._open_links(item)]

    def _papers(self, item: CertificateMeasure) -> builtins.list[Link]:
        history = url_for("CertificateHistoryView.show", certificate_id=item.certificate_id, next=this_page())
        return [*paper_links(item), Link(gettext("Certificate history"), history)]

    def _open_links(self, item: CertificateMeasure) -> builtins.list[Link]:
        if item.state is not MeasureState.PROPOSED:
            return []
        mine = item.proposed_by_id == request_context.current_actor().id
        if mine:
            back = url_for(f"{self.endpoint}.retract", measure_id=item.id)
            sure = gettext("Take the proposal back? Nothing has changed by it.")
            return [Link(gettext("Take back"), back, post=True, confirm=sure)] if self.may("retract") else []
        if not self.decides():
            return []
        if self.bars(item):
            return [self._refuse(item.id)]
        return [self._confirm(item), self._refuse(item.id)]

    def bars(self, item: CertificateMeasure) -> builtins.list[object]:
        """Why a proposal can no longer be confirmed."""
        if item.state is not MeasureState.PROPOSED:
            return []
        return [one.sentence for one in status_changes.in_the_way(item, item.certificate, request_context.today())]

    def _confirm(self, item: CertificateMeasure) -> Link:
        sure = f"{_sure(final=item.kind in PUNISHING)} {_ban(item)}".strip()
        url = url_for(f"{self.endpoint}.decide", code=CONFIRM, only=item.id)
        return Link(_verb(), url, primary=True, post=True, confirm=sure)

    def _refuse(self, only: int | None = None) -> Link:
        url = url_for(f"{self.endpoint}.decide", code=REFUSE, only=only)
        return Link(gettext("Refuse the proposal"), url, danger=True, post=True, reason=REASONS)

    @route("/decide/<code>", "POST")
    def decide(self, code: str) -> Response:
        """Confirm or refuse the ticked proposals, or the one whose button was pressed."""
        ids, reason, acting = asked_ids(), asked_reason(), request_context.acting()
        ways = {CONFIRM: (status_changes.confirm, _verb()), REFUSE: (status_changes.refuse, gettext("Refuse the proposal"))}
        decide, verb = ways.get(code) or abort(404)
        request_context.require_second_factor()
        if code == CONFIRM and "only" not in request.args and "sure" not in request.form:
            return self._planned(ids)
        return run_batch(lambda: decide(db.session(), ids, reason=reason, **acting), verb, url_for(f"{self.endpoint}.list"))

    def _planned(self, ids: builtins.list[int]) -> Response:
        """What the confirmation of the ticked proposals would do, and its button."""
        back = safe_next(url_for(f"{self.endpoint}.list"))
        try:
            planned = plan_confirmation(db.session(), ids, **request_context.acting())
        except AppError as error:
            if error.status == NotAllowed.status:
                raise
            flash_refusals(error)
            return redirect(back)
        finally:
            db.session.rollback()  # a plan keeps no locks
        fit = planned.outcome.done
        page = self.render_template(
            "certificates/confirmation.html",
            title=gettext("Confirm measures"),
            crumbs=self.crumbs(),
            action=url_for(f"{self.endpoint}.decide", code=CONFIRM),
            fit=fit,
            counts=planned.counts,
            left=skipped_rows(planned.outcome, back),
            verb=_verb(),
            sure=_sure(final=any(one.kind in PUNISHING for one in planned.counts)),
            back=back,
        )
        return Response(page, 200 if fit else 422, mimetype="text/html")

    @route(f"/{ROW}measure_id>/retract", "POST")
    def retract(self, measure_id: int) -> Response:
        actor, at = request_context.current_actor(), request_context.office_now()
        done = gettext("The proposal was taken back.")
        back = safe_next(url_for(f"{self.endpoint}.list"))
        return run_step(lambda: status_changes.retract(db.session(), measure_id, actor, at=at), done, back)

    def cell(self, column: str, item: CertificateMeasure) -> object | None:
        if column in ("decided_by", "decision_reason", "facts"):
            return shown(getattr(item, column) or None)
        if column == "banned_until" and item.state is MeasureState.PROPOSED:
            return shown(_ban(item) or None)
        return None


def paper_links(measure: CertificateMeasure) -> list[Link]:
    """Document and letter of a measure, for those who may open them."""
    if not may_open_papers():
        return []
    links = []
    if measure.state in TAKEN:
        letter = url_for("MeasurePaperView.letter", measure_id=measure.id)
        links.append(Link(measure_letters.TITLES[measure.kind], letter, external=True))
    if measure.document_digest:
        scan = url_for("MeasurePaperView.open", measure_id=measure.id)
        links.append(Link(gettext("Document of the measure"), scan, external=True))
    return links


def may_open_papers() -> bool:
    """Officers who decide cases, and enterprises: not those who read closed cases only."""
    return not request_context.current_actor().roles.isdisjoint({Role.ENTERPRISE_CLERK, *CASE_OFFICERS})


class MeasurePaperView(BaseView):
    """Document and letter: for officers within reach, and once it is taken for the holder's enterprise. Opening is logged."""

    route_base = "/measure-papers"
    class_permission_name = "MeasurePaper"
    default_view = "open"

    @route(f"/{ROW}measure_id>/document")
    def open(self, measure_id: int) -> Response:
        measure = self._within_reach(measure_id)
        if not measure.document_digest:
            abort(404)
        data = request_context.store().read(measure.document_digest)
        if sends_content(measure.document_mime):
            request_context.note_reading(measure, shown="document")
        return file_answer(data, measure.document_mime, measure.document_name)

    @route(f"/{ROW}measure_id>/letter.pdf")
    @permission_name("open")
    def letter(self, measure_id: int) -> Response:
        measure = self._within_reach(measure_id)
        if measure.state not in TAKEN:
            abort(404)
        data = pdf_of_measure(measure.id, lambda: measure_letters.draft_of(measure, request_context.office_then))
        request_context.note_reading(measure, shown="letter")
        name = f"{in_chinese(measure_letters.TITLES[measure.kind])}.pdf"
        return file_answer(data, "application/pdf", name)

    def _within_reach(self, measure_id: int) -> CertificateMeasure:
        if not may_open_papers():
            raise NotFound
        measure: CertificateMeasure | None = db.session.get(CertificateMeasure, measure_id)
        must_reach(request_context.current_actor(), measure)
        assert measure is not None  # noqa: S101 - must_reach has refused None
        return measure


def _verb() -> str:
    return str(gettext("Confirm the measure"))


def _sure(*, final: bool) -> str:
    if final:
        return str(
            gettext(
                "The measure takes effect at once; the enterprise is told by text message. "
                "What is revoked or withdrawn ends for good."
            )
        )
    return str(gettext("The measure takes effect at once; the enterprise is told by text message."))


def _ban(item: CertificateMeasure) -> str:
    """The ban that a proposal brings if it is confirmed today; "" for none."""
    until = banned_until(item.ground, request_context.today(), request_context.current_office())
    if until is None:
        return ""
    day = f"{until:%Y-%m-%d}"
    return str(gettext("If confirmed today, the holder may not sit an exam or apply before %(day)s.", day=day))
