"""The officers' lists: the queue of each stage, first what is due first, and closed cases.

Which cases wait, who decides and how is read from the table of moves in ``workflow``.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from flask import abort, current_app, g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import ColumnElement, select
from werkzeug.wrappers import Response

from app.accounts.access import BETWEEN_ENTERPRISES, CASE_OFFICERS, decides, level_of, reach
from app.applications.checks import FAVOURABLE, results
from app.applications.dashboard_counts import correction_overdue, decided
from app.applications.decision_batches import records
from app.applications.decision_batches.records import BatchRequest
from app.core.clock import office_day
from app.core.errors import AppError, NotFound
from app.core.identifiers import fold
from app.core.vocabulary import CLOSED, Action, MatterKind, Stage, State
from app.db import search, sequences
from app.db.session import db
from app.eligibility.acceptance_limit import counts_as_accepted
from app.models import Application, Certificate
from app.web import request_context
from app.web.applications.review.batch_selection import page_key, selection_in
from app.web.applications.review.labels import BATCH_VERBS, VERBS, moves_of
from app.web.base import Link, OpenList, SelInterface, due, shown
from app.web.base.access_filter import WithinReach, asked_ids, asked_reason
from app.web.base.batch_result import SkippedRow, gaps_of, name_of, run_batch
from app.web.base.datamodel import COUNT_CAP
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import route
from app.web.base.layout import safe_next, this_page
from app.web.base.links import NOTHING, tone
from app.web.base.list_export import ExportedList
from app.web.base.private_urls import safe_local_url
from app.web.base.query import Box
from app.web.base.review_queue import QueuePosition, position_in
from app.web.base.stock_reasons import stock_reasons
from app.workflow import Plan, carry_out


def by_number(text: str) -> ColumnElement[bool]:
    """By the application's or the certificate's number, from the beginning of any of its parts on, or by the whole number of
    the acceptance slip, also without region and kind.
    """
    number = fold(text)
    slips = (number, sequences.with_region(request_context.current_office().region_code, sequences.ACCEPTANCE, number))
    places = {Application.number: None, Certificate.number: Application.certificate_id}
    return search.found_in_any(db.session(), Application, text, places, Application.acceptance_number.in_(slips))


def skipped_cases(planned: Plan, back: str) -> list[SkippedRow]:
    """The refused applications of a plan, in its order; those within reach with number and address."""
    within = reach(request_context.current_actor(), Application)
    query = select(Application.id, Application.number).where(Application.id.in_(planned.refused), within)
    numbers = {row.id: row.number for row in db.session.execute(query)}
    return [
        SkippedRow(
            name_of(planned, key),
            gaps_of(refusals, back),
            numbers.get(key, ""),
            url_for("CaseView.show", application_id=key, next=back) if numbers.get(key) else "",
        )
        for key, refusals in planned.refused.items()
    ]


class CaseList(OpenList):
    """Base of all lists of applications."""

    datamodel = SelInterface(Application)
    list_template = "applications/list.html"
    head_column = "person.name"
    sub_columns = {"person.name": "person.masked_id_number", "matter": "category", "enterprise.name": "number"}
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["person.name", "matter", "enterprise.name", "category"]
    search_by = {"number": by_number}
    label_columns = {
        "person.name": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "matter": _("Kind of application"),
        "category": _("Personnel category"),
        "enterprise.name": _("Enterprise"),
        "number": _("Number"),
        "submitted_at": _("Submitted on"),
        "due_on": _("Due on"),
        "closed_at": _("Closed on"),
        "state": _("State"),
        "check_result": _("Automatic checks"),
    }

    def cell(self, column: str, item: Application) -> object | None:
        if column in ("submitted_at", "closed_at"):
            at = getattr(item, column)
            return shown(office_day(at) if at else None)
        if column == "state" and counts_as_accepted(item.state, item.due_on, request_context.today()):
            word = gettext("Accepted by lapse of time")
            return Markup('<span class="tag bad">{}</span>').format(word)
        return due(item.due_on, extended=item.extended_to is not None) if column == "due_on" else None

    def read_link(self, item: Application) -> Link:
        return Link(gettext("View"), url_for("CaseView.read", application_id=item.id, next=this_page()))

    def archive_links(self, item: Application) -> list[Link]:
        """Link to the e-archive (电子档案), once there is a letter in it."""
        if item.state in (*BETWEEN_ENTERPRISES, State.AWAITING_ACCEPTANCE):
            return []
        return [Link(gettext("E-archive"), url_for("ArchiveView.show", application_id=item.id, next=this_page()))]

    def run_batch(self, action: Action) -> Response:
        """Carry out the action on the ticked rows."""
        ids, reason, acting = asked_ids(), asked_reason(), request_context.acting()
        return run_batch(
            lambda: carry_out(db.session, ids, action, reason=reason, **acting),
            VERBS[action],
            url_for(f"{self.endpoint}.list"),
            title_verb=BATCH_VERBS.get(action),
            skipped=skipped_cases,
        )


class QueueScreen(CaseList):
    """The cases of one stage; without a state in the URL the waiting ones."""

    stage: ClassVar[Stage]
    base_permissions = ["can_list", "can_batch"]
    list_template = "applications/queue.html"
    list_columns = ["person.name", "matter", "enterprise.name", "submitted_at", "due_on", "check_result", "state"]
    order_columns = ["submitted_at", "due_on"]
    base_order = ("due_on", "asc")
    search_columns = [*CaseList.search_columns, "submitted_at", "due_on", "check_result"]

    def __init__(self, **kwargs: Any) -> None:
        self.moves = moves_of(self.stage)
        self.batched = [move.action for move in self.moves]
        self.waits = self.tab_first = self.moves[0].source
        self.tabs = (self.waits, *(move.target for move in self.moves))
        super().__init__(**kwargs)

    @route("/batch/<code>", "POST")
    def batch(self, code: str) -> Response | str:
        """Plan the action for the selected cases; the page of the plan asks for confirmation."""
        action = next((action for action in self.batched if action.value == code), None) or abort(404)
        back = safe_next(url_for(f"{self.endpoint}.list"))
        try:
            ids, chosen_by = selection_in(self, back)
            wanted = BatchRequest(action, ids, asked_reason(), request.form.get("page") or page_key(), chosen_by)
            batch_id = records.propose(db.session(), wanted, **request_context.acting())
            db.session.commit()
        except AppError as error:
            if error.refusals[0].code == NotFound.code:
                raise
            flash_refusals(error)
            return redirect(back)
        return redirect(url_for("BatchScreen.open", batch_id=batch_id, next=back))

    def selectable(self, count: int) -> int:
        return min(count, COUNT_CAP, request_context.current_office().largest_batch)

    def rows_loaded(self, rows: Sequence[Application]) -> None:
        """The checks of the page's rows are computed: what is stored for the filter may be some minutes old."""
        ids = [row.id for row in rows if row.state in FAVOURABLE]
        g.check_results = results(db.session(), ids, request_context.today(), request_context.current_office())

    def cell(self, column: str, item: Application) -> object | None:
        if column != "check_result":
            return super().cell(column, item)
        found = g.check_results.get(item.id)
        return Markup('<span class="tag {}">{}</span>').format(tone(found), found.label) if found else NOTHING

    def page_key(self) -> str:
        return page_key()

    def decides(self) -> bool:
        """Whether the reader decides this stage, at the level the office has set."""
        return decides(request_context.current_actor(), self.moves[0].by, request_context.current_office())

    def note(self) -> object:
        if self.decides():
            return ""
        level = level_of(self.moves[0].by, request_context.current_office())
        return gettext("This stage is decided by %(level)s; you may read what your region has filed.", level=level)

    def row_links(self, item: Application) -> list[Link]:
        if item.state is not self.waits or not self.decides():
            return [self.read_link(item), *self.archive_links(item)]
        word = VERBS[Action.ACCEPT] if self.stage is Stage.ACCEPTANCE else gettext("Review")
        return [Link(word, url_for("CaseView.show", application_id=item.id, next=this_page())), self.read_link(item)]

    def batch_links(self) -> list[Link]:
        waits = request.args.get(self.tabs_column, self.waits.value) == self.waits.value
        if not (waits and self.may("batch") and self.decides()):
            return []
        return [
            Link(
                BATCH_VERBS[move.action],
                url_for(f"{self.endpoint}.batch", code=move.action.value),
                primary=move.agreed,
                danger=not move.agreed,
                post=True,
                reason=stock_reasons(move.action, *self._matter_asked()) if move.reason else (),
            )
            for move in self.moves
        ]

    def _matter_asked(self) -> list[MatterKind]:
        """The one matter that the list is narrowed to, if any."""
        return [matter for matter in MatterKind if matter.value == request.args.get("matter")]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing waits for you here."), None


