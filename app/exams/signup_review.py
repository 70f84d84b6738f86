"""Review of sign-ups by the exam clerk, one by one or in batch (R54–R57).

Law: a first decision meets only what still awaits one; undoing a decision is asked for by name, and ends with the scores.
"""

from collections.abc import Iterable
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.errors import FixPlace, Refusal, Unmet
from app.core.redaction import mask_numbers
from app.core.vocabulary import SignupState
from app.exams.locking import as_exam_clerk, hold_of, must_be_a_batch, sound
from app.exams.signups import SignupOutcome, move, seated, sort_out
from app.models import ExamSignup

MOST_REASON = 500  # characters, as the column holds


def review(
    session: Session,
    ids: Iterable[int],
    admit: bool,
    actor: Actor,
    *,
    reason: str = "",
    again: bool = False,
    at: datetime,
) -> SignupOutcome:
    """审核通过 (``admit``) or 审核不通过, the latter with a reason.

    ``again`` turns an earlier decision into its opposite, until the scores are submitted; a score imported meanwhile falls.
    It is asked for by name because otherwise the second of two clerks would undo the first one's decision unseen.
    """
    clerk = as_exam_clerk(actor)
    reason = "" if admit else mask_numbers(reason.strip())
    _must_give_reason(admit, reason)
    ids = list(dict.fromkeys(ids))
    must_be_a_batch(ids)
    sources = ((SignupState.REJECTED if admit else SignupState.ADMITTED),) if again else (SignupState.SUBMITTED,)
    notices = hold_of(session, sound(ids), reach(clerk, ExamSignup))
    outcome, rows = sort_out(session, ids, reach(clerk, ExamSignup), sources)
    fit = []
    for row in rows:
        if notices[row.notice_id].scores_submitted_at:
            sentence = _(
                "%(name)s: the scores of this exam are final, so the review can no longer change.",
                name=row.name,
            )
            outcome.refused[row.id] = (Refusal("scores-final", sentence, place=FixPlace("signup", row.notice_id)),)
        else:
            fit.append(row)
    if admit and again:  # a rejected sign-up had given its place back
        fit = seated(session, notices, fit, outcome)
    target = SignupState.ADMITTED if admit else SignupState.REJECTED
    new = {"state": target, "reason": reason, "reviewed_at": at, "reviewed_by": actor.name[:64]}
    new |= {"score": None, "absent": False}
    return move(session, outcome, fit, sources, new, actor, at)


def _must_give_reason(admit: bool, reason: str) -> None:
    if not admit and not reason:
        raise Unmet.because(Refusal("reason-missing", _("Please give the reason in detail."), "reason"))
    if len(reason) > MOST_REASON:
        raise Unmet.because(
            Refusal("reason-too-long", _("The reason may have at most %(n)s characters.", n=MOST_REASON), "reason")
        )
