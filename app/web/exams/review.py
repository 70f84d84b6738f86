"""报名审核: submitted sign-ups, decided singly beside their scans or in batch (R54–R57).

Every decision is ``exams.review`` and a commit; a sign-up that another clerk has decided meanwhile is refused.
"""

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app import exams
from app.accounts.access import reaches
from app.applications import attachments
from app.core.errors import AppError, Unmet
from app.core.identifiers import mask_birth_date
from app.core.vocabulary import PERSON_PAPERS, SCORED, PaperKind, ReasonStep, SignupState
from app.db import audit
from app.db.session import db
from app.exams import SignupOutcome, background, signup_papers
from app.models import ExamSignup, Paper
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface, safe_next, shown
from app.web.base.access_filter import ROW, asked_ids, asked_reason
from app.web.base.batch_result import run_batch, skipped_rows
from app.web.base.error_pages import flash_refusals, refusals_after
from app.web.base.fab import route
from app.web.base.list_export import ExportedList
from app.web.base.review_queue import NO_DECISION, OPENED, QueuePosition, ReviewPage, Scan, for_decision, position_in
from app.web.base.stock_reasons import stock_reasons
from app.web.exams.access import notice_box
from app.web.exams.labels import score_text
from app.web.exams.score_corrections import corrections_of

WAITS = SignupState.SUBMITTED
DECIDED = (SignupState.ADMITTED, SignupState.REJECTED)
ANSWERS = {"yes": True, "no": False}


class SignupReviewScreen(ExportedList, OpenList):
    """Sign-ups by state, the longest waiting first; without a state in the URL the waiting ones."""

    datamodel = SelInterface(ExamSignup)
    route_base = "/exam/review"
    class_permission_name = "SignupReview"
    base_permissions = ["can_list", "can_decide", "can_examine", "can_reveal", "can_export"]
    list_title = _("Review of sign-ups")
    head_column = "person.name"
    list_columns = ["person.name", "category", "enterprise.name", "notice.title", "submitted_at", "score", "state"]
    sub_columns = {"person.name": "person.masked_id_number", "notice.title": "number", "category": "person.position"}
    tag_columns = ("state",)
    tabs_column = "state"
    tab_first = WAITS
    tabs = tuple(state for state in SignupState if state is not SignupState.SELECTED)
    search_columns = ["person.name", "enterprise.name", "category"]
    order_columns = ["submitted_at"]
    base_order = ("submitted_at", "asc")
    label_columns = {
        "person.name": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "category": _("Personnel category"),
        "person.position": _("Position"),
        "enterprise.name": _("Enterprise name"),
        "notice.title": _("Exam notice"),
        "number": _("Sign-up number"),
        "submitted_at": _("Submitted at"),
        "score": _("Score"),
        "state": _("Review state"),
    }

    def _init_properties(self) -> None:
        super()._init_properties()
        self.boxes.insert(0, notice_box(_("Exam notice")))

    def cell(self, column: str, item: ExamSignup) -> object | None:
        return score_cell(item) if column == "score" else None

    def row_links(self, item: ExamSignup) -> list[Link]:
        here = request.full_path.rstrip("?")
        look = gettext("Review") if item.state is WAITS else gettext("View")
        return [Link(look, self.url("examine", signup_id=item.id, next=here)), *self.decisions(item)]

    def decisions(self, item: ExamSignup) -> list[Link]:
        """Links for the first decision, or for reversing it; none once the scores are final."""
        if item.state is WAITS:
            return [_decision(True, only=item.id), _decision(False, only=item.id)]
        if item.state in DECIDED and not item.notice.scores_submitted_at:
            return [_decision(item.state is SignupState.REJECTED, only=item.id, again=1)]
        return []

    def correction_link(self, item: ExamSignup) -> Link | None:
        """To ask for another score once it is final."""
        if item.state not in SCORED or not self.appbuilder.sm.has_access("can_ask", "ScoreCorrection"):
            return None
        return Link(gettext("Correct the score"), url_for("ScoreCorrectionScreen.ask", signup_id=item.id))

    def batch_links(self) -> list[Link]:
        if request.args.get(self.tabs_column, WAITS.value) != WAITS.value or not self.may("decide"):
            return []
        return [_decision(True), _decision(False)]

    def empty(self) -> tuple[object, Link | None]:
        way = Link(gettext("Training and exam notices"), url_for("NoticeScreen.list"))
        return gettext("No sign-up waits for your review."), way

    @route("/decide", "POST")
    def decide(self) -> Response:
        """审核通过 or 审核不通过, for one row or many."""
        admit = _answer(request.args.get("admit", ""))
        verb = gettext("Admit") if admit else gettext("Reject")
        if request.args.keys().isdisjoint({"only", "again"}) and "sure" not in request.form:
            return self._planned(admit, verb)
        return run_batch(lambda: _review(asked_ids(), admit), verb, url_for("SignupReviewScreen.list"))

    def _planned(self, admit: bool, verb: str) -> Response:
        """How many of the ticked would be decided, and why the others not; with the button that does it."""
        back, reason, ids = safe_next(url_for("SignupReviewScreen.list")), asked_reason(), asked_ids()
        try:
            planned = exams.plan_review(db.session(), ids, admit, reason=reason, **request_context.acting())
        except AppError as error:
            flash_refusals(error)
            return redirect(back)
        finally:
            db.session.rollback()  # a plan keeps no locks
        fit = planned.outcome.moved
        page = self.render_template(
            "exams/review_plan.html",
            title=gettext("Review of sign-ups: %(verb)s", verb=verb),
            crumbs=[(self.list_title, back)],
            action=url_for("SignupReviewScreen.decide", admit=request.args["admit"]),
            fit=fit,
            counts=planned.counts,
            left=skipped_rows(planned.outcome, back),
            verb=verb,
            sure=gettext("Each is checked once more; whoever cannot be admitted is left and named.") if admit else "",
            reason="" if admit else reason,
            back=back,
        )
        return Response(page, 200 if fit else 422, mimetype="text/html")

    @route(f"/{ROW}signup_id>", "GET", "POST")
    def examine(self, signup_id: int) -> Response:
        """The page of one sign-up; a post decides it and opens the next one."""
        signup = self.get_or_404(signup_id)
        if request.method == "GET":
            return self._page(signup)
        follow = self._place(signup).following
        try:
            if not request.form.get("decision"):
                raise Unmet.because(NO_DECISION)
            outcome = _review([signup_id], _answer(request.form["decision"]))
            if outcome.refused:
                raise Unmet(outcome.refused[signup_id])
            db.session.commit()
        except AppError as error:
            refusals = refusals_after(error)
            return self._page(self.get_or_404(signup_id), ReviewPage(422, refusals))
        signup = self.get_or_404(signup_id)
        flash(gettext("%(name)s: now “%(state)s”.", name=signup.person.name, state=signup.state.label), "success")
        return redirect(follow)

    @route(f"/{ROW}signup_id>/id-number", "POST")
    def reveal(self, signup_id: int) -> Response:
        """Show the ID number in full in this response only; the audit log keeps why."""
        signup, session = self.get_or_404(signup_id), db.session()
        why = request.form.get("why") or (for_decision(signup.number) if signup.state is WAITS else "")
        try:
            audit.log_reveal(session, signup, "id_number", why, at=request_context.office_now())
            session.commit()
        except AppError as error:
            session.rollback()
            return self._page(self.get_or_404(signup_id), ReviewPage(error.status, unexplained=error.sentence))
        return self._page(self.get_or_404(signup_id), ReviewPage(revealed=True))

    def _page(self, signup: ExamSignup, page: ReviewPage = OPENED) -> Response:
        place, person, office = self._place(signup), signup.person, request_context.current_office()
        born = f"{person.birth_date:%Y-%m-%d}"
        text = self.render_template(
            "exams/review.html",
            title=signup.person.name,
            crumbs=[(self.list_title, place.address)],
            signup=signup,
            place=place,
            page=page,
            wrong={refusal.field: refusal.sentence for refusal in page.refusals if refusal.field},
            scans=scans_of(signup),
            id_number=person.id_number if page.revealed else person.masked_id_number,
            born=born if page.revealed else mask_birth_date(born),
            known=background(db.session(), signup, on=request_context.today(), office=office),
            today=request_context.today(),
            score=score_text,
            score_shown=shown(score_cell(signup)),
            corrections=corrections_of(signup),
            correct=self.correction_link(signup),
            waits=signup.state is WAITS,
            undo=[] if signup.state is WAITS else self.decisions(signup),
            reasons=stock_reasons(ReasonStep.REJECT_SIGNUP),
            chosen=request.form.get("decision", ""),
            reason=asked_reason(),
        )
        return Response(text, page.status, mimetype="text/html")

    def _place(self, signup: ExamSignup) -> QueuePosition:
        """The position of the sign-up in the list it was opened from."""
        return position_in(self, safe_next(""), signup.id, _page)


