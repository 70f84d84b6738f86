"""文件验真: whether a PDF or OFD was sealed by this authority and is unchanged."""

from hashlib import sha256
from typing import Any

from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications.letters.lookup import letter_sealed
from app.certificates.lookup import certificate_sealed
from app.core.crypto.demo_ca import published_file
from app.core.crypto.verify_process import verify_apart
from app.core.errors import AppError, NotFound, TooMany
from app.core.heavy_work import CHECKING
from app.db.session import db
from app.web import request_context
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import BaseView, expose
from app.web.forms import AppForm, UploadField
from app.web.public.common import count_a_try, not_indexed

LARGEST_PAPER = 4 * 1024 * 1024  # fifty times an e-certificate; a check costs some milliseconds


class SealForm(AppForm):
    paper = UploadField(_("E-certificate or letter"), accept=(".pdf", ".ofd"), limit_bytes=LARGEST_PAPER, needed=True)


class SealView(BaseView):
    """``/verify-file`` and ``/seal/…``: whether a file was sealed here and is unchanged. Uploads are not stored."""

    route_base = ""
    default_view = "form"

    @expose("/verify-file", methods=["GET"])
    def form(self) -> Response:
        return self._page(SealForm(formdata=None))

    @expose("/verify-file", methods=["POST"])
    def check(self) -> Response:
        try:
            with CHECKING.taken():
                count_a_try("lookup")
                return self._checked()
        except TooMany as error:
            return with_retry_after(self._page(SealForm(formdata=None), refusal=str(error), status=error.status), error)

    def _checked(self) -> Response:
        form = SealForm()
        if not form.validate_on_submit():
            return self._page(form, status=422)
        assert form.paper.data is not None  # noqa: S101 - the field is needed
        try:
            data = request_context.uploaded_bytes(form.paper.data)
        except AppError as error:
            return self._page(SealForm(formdata=None), refusal=str(error), status=error.status)
        verdict = verify_apart(data, request_context.settings().seals, at=request_context.office_now())
        digest = sha256(data).hexdigest()
        kept = certificate_sealed(db.session, digest, on=request_context.today())
        letter = None if kept else letter_sealed(db.session(), digest)
        return self._page(SealForm(formdata=None), verdict=verdict, kept=kept, letter=letter)

    @expose("/seal/<name>", methods=["GET"])
    def part(self, name: str) -> Response:
        """The root certificate and the revocation lists, at the URLs named in the seal certificates."""
        data = published_file(request_context.settings().seals, name)
        if data is None:
            raise NotFound
        kind = "application/pkix-crl" if name.endswith(".crl") else "application/x-x509-ca-cert"
        return Response(data, mimetype=kind, headers={"Cache-Control": "public, max-age=3600"})

    def _page(self, form: SealForm, *, status: int = 200, **what: Any) -> Response:
        return not_indexed(self.render_template("public/seal.html", form=form, **what), status)
