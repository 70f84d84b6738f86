"""Batches of decisions on screen: the list, and the page of one with its plan, its progress and its results."""

import builtins
from collections.abc import Sequence
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app.accounts.access import CASE_OFFICERS
from app.applications.decision_batches import records, running
from app.applications.decision_batches.records import BatchRow
from app.core.clock import office_time
from app.core.errors import AppError
from app.core.vocabulary import Action, BatchState, RowResult
from app.db.session import db
from app.files.spreadsheets import Column, Kind, write
from app.models import CertificateVersion, DecisionBatch, DecisionBatchRow
from app.outbox import jobs
from app.web import request_context
from app.web.applications.review.batch_selection import page_key
from app.web.applications.review.labels import BATCH_VERBS, VERBS
from app.web.applications.review.progress import STAGES
from app.web.base import Link, OpenList, SelInterface, safe_next, shown
from app.web.base.access_filter import ROW
from app.web.base.batch_result import MOST_NAMED, done_sentence, gaps_of
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import permission_name, route
from app.web.base.layout import may_open, this_page
from app.web.base.workbook import send_workbook
from app.web.certificates.render_progress import draw_at_once

LISTED = 100  # rows of a group on the page; the workbook has all

COLUMNS = (
    Column("position", _("No."), width=6, kind=Kind.NUMBER),
    Column("number", _("Application number"), width=26),
    Column("name", _("Full name")),
    Column("matter", _("Kind of application"), width=10),
    Column("category", _("Personnel category"), width=10),
    Column("enterprise", _("Enterprise"), width=30),
    Column("plan", _("By the plan"), width=14),
    Column("result", _("Result"), width=16),
    Column("reasons", _("Reason"), width=60),
    Column("at", _("Carried out at"), width=20, kind=Kind.DAY),
)


