"""Rendering of certificate files: a few within the request, many by jobs whose progress is shown here.

A file that cannot be rendered never undoes the approval; it is listed with the reason and can be retried.
"""

import io
import logging
from collections.abc import Callable, Mapping, Sequence

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.certificates.pdf.render_jobs import RenderProgress, failed_papers, progress_of, try_again
from app.certificates.pdf.seal_and_store import MadeFile, keep, ofd_of, paper_of
from app.core.errors import AppError
from app.core.heavy_work import DRAWING
from app.db.session import db, read_only
from app.models import CertificateVersion
from app.outbox import jobs
from app.outbox.jobs import WORKER_LOST
from app.web import request_context
from app.web.base import safe_next
from app.web.base.datamodel import as_id
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.layout import may_open

log = logging.getLogger(__name__)

AT_ONCE = 5  # rendered within the request
LISTED = 100  # failures shown on the page

FAULTS: Mapping[str, object] = {
    "unprintable": _("The name or the enterprise has a character that no font of the system has."),
    "missing-photo": _("There is no photo. It must be handed in with an application for replacement."),
    "unreadable-photo": _("The photo is damaged. It must be handed in anew with an application for replacement."),
    "file-missing": _("The photo is missing from the store. Have it restored from the backup, then try again."),
    WORKER_LOST: _("Each attempt broke off at this file. The administrator finds it among the background jobs."),
    "seal-away": _("The seal service did not answer. The file is made by itself within the hour after it does."),
}
OTHER_FAULT = _("The system could not write the file (%(fault)s). It is tried again by itself for some minutes.")


def draw_at_once(application_ids: Sequence[int]) -> str:
    """Renders up to ``AT_ONCE`` files; of more, the URL of the progress page (the approval has queued their jobs)."""
    if not application_ids:
        return ""
    issued = select(CertificateVersion.id).where(CertificateVersion.application_id.in_(application_ids))
    with request_context.side_session() as session:
        versions = list(session.scalars(issued.where(CertificateVersion.digest.is_(None)).order_by(CertificateVersion.id)))
    if len(versions) > AT_ONCE:
        return url_for("PapersView.watch", batch=versions[0])
    draw_these(versions)
    return ""


def draw_these(version_ids: Sequence[int]) -> None:
    """Renders each version in its own transaction; failures are logged and skipped."""
    for version_id in version_ids:
        try:
            _made(paper_of, version_id)
        except AppError as error:
            log.warning("the certificate of version %s could not be drawn: %s", version_id, error.code)


def pdf_file(version: CertificateVersion) -> io.BytesIO:
    """The PDF of a version, rendered now if it is missing. The caller checks access."""
    store = request_context.store()
    there = version.digest and store.has(version.digest)
    return io.BytesIO(store.read(str(version.digest)) if there else _made(paper_of, version.id))


def ofd_file(version: CertificateVersion) -> io.BytesIO:
    """The OFD of a version; ``NoSuchSeal`` if the seal service does not sign with SM2."""
    return io.BytesIO(_made(ofd_of, version.id))


def _made(make: Callable[..., MadeFile], version_id: int) -> bytes:
    """``paper_of`` or ``ofd_of`` this version, beside the request's own transaction."""
    store, office, seal = request_context.store(), request_context.current_office(), request_context.seal()
    with DRAWING.taken(), read_only(), Session(db.engine) as session:
        version = session.get_one(CertificateVersion, version_id)
        made = make(session, store, version, office, seal, at=request_context.office_now())
    with request_context.side_session() as session:
        others = keep(session, made)
    return store.read(others) if others else made.data


class PapersView(BaseView):
    """Progress of rendering: of one batch of approvals, or all missing files."""

    route_base = "/papers-drawn"
    class_permission_name = "Papers"
    default_view = "watch"

    @route("/")
    def watch(self) -> str:
        batch = _batch()
        progress = progress_of(db.session, request_context.current_actor(), batch)
        return self.render_template(
            "certificates/render_progress.html",
            title=gettext("Drawing of e-certificates"),
            batch=batch,
            progress=progress,
            sentence=progress_sentence(progress, batch),
            faults=[
                (failure, _fault(failure.fault))
                for failure in failed_papers(db.session, request_context.current_actor(), batch, most=LISTED)
            ],
            missed=bool(progress.waiting) and jobs.worker_is_missing(db.session, at=request_context.now()),
            jobs_page=url_for("JobScreen.list") if may_open("can_list", "Job") else "",
            back=safe_next(url_for("CertificateScreen.list")),
        )

    @route("/progress")
    @permission_name("watch")
    def progress(self) -> Response:
        """The same as JSON for the script of the page."""
        batch = _batch()
        found = progress_of(db.session, request_context.current_actor(), batch)
        answer = jsonify(
            done=found.done, total=found.total, waiting=found.waiting, sentence=str(progress_sentence(found, batch))
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @route("/again", "POST")
    def again(self) -> Response:
        batch = _batch()
        asked = try_again(db.session(), request_context.current_actor(), at=request_context.office_now(), batch=batch)
        db.session.commit()
        message = (
            gettext("%(n)s e-certificates are drawn anew.", n=asked) if asked else gettext("There is nothing to try again.")
        )
        flash(message, "success" if asked else "info")
        return redirect(url_for("PapersView.watch", batch=batch or None))


def _batch() -> int:
    return as_id(request.args.get("batch", "")) or 0


def _fault(code: str) -> object:
    return FAULTS.get(code) or gettext(str(OTHER_FAULT), fault=code)


def progress_sentence(progress: RenderProgress, batch: int) -> object:
    """The progress as one sentence."""
    if not batch:
        return gettext("%(n)s e-certificates are still to be drawn.", n=f"{progress.waiting:,}")
    if progress.waiting:
        return gettext("Drawing e-certificates: %(done)s / %(total)s", done=f"{progress.done:,}", total=f"{progress.total:,}")
    if progress.failed:
        return gettext(
            "%(done)s of %(total)s e-certificates are ready; the others are named below.",
            done=f"{progress.done:,}",
            total=f"{progress.total:,}",
        )
    return gettext("All %(total)s e-certificates are ready.", total=f"{progress.total:,}")
