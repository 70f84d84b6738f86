"""成绩更正: final scores that one exam clerk asks to correct and another one decides on."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select
from werkzeug.wrappers import Response

from app.core.errors import AppError, NotFound, Refusal
from app.core.vocabulary import SCORED, ScoreCorrectionState, SignupState
from app.db.session import db
from app.exams import score_corrections
from app.models import ExamSignup, ScoreCorrection
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface, safe_next
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.batch_result import run_step
from app.web.base.error_pages import refusals_after
from app.web.base.fab import route
from app.web.base.query import Box
from app.web.exams.labels import score_text

REASONS = (
    _("The score was entered wrongly; the exam paper counts."),
    _("The score was entered for another person."),
    _("A review of the exam paper has changed the score."),
    _("The person sat the exam and was noted as absent."),
)
REFUSALS = (_("The exam paper confirms the score on record."), _("The evidence does not suffice."))
OTHERS = "others"


class ScoreCorrectionScreen(OpenList):
    """Corrections by state; without a state in the URL those that wait."""

    datamodel = SelInterface(ScoreCorrection)
    route_base = "/exam/score-corrections"
    class_permission_name = "ScoreCorrection"
    base_permissions = ["can_list", "can_ask", "can_decide", "can_retract"]
    list_title = _("Corrections of scores")
    list_columns = ["signup.person.name", "signup.notice.title", "scores", "reason", "state"]
    sub_columns = {
        "signup.person.name": "signup.number",
        "signup.notice.title": "signup.category",
        "reason": "proposed_by",
        "state": "decided_by",
    }
    head_column = "signup.person.name"
    tag_columns = ("state",)
    tabs_column = "state"
    tab_first = ScoreCorrectionState.PROPOSED
    search_columns = ["reason"]
    base_order = ("id", "desc")
    label_columns = {
        "signup.person.name": _("Full name"),
        "signup.notice.title": _("Exam notice"),
        "scores": _("Score until now → new score"),
        "reason": _("Reason"),
        "state": _("Status"),
        "proposed_by": _("Proposed by"),
        "decided_by": _("Decided by"),
    }

    def _init_properties(self) -> None:
        super()._init_properties()
        others = ((OTHERS, _("others, for me to decide")),)
        self.boxes.append(Box("by", _("Proposed by"), "select", _asked_by, options=others))

    def walk(self, item: ScoreCorrection, column: str) -> Any:
        return item.id if column == "scores" else super().walk(item, column)

    def cell(self, column: str, item: ScoreCorrection) -> object | None:
        return change_text(item) if column == "scores" else None

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No correction of a score waits for a decision."), None

    def row_links(self, item: ScoreCorrection) -> list[Link]:
        here = request.full_path.rstrip("?")
        links = [Link(gettext("View"), url_for("SignupReviewScreen.examine", signup_id=item.signup_id, next=here))]
        if item.state is not ScoreCorrectionState.PROPOSED:
            return links
        if item.proposed_by_id == request_context.current_actor().id:
            sure = gettext("Take the request back? The score stays as it is.")
            url = url_for("ScoreCorrectionScreen.retract", correction_id=item.id)
            return [*links, Link(gettext("Withdraw"), url, post=True, confirm=sure)]
        if not self.may("decide"):
            return links
        sure = gettext("Correct the score? The pass list follows, and the enterprise is told by text message.")
        confirm = url_for("ScoreCorrectionScreen.decide", correction_id=item.id, answer="yes")
        refuse = url_for("ScoreCorrectionScreen.decide", correction_id=item.id, answer="no")
        return [
            *links,
            Link(gettext("Confirm the correction"), confirm, primary=True, post=True, confirm=sure),
            Link(gettext("Refuse the correction"), refuse, danger=True, post=True, reason=REFUSALS),
        ]

    @route(f"/ask/{ROW}signup_id>", "GET", "POST")
    def ask(self, signup_id: int) -> Response:
        """The form; a post asks for the correction."""
        signup = correctable_signup(signup_id)
        if request.method == "GET":
            return self._form(signup)
        typed, reason, actor = request.form.get("score", ""), asked_reason(), request_context.current_actor()
        try:
            score_corrections.propose(db.session(), signup_id, typed, reason, actor, at=request_context.office_now())
            db.session.commit()
        except AppError as error:
            refusals = refusals_after(error)
            return self._form(correctable_signup(signup_id), refusals, error.status)
        flash(gettext("The correction waits for the decision of another exam clerk; the score stays until then."), "success")
        return redirect(url_for("ScoreCorrectionScreen.list"))

    def _form(self, signup: ExamSignup, refusals: Sequence[Refusal] = (), status: int = 200) -> Response:
        text = self.render_template(
            "exams/score_correction.html",
            title=gettext("Correct the score"),
            crumbs=self.crumbs(),
            signup=signup,
            score=score_of(signup),
            refusals=refusals,
            wrong={refusal.field: refusal.sentence for refusal in refusals if refusal.field},
            typed=request.form.get("score", ""),
            reason=asked_reason(),
            reasons=REASONS,
            corrections=corrections_of(signup),
            back=safe_next(url_for("ScoreCorrectionScreen.list")),
        )
        return Response(text, status, mimetype="text/html")

    @route(f"/{ROW}correction_id>/decide/<answer>", "POST")
    def decide(self, correction_id: int, answer: str) -> Response:
        if answer not in ("yes", "no"):
            abort(404)
        session, acting, reason = db.session(), request_context.acting(), asked_reason()
        actor, at = acting["actor"], acting["at"]
        if answer == "yes":
            done = gettext("The score is corrected.")
            return run_step(lambda: score_corrections.confirm(session, correction_id, **acting), done, _back())
        done = gettext("The correction is refused; the score stays.")
        return run_step(lambda: score_corrections.refuse(session, correction_id, reason, actor, at=at), done, _back())

    @route(f"/{ROW}correction_id>/retract", "POST")
    def retract(self, correction_id: int) -> Response:
        actor, at = request_context.current_actor(), request_context.office_now()
        done = gettext("The request was taken back.")
        return run_step(lambda: score_corrections.take_back(db.session(), correction_id, actor, at=at), done, _back())


def _asked_by(code: str) -> ColumnElement[bool] | None:
    return ScoreCorrection.proposed_by_id != request_context.current_actor().id if code == OTHERS else None


def _back() -> str:
    return safe_next(url_for("ScoreCorrectionScreen.list"))


def correctable_signup(signup_id: int) -> ExamSignup:
    """A sign-up with a final score, within the exam clerk's reach."""
    signup = score_corrections.signup_within_reach(db.session(), signup_id, request_context.current_actor())
    if signup.state not in SCORED:
        raise NotFound
    return signup


def corrections_of(signup: ExamSignup, *, only_confirmed: bool = False) -> list[tuple[ScoreCorrection, str]]:
    """The corrections of a score, newest first, each with the change in words."""
    query = select(ScoreCorrection).where(ScoreCorrection.signup_id == signup.id).order_by(ScoreCorrection.id.desc())
    if only_confirmed:
        query = query.where(ScoreCorrection.state == ScoreCorrectionState.CONFIRMED)
    return [(correction, change_text(correction)) for correction in db.session.scalars(query)]


def change_text(item: ScoreCorrection) -> str:
    return f"{_mark(item.old_score)} → {_mark(item.new_score)}"


def score_of(signup: ExamSignup) -> str:
    return _mark(None if signup.absent else signup.score)


def _mark(score: Decimal | None) -> str:
    return str(SignupState.ABSENT) if score is None else score_text(score)
