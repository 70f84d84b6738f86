"""The page of one case: scans, facts and decision side by side; after a decision the next case of the queue opens.

A decision is ``workflow.carry_out`` and a commit. If another officer was faster, the page says so (409) and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app.accounts.access import CASE_OFFICERS, decides
from app.applications.originals_check import ORIGINALS, asks_for_originals, is_at_the_counter, verify_originals
from app.core.clock import office_day
from app.core.errors import AppError, NotAllowed, NotFound, Refusal, Stale, Unmet
from app.core.identifiers import mask_mobile
from app.core.vocabulary import CLOSED, Action, PaperKind, Role, Stage, State
from app.db import audit
from app.db.session import db
from app.eligibility.corrections import ITEMS, remark_of
from app.eligibility.facts import Facts, of_applications
from app.models import Application, Step
from app.procedure import Move
from app.web import request_context
from app.web.applications.review.access import case_of
from app.web.applications.review.auto_checks import checks_of
from app.web.applications.review.correction_marks import asked_marks, corrected_since, marking_of
from app.web.applications.review.labels import VERBS, open_moves
from app.web.applications.review.letter_links import letter_links
from app.web.applications.review.limits import decisions_left, lapse_form, limit_notice, overdue_acceptance
from app.web.applications.review.matter_details import details_of
from app.web.applications.review.presentation import Pairs, about_case, about_person, brief, item_by_item, scans_of
from app.web.applications.review.progress import history, last_step, progress
from app.web.applications.review.queues import queue_position_of
from app.web.base import due, text_of
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.error_pages import refusals_after
from app.web.base.fab import BaseView, route
from app.web.base.layout import optional_url, safe_next
from app.web.base.review_queue import NO_DECISION, QueuePosition, for_decision
from app.web.base.stock_reasons import stock_reasons
from app.web.certificates.render_progress import draw_at_once
from app.workflow import carry_out, plan


@dataclass(frozen=True, slots=True)
class PageState:
    """What the page shows after a post that did not redirect; the default is a page that was simply opened."""

    status: int = 200
    refusals: Sequence[Refusal] = ()
    failed: object = _("The decision was not recorded")  # what was refused
    stale: bool = False
    revealed: bool = False
    unexplained: object = ""  # why the ID number is not shown, e.g. no reason was given


OPENED = PageState()
FORMS_OF_THEIR_OWN = (Action.EXTEND.value, Action.LAPSE.value)


class CaseView(BaseView):
    """The review page, and the same page without a decision form."""

    route_base = "/cases"
    class_permission_name = "Case"
    default_view = "show"

    @route(f"/{ROW}application_id>")
    def show(self, application_id: int) -> Response:
        return self._page(case_of(application_id))

    @route(f"/{ROW}application_id>/read")
    def read(self, application_id: int) -> Response:
        return self._page(case_of(application_id), reading=True)

    @route(f"/{ROW}application_id>/decide", "POST")
    def decide(self, application_id: int) -> Response:
        case = case_of(application_id)
        action = _chosen_action()
        place = queue_position_of(case, request.form.get("next", ""))
        follow = place.following if place else safe_next("/")
        if action is Action.EXTEND:  # decides nothing, so the case stays open
            follow = url_for("CaseView.show", application_id=application_id, next=request.form.get("next") or None)
        if request.form.get("then") == "look":
            return self._page(case)
        try:
            if action is None:
                raise Unmet.because(NO_DECISION)
            _decide(case, action)
            db.session.commit()
        except Stale:
            db.session.rollback()
            return self._page(case_of(application_id), PageState(status=409, stale=True))
        except AppError as error:
            page_state = PageState(status=422, refusals=refusals_after(error))
            return self._page(case_of(application_id), page_state)
        if action is Action.APPROVE:
            draw_at_once([application_id])
        case = case_of(application_id)
        done = {"name": case.person.name, "verb": VERBS[action], "state": case.state.label}
        flash(gettext("%(name)s: %(verb)s. Now “%(state)s”.", **done), "success")
        return redirect(follow)

    @route(f"/{ROW}application_id>/originals", "POST")
    def verify(self, application_id: int) -> Response:
        """Record that the three originals were shown at the counter (R68)."""
        case = case_of(application_id)
        try:
            verify_originals(db.session, application_id, _ticked_originals(), **request_context.acting())
            db.session.commit()
        except Unmet as error:
            db.session.rollback()
            return self._page(
                case_of(application_id),
                PageState(status=422, refusals=error.refusals, failed=_("The originals were not noted")),
            )
        flash(gettext("The originals of %(name)s are noted as verified.", name=case.person.name), "success")
        return redirect(url_for("CaseView.show", application_id=application_id, next=request.form.get("next") or None))

    @route(f"/{ROW}application_id>/id-number", "POST")
    def reveal(self, application_id: int) -> Response:
        """Show the ID number in full in this response only; the audit log keeps why.

        The purpose of whoever may decide the case now is the case itself; others say theirs.
        """
        request_context.current_actor().demand(*CASE_OFFICERS)
        case = case_of(application_id)
        own = for_decision(case.number) if any(move.stage for move in open_moves(case)) else ""
        why = request.form.get("why") or own
        try:
            audit.log_reveal(db.session(), case, "id_number", why, at=request_context.office_now())
            db.session.commit()
            page_state = PageState(revealed=True)
        except AppError as error:
            db.session.rollback()
            page_state = PageState(status=error.status, unexplained=error.sentence)
        return self._page(case_of(application_id), page_state, reading=bool(request.form.get("reading")))

    def _page(self, case: Application, page_state: PageState = OPENED, *, reading: bool = False) -> Response:
        facts = of_applications(db.session, [case.id])[case.id]
        open_now = [] if reading or page_state.stale else open_moves(case)
        moves = decisions_left(case, facts, [move for move in open_now if move.stage])
        address = request.values.get("next", "")
        place = None if reading else queue_position_of(case, address)
        page = self.render_template(
            "applications/case.html",
            title=case.person.name,
            crumbs=_crumbs(place),
            case=case,
            page_state=page_state,
            stale=_stale_message(case) if page_state.stale else "",
            reading=reading or not moves,
            overdue=overdue_acceptance(case),
            progress=progress(case),
            history=history(case),
            facts=_shown_facts(case, facts, moves, in_full=page_state.revealed),
            claim=details_of(facts, in_full=page_state.revealed),
            items=ITEMS,
            remark_of=remark_of,
            corrected=corrected_since(case, facts, in_full=page_state.revealed),
            due=due(case.due_on, extended=case.extended_to is not None) if case.due_on else None,
            limit=limit_notice(case),
            lapse=lapse_form(case, open_now),
            more=None if reading or page_state.stale else _extension_form(case, page_state),
            originals=_originals_asked(facts),
            scans=scans_of(facts, case.snapshot_before),
            place=place,
            back=safe_next(place.address if place else default_list_url()),
            may_reveal=bool(request_context.current_actor().roles & CASE_OFFICERS) and not page_state.revealed,
            edit=_edit_url(case),
            against=_unfavourable_step(case),
            archive=case.state is not State.DRAFT and optional_url("ArchiveView.show", application_id=case.id),
            letters=letter_links(case),
            **(_decision(case, facts, moves, page_state) if moves else {"moves": [], "marking": None}),
        )
        return Response(page, page_state.status, mimetype="text/html")


def _chosen_action() -> Action | None:
    code = request.form.get("decision", "")
    return next((action for action in Action if action.value == code), None) or (abort(400) if code else None)


def _ticked_originals() -> list[PaperKind]:
    given = request.form.getlist("original")
    return [kind for kind in ORIGINALS if kind.value in given]


def _decide(case: Application, action: Action) -> None:
    """Decide one case; ``Unmet`` with every refusal, ``Stale``, ``NotFound`` or ``NotAllowed``."""
    acting = request_context.acting()
    _check_last_step(case.id)
    ticks = _ticked_originals()
    if ticks and action is Action.ACCEPT:  # ticked and accepted in one request
        verify_originals(db.session, case.id, ticks, **acting)
    reason, marks = asked_reason(), asked_marks() if action is Action.RETURN else ()
    brought_up = action is Action.RETURN and "brought_up" in request.form
    planned = carry_out(db.session, [case.id], action, reason=reason, marks=marks, brought_up=brought_up, **acting)
    refused = planned.refused.get(case.id, ())
    for error in (Stale, NotFound, NotAllowed):
        if any(refusal.code == error.code for refusal in refused):
            raise error
    if refused:
        raise Unmet(refused)


def _check_last_step(application_id: int) -> None:
    """``Stale`` unless the step that the page was rendered after (form field ``seen``) is still the last one."""
    seen = request.form.get("seen")
    if seen is None:
        return
    db.session.execute(select(Application.id).where(Application.id == application_id).with_for_update())
    latest = db.session.scalar(select(func.max(Step.id)).where(Step.application_id == application_id))
    if seen != str(latest or ""):
        raise Stale


def _stale_message(case: Application) -> object:
    """Who moved the case meanwhile, when and how."""
    step = last_step(case)
    if step is None:
        return gettext("Nothing was changed: this case is not at the stage you saw.")
    return gettext(
        "%(name)s was moved by %(who)s at %(when)s (%(action)s) and is now “%(state)s”. Your decision was not recorded.",
        name=case.person.name,
        who=step.actor,
        when=text_of(step.at),
        action=step.action.label,
        state=case.state.label,
    )


def _shown_facts(case: Application, facts: Facts, moves: Sequence[Move], *, in_full: bool) -> Pairs:
    """All facts for reading, a short list for deciding, one line per item where items can be marked."""
    if not moves:
        return [*about_person(facts, in_full=in_full), *about_case(case, facts)]
    return (item_by_item if _may_return(moves) else brief)(case, facts, in_full=in_full)


def _may_return(moves: Sequence[Move]) -> bool:
    return any(move.action is Action.RETURN for move in moves)


def _decision(case: Application, facts: Facts, moves: Sequence[Move], page_state: PageState) -> dict[str, Any]:
    moves = sorted(moves, key=lambda move: not move.agreed)
    blocking = _refusals_now(case.id, moves[0].action)
    at, office = request_context.office_now(), request_context.current_office()
    chosen = request.form.get("decision", "")
    return {
        "moves": moves,
        "verbs": VERBS,
        "chips": [(move.action, stock_reasons(move.action, case.matter)) for move in moves if move.reason],
        "again": bool(facts.snapshot_before),
        "brought_up": "brought_up" in request.form,
        "chosen": chosen,
        "reason": "" if chosen in FORMS_OF_THEIR_OWN else asked_reason(),
        "seen": getattr(last_step(case), "id", ""),
        "marking": marking_of(facts, page_state.refusals) if _may_return(moves) else None,
        "checks": checks_of(facts, blocking, office_day(at), office),
        "is_acceptance": moves[0].stage is Stage.ACCEPTANCE,
        "notified_mobile": mask_mobile(facts.submitted["handler"]["mobile"]),
        "wrong": {refusal.field: refusal.sentence for refusal in page_state.refusals if refusal.field},
    }


def _originals_asked(facts: Facts) -> list[tuple[PaperKind, bool]]:
    """The originals that this officer can note as seen now, each with whether it is ticked."""
    actor, office = request_context.current_actor(), request_context.current_office()
    may = Role.ACCEPTANCE_OFFICER in actor.roles and decides(actor, Role.ACCEPTANCE_OFFICER, office)
    if not may or not is_at_the_counter(facts) or not asks_for_originals(facts):
        return []
    return [(kind, kind in _ticked_originals()) for kind in ORIGINALS]


def _refusals_now(application_id: int, action: Action) -> tuple[Refusal, ...]:
    """The refusals that the favourable decision would meet now."""
    planned = plan(db.session, [application_id], action, reason="-", **request_context.acting())
    return planned.refused.get(application_id, ())


def _extension_form(case: Application, page_state: PageState) -> dict[str, Any] | None:
    """Context of the extension form, None where no extension is possible; ``carry_out`` checks again."""
    may = any(move.action is Action.EXTEND for move in open_moves(case))
    late = case.due_on is None or request_context.today() > case.due_on
    if not may or late or case.extended_to or case.due_from is None or case.due_days is None:
        return None
    office, mine = request_context.current_office(), request.form.get("decision") == Action.EXTEND.value
    return {
        "days": office.extend_days,
        "until": office.calendar.add_working_days(case.due_from, case.due_days + office.extend_days),
        "reasons": stock_reasons(Action.EXTEND, case.matter),
        "seen": getattr(last_step(case), "id", ""),
        "mine": mine,
        "reason": asked_reason() if mine else "",
        "wrong": next((refusal.sentence for refusal in page_state.refusals if mine and refusal.field == "reason"), ""),
    }


def _edit_url(case: Application) -> str:
    """URL of the form on which the enterprise may change the case now, or an empty string."""
    mine = any(move.action is Action.SUBMIT for move in open_moves(case))
    if mine and case.marks:
        return optional_url("CorrectionView.edit", application_id=case.id)
    return optional_url("FilingView.edit", filing_id=case.filing_id) if mine else ""


def _unfavourable_step(case: Application) -> Step | None:
    """The last step with its reason, if it returned or refused the case."""
    step = last_step(case)
    return step if step and step.reason and step.target in (State.RETURNED, *CLOSED) else None


def _crumbs(place: QueuePosition | None) -> list[tuple[object, str]]:
    if place is not None:
        return [(place.title, place.address)]
    return [(gettext("Applications"), safe_next(default_list_url()))]


def default_list_url() -> str:
    """URL of the list to go back to when the request names none."""
    roles = request_context.current_actor().roles
    if Role.ENTERPRISE_CLERK in roles:
        return optional_url("NewApplicationScreen.list") or "/"
    return optional_url("ClosedScreen.list") or "/"
