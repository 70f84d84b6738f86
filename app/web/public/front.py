"""The public front page, with the procedure of each matter."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import redirect, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts.access import NOBODY
from app.core.vocabulary import Action, CertificateStatus, Role, Stage
from app.db.session import db
from app.models import ExamNotice
from app.outbox.public_notices import latest
from app.web import request_context
from app.web.applications.archive.published import result_label
from app.web.base.fab import BaseView, expose
from app.web.public.common import signup_label
from app.web.public.kept_pages import kept
from app.workflow import MOVES

# What each status means for whoever checks the certificate.
MEANS: Mapping[CertificateStatus, object] = {
    CertificateStatus.VALID: _("The certificate is in force."),
    CertificateStatus.SUSPENDED: _("It must not be used until the suspension is lifted."),
    CertificateStatus.REVOKED: _("The grant was revoked. It must not be used."),
    CertificateStatus.CANCELLED: _("It was given up and no longer counts."),
    CertificateStatus.EXPIRED: _("Its last day is past. It must not be used."),
    CertificateStatus.TRANSFERRED_OUT: _("It was moved to another province and no longer counts here."),
    CertificateStatus.WITHDRAWN: _("It was withdrawn as a penalty. It must not be used."),
    CertificateStatus.OTHER: _("Please ask the issuing authority what this means."),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One box of the flow diagram (R22): what is done, by whom, and its outcomes."""

    label: object
    by: object
    onward: tuple[Action, ...] = ()
    otherwise: tuple[Action, ...] = ()


def stages() -> list[Node]:
    """The deciding stages, from the table of moves, so that the diagram cannot differ from the procedure."""
    nodes = []
    for stage in Stage:
        moves = [move for move in MOVES if move.stage is stage]
        onward = tuple(move.action for move in moves if move.agreed)
        nodes.append(Node(stage, moves[0].by, onward, tuple(move.action for move in moves if not move.agreed)))
    return nodes


EXAM_FLOW = (
    Node(_("Publish the exam notice"), Role.EXAM_CLERK),
    Node(_("Sign up online"), Role.ENTERPRISE_CLERK),
    Node(_("Review the sign-ups"), Role.EXAM_CLERK),
    Node(_("Export the sign-up details"), Role.EXAM_CLERK),
    Node(_("Import the scores"), Role.EXAM_CLERK),
)


class FrontPage(BaseView):
    """``/``: sign-in for users (R27), public services for everybody else."""

    route_base = ""
    default_view = "index"

    @expose("/", methods=["GET"])
    @kept
    def index(self) -> Response:
        if request_context.current_actor() is not NOBODY:
            return redirect(url_for("WorkView.home"))
        at, on, office = request_context.office_now(), request_context.today(), request_context.current_office()
        newest = select(ExamNotice).order_by(ExamNotice.published_at.desc(), ExamNotice.id.desc()).limit(5)
        return self.rendered(
            "public/front.html",
            wide=True,
            exam_flow=EXAM_FLOW,
            stages=stages(),
            exam_notices=[(notice, signup_label(notice, at)) for notice in db.session.scalars(newest)],
            results=latest(db.session, on=on, office=office, most=6),
            word_of=result_label,
        )
