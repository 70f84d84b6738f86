"""到期办理: the list of due cases of all stages with its export, and the board of deadlines by stage and region.

Counts and lists use the same conditions. Roles that decide nothing see numbers only; every export is audited.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import g, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from app.accounts.access import CASE_OFFICERS
from app.applications import dashboard_counts
from app.applications.dashboard_counts import DueCount
from app.core.vocabulary import Action, State, Term, Urgency
from app.db.session import db
from app.files.spreadsheets import Column, write
from app.models import Application, Region
from app.web import request_context
from app.web.applications.review.labels import BATCH_VERBS, VERBS, open_moves
from app.web.applications.review.queues import CaseList
from app.web.base import Link, stacked_columns
from app.web.base.access_filter import WithinReach
from app.web.base.datamodel import COUNT_CAP
from app.web.base.deadline_badge import days_over
from app.web.base.fab import BaseView, route
from app.web.base.layout import this_page
from app.web.base.model_view import EVERY
from app.web.base.query import Box
from app.web.base.stock_reasons import stock_reasons
from app.web.base.workbook import send_workbook

CHART_DAYS = 10  # working days in the chart
STAGES = tuple(dashboard_counts.QUEUES.values())
EXTENDED = "extended"

COLUMNS = (
    Column("number", _("Number"), width=26),
    Column("name", _("Full name"), width=12),
    Column("matter", _("Kind of application"), width=14),
    Column("category", _("Personnel category"), width=20),
    Column("enterprise", _("Enterprise"), width=34),
    Column("region", _("Region"), width=12),
    Column("state", _("State"), width=12),
    Column("submitted_at", _("Submitted on"), width=20),
    Column("accepted_at", _("Accepted on"), width=20),
    Column("due_on", _("Due on"), width=14),
    Column("urgency", _("Urgency"), width=12),
    Column("days_over", _("Working days overdue"), width=14),
    Column("extended_to", _("Extended to"), width=14),
)


def due_soon_window() -> tuple[date, date]:
    """Today, and the last day that counts as due soon."""
    today, office = request_context.today(), request_context.current_office()
    return today, office.calendar.add_working_days(today, office.due_soon_days)


def urgency_condition(code: str) -> ColumnElement[bool] | None:
    """The condition of one option of the urgency filter; None for an unknown option."""
    if code == EXTENDED:
        return Application.extended_to.is_not(None)
    urgency = next((level for level in Urgency if level.value == code), None)
    return None if urgency is None else dashboard_counts.is_due(urgency, *due_soon_window())


class HasDueDate(WithinReach):
    """Cases at the office with a due date, within the reader's access scope."""

    name = "Has a limit"

    def apply(self, query: Any, value: Any) -> Any:
        return super().apply(query, value).filter(dashboard_counts.has_limit())


