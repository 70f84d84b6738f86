"""【系统】数据核对: what the comparison of imported records found, and what was decided about each."""

import builtins

from flask import flash, make_response, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications import reconciliation
from app.core.discrepancy_vocabulary import DECISIONS, DiscrepancyKind, DiscrepancyState
from app.core.errors import AppError, Refusal, Stale
from app.core.vocabulary import JobState
from app.db.session import db
from app.models import Discrepancy, Job
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, safe_next, shown
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.fab import route
from app.web.base.sheet_preview import PAGE

_SHEET = _(
    "The sheet: correct the row in the sheet it came from and import that again. A row that was refused is still compared "
    "until the rows of its import are no longer kept."
)
_REPLACEMENT = _("The enterprise applies for a replacement because of wrong information.")
_CANCELLATION = _(
    "The enterprise applies for the cancellation of the one that is not to be, or a reviewer proposes a measure against it."
)
_TRANSFER = _("The new enterprise applies for a transfer of the other certificate.")
WAYS: dict[DiscrepancyKind, tuple[object, ...]] = {
    DiscrepancyKind.NUMBER_SHARED: (_SHEET, _CANCELLATION),
    DiscrepancyKind.NUMBER_TWICE: (_SHEET, _CANCELLATION),
    DiscrepancyKind.CATEGORY_TWICE: (_CANCELLATION,),
    DiscrepancyKind.ENTERPRISES: (_TRANSFER, _CANCELLATION),
    DiscrepancyKind.NAMES: (_SHEET, _REPLACEMENT),
    DiscrepancyKind.ENDS_FIRST: (_SHEET,),
    DiscrepancyKind.TERM: (_SHEET,),
    DiscrepancyKind.CATEGORY_NUMBER: (_SHEET, _CANCELLATION),
    DiscrepancyKind.YEAR_NUMBER: (_SHEET,),
    DiscrepancyKind.TOO_YOUNG: (_SHEET, _REPLACEMENT),
}
SIDES: dict[str, object] = {
    "certificate": _("Certificate on the books"),
    "pass": _("Passed exam on the books"),
    "person": _("Person on record"),
    "row": _("Row that the import refused"),
}


class DiscrepancyScreen(ModelScreen):
    """Discrepancies by state; without a state in the URL those to be looked at."""

    datamodel = SelInterface(Discrepancy)
    route_base = "/reconciliation"
    class_permission_name = "Discrepancy"
    base_permissions = ["can_list", "can_examine", "can_decide", "can_compare"]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_title = _("Reconciliation of imported records")
    list_columns = ["kind", "holder", "found_at", "state", "decided_at"]
    sub_columns = {"holder": "number", "decided_at": "decided_by"}
    head_column = "kind"
    tag_columns = ("state",)
    tabs_column = "state"
    tab_first = DiscrepancyState.OPEN
    order_every = ("found_at",)
    search_columns = ["kind"]
    order_columns = ["found_at"]
    base_order = ("found_at", "desc")
    label_columns = {
        "kind": _("What is seen"),
        "holder": _("Holder"),
        "number": _("Certificate number"),
        "found_at": _("Found at"),
        "state": _("Status"),
        "decided_at": _("Decided at"),
        "decided_by": _("Decided by"),
    }

    @route("/")
    def list(self) -> Response:
        response = make_response(super().list())
        if _runs(reconciliation.newest_job(db.session())):
            response.headers["Refresh"] = "3"  # works without a script
        return response

    def note(self) -> object:
        job = reconciliation.newest_job(db.session())
        if job is None:
            return gettext("Nothing has been compared yet. After every import this is done by itself.")
        if _runs(job):
            return gettext("Being compared: %(progress)s people. This page looks again by itself.", progress=job.progress)
        if job.state is JobState.DEAD:
            return gettext("The last comparison failed: %(fault)s. Please ask for another.", fault=job.fault)
        when, n = shown(job.finished_at), (job.result or {}).get("discrepancies", 0)
        return gettext("Last compared %(when)s: %(n)s found, decided ones among them.", when=when, n=n)

    def head_links(self) -> builtins.list[Link]:
        running = _runs(reconciliation.newest_job(db.session()))
        return [] if running else [Link(gettext("Compare now"), url_for("DiscrepancyScreen.compare"), post=True)]

    def row_links(self, item: Discrepancy) -> builtins.list[Link]:
        url = url_for("DiscrepancyScreen.examine", discrepancy_id=item.id, next=request.full_path.rstrip("?"))
        waits = item.state is DiscrepancyState.OPEN
        return [Link(gettext("Decide") if waits else gettext("View"), url, primary=waits)]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing waits to be looked at."), None

    @route(f"/{ROW}discrepancy_id>")
    def examine(self, discrepancy_id: int) -> Response:
        return self._page(self.get_or_404(discrepancy_id))

    @route(f"/{ROW}discrepancy_id>/decide", "POST")
    def decide(self, discrepancy_id: int) -> Response:
        """决定: right as it is, being corrected, or postponed."""
        session, actor, given = db.session(), request_context.current_actor(), request.form
        self.get_or_404(discrepancy_id)
        chosen = next((term for term in DECISIONS if term.value == given.get("decision")), DiscrepancyState.OPEN)
        revision = int(text) if (text := given.get("revision", "")).isdecimal() and len(text) < 9 else -1
        try:
            if chosen is DiscrepancyState.OPEN:
                raise AppError(gettext("Please choose what is right."), code="missing", field="decision")
            reconciliation.decide(session, discrepancy_id, chosen, asked_reason(), revision, actor, at=request_context.now())
            session.commit()
        except Stale as error:
            session.rollback()
            flash(str(error.sentence), "danger")
            return redirect(url_for("DiscrepancyScreen.examine", discrepancy_id=discrepancy_id))
        except AppError as error:
            session.rollback()
            return self._page(self.get_or_404(discrepancy_id), error.refusals)
        flash(gettext("Decided: %(decision)s.", decision=chosen), "success")
        return redirect(_back())

    @route("/compare", "POST")
    def compare(self) -> Response:
        """立即核对: enqueues the comparison."""
        reconciliation.ask(db.session(), request_context.current_actor(), at=request_context.now())
        db.session.commit()
        return redirect(url_for("DiscrepancyScreen.list"))

    def _page(self, item: Discrepancy, refusals: tuple[Refusal, ...] = ()) -> Response:
        sides = reconciliation.sides_of(db.session(), item, request_context.today())
        return self.rendered(
            "admin/legacy_import/discrepancy.html", 422 if refusals else 200, title=item.kind, item=item, sides=sides,
            crumbs=self.crumbs(), back=_back(), refusals=refusals, labels=SIDES, ways=WAYS[item.kind], decisions=DECISIONS,
            sheets=reconciliation.sheets_of(db.session(), sides), per_page=PAGE, most=reconciliation.LONGEST_REASON,
            chosen=request.form.get("decision", ""), reason=asked_reason(), states=DiscrepancyState,
            wrong={refusal.field: refusal.sentence for refusal in refusals},
        )  # fmt: skip


def _runs(job: Job | None) -> bool:
    return job is not None and job.state in (JobState.READY, JobState.RUNNING)


def _back() -> str:
    return safe_next(url_for("DiscrepancyScreen.list"))
