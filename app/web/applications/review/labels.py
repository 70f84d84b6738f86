"""Button labels of the actions, as in the user manual."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Action, Stage
from app.models import Application
from app.procedure import Move
from app.web import request_context
from app.workflow import MOVES, moves_open_to

VERBS: Mapping[Action, object] = {
    Action.SUBMIT: _("Submit"),
    Action.WITHDRAW: _("Withdraw"),
    Action.ABANDON: _("Give up"),
    Action.RELEASE: _("Agree to the transfer out"),
    Action.REFUSE_RELEASE: _("Disagree to the transfer out"),
    Action.RELEASE_BY_OFFICE: _("Release"),
    Action.ACCEPT: _("Accept"),
    Action.RETURN: _("Return for correction"),
    Action.LAPSE: _("Close for want of correction"),
    Action.DECLINE: _("Do not accept"),
    Action.ENDORSE: _("Agree"),
    Action.REFUSE_REVIEW: _("Disagree"),
    Action.APPROVE: _("Agree"),
    Action.REFUSE_APPROVAL: _("Disagree"),
    Action.EXTEND: _("Extend the time limit"),
}
BATCH_VERBS: Mapping[Action, object] = {
    Action.SUBMIT: _("Submit in batch"),
    Action.ACCEPT: _("Accept in batch"),
    Action.RETURN: _("Return in batch"),
    Action.LAPSE: _("Close in batch"),
    Action.DECLINE: _("Do not accept in batch"),
    Action.ENDORSE: _("Agree in batch"),
    Action.REFUSE_REVIEW: _("Disagree in batch"),
    Action.APPROVE: _("Agree in batch"),
    Action.REFUSE_APPROVAL: _("Disagree in batch"),
    Action.EXTEND: _("Extend in batch"),
}


def moves_of(stage: Stage) -> tuple[Move, ...]:
    """The decisions of a stage, the favourable one first."""
    return tuple(sorted((move for move in MOVES if move.stage is stage), key=lambda move: not move.agreed))


def open_moves(case: Application) -> list[Move]:
    """What the reader may do with the case now; ``carry_out`` checks again."""
    return moves_open_to(request_context.current_actor(), case, request_context.current_office())
