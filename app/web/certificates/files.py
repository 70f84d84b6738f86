"""The certificate as PDF and as OFD."""

from flask import request, send_file
from werkzeug.wrappers import Response

from app.accounts.access import must_reach
from app.db.session import db
from app.models import CertificateVersion
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, permission_name, route
from app.web.certificates.render_progress import opened, opened_ofd

# --- certificates ------------------------------------------------------------------------------------------


class CertificateFileView(BaseView):
    """The certificate as PDF and as OFD, for whoever may see it."""

    route_base = "/certificates"
    class_permission_name = "CertificateFile"
    default_view = "open"

    @route(f"/{ROW}version_id>.pdf")
    def open(self, version_id: int) -> Response:
        version = self._within_reach(version_id)
        return send_file(
            opened(version),
            mimetype="application/pdf",
            as_attachment="download" in request.args,
            download_name=f"{version.face['name']}-{version.face['number']}.pdf",
        )

    @route(f"/{ROW}version_id>.ofd")
    @permission_name("open")
    def ofd(self, version_id: int) -> Response:
        """GB/T 33190; browsers do not show it, so it is always handed out as a file."""
        version = self._within_reach(version_id)
        name = f"{version.face['name']}-{version.face['number']}.ofd"
        return send_file(opened_ofd(version), mimetype="application/ofd", as_attachment=True, download_name=name)

    def _within_reach(self, version_id: int) -> CertificateVersion:
        version: CertificateVersion | None = db.session.get(CertificateVersion, version_id)
        must_reach(request_context.current_actor(), version and version.certificate)
        assert version is not None  # noqa: S101 - must_reach has refused None
        request_context.note_reading(version, shown="certificate")  # it bears the ID number in full
        return version