def score_cell(item: ExamSignup) -> object | None:
    """The mark, marked as a draft until the scores are submitted; None without one."""
    if item.absent:
        text = str(SignupState.ABSENT)
    elif item.score is None:
        return None
    else:
        text = score_text(item.score)
    return text if item.state in SCORED else gettext("%(score)s (draft)", score=text)


def _answer(code: str) -> bool:
    return ANSWERS[code] if code in ANSWERS else abort(400)


def _review(ids: Sequence[int], admit: bool) -> SignupOutcome:
    again, reason = request.args.get("again") == "1", asked_reason()
    return exams.review(db.session(), ids, admit, reason=reason, again=again, **request_context.acting())


def _decision(admit: bool, **args: Any) -> Link:
    """Admitting one row needs no confirmation; a batch has its plan, a reversal is asked for. Rejecting asks for a reason."""
    again = "again" in args
    label = (
        (gettext("Admit after all") if admit else gettext("Reject after all"))
        if again
        else gettext("Admit")
        if admit
        else gettext("Reject")
    )
    sure = gettext("The earlier decision is undone; a score imported meanwhile falls away.") if again else ""
    reasons = () if admit else stock_reasons(ReasonStep.REJECT_SIGNUP)
    url = url_for("SignupReviewScreen.decide", admit="yes" if admit else "no", **args)
    return Link(label, url, primary=admit, danger=not admit, post=True, confirm=sure, reason=reasons)


def _page(signup_id: int, address: str) -> str:
    return url_for("SignupReviewScreen.examine", signup_id=signup_id, next=address)


def scans_of(signup: ExamSignup) -> list[Scan]:
    """The person's current scans: the kinds that this sign-up requires, and the others that exist."""
    papers = attachments.current(db.session(), signup.person)
    asked = signup_papers(db.session(), request_context.today()).required(signup.person.technical_title, signup.category)
    kinds = [kind for kind in PERSON_PAPERS if kind in asked or kind in papers]
    return [_scan(kind, papers.get(kind)) for kind in kinds]


def _scan(kind: PaperKind, paper: Paper | None) -> Scan:
    if paper is None or not reaches(request_context.current_actor(), paper):
        return Scan(kind.label)
    pdf = paper.mime != "image/jpeg"
    small = "" if pdf else url_for("PaperView.small", paper_id=paper.id)
    return Scan(kind.label, url_for("PaperView.open", paper_id=paper.id), small, pdf)