OVERDUE = "overdue"
_CORRECTIONS = ((OVERDUE, _("Correction overdue")),)
DECIDED_ONLY = "decided"
_RESULTS = ((DECIDED_ONLY, _("Decided by the office")),)


def _correction_condition(code: str) -> ColumnElement[bool] | None:
    return correction_overdue(request_context.today()) if code == OVERDUE else None


class AcceptanceScreen(QueueScreen):
    """业务受理 (R78–R81)."""

    stage = Stage.ACCEPTANCE
    route_base = "/acceptance"
    class_permission_name = "Acceptance"
    list_title = _("Acceptance of applications")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batched.append(Action.LAPSE)
        self.boxes.append(Box("correction", _("Correction"), "select", _correction_condition, options=_CORRECTIONS))

    def batch_links(self) -> list[Link]:
        if request.args.get(self.tabs_column) != State.RETURNED.value or not (self.may("batch") and self.decides()):
            return super().batch_links()
        sure = gettext("Each enterprise gets a notice and may file anew. What is still awaited is left and named.")
        url = url_for("AcceptanceScreen.batch", code=Action.LAPSE.value)
        return [Link(BATCH_VERBS[Action.LAPSE], url, danger=True, post=True, confirm=sure)]


class ReviewScreen(QueueScreen):
    """业务初审 (R82–R84)."""

    stage = Stage.REVIEW
    route_base = "/review"
    class_permission_name = "Review"
    list_title = _("First review of applications")


