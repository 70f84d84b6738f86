"""统计: the counted months as charts and tables, as a workbook and as a printed report.

The address holds what is asked for, so it can be kept and passed on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any, TypeVar

from flask import flash, redirect, request, send_file, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts.access import region_prefix
from app.applications.statistics import counting
from app.applications.statistics.report import report_of
from app.applications.statistics.summary import Asked, Period, Summary, quick_periods, summarise
from app.applications.statistics.tables import ChartShape, Table, tables_of
from app.certificates.pdf import letters
from app.core.errors import Refusal, Unmet
from app.core.heavy_work import DRAWING
from app.core.vocabulary import Category, MatterKind, Term
from app.db.session import db
from app.files.spreadsheets import Column, Kind, WrittenSheet, write_sheets
from app.models import Region, StatisticsMonth
from app.web import request_context
from app.web.base import stacked_columns
from app.web.base.charts import stacked_bars
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.layout import may_open
from app.web.base.workbook import send_workbook

RECOUNTS_AN_HOUR = 20  # from one address: each takes a worker some seconds a month
FIELDS = ("from", "to", "region", "matter", "category")
_MONTH = re.compile(r"(\d{4})\D?(\d{1,2})\D?", re.ASCII)
Choice = TypeVar("Choice", bound=Term)


@dataclass(frozen=True, slots=True)
class Card:
    """A table of the page, and its chart if there is something to draw."""

    table: Table
    chart: object


class StatisticsView(BaseView):
    route_base = "/statistics"
    class_permission_name = "Statistics"
    default_view = "show"

    @route("/")
    def show(self) -> Response:
        actor, on = request_context.current_actor(), request_context.today()
        typed = {name: request.args.get(name, "").strip() for name in FIELDS}
        found: Summary | None = None
        wrong: tuple[Refusal, ...] = ()
        try:
            found = summarise(db.session(), actor, _asked(typed, on), on)
        except Unmet as error:
            wrong = error.refusals
        args = {name: value for name, value in typed.items() if value and name not in {one.field for one in wrong}}
        return self.rendered(
            "applications/statistics.html",
            status=422 if wrong else 200,
            title=gettext("Statistics"),
            typed=typed,
            wrong=wrong,
            found=found,
            period=found.asked.period if found else None,
            cards=[Card(table, _chart(table)) for table in tables_of(found)] if found else (),
            counted_at=max(found.counted.values(), default=None) if found else None,
            periods=[(label, _address(args, period)) for label, period in quick_periods(on)],
            regions=_regions(),
            matters=[(kind.value, kind.label) for kind in MatterKind],
            categories=[(category.value, category.label) for category in Category],
            args=args,
            exports=may_open("can_export", "Statistics"),
        )

    @route("/anew", "POST")
    def anew(self) -> Response:
        """Have the months of the address counted again."""
        on, typed = request_context.today(), _typed()
        period = _asked(typed, on).period
        if wrong := period.refusals(on):
            raise Unmet(wrong)
        request_context.count_use("statistics", RECOUNTS_AN_HOUR, 3600)
        request_context.begin_writing()
        months = [month for month in period.months if month <= on]
        queued = counting.request_count(
            db.session(), request_context.current_actor(), months, at=request_context.office_now()
        )
        db.session.commit()
        sentence = gettext("The months are being counted. Please load this page again in a minute.")
        flash(sentence if queued else gettext("They are being counted already."), "success" if queued else "info")
        return redirect(url_for("StatisticsView.show", **typed))

    @route("/export", "POST")
    def export(self) -> Response:
        """All tables as .xlsx, one sheet for each."""
        found = _summary()
        data = write_sheets([_sheet(table) for table in tables_of(found) if table.rows])
        _note_export(found, "xlsx")
        return send_workbook(data, gettext("Statistics %(period)s", period=found.asked.period))

    @route("/report", "POST")
    @permission_name("export")
    def report(self) -> Response:
        """The report on A4."""
        found = _summary()
        page = report_of(found, request_context.current_office(), request_context.today())
        with DRAWING.taken():
            data = letters.draw(page)
        _note_export(found, "pdf")
        return send_file(
            BytesIO(data), "application/pdf", as_attachment=True, download_name=f"{page.title} {page.number}.pdf"
        )


def _typed() -> dict[str, Any]:
    """What a form or an address asks for, empty fields left out."""
    return {name: value for name in FIELDS if (value := request.args.get(name, "").strip())}


def _summary() -> Summary:
    on = request_context.today()
    return summarise(db.session(), request_context.current_actor(), _asked(_typed(), on), on)


def _note_export(found: Summary, kind: str) -> None:
    request_context.note_export(StatisticsMonth, list="statistics", format=kind, query=_typed(), rows=len(found.counted))


def _address(args: Mapping[str, Any], period: Period) -> str:
    """Of the same page for another period."""
    months = {"from": f"{period.first:%Y-%m}", "to": f"{period.last:%Y-%m}"}
    return url_for("StatisticsView.show", **{**args, **months})


def _asked(typed: Mapping[str, str], on: date) -> Asked:
    """What is asked for; the year so far where no month is given. ``Unmet`` for what is no month, matter or category."""
    wrong: list[Refusal] = []
    last = _month(typed.get("to", ""), "to", on.replace(day=1), wrong)
    first = _month(typed.get("from", ""), "from", last.replace(month=1), wrong)
    matter = _choice(MatterKind, typed.get("matter", ""), "matter", wrong)
    category = _choice(Category, typed.get("category", ""), "category", wrong)
    region = typed.get("region", "")
    if region and region not in _regions():
        wrong.append(
            Refusal("region-unknown", _("This region is unknown or outside your area. Please choose one."), "region")
        )
    if wrong:
        raise Unmet(wrong)
    return Asked(Period(first, last), region, matter, category)


def _month(text: str, field: str, usual: date, wrong: list[Refusal]) -> date:
    if not text:
        return usual
    given = _MONTH.fullmatch(text)
    if given and 2000 <= int(given[1]) <= 2999 and 1 <= int(given[2]) <= 12:
        return date(int(given[1]), int(given[2]), 1)
    sentence = _("“%(text)s” is no month. Please write it as 2026-03.", text=text[:20])
    wrong.append(Refusal("no-month", sentence, field))
    return usual


def _choice(terms: type[Choice], code: str, field: str, wrong: list[Refusal]) -> Choice | None:
    found = next((term for term in terms if term.value == code), None)
    if code and found is None:
        wrong.append(
            Refusal("no-choice", _("“%(text)s” cannot be chosen. Please choose from the list.", text=code[:20]), field)
        )
    return found


def _regions() -> dict[str, str]:
    """Code → name of the regions within the reader's own one."""
    actor = request_context.current_actor()
    rows = db.session.execute(select(Region.code, Region.name).order_by(Region.code))
    return {code: name for code, name in rows if code.startswith(region_prefix(actor.region)) and code != actor.region}


def _chart(table: Table) -> Markup | str:
    """Empty for a table without a chart, and where every number is zero."""
    rows = table.rows[:-1] if table.is_total else table.rows
    series = [(table.heads[n], [int(str(row[n])) for row in rows]) for n in table.drawn]
    if not any(any(numbers) for _name, numbers in series):
        return ""
    labels = [row[0] for row in rows]
    if table.shape is ChartShape.SIDE_BY_SIDE:
        short = [str(label)[2:] for label in labels]  # 26-03
        return stacked_columns(table.title, short, series, table.unit, side_by_side=True, table=False)
    return stacked_bars(table.title, labels, series, table.unit, nested=table.shape is ChartShape.NESTED)


def _sheet(table: Table) -> WrittenSheet:
    columns = [
        Column(str(n), head, kind=Kind.TEXT if n == 0 else Kind.NUMBER, width=30 if n == 0 else 16)
        for n, head in enumerate(table.heads)
    ]
    rows = [{str(n): cell if isinstance(cell, int) else str(cell) for n, cell in enumerate(row)} for row in table.rows]
    return WrittenSheet(columns, rows, table.title, table.note)
