"""Button labels of the actions (as in the user manual) and stock reasons, complete enough for the applicant to act on."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Action, Stage
from app.models import Application
from app.web import request_context
from app.workflow import MOVES, Move, moves_open_to

VERBS: Mapping[Action, object] = {
    Action.SUBMIT: _("Submit"),
    Action.WITHDRAW: _("Withdraw"),
    Action.ABANDON: _("Give up"),
    Action.RELEASE: _("Agree to the transfer out"),
    Action.REFUSE_RELEASE: _("Disagree to the transfer out"),
    Action.RELEASE_BY_OFFICE: _("Release"),
    Action.ACCEPT: _("Accept"),
    Action.RETURN: _("Return for correction"),
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
    Action.DECLINE: _("Do not accept in batch"),
    Action.ENDORSE: _("Agree in batch"),
    Action.REFUSE_REVIEW: _("Disagree in batch"),
    Action.APPROVE: _("Agree in batch"),
    Action.REFUSE_APPROVAL: _("Disagree in batch"),
    Action.EXTEND: _("Extend in batch"),
}

_UNFIT = (
    _("What was stated differs from what was found when checking (Administrative Licensing Law, article 31)."),
    _("The person is registered with another enterprise."),
    _("The position does not belong to the category applied for (Document 206 of 2015, one)."),
    _("Papers handed in are not genuine (Administrative Licensing Law, article 31)."),
)
REASONS: Mapping[Action, tuple[object, ...]] = {
    Action.RETURN: (
        _("The scan of the ID card is not legible; please scan it again."),
        _("The education certificate differs from what was stated."),
        _("The scan of the title certificate is incomplete."),
        _("The photo is not a recent one-inch photo without hat on a plain ground."),
        _("The integrity pledge lacks the signature of the legal representative or the seal."),
    ),
    Action.DECLINE: (
        _("The matter does not belong to this authority."),
        _("The exam was passed more than two years ago."),
        _("The originals were not shown at the service centre in time."),
        _("The qualification certificate has expired."),
    ),
    Action.REFUSE_RELEASE: (
        _("The employment contract with our enterprise has not ended."),
        _("The person still serves on a project that is under construction."),
    ),
    Action.RELEASE_BY_OFFICE: (
        _("The proof of the end of employment was examined; the old enterprise does not cooperate."),
        _("The old enterprise has been dissolved; the deregistration notice was examined."),
        _("A labour arbitration award has ended the employment."),
    ),
    Action.REFUSE_REVIEW: _UNFIT,
    Action.REFUSE_APPROVAL: _UNFIT,
    Action.EXTEND: (
        _("The case is complicated; what was stated must be verified with other departments."),
        _("The registration with another enterprise must be clarified with the other province."),
        _("A system fault has interrupted the examination."),
    ),
}


def moves_of(stage: Stage) -> tuple[Move, ...]:
    """The decisions of a stage, the favourable one first."""
    return tuple(sorted((move for move in MOVES if move.stage is stage), key=lambda move: not move.agreed))


def open_moves(case: Application) -> list[Move]:
    """What the reader may do with the case now; ``carry_out`` checks again."""
    return moves_open_to(request_context.current_actor(), case, request_context.current_office())