class BatchScreen(OpenList):
    """The officer's own batches; the head sees those of the region, the administrator how far they are."""

    datamodel = SelInterface(DecisionBatch)
    route_base = "/batches"
    class_permission_name = "Batch"
    base_permissions = ["can_list", "can_show", "can_confirm", "can_discard", "can_retry", "can_sheet"]
    list_title = _("Batches of decisions")
    head_column = "action"
    list_columns = ["action", "actor", "planned_at", "total", "done", "not_done", "state"]
    sub_columns = {"action": "id"}
    tag_columns = ("state",)
    search_columns = ["state", "planned_at", "actor"]
    order_columns = ["planned_at"]
    base_order = ("planned_at", "desc")
    label_columns = {
        "action": _("Batch"),
        "id": _("No."),
        "actor": _("Officer"),
        "planned_at": _("Planned at"),
        "total": _("Cases"),
        "done": _("Carried out"),
        "not_done": _("Not carried out"),
        "state": _("State"),
    }

    def cell(self, column: str, item: DecisionBatch) -> object | None:
        if column == "action":
            return verb_of(item)
        return gettext("Batch %(n)s", n=item.id) if column == "id" else None

    def row_links(self, item: DecisionBatch) -> builtins.list[Link]:
        return [Link(gettext("View"), url_for(f"{self.endpoint}.open", batch_id=item.id, next=this_page()))]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No batch yet. Select cases in a queue and press a button above the list."), None

    @route(f"/{ROW}batch_id>")
    @permission_name("show")
    def open(self, batch_id: int) -> str:
        actor, session = request_context.current_actor(), db.session()
        batch = records.find(session, batch_id, actor)
        planned = batch.state in (BatchState.PLANNED, BatchState.DISCARDED)
        fit = RowResult.WAITING if planned else RowResult.DONE
        kept = records.rows_of(session, batch, actor, *records.NOT_DONE)
        return self.render_template(
            "applications/batch.html",
            title=gettext("%(verb)s, batch %(n)s", verb=verb_of(batch), n=batch.id),
            crumbs=self.crumbs(),
            batch=batch,
            verb=verb_of(batch),
            planned=planned,
            mine=batch.actor_id == actor.id,
            facts=_facts(batch),
            sentence=sentence_of(batch),
            groups=records.groups_of(kept),
            kept=len(kept),
            fit_rows=records.rows_of(session, batch, actor, fit, most=LISTED),
            gaps_of=lambda row: gaps_of(row.reasons, this_page()),
            listed=LISTED,
            in_background=not records.runs_at_once(batch, request_context.current_office()),
            missed=batch.state is BatchState.RUNNING and jobs.worker_is_missing(session, at=request_context.now()),
            gave_up=records.job_is_dead(session, batch),
            drawing=_drawing_url(batch),
            page=page_key(),
            back=safe_next(queue_url(batch)),
        )

    @route(f"/{ROW}batch_id>/progress")
    @permission_name("show")
    def progress(self, batch_id: int) -> Response:
        """The same as JSON for the script of the page."""
        batch = records.find(db.session(), batch_id, request_context.current_actor())
        waiting = batch.waiting if batch.state is BatchState.RUNNING else 0
        answer = jsonify(done=batch.fit - batch.waiting, total=batch.fit, waiting=waiting, sentence=str(sentence_of(batch)))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @route(f"/{ROW}batch_id>/confirm", "POST")
    def confirm(self, batch_id: int) -> Response:
        """Carry out the plan: a small one now, a large one by a job. Pressed twice, it is begun once."""
        acting, back = request_context.acting(), safe_next(url_for(f"{self.endpoint}.list"))
        here = url_for(f"{self.endpoint}.open", batch_id=batch_id, next=back)
        try:
            batch = records.confirm(db.session(), batch_id, locale=str(get_locale() or "zh"), **acting)
            now, approves = records.runs_at_once(batch, acting["office"]), batch.action is Action.APPROVE
            db.session.commit()
        except AppError as error:
            flash_refusals(error)
            return redirect(here)
        if not now:
            return redirect(here)
        done = _run_now(batch_id)  # no transaction is open behind it, so that drawing may write in its own
        progress = draw_at_once(done) if approves else ""
        batch = db.session.get_one(DecisionBatch, batch_id, populate_existing=True)
        if batch.state is not BatchState.DONE or batch.not_done:
            return redirect(here)
        flash(_done_message(batch), "success")
        return redirect(progress or back)

    @route(f"/{ROW}batch_id>/discard", "POST")
    def discard(self, batch_id: int) -> Response:
        records.discard(db.session(), batch_id, request_context.current_actor())
        db.session.commit()
        flash(gettext("The batch was given up; nothing was changed."), "success")
        return redirect(safe_next(url_for(f"{self.endpoint}.list")))

    @route(f"/{ROW}batch_id>/retry", "POST")
    def retry(self, batch_id: int) -> Response:
        """Plan anew what was not done."""
        back, page = safe_next(url_for(f"{self.endpoint}.list")), request.form.get("page") or page_key()
        try:
            new = records.retry(db.session(), batch_id, page, **request_context.acting())
            db.session.commit()
        except AppError as error:
            flash_refusals(error)
            return redirect(url_for(f"{self.endpoint}.open", batch_id=batch_id, next=back))
        return redirect(url_for(f"{self.endpoint}.open", batch_id=new, next=back))

    @route(f"/{ROW}batch_id>/sheet", "POST")
    def sheet(self, batch_id: int) -> Response:
        """All rows with their results as .xlsx; POST, because each export is written to the audit log."""
        batch = records.find(db.session(), batch_id, request_context.current_actor())
        rows = records.rows_of(db.session(), batch, request_context.current_actor())
        data = write(COLUMNS, map(_sheet_row, rows), sheet_title=verb_of(batch))
        name = gettext("Batch %(n)s result", n=batch_id)
        request_context.note_export(DecisionBatch, batch=batch_id, rows=len(rows))
        return send_workbook(data, name)


def verb_of(batch: DecisionBatch) -> object:
    return BATCH_VERBS[batch.action]


def queue_url(batch: DecisionBatch) -> str:
    """The queue that the batch was made in."""
    stage = STAGES.get(batch.action)
    return url_for(f"{stage.value.capitalize()}Screen.list") if stage else url_for("BatchScreen.list")


