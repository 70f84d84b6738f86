"""我的报名: the enterprise's own sign-ups. Scores are shown once final; unsubmitted ones are marked (R53)."""

from typing import Any

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import exams
from app.applications.dashboard_counts import signups_not_submitted
from app.core.vocabulary import SCORED, SignupState
from app.db.session import db
from app.exams.signups import UNSENT
from app.models import ExamSignup
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface, shown
from app.web.base.access_filter import asked_ids
from app.web.base.batch_result import run_batch
from app.web.base.fab import route
from app.web.exams.access import notice_box
from app.web.exams.labels import score_text


class SignupScreen(OpenList):
    """Own sign-ups by state; selected and rejected ones can be submitted or removed."""

    datamodel = SelInterface(ExamSignup)
    route_base = "/exam/signups"
    class_permission_name = "Signup"
    base_permissions = ["can_list", "can_submit", "can_cancel"]
    list_title = _("My sign-ups")
    list_template = "exams/signups.html"
    head_column = "person.name"
    list_columns = ["person.name", "category", "notice.title", "notice.exam_on", "state", "result"]
    sub_columns = {"person.name": "person.masked_id_number", "notice.title": "number", "notice.exam_on": "notice.place"}
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["person.name", "category"]
    base_order = ("id", "desc")
    label_columns = {
        "person.name": _("Full name"),
        "category": _("Personnel category"),
        "notice.title": _("Exam notice"),
        "notice.exam_on": _("Exam on"),
        "number": _("Sign-up number"),
        "state": _("Status"),
        "result": _("Score, or reason"),
    }

    def _init_properties(self) -> None:
        super()._init_properties()
        self.boxes.insert(1, notice_box(_("Exam notice")))

    def walk(self, item: ExamSignup, column: str) -> Any:
        return result(item) if column == "result" else super().walk(item, column)

    def cell(self, column: str, item: ExamSignup) -> object | None:
        return shown(result(item)) if column == "result" else None

    def unsent(self) -> int:
        return signups_not_submitted(db.session(), request_context.current_actor())

    def row_links(self, item: ExamSignup) -> list[Link]:
        links = []
        if item.state in UNSENT:
            if is_open(item):
                links.append(Link(gettext("Submit"), self.url("submit", only=item.id), post=True))
            links.append(
                Link(
                    gettext("Take off"),
                    self.url("cancel", only=item.id),
                    danger=True,
                    post=True,
                    confirm=gettext("Take %(name)s off the list of this exam?", name=item.person.name),
                )
            )
        return [*links, Link(gettext("View the notice"), url_for("NoticeScreen.show", pk=item.notice_id))]

    def batch_links(self) -> list[Link]:
        sure = gettext("Those who are not submitted yet come off the list; the others stay.")
        return [
            Link(gettext("Submit"), self.url("submit"), icon="send", primary=True, post=True),
            Link(gettext("Take off"), self.url("cancel"), danger=True, post=True, confirm=sure),
        ]

    def empty(self) -> tuple[object, Link | None]:
        way = Link(gettext("Training and exam notices"), url_for("NoticeScreen.list"), primary=True)
        return gettext("You have signed nobody up yet. Choose a notice and press “Sign up online”."), way

    @route("/submit", "POST")
    def submit(self) -> Response:
        """上报 (R53)."""
        ids, acting = asked_ids(), request_context.acting()
        return run_batch(
            lambda: exams.submit(db.session(), ids, **acting),
            gettext("Submit"),
            url_for("SignupScreen.list"),
            more=gettext("The authority will review them."),
        )

    @route("/cancel", "POST")
    def cancel(self) -> Response:
        ids = asked_ids()
        home = url_for("SignupScreen.list")
        return run_batch(
            lambda: exams.deselect(db.session(), ids, request_context.current_actor()), gettext("Take off"), home
        )


def is_open(item: ExamSignup) -> bool:
    """Whether the time for signing up for this exam has not ended."""
    return bool(request_context.office_now() <= item.notice.signup_end)


def result(item: ExamSignup) -> object | None:
    """What is shown besides the state: not submitted yet or too late, the reason of a rejection, or the score."""
    if item.state is SignupState.SELECTED:
        if not is_open(item):
            return Markup('<span class="err">{}</span>').format(gettext("Not submitted before sign-up ended"))
        return Markup('<span class="err">{}</span>').format(gettext("Not signed up until you submit"))
    if item.state is SignupState.REJECTED:
        return str(gettext("Reason: %(reason)s", reason=item.reason))
    if item.state in SCORED and item.score is not None:
        return str(gettext("%(score)s points", score=score_text(item.score)))
    return None
