"""Answers with a file that somebody handed in: what a browser may show of it, and what it may not do."""

from io import BytesIO

from flask import send_file
from werkzeug.wrappers import Response

SHOWN = frozenset({"image/jpeg", "image/png", "application/pdf"})  # anything else is only downloaded

# A PDF is not sandboxed, because older Chromium (the offices' browsers) then shows nothing; ``pdf_check`` has refused PDFs
# with active content, and the viewer gets styles and fonts, no scripts and no network.
_STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
PICTURE_POLICY = f"{_STRICT}img-src 'self'; style-src 'unsafe-inline'; sandbox"
PDF_POLICY = f"{_STRICT}object-src 'self'; img-src 'self' data: blob:; font-src data:; style-src 'unsafe-inline'"


def file_answer(data: bytes, mime: str, name: str, *, download: bool = False) -> Response:
    """A stored file, inline if browsers may show its kind, unless a ``download`` was asked for."""
    as_file = download or mime not in SHOWN
    return secured(send_file(BytesIO(data), mime, as_attachment=as_file, download_name=name, etag=False))


def secured(response: Response) -> Response:
    """A file that was handed in: sandboxed, framed by us only, and kept by nobody."""
    pdf = response.mimetype == "application/pdf"
    response.headers["Content-Security-Policy"] = PDF_POLICY if pdf else PICTURE_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
