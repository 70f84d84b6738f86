"""Download of certificates as PDF and OFD."""

from flask import request, send_file
from werkzeug.wrappers import Response

from app.accounts.access import must_reach
from app.db.session import db
from app.models import CertificateVersion
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, permission_name, route
from app.web.certificates.render_progress import ofd_file, pdf_file


class CertificateFileView(BaseView):
    """The file of one version; ``NotFound`` outside the reader's access scope, every opening is audited."""

    route_base = "/certificates"
    class_permission_name = "CertificateFile"
    default_view = "open"

    @route(f"/{ROW}version_id>.pdf")
    def open(self, version_id: int) -> Response:
        version = self._within_reach(version_id)
        return send_file(
            pdf_file(version),
            mimetype="application/pdf",
            as_attachment="download" in request.args,
            download_name=f"{version.face['name']}-{version.face['number']}.pdf",
        )

    @route(f"/{ROW}version_id>.ofd")
    @permission_name("open")
    def ofd(self, version_id: int) -> Response:
        """GB/T 33190; always an attachment, as browsers cannot show it."""
        version = self._within_reach(version_id)
        name = f"{version.face['name']}-{version.face['number']}.ofd"
        return send_file(ofd_file(version), mimetype="application/ofd", as_attachment=True, download_name=name)

    def _within_reach(self, version_id: int) -> CertificateVersion:
        version: CertificateVersion | None = db.session.get(CertificateVersion, version_id)
        must_reach(request_context.current_actor(), version and version.certificate)
        assert version is not None  # noqa: S101 - must_reach has refused None
        request_context.note_reading(version, shown="certificate")  # the file shows the full ID number
        return version
