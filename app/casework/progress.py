"""How far a case has come: the step bar and the history, read from its steps.

Law: drawn from the table of moves, so that the picture cannot differ from the procedure.
"""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext

from app.clock import office_time
from app.models import Application, Step
from app.vocabulary import CLOSED, Action, Stage, State
from app.workflow import MOVES

Node = tuple[object, str, str]  # label, who, when

_STAGES = {move.action: move.stage for move in MOVES if move.stage}
_AT = {move.source: move.stage for move in MOVES if move.stage}
_STOPPED = {move.target: move.stage for move in MOVES if move.stage and not move.agreed and move.target in CLOSED}


@dataclass(frozen=True, slots=True)
class Progress:
    nodes: list[Node]
    at: int  # the node where the case is; all of them: done
    stopped: bool  # it will not go on from there


def progress(case: Application) -> Progress:
    """Submission, the three stages, the certificate: who and when, as far as this round has come."""
    last = {_node_of(step): step for step in case.steps if step.round == case.round}
    stages = list(Stage)
    labels: list[object] = [gettext("Submitted by the enterprise"), *(str(stage.label) for stage in stages)]
    nodes = [_node(label, last.get(n)) for n, label in enumerate(labels)]
    number = case.certificate.number if case.certificate and case.state is State.APPROVED else ""
    nodes.append((gettext("Certificate"), number, _short(case.closed_at) if number else ""))
    if case.state is State.APPROVED:
        return Progress(nodes, len(nodes), stopped=False)
    stage = _AT.get(case.state) or _STOPPED.get(case.state)
    return Progress(nodes, stages.index(stage) + 1 if stage else 0, stopped=case.state in CLOSED)


def _node_of(step: Step) -> int:
    stage = _STAGES.get(step.action)
    return list(Stage).index(stage) + 1 if stage else 0


def _node(label: object, step: Step | None) -> Node:
    return (label, step.actor, _short(step.at)) if step else (label, "", "")


def _short(at: datetime | None) -> str:
    return f"{office_time(at):%m-%d %H:%M}" if at else ""


def history(case: Application) -> list[dict[str, object]]:
    """Every step, the newest on top, for ``ui.timeline``."""
    return [
        {
            "label": step.action.label,
            "result": step.target,
            "who": step.actor,
            "at": step.at,
            "text": step.reason,
            "tone": "bad" if step.target in CLOSED and step.target is not State.APPROVED else "",
        }
        for step in reversed(case.steps)
    ]


def last_step(case: Application, *actions: Action) -> Step | None:
    """The newest step, or the newest of these actions."""
    return next((step for step in reversed(case.steps) if not actions or step.action in actions), None)
