"""Background jobs: state, progress, faults, another try."""

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.vocabulary import JobState
from app.db.session import db
from app.models import Job
from app.outbox.jobs import WORKER_LOST
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, safe_next
from app.web.base.access_filter import ROW
from app.web.base.fab import route
from app.worker import handlers, runner


class JobScreen(ModelScreen):
    """Background jobs: waiting, running with progress, and failed with the reason."""

    datamodel = SelInterface(Job)
    route_base = "/jobs"
    class_permission_name = "Job"
    base_permissions = ["can_list", "can_again"]
    empty_text = _("No background job yet. Decisions and the clock make them; there is nothing to do here.")
    list_title = _("Background jobs")
    list_columns = ["kind", "state", "progress", "due_at", "finished_at", "attempts"]
    sub_columns = {"kind": "key", "progress": "result", "attempts": "fault"}  # not "state": a tag has no second line
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["kind", "key", "due_at"]
    order_columns = ["due_at", "finished_at"]
    base_order = ("due_at", "desc")
    label_columns = {
        "kind": _("Job"),
        "key": _("Occasion"),
        "state": _("Status"),
        "progress": _("Done so far"),
        "result": _("What came of it"),
        "due_at": _("To run at"),
        "finished_at": _("Finished at"),
        "attempts": _("Attempts"),
        "fault": _("Fault"),
    }

    def cell(self, column: str, item: Job) -> object | None:
        if column == "result":
            return "、".join(f"{handlers.RESULT_LABELS.get(word, word)} {n}" for word, n in (item.result or {}).items() if n)
        if column == "key":  # without the technical name of the kind, which the line above says
            return item.key.removeprefix(f"{item.kind}:").lstrip(":") or "—"
        if column == "fault" and item.fault == WORKER_LOST:
            return str(gettext("The process was lost or hung during the last attempt"))
        if column == "kind":
            word = handlers.KIND_LABELS.get(item.kind, item.kind)
            return gettext("%(job)s (%(n)s in all)", job=word, n=item.total) if item.total else word
        return None

    def row_links(self, item: Job) -> list[Link]:
        if item.state is not JobState.DEAD:
            return []
        return [Link(gettext("Try again"), self.url("again", pk=item.id), post=True)]

    @route(f"/again/{ROW}pk>", "POST")
    def again(self, pk: int) -> Response:
        runner.retry(
            db.session(), pk, request_context.current_actor(), at=request_context.now(), address=request_context.address()
        )
        db.session.commit()
        flash(gettext("The job will be tried again."), "success")
        return redirect(safe_next(url_for("JobScreen.list")))