class ApprovalScreen(QueueScreen):
    """发证审批 (R85–R87)."""

    stage = Stage.APPROVAL
    route_base = "/approval"
    class_permission_name = "Approval"
    list_title = _("Issuing approval")


class IsClosed(WithinReach):
    """Closed cases within the access scope."""

    name = "Closed"

    def apply(self, query: Any, value: Any) -> Any:
        return super().apply(query, value).filter(Application.closed_at.is_not(None))


def _result_condition(code: str) -> ColumnElement[bool] | None:
    return decided() if code == DECIDED_ONLY else None


class ClosedScreen(ExportedList, CaseList):
    """办结查阅: closed cases, read-only (R88–R90)."""

    route_base = "/closed"
    class_permission_name = "Closed"
    base_permissions = ["can_list", "can_export"]
    base_filters = [["id", IsClosed, None]]
    empty_text = _("No closed application in your area yet. What the office decides comes here by itself.")
    list_title = _("Closed applications")
    tabs = CLOSED
    list_columns = ["person.name", "matter", "enterprise.name", "submitted_at", "closed_at", "state"]
    order_columns = ["submitted_at", "closed_at"]
    order_every = ("closed_at",)
    base_order = ("closed_at", "desc")
    search_columns = [*CaseList.search_columns, "closed_at"]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boxes.append(Box("result", _("Result"), "select", _result_condition, options=_RESULTS))

    def row_links(self, item: Application) -> list[Link]:
        return [self.read_link(item), *self.archive_links(item)]


def _page(application_id: int, address: str) -> str:
    return url_for("CaseView.show", application_id=application_id, next=address)


def queue_position_of(case: Application, address: str) -> QueuePosition | None:
    """The case's position in the queue at ``address`` (a list URL with query), else in the queue of its stage."""
    if request_context.current_actor().roles.isdisjoint(CASE_OFFICERS):
        return None
    address = safe_local_url(address)
    path = urlsplit(address).path
    views: Any = getattr(current_app, "appbuilder").baseviews  # noqa: B009 - Flask's type does not know it
    screens = [view for view in views if isinstance(view, QueueScreen) and view.may("list")]
    here = [screen for screen in screens if url_for(f"{screen.endpoint}.list") == path]
    screen = next(iter([*here, *(screen for screen in screens if screen.waits is case.state)]), None)
    return screen and position_in(screen, address, case.id, _page)
