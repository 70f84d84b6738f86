"""Answers with a file that somebody handed in: what a browser may show of it, and what it may not do."""

from io import BytesIO

from flask import render_template, request, send_file
from werkzeug.wrappers import Response

from app.core.crypto.verify_process import verify_apart
from app.core.crypto.verify_signature import describe
from app.core.heavy_work import PICTURES
from app.files import apart
from app.files.inspect import LIMITS, OFD, PDF
from app.files.ofd import Drawing
from app.web import request_context

EXTENSIONS = {"image/jpeg": ".jpg", PDF: ".pdf", OFD: ".ofd"}
SHOWN = frozenset({"image/jpeg", "image/png", PDF})  # anything else is only downloaded

# A PDF is not sandboxed, because older Chromium (the offices' browsers) then shows nothing; ``pdf_check`` has refused PDFs
# with active content, and the viewer gets styles and fonts, no scripts and no network.
_STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
PICTURE_POLICY = f"{_STRICT}img-src 'self'; style-src 'unsafe-inline'; sandbox"
PAGE_POLICY = (
    "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
PDF_POLICY = f"{_STRICT}object-src 'self'; img-src 'self' data: blob:; font-src data:; style-src 'unsafe-inline'"


def file_answer(data: bytes, mime: str, name: str) -> Response:
    """A stored file, inline if browsers may show its kind, with ``?download=1`` as a file.

    Of an OFD it is a page with the verdict on its seal, what of it is not shown as it stands, and in a frame the drawing.
    """
    if mime == OFD and not _asked("download"):
        with PICTURES.taken():  # one place for both processes
            drawing = apart.drawing(data, LIMITS)
            if not _asked("drawn"):
                return _ofd_page(data, name, drawing)
        data, mime, name = drawing.pdf, PDF, f"{name}.pdf"
    as_file = _asked("download") or mime not in SHOWN
    return secured(send_file(BytesIO(data), mime, as_attachment=as_file, download_name=name, etag=False))


def sends_content(mime: str) -> bool:
    """Whether ``file_answer`` sends the file itself: not for the page around a drawing, which loads that by itself."""
    return mime != OFD or _asked("download") or _asked("drawn")


def _asked(what: str) -> bool:
    return request.args.get(what) == "1"


def _ofd_page(data: bytes, name: str, drawing: Drawing) -> Response:
    verdict = verify_apart(data, request_context.settings().seals, at=request_context.office_now())
    shown = {"name": name, "at": request.path, "verdict": verdict, "lines": describe(verdict), "drawing": drawing}
    answer = Response(render_template("base/ofd.html", **shown), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = PAGE_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def secured(response: Response) -> Response:
    """A file that was handed in: sandboxed, framed by us only, and kept by nobody."""
    pdf = response.mimetype == PDF
    response.headers["Content-Security-Policy"] = PDF_POLICY if pdf else PICTURE_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
