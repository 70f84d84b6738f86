"""The progress bar and the history of a case, derived from its steps and the table of moves in ``workflow``."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext

from app.core.clock import office_time
from app.core.vocabulary import CLOSED, Action, Stage, State
from app.models import Application, Step
from app.workflow import MOVES, MOVING

Node = tuple[object, str, str]  # label, who, when

STAGES = {move.action: move.stage for move in MOVES if move.stage}
_AT = {move.source: move.stage for move in MOVES if move.stage}
_STOPPED = {move.target: move.stage for move in MOVES if move.stage and not move.agreed and move.target in CLOSED}
_BETWEEN = {State.AWAITING_RELEASE: "released", State.RELEASE_REFUSED: "released"}
_OWN_MARKS = {
    Action.SUBMIT: "submitted",
    Action.RELEASE: "released",
    Action.REFUSE_RELEASE: "released",
    Action.RELEASE_BY_OFFICE: "released",
}
AGAINST = frozenset({*CLOSED, State.RELEASE_REFUSED}) - {State.APPROVED}


@dataclass(frozen=True, slots=True)
class CaseProgress:
    nodes: list[Node]
    at: int  # index of the current node; the number of nodes when done
    stopped: bool  # ended at that node


def progress(case: Application) -> CaseProgress:
    """Submission, consent of the old enterprise, the three stages, the certificate: who and when in this round."""
    stages = list(Stage)
    marks: list[object] = ["submitted", *(["released"] if case.matter in MOVING else []), *stages]
    last = {_mark_of(step): step for step in case.steps if step.round == case.round}
    labels = {"submitted": gettext("Submitted by the enterprise"), "released": gettext("Consent of the old enterprise")}
    longer: dict[object, Step] = {_AT.get(step.source): step for step in case.steps if step.action is Action.EXTEND}
    nodes = [_node(labels[mark] if isinstance(mark, str) else mark, last.get(mark), longer.get(mark)) for mark in marks]
    number = case.certificate.number if case.certificate and case.state is State.APPROVED else ""
    nodes.append((gettext("Issue of the certificate"), number, _short(case.closed_at) if number else ""))
    if case.state is State.APPROVED:
        return CaseProgress(nodes, len(nodes), stopped=False)
    stage: object = _AT.get(case.state) or _STOPPED.get(case.state) or _BETWEEN.get(case.state)
    stopped = case.state in CLOSED or case.state is State.RELEASE_REFUSED
    return CaseProgress(nodes, marks.index(stage) if stage in marks else 0, stopped=stopped)


def _mark_of(step: Step) -> object:
    """The node a step belongs to; None for returns, withdrawals and the like."""
    return STAGES.get(step.action) or _OWN_MARKS.get(step.action)


def _node(label: object, step: Step | None, longer: Step | None) -> Node:
    """Actor and time of the step; for an undecided stage whose time limit was extended, the extension."""
    if step is None and longer is not None:
        return (label, gettext("time limit extended"), _short(longer.at))
    return (label, step.actor, _short(step.at)) if step else (label, "", "")


def _short(at: datetime | None) -> str:
    return f"{office_time(at):%m-%d %H:%M}" if at else ""


def history(case: Application) -> list[dict[str, object]]:
    """Every step, newest first, for ``ui.timeline``."""
    return [
        {
            "label": step.action.label,
            "result": step.target,
            "who": step.actor,
            "at": step.at,
            "text": step.reason,
            "tone": "bad" if step.target in AGAINST else "",
        }
        for step in reversed(case.steps)
    ]


def last_step(case: Application, *actions: Action) -> Step | None:
    """The newest step, or the newest of these actions."""
    return next((step for step in reversed(case.steps) if not actions or step.action in actions), None)