class DueScreen(CaseList):
    """Every case with a due date; opens on the reader's own stage."""

    route_base = "/due"
    class_permission_name = "Due"
    base_permissions = ["can_list", "can_export", "can_extend"]
    base_filters = [["id", HasDueDate, None]]
    list_template = "applications/deadlines.html"
    list_title = _("Due cases")
    tabs = STAGES
    list_columns = ["person.name", "matter", "enterprise.name", "submitted_at", "due_on", "state"]
    order_columns = ["due_on"]
    order_every = ("due_on",)
    base_order = ("due_on", "asc")
    search_columns = [*CaseList.search_columns, "due_on", "region_code"]
    label_columns = {**CaseList.label_columns, "region_code": _("Region")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        answers = (*((level.value, level.label) for level in Urgency), (EXTENDED, _("Limit extended")))
        self.boxes.append(Box("urgency", _("Urgency"), "select", urgency_condition, options=answers))

    def first_tab(self) -> Term | None:
        return next(
            iter(dashboard_counts.queues_of(request_context.current_actor(), request_context.current_office()).values()), None
        )

    @route("/extend", "POST")
    def extend(self) -> Response | str:
        """Extend the time limit of the selected cases, with one reason for all."""
        return self.run_batch(Action.EXTEND)

    @route("/export", "POST")
    def export(self) -> Response:
        """The listed cases as .xlsx; POST, because each export is written to the audit log."""
        request_context.current_actor().demand(*CASE_OFFICERS)
        rows, places = self._rows(), region_names()
        lines = [_export_row(row) | {"region": places.get(row.region_code, row.region_code)} for row in rows]
        data = write(COLUMNS, lines, sheet_title=self.list_title)
        request_context.note_export(Application, list="due", rows=len(rows))
        return send_workbook(data, gettext("Due cases %(day)s", day=f"{request_context.today():%Y%m%d}"))

    def _rows(self) -> list[Application]:
        query = self.datamodel.within_reach(*self.asked().conditions.values())
        query = query.options(joinedload(Application.person), joinedload(Application.enterprise))
        return list(query.order_by(Application.due_on, Application.id).limit(COUNT_CAP))

    def chips(self) -> list[tuple[object, int, str, bool]]:
        """``(label, count, URL, is current)`` for each urgency, within the selected stage."""
        asked = self.asked()
        found = self._counted(self._chosen(asked))
        counts: dict[str, int] = {
            level.value: n for level, n in dashboard_counts.count_by_urgency(found, *due_soon_window()).items()
        }
        counts[EXTENDED] = sum(due_count.count for due_count in found if due_count.extended)
        labels = {level.value: level.label for level in Urgency} | {EXTENDED: _("Limit extended")}
        now = asked.values.get("urgency", "")

        def chip(code: str) -> tuple[object, int, str, bool]:
            url = url_for("DueScreen.list", **asked.args(urgency=None if code == now else code))
            return labels[code], counts[code], url, code == now

        return [chip(code) for code in counts]

    def _counted(self, stage: str) -> list[DueCount]:
        if stage not in g.setdefault("due_counts", {}):  # for the chips and for the chart
            states = [state for state in STAGES if stage in (EVERY, state.value)]
            g.due_counts[stage] = dashboard_counts.due_counts(db.session, request_context.current_actor(), states)
        found: list[DueCount] = g.due_counts[stage]
        return found

    def chart(self) -> object:
        """Chart of the selected stage, day by day."""
        return due_chart(self._counted(self._chosen(self.asked())))

    def head_links(self) -> list[Link]:
        url = url_for("DueScreen.export", **self.asked().args())
        board = Link(gettext("Who holds it up"), url_for("DueBoardView.show"), icon="search")
        return [board, Link(gettext("Export"), url, icon="download", post=True, download=True)]

    def row_links(self, item: Application) -> list[Link]:
        mine = any(move.stage for move in open_moves(item))
        word = VERBS[Action.ACCEPT] if item.state is State.AWAITING_ACCEPTANCE else gettext("Review")
        return [Link(word if mine else gettext("View"), url_for("CaseView.show", application_id=item.id, next=this_page()))]

    def batch_links(self) -> list[Link]:
        stage = self._chosen(self.asked())
        if not self.may("extend") or stage == State.AWAITING_ACCEPTANCE.value:
            return []
        url = url_for("DueScreen.extend")
        return [Link(BATCH_VERBS[Action.EXTEND], url, post=True, reason=stock_reasons(Action.EXTEND))]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing is due here."), None


def _export_row(case: Application) -> dict[str, object]:
    due_count = DueCount(case.state, case.region_code, case.due_on or date.max, extended=False, count=1)
    return {
        "number": case.number,
        "name": case.person.name,
        "matter": case.matter,
        "category": case.category,
        "enterprise": case.enterprise.name,
        "state": case.state,
        "submitted_at": case.submitted_at,
        "accepted_at": case.accepted_at,
        "due_on": case.due_on,
        "urgency": due_count.urgency(*due_soon_window()),
        "days_over": days_over(case.due_on) if case.due_on else None,
        "extended_to": case.extended_to,
    }


def due_chart(due_counts: Iterable[DueCount]) -> object:
    """How many cases are due on each of the next working days, and how many are overdue."""
    today, calendar = request_context.today(), request_context.current_office().calendar
    days = [today, *(calendar.add_working_days(today, n) for n in range(1, CHART_DAYS))]
    counts: dict[date | None, int] = defaultdict(int)
    for due_count in due_counts:
        day = None if due_count.due_on < today else next((day for day in days if due_count.due_on <= day), date.max)
        counts[day] += due_count.count
    title = gettext("Due in the next %(n)s working days", n=CHART_DAYS)
    labels = [gettext("Overdue"), *(f"{day:%m-%d}" for day in days)]
    late, coming = [counts[None], *(0 for _day in days)], [0, *(counts[day] for day in days)]
    unit = gettext("cases")
    return stacked_columns(title, labels, ((gettext("In time"), coming), (gettext("Overdue"), late)), unit=unit)


@dataclass(frozen=True, slots=True)
class StageBacklog:
    """The open cases of one stage in one region, counted by urgency."""

    stage: State
    region: str
    counts: dict[Urgency, int]
    extended: int
    url: str  # of the list of these cases

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class DueBoardView(BaseView):
    """期限总览: numbers by stage and region, without names, also for roles that decide nothing."""

    route_base = "/limits"
    class_permission_name = "DueBoard"
    default_view = "show"

    @route("/")
    def show(self) -> str:
        due_counts = dashboard_counts.due_counts(db.session, request_context.current_actor())
        return self.render_template(
            "applications/deadlines_board.html",
            title=gettext("Deadlines at a glance"),
            counts=dashboard_counts.count_by_urgency(due_counts, *due_soon_window()),
            extended=sum(due_count.count for due_count in due_counts if due_count.extended),
            chart=due_chart(due_counts),
            backlogs=stage_backlogs(due_counts),
            urgencies=Urgency,
            soon=request_context.current_office().due_soon_days,
            may_list=not request_context.current_actor().roles.isdisjoint(CASE_OFFICERS),
        )


def stage_backlogs(due_counts: Iterable[DueCount]) -> list[StageBacklog]:
    """Every stage and region with open cases, the most overdue first."""
    groups: dict[tuple[State, str], list[DueCount]] = defaultdict(list)
    for due_count in due_counts:
        groups[due_count.state, due_count.region_code].append(due_count)
    names, edge = region_names(), due_soon_window()
    found = [
        StageBacklog(
            state,
            names.get(region, region),
            dashboard_counts.count_by_urgency(own, *edge),
            sum(due_count.count for due_count in own if due_count.extended),
            url_for("DueScreen.list", state=state.value, region_code=region),
        )
        for (state, region), own in groups.items()
    ]
    return sorted(found, key=lambda backlog: [-backlog.counts[level] for level in Urgency])


def region_names() -> dict[str, str]:
    return {row.code: row.name for row in db.session.execute(select(Region.code, Region.name))}
