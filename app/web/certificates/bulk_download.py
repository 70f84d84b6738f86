"""证书打包下载: the selected certificates, or all that match the query, as one zip.

Requested by POST and audited as an export. If many PDFs are missing, a job renders them first; the finished download is open
to the requesting account for a limited time.
"""

from urllib.parse import quote

from flask import current_app, redirect, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.certificates.pdf import zip_download
from app.certificates.pdf.zip_download import KIND, ZipEntry
from app.core.clock import office_day
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
    """The zip if at most ``AT_ONCE`` PDFs must be rendered first, else a redirect to the progress page."""
    at, actor, office = request_context.office_now(), request_context.current_actor(), request_context.current_office()
    on = office_day(at)
    try:
        entries = zip_download.current_entries(db.session(), certificate_ids, actor, on=on, office=office)
        zip_download.log_download(db.session(), entries, actor, at=at, address=request_context.address())
        undrawn = [entry.version_id for entry in entries if entry.version_id and not entry.digest and not entry.absent]
        number = zip_download.prepare(db.session(), entries, actor, at=at) if len(undrawn) > AT_ONCE else 0
        db.session.commit()
    except AppError as error:
        flash_refusals(error)
        return redirect(safe_next(home))
    if number:
        return redirect(url_for("BundleView.watch", number=number, next=safe_next(home)))
    if undrawn:
        draw_these(undrawn)
        entries = zip_download.current_entries(db.session(), certificate_ids, actor, on=on, office=office)
    return _sent(entries)


class BundleView(BaseView):
    """Progress and download of a prepared zip."""

    route_base = "/bundles"
    class_permission_name = "Bundle"
    default_view = "watch"

    @route(f"/{ROW}number>")
    def watch(self, number: int) -> str:
        found = zip_download.prepared(db.session(), number, **request_context.acting())
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
        found = zip_download.prepared(db.session(), number, **request_context.acting())
        waiting = 0 if found.ready else 1
        return {"done": found.done, "total": found.total, "waiting": waiting, "sentence": _sentence(found)}

    @route(f"/{ROW}number>.zip")
    @permission_name("watch")
    def fetch(self, number: int) -> Response:
        entries = zip_download.prepared_entries(db.session(), number, **request_context.acting())
        with request_context.side_session() as session:
            who, at, address = request_context.current_actor().name, request_context.office_now(), request_context.address()
            what = {"shown": KIND, "certificates": sum(not entry.absent for entry in entries)}
            audit.log(session, who, AuditAction.READ, "job", number, what, at=at, address=address)
        return _sent(entries)


def _sentence(found: zip_download.Prepared) -> str:
    if found.ready:
        return str(gettext("%(n)s certificates are ready for download.", n=found.done))
    return str(gettext("Preparing the certificates: %(done)s / %(total)s", done=found.done, total=found.total))


def _sent(entries: list[ZipEntry]) -> Response:
    """The zip, streamed while it is built; only the file store is read meanwhile, not the database."""
    at, store = request_context.office_now(), request_context.store()
    db.session.rollback()
    name = gettext("Certificates %(day)s", day=request_context.today())
    disposition = f"attachment; filename=certificates.zip; filename*=UTF-8''{quote(name, safe='')}.zip"  # a header is ASCII
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    body = zip_download.archive(
        store, entries, at=at, left_out=str(zip_download.LEFT_OUT), not_drawn=str(zip_download.NOT_DRAWN)
    )
    return current_app.response_class(body, mimetype="application/zip", headers=headers)
