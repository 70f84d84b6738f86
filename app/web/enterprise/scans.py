"""The bytes of a scan, for those who may see it; an officer's view of a person's scan is logged.

No path or digest of the store is ever sent.
"""

from io import BytesIO

from flask import abort, send_file
from werkzeug.wrappers import Response

from app.accounts.access import OFFICERS
from app.applications import attachments
from app.core.vocabulary import PaperKind
from app.db.session import db
from app.files.images import thumbnail
from app.models import IdentityCorrection
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.file_response import file_answer, secured, sends_content

SMALL = 240  # pixels across


class PaperView(BaseView):
    route_base = "/papers"
    default_view = "open"
    class_permission_name = "Paper"

    @route(f"/{ROW}paper_id>")
    def open(self, paper_id: int) -> Response:
        """Inline, or with ``?download=1`` as a file under its own name."""
        paper = attachments.may_open(db.session(), paper_id, request_context.current_actor())
        data = attachments.bytes_of(paper, request_context.store())
        if (
            paper.person_id is not None
            and sends_content(paper.mime)
            and not request_context.current_actor().roles.isdisjoint(OFFICERS)
        ):
            request_context.note_reading(paper, person=paper.person_id, kind=paper.kind.value)
        return file_answer(data, paper.mime, paper.filename)

    @route(f"/{ROW}paper_id>/small")
    @permission_name("open")
    def small(self, paper_id: int) -> Response:
        """A thumbnail, too small to read; 404 for a document."""
        paper = attachments.may_open(db.session(), paper_id, request_context.current_actor())
        picture = thumbnail(attachments.bytes_of(paper, request_context.store()), paper.mime, SMALL)
        if picture is None:
            abort(404)
        return secured(send_file(BytesIO(picture), "image/jpeg", etag=False))


def scan_response(correction: IdentityCorrection) -> Response:
    """The scan that a correction of name or ID number rests on; an officer's view is logged."""
    data = request_context.store().read(correction.digest)
    if sends_content(correction.mime) and not request_context.current_actor().roles.isdisjoint(OFFICERS):
        request_context.note_reading(correction, person=correction.person_id, kind=PaperKind.ID_CARD.value)
    return file_answer(data, correction.mime, correction.filename)