def _drawing_url(batch: DecisionBatch) -> str:
    """The progress of the certificates: of this batch, if it was carried out in one portion; "" if there are none."""
    if batch.action is not Action.APPROVE or not batch.done or not may_open("can_watch", "Papers"):
        return ""
    first = select(func.min(CertificateVersion.id)).where(
        CertificateVersion.application_id == DecisionBatchRow.application_id,
        DecisionBatchRow.batch_id == batch.id,
        DecisionBatchRow.result == RowResult.DONE,
    )
    one = batch.fit <= running.PORTION
    return url_for("PapersView.watch", batch=db.session.scalar(first) if one else None)


def _run_now(batch_id: int) -> Sequence[int]:
    """Carry out a small batch in this request, each portion in a transaction; the applications that were done."""
    at, office, done = request_context.office_now(), request_context.current_office(), list[int]()
    while True:
        far = running.run_portion(db.session(), batch_id, at=at, office=office)
        db.session.commit()
        done += far.done
        if not far.waiting:
            return done


def _done_message(batch: DecisionBatch) -> str:
    rows = records.rows_of(db.session(), batch, request_context.current_actor(), RowResult.DONE, most=MOST_NAMED + 1)
    return done_sentence(VERBS[batch.action], [row.name for row in rows], batch.done)


def sentence_of(batch: DecisionBatch) -> object:
    """How far the batch is, as one sentence."""
    counts = {"done": f"{batch.done:,}", "not_done": f"{batch.not_done:,}", "total": f"{batch.total:,}"}
    if batch.state is BatchState.PLANNED:
        left = f"{batch.total - batch.fit:,}"
        return gettext("Of %(total)s, %(fit)s would pass and %(left)s not.", total=counts["total"], fit=batch.fit, left=left)
    if batch.state is BatchState.DISCARDED:
        return gettext("Given up; nothing was changed.")
    if batch.state is BatchState.RUNNING:
        handled = f"{batch.fit - batch.waiting:,}"
        return gettext("Being carried out: %(handled)s / %(fit)s", handled=handled, fit=f"{batch.fit:,}")
    return gettext("Carried out: %(done)s of %(total)s; not carried out: %(not_done)s.", **counts)


def _facts(batch: DecisionBatch) -> builtins.list[tuple[object, object]]:
    """Who, what, when, and by what the cases were chosen; filter and reason may name people: for case officers."""
    chosen = batch.chosen_by
    how = gettext("All that the list found, on all its pages") if chosen.get("whole") else gettext("Ticked in the list")
    words = gettext("; ").join(f"{label} {value}" for label, value in chosen.get("filter", ()))
    facts: builtins.list[tuple[object, object]] = [
        (gettext("Officer"), batch.actor),
        (gettext("Planned at"), shown(batch.planned_at)),
        (gettext("Selection"), f"{chosen.get('list', '')} · {how}"),
    ]
    if request_context.current_actor().roles & CASE_OFFICERS:
        facts.append((gettext("Filter of the list"), words or gettext("none")))
        if batch.reason:
            facts.append((gettext("Reason"), batch.reason))
    if batch.retry_of_id:
        facts.append((gettext("Repeats what was not done in"), gettext("Batch %(n)s", n=batch.retry_of_id)))
    if batch.confirmed_at:
        facts.append((gettext("Confirmed at"), shown(batch.confirmed_at)))
    if batch.finished_at:
        facts.append((gettext("Finished at"), shown(batch.finished_at)))
    return facts


def _sheet_row(row: BatchRow) -> dict[str, Any]:
    return {
        "position": row.position,
        "number": row.number,
        "name": row.name or records.NOT_SHOWN,
        "matter": row.matter or "",
        "category": row.category or "",
        "enterprise": row.enterprise,
        "plan": gettext("Would not pass") if row.result is RowResult.LEFT else gettext("Would pass"),
        "result": row.result,
        "reasons": gettext("; ").join(str(refusal.sentence) for refusal in row.reasons),
        "at": office_time(row.at) if row.at else None,
    }
