"""What the limits of a case mean today (行政许可法 art. 32), for officer and applicant, and the decisions that are left."""

from collections.abc import Iterable
from typing import Any

from flask import request
from flask_babel import gettext

from app.core.vocabulary import Action, State
from app.eligibility.acceptance_limit import counts_as_accepted, open_items
from app.eligibility.facts import Facts
from app.matters import MATTERS, correctable
from app.models import Application
from app.procedure import Move
from app.web import request_context
from app.web.applications.review.progress import last_step


def overdue_acceptance(case: Application) -> bool:
    """Whether the case counts as accepted today because the limit for acceptance has passed."""
    return counts_as_accepted(case.state, case.due_on, request_context.today())


def limit_notice(case: Application) -> tuple[str, str]:
    """A sentence on the limit of the case and its tone; empty where there is nothing out of the ordinary."""
    if overdue_acceptance(case) and case.due_from and case.due_on:
        office = request_context.current_office()
        until = office.calendar.add_working_days(case.due_from, MATTERS[case.matter].days(office))
        sentence = gettext(
            "Accepted by lapse of time: the limit for acceptance passed on %(limit)s, so the application counts as accepted "
            "since it was received on %(received)s (Administrative Licensing Law, article 32). It can no longer be returned "
            "or not accepted; the decision is due by %(until)s, counted from the day of receipt.",
            limit=case.due_on, received=case.due_from, until=until,
        )  # fmt: skip
        return sentence, "warning"
    if case.counts_from:
        sentence = gettext(
            "Accepted by lapse of time since it was received on %(received)s (Administrative Licensing Law, article 32); the "
            "time for the decision is counted from that day.",
            received=case.counts_from,
        )
        return sentence, "info"
    if case.state is State.RETURNED and case.due_on:
        return _awaited(case, late=request_context.today() > case.due_on)
    return "", ""


def _awaited(case: Application, *, late: bool) -> tuple[str, str]:
    if late:
        sentence = gettext(
            "The correction was awaited until %(day)s. The authority may close the application; until it does, it can still "
            "be corrected and submitted.",
            day=case.due_on,
        )
        return sentence, "danger"
    return gettext("The correction is awaited until %(day)s; afterwards the case may be closed.", day=case.due_on), "warning"


def decisions_left(case: Application, facts: Facts, moves: Iterable[Move]) -> list[Move]:
    """The decisions to offer; what the limits rule out is refused by ``carry_out``, too."""
    gone = set()
    if overdue_acceptance(case):
        gone = {Action.RETURN, Action.DECLINE}
    elif facts.snapshot_before and not open_items(facts, correctable(facts, request_context.today())):
        gone = {Action.RETURN}  # the correction changed nothing that could be named
    return [move for move in moves if move.action not in gone]


def lapse_form(case: Application, moves: Iterable[Move]) -> dict[str, Any] | None:
    """Context of the form that closes a case whose correction is overdue; None where that is not possible."""
    may = any(move.action is Action.LAPSE for move in moves)
    if not may or case.due_on is None or request_context.today() <= case.due_on:
        return None
    mine = request.form.get("decision") == Action.LAPSE.value
    return {"until": case.due_on, "seen": getattr(last_step(case), "id", ""), "mine": mine}
