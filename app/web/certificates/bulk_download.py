"""证书打包下载: the certificates that are ticked, or all that match the query, as one zip.

Law: asked for by POST and noted in the diary as an export; what must be drawn first is drawn by a job, and the download is
open to whoever asked, for a short time.
"""

from urllib.parse import quote

from flask import current_app, redirect, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.certificates.pdf import zip_download
from app.certificates.pdf.zip_download import KIND, ZipEntry
from app.core.errors import AppError
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.layout import safe_next
from app.web.certificates.render_progress import AT_ONCE, draw_these


def pack(certificate_ids: list[int], home: str) -> Response:
    """The zip at once if (nearly) all papers are there, else the page that shows how far they are."""
    at, actor = request_context.now(), request_context.current_actor()
    try:
        leaves = zip_download.current_entries(db.session(), certificate_ids, actor, request_context.current_office())
        zip_download.log_download(db.session(), leaves, actor, at=at, address=request_context.address())
        undrawn = [leaf.version_id for leaf in leaves if not leaf.digest]
        number = zip_download.prepare(db.session(), leaves, actor, at=at) if len(undrawn) > AT_ONCE else 0
        db.session.commit()
    except AppError as no:
        flash_refusals(no)
        return redirect(safe_next(home))
    if number:
        return redirect(url_for("BundleView.watch", number=number, next=safe_next(home)))
    if undrawn:
        draw_these(undrawn)
        leaves = zip_download.current_entries(db.session(), certificate_ids, actor, request_context.current_office())
    return _sent(leaves)


class BundleView(BaseView):
    """A bundle that is being prepared, and its download."""

    route_base = "/bundles"
    class_permission_name = "Bundle"
    default_view = "watch"

    @route(f"/{ROW}number>")
    def watch(self, number: int) -> str:
        found = zip_download.prepared(
            db.session(),
            number,
            request_context.current_actor(),
            at=request_context.now(),
            office=request_context.current_office(),
        )
        return self.render_template(
            "certificates/bulk_download.html",
            title=gettext("Download of certificates"),
            found=found,
            sentence=_sentence(found),
            minutes=request_context.current_office().bundle_minutes,
            back=safe_next(url_for("CertificateScreen.list")),
        )

    @route(f"/{ROW}number>/progress")
    @permission_name("watch")
    def progress(self, number: int) -> dict[str, object]:
        found = zip_download.prepared(
            db.session(),
            number,
            request_context.current_actor(),
            at=request_context.now(),
            office=request_context.current_office(),
        )
        waiting = 0 if found.ready else 1
        return {"done": found.done, "total": found.total, "waiting": waiting, "sentence": _sentence(found)}

    @route(f"/{ROW}number>.zip")
    @permission_name("watch")
    def fetch(self, number: int) -> Response:
        leaves = zip_download.prepared_entries(
            db.session(),
            number,
            request_context.current_actor(),
            at=request_context.now(),
            office=request_context.current_office(),
        )
        with request_context.side_session() as session:
            what = {"shown": KIND, "certificates": len(leaves)}
            audit.log(
                session,
                request_context.current_actor().name,
                AuditAction.READ,
                "job",
                number,
                what,
                at=request_context.now(),
                address=request_context.address(),
            )
        return _sent(leaves)


def _sentence(found: zip_download.Prepared) -> str:
    if found.ready:
        return str(gettext("%(n)s certificates are ready for download.", n=found.done))
    return str(gettext("Preparing the certificates: %(done)s / %(total)s", done=found.done, total=found.total))


def _sent(leaves: list[ZipEntry]) -> Response:
    """The archive as it is made. Nothing but the store is asked meanwhile."""
    at, store = request_context.now(), request_context.store()
    db.session.rollback()
    name = gettext("Certificates %(day)s", day=request_context.today())
    kept_as = f"attachment; filename=certificates.zip; filename*=UTF-8''{quote(name, safe='')}.zip"  # a header is ASCII
    headers = {"Cache-Control": "no-store", "Content-Disposition": kept_as}
    body = zip_download.archive(store, leaves, at=at, left_out=str(zip_download.LEFT_OUT), why=str(zip_download.WHY))
    return current_app.response_class(body, mimetype="application/zip", headers=headers)
