"""Background jobs: state, progress, faults, another try."""

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications.decision_batches import records
from app.core.vocabulary import JobState
from app.db.audit import checkpoints
from app.db.session import db
from app.models import Job
from app.outbox.jobs import WORKER_LOST
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, safe_next
from app.web.base.access_filter import ROW
from app.web.base.fab import route
from app.worker import handlers, runner

_READ = _("Put right what the fault names (“System status” says more), then press “Try again”.")
# What helps when a job of this kind was given up; of others ``_READ``.
REMEDIES: dict[str, object] = {
    "messages": _("See whether the SMS provider can be reached (“System status”), then press “Try again”."),
    "backup": _("See whether the place for backups can be reached and has room (“System status”), then press “Try again”."),
    "seal": _("See whether the seal service can be reached (“System status”), then press “Try again”."),
    "revocations": _("See whether the certificate authority can be reached; the next one starts by itself."),
    checkpoints.VERIFY_JOB: _("Tell the audit administrator, who can verify the chain; then press “Try again”."),
    records.KIND: _("The officer of the batch sees which rows are left and can retry them; or press “Try again”."),
    "legacy_check": _("Open the import and hand the sheet in again; or press “Try again”."),
    "legacy_import": _("Press “Try again”: it goes on where it stopped. What cannot be imported is in the report."),
}


def what_to_do(job: Job) -> str:
    """What the administrator has to do about a job; mostly nothing."""
    if job.state is JobState.DEAD:
        return str(REMEDIES.get(job.kind, _READ))
    if job.state is JobState.READY and job.attempts:
        return str(gettext("Nothing: tried %(n)s times so far, tried again by itself.", n=job.attempts))
    return str(gettext("Nothing"))


class JobScreen(ModelScreen):
    """Background jobs: waiting, running with progress, and failed with the reason."""

    datamodel = SelInterface(Job)
    route_base = "/jobs"
    class_permission_name = "Job"
    base_permissions = ["can_list", "can_again"]
    empty_text = _("No background job yet. Decisions and the clock make them; there is nothing to do here.")
    list_title = _("Background jobs")
    list_columns = ["kind", "state", "progress", "due_at", "todo"]
    sub_columns = {"kind": "key", "progress": "result", "due_at": "finished_at"}  # not "state": a tag has no second line
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
        "result": _("What came of it, or the fault"),
        "due_at": _("To run at"),
        "finished_at": _("Finished at"),
        "todo": _("What to do"),
    }

    def cell(self, column: str, item: Job) -> object | None:
        if column == "result" and item.fault:
            lost = gettext("The process was lost or hung during the last attempt")
            return str(lost) if item.fault == WORKER_LOST else item.fault
        if column == "result":
            return "、".join(f"{handlers.RESULT_LABELS.get(word, word)} {n}" for word, n in (item.result or {}).items() if n)
        if column == "key":  # without the technical name of the kind, which the line above says
            return item.key.removeprefix(f"{item.kind}:").lstrip(":") or "—"
        if column == "kind":
            word = handlers.KIND_LABELS.get(item.kind, item.kind)
            return gettext("%(job)s (%(n)s in all)", job=word, n=item.total) if item.total else word
        return what_to_do(item) if column == "todo" else None

    def note(self) -> object:
        return gettext("Work done in the background. It runs, and is tried again after a fault, by itself.")

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
