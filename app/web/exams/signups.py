"""我的报名: the enterprise's own sign-ups. Scores are shown once final; unsubmitted ones are marked (R53)."""

from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import ColumnElement
from werkzeug.wrappers import Response

from app import exams
from app.applications.dashboard_counts import can_still_be_submitted, signups_with_enterprise
from app.core.errors import AppError
from app.core.vocabulary import SCORED, Category, NoticeState, SignupState
from app.db.session import db
from app.exams.signups import UNSENT
from app.models import ExamSignup
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface, safe_next, shown
from app.web.base.access_filter import ROW, asked_ids
from app.web.base.batch_result import run_batch
from app.web.base.error_pages import refusals_after
from app.web.base.fab import expose, has_access, permission_name, route
from app.web.base.printed_forms import as_file
from app.web.base.query import Box
from app.web.exams.access import notice_box
from app.web.exams.labels import score_text
from app.web.exams.receipt import TITLE, receipt_of
from app.web.exams.score_corrections import corrections_of


def _in_window(code: str) -> ColumnElement[bool] | None:
    return {"open": can_still_be_submitted(request_context.office_now())}.get(code)


class SignupScreen(OpenList):
    """Own sign-ups by state; selected and rejected ones can be submitted or removed, submitted ones be taken back."""

    datamodel = SelInterface(ExamSignup)
    route_base = "/exam/signups"
    class_permission_name = "Signup"
    base_permissions = ["can_list", "can_show", "can_submit", "can_retract", "can_category", "can_cancel"]
    exclude_route_methods = {"add", "edit", "delete"}
    list_title, show_title = _("My sign-ups"), _("Particulars of the sign-up")
    list_template, show_template = "exams/signups.html", "exams/signup.html"
    head_column = "person.name"
    list_columns = ["person.name", "category", "notice.title", "notice.exam_on", "state", "result"]
    sub_columns = {"person.name": "person.masked_id_number", "notice.title": "number", "notice.exam_on": "notice.place"}
    show_fieldsets = [
        (
            _("Particulars of the sign-up"),
            {"fields": ["state", "number", "person.name", "person.masked_id_number", "category", "submitted_at"]},
        ),
        (_("Exam"), {"fields": ["notice.title", "notice.state", "notice.exam_on", "notice.exam_time", "notice.place"]}),
        (_("Review and result"), {"fields": ["reviewed_at", "reason", "score", "notice.pass_mark"]}),
    ]
    show_columns = ["id"]
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["person.name", "category"]
    base_order = ("id", "desc")
    label_columns = {
        "person.name": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "category": _("Personnel category"),
        "notice.title": _("Exam notice"),
        "notice.state": _("State of the notice"),
        "notice.exam_on": _("Exam on"),
        "notice.exam_time": _("Exam time"),
        "notice.place": _("Exam place"),
        "notice.pass_mark": _("Pass mark"),
        "number": _("Sign-up number"),
        "state": _("Status"),
        "submitted_at": _("Submitted at"),
        "reviewed_at": _("Reviewed at"),
        "reason": _("Reason"),
        "score": _("Score"),
        "result": _("Score, or reason"),
    }

    def _init_properties(self) -> None:
        super()._init_properties()
        self.boxes.insert(1, notice_box(_("Exam notice")))
        window = (("open", _("Can still be submitted")),)
        self.boxes.append(Box("window", _("Whether it can be submitted"), "select", _in_window, options=window))

    def walk(self, item: ExamSignup, column: str) -> Any:
        return result(item) if column == "result" else super().walk(item, column)

    def cell(self, column: str, item: ExamSignup) -> object | None:
        if column == "result":
            return shown(result(item))
        if column == "score":  # a draft is nobody's business
            return shown(result(item) if item.state in SCORED else None)
        return None

    def waiting(self) -> dict[SignupState, int]:
        """Sign-ups that can still be submitted, by state; asked once for a page."""
        if "signups_waiting" not in g:
            actor, at = request_context.current_actor(), request_context.office_now()
            g.signups_waiting = signups_with_enterprise(db.session(), actor, at)
        counts: dict[SignupState, int] = g.signups_waiting
        return counts

    def row_links(self, item: ExamSignup) -> list[Link]:
        """Besides viewing, the next step alone; the others are on the page of the sign-up."""
        return [Link(gettext("View"), self.url("show", pk=item.id)), *self._changes(item)[:1]]

    def show_links(self, item: ExamSignup) -> list[Link]:
        receipt = Link(str(TITLE), self.url("receipt", notice_id=item.notice_id), icon="file-text", external=True)
        told = [receipt] if item.submitted_at and item.state is not SignupState.SELECTED else []
        return [
            *self._changes(item),
            *told,
            Link(gettext("View the notice"), url_for("NoticeScreen.show", pk=item.notice_id)),
        ]

    def _changes(self, item: ExamSignup) -> list[Link]:
        links = []
        if item.state is SignupState.SUBMITTED:
            name = item.person.name
            sure = gettext("Take the sign-up of %(name)s back? It can be submitted again before sign-up ends.", name=name)
            links.append(Link(gettext("Take the sign-up back"), self.url("retract", only=item.id), post=True, confirm=sure))
        if item.state in UNSENT and is_open(item):
            links.append(Link(gettext("Submit"), self.url("submit", only=item.id), post=True))
            links.append(Link(gettext("Change the category"), self.url("category", signup_id=item.id)))
        if item.state in UNSENT:
            sure = gettext("Take %(name)s off the list of this exam?", name=item.person.name)
            url = self.url("cancel", only=item.id)
            links.append(Link(gettext("Take off"), url, danger=True, post=True, confirm=sure))
        return links

    def batch_links(self) -> list[Link]:
        """Nothing offers what the domain refuses: 上报 only while some sign-up can still be submitted."""
        sure = gettext("Those who are not submitted yet come off the list; the others stay.")
        back = gettext("Sign-ups that were not reviewed yet go back to your list; the others stay.")
        submit = Link(gettext("Submit"), self.url("submit"), icon="send", primary=True, post=True)
        return [
            *([submit] if self.waiting() else []),
            Link(gettext("Take the sign-up back"), self.url("retract"), post=True, confirm=back),
            Link(gettext("Take off"), self.url("cancel"), danger=True, post=True, confirm=sure),
        ]

    def empty(self) -> tuple[object, Link | None]:
        way = Link(gettext("Training and exam notices"), url_for("NoticeScreen.list"), primary=True)
        return gettext("You have signed nobody up yet. Choose a notice and press “Sign up online”."), way

    def corrections(self, item: ExamSignup) -> list[Any]:
        return corrections_of(item, only_confirmed=True)

    @expose(f"/receipt/{ROW}notice_id>.pdf")
    @has_access
    @permission_name("list")
    def receipt(self, notice_id: int) -> Response:
        """报名回执 of an exam."""
        name, data = receipt_of(notice_id)
        return as_file(data, name)

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

    @route("/retract", "POST")
    def retract(self) -> Response:
        """撤回: what was submitted and is not reviewed yet."""
        ids, home = asked_ids(), url_for("SignupScreen.list")
        actor, at = request_context.current_actor(), request_context.office_now()
        return run_batch(lambda: exams.retract(db.session(), ids, actor, at=at), gettext("Take the sign-up back"), home)

    @route("/cancel", "POST")
    def cancel(self) -> Response:
        ids = asked_ids()
        home = url_for("SignupScreen.list")
        return run_batch(
            lambda: exams.deselect(db.session(), ids, request_context.current_actor()), gettext("Take off"), home
        )

    @route(f"/{ROW}signup_id>/category", "GET", "POST")
    def category(self, signup_id: int) -> Response:
        """Another category for a sign-up that is not submitted or was rejected."""
        signup = self.get_or_404(signup_id)
        if request.method == "GET":
            return self._category_page(signup)
        chosen = next((one for one in Category if one.value == request.form.get("category")), signup.category)
        try:
            exams.change_category(db.session(), signup_id, chosen, **request_context.acting())
            db.session.commit()
        except AppError as error:
            refusals = refusals_after(error)
            return self._category_page(self.get_or_404(signup_id), refusals, error.status)
        flash(gettext("The category is changed. Please submit the sign-up: it is not signed up until then."), "success")
        return redirect(safe_next(url_for("SignupScreen.list")))

    def _category_page(self, signup: ExamSignup, refusals: Any = (), status: int = 200) -> Response:
        text = self.render_template(
            "exams/category.html",
            title=gettext("Change the category"),
            crumbs=self.crumbs(),
            signup=signup,
            refusals=refusals,
            chosen=request.form.get("category", signup.category.value),
            back=safe_next(url_for("SignupScreen.list")),
        )
        return Response(text, status, mimetype="text/html")


def is_open(item: ExamSignup) -> bool:
    """Whether the notice holds and the time for signing up has not ended."""
    return item.notice.state is NoticeState.PUBLISHED and bool(request_context.office_now() <= item.notice.signup_end)


def result(item: ExamSignup) -> object | None:
    """What is shown besides the state: not submitted yet or too late, the reason of a rejection, or the score."""
    if item.state is SignupState.SELECTED:
        if not is_open(item):
            return Markup('<span class="err">{}</span>').format(gettext("Not submitted before sign-up ended"))
        return Markup('<span class="err">{}</span>').format(gettext("Not signed up until you submit"))
    if item.state is SignupState.REJECTED:
        reason = gettext("Reason: %(reason)s", reason=item.reason)
        late = gettext("(Sign-up has ended; it cannot be submitted any more.)")
        return reason if is_open(item) else f"{reason} {late}"
    if item.state in SCORED and item.score is not None:
        return str(gettext("%(score)s points", score=score_text(item.score)))
    return None
