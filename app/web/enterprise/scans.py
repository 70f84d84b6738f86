"""Papers: the bytes of a scan, for those who may look at it.

Law: every opening is asked of the domain; an officer's look at a person's paper is written in the diary. Nothing of where or
under which digest the bytes lie ever leaves the house.
"""

from io import BytesIO

from flask import abort, request, send_file
from werkzeug.wrappers import Response

from app.accounts.access import OFFICERS
from app.applications import attachments
from app.db.session import db
from app.files.images import thumbnail
from app.models import Paper
from app.web import request_context
from app.web.base.datamodel import LARGEST_ID
from app.web.base.fab import BaseView, expose, has_access, permission_name

ID = f"int(max={LARGEST_ID})"  # a larger one is no id; PostgreSQL would answer with an error
SMALL = 240  # points across
SHOWN = frozenset({"image/jpeg", "image/png", "application/pdf"})  # anything else is only handed out as a file

# A picture needs nothing. A PDF is not sandboxed, because older Chromium (the offices' own browsers) then shows none at all;
# nothing in it acts (see ``storage``), and the viewer gets styles and fonts to draw with, no scripts and no network.
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
PICTURE_POLICY = f"{_NOTHING}img-src 'self'; style-src 'unsafe-inline'; sandbox"
PDF_POLICY = f"{_NOTHING}object-src 'self'; img-src 'self' data: blob:; font-src data:; style-src 'unsafe-inline'"


class PaperView(BaseView):
    route_base = "/papers"
    default_view = "open"
    class_permission_name = "Paper"

    @expose(f"/<{ID}:paper_id>")
    @has_access
    def open(self, paper_id: int) -> Response:
        """In the page, or with ``?download=1`` as a file under its own name."""
        paper = attachments.may_open(db.session(), paper_id, request_context.current_actor())
        data = attachments.bytes_of(paper, request_context.store())
        _note_reading(paper)
        as_file = request.args.get("download") == "1" or paper.mime not in SHOWN
        return _wrapped(send_file(BytesIO(data), paper.mime, as_attachment=as_file, download_name=paper.filename, etag=False))

    @expose(f"/<{ID}:paper_id>/small")
    @has_access
    @permission_name("open")
    def small(self, paper_id: int) -> Response:
        """A picture to recognise the paper by, too small to read it; there is none of a PDF."""
        paper = attachments.may_open(db.session(), paper_id, request_context.current_actor())
        picture = thumbnail(attachments.bytes_of(paper, request_context.store()), paper.mime, SMALL)
        if picture is None:
            abort(404)
        return _wrapped(send_file(BytesIO(picture), "image/jpeg", etag=False))


def _wrapped(answer: Response) -> Response:
    pdf = answer.mimetype == "application/pdf"
    answer.headers["Content-Security-Policy"] = PDF_POLICY if pdf else PICTURE_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _note_reading(paper: Paper) -> None:
    """An officer who opens a person's paper leaves a line in the diary."""
    if paper.person_id is not None and not request_context.current_actor().roles.isdisjoint(OFFICERS):
        request_context.note_reading(paper, person=paper.person_id, kind=paper.kind.value)
