"""What an enterprise changes in its sign-ups after saving: taking a submission back, and the category."""

from collections.abc import Iterable
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.clock import office_day
from app.core.errors import NotFound, Refusal, Unmet
from app.core.office import Office
from app.core.vocabulary import Category, MatterKind, SignupState
from app.eligibility.facts import of_candidates
from app.exams.locking import check_batch_size, lock_notices_of, valid_ids
from app.exams.signup_rules import conditions_on, fits_category, is_new, is_one_first_c
from app.exams.signups import UNSENT, SignupOutcome, change_state, entered_by, not_open, own_enterprise, split_by_state
from app.models import ExamSignup


def retract(session: Session, ids: Iterable[int], actor: Actor, *, at: datetime) -> SignupOutcome:
    """撤回报名: submitted sign-ups that nobody has reviewed go back to the enterprise's list."""
    mine = ExamSignup.enterprise_id == own_enterprise(session, actor).id
    ids = list(dict.fromkeys(ids))
    check_batch_size(ids)
    lock_notices_of(session, valid_ids(ids), mine)
    outcome, rows = split_by_state(session, ids, mine, (SignupState.SUBMITTED,))
    new = {"state": SignupState.SELECTED, "submitted_at": None, "identity": None}
    return change_state(session, outcome, rows, (SignupState.SUBMITTED,), new, actor, at)


def change_category(
    session: Session, signup_id: int, category: Category, actor: Actor, *, at: datetime, office: Office
) -> ExamSignup:
    """Another category for a sign-up that is not submitted, or rejected; it still has to be submitted.

    ``NotFound`` for others' sign-ups, ``Unmet`` with everything that stands in the way.
    """
    enterprise = own_enterprise(session, actor)
    mine = ExamSignup.enterprise_id == enterprise.id
    notices = lock_notices_of(session, valid_ids([signup_id]), mine)
    outcome, rows = split_by_state(session, [signup_id], mine, UNSENT)
    if not rows:
        if any(refusal.code == NotFound.code for refusal in outcome.refused[signup_id]):
            raise NotFound
        raise Unmet(outcome.refused[signup_id])
    [row] = rows
    notice = notices[row.notice_id]
    key = (row.person_id, category)
    case = of_candidates(session, enterprise.id, MatterKind.NEW, [key])[key]
    others = dict(entered_by(session, [row.notice_id], [row.person_id])[row.notice_id, row.person_id])
    del others[row.category]
    asks = conditions_on(session, office_day(at), office)
    refusals = [*not_open(notice, enterprise, at=at)]
    if category not in notice.categories:
        offered = _("%(name)s: this exam is not held for %(category)s.", name=case.name, category=category.value)
        refusals.append(Refusal("category-not-offered", offered, "category"))
    refusals += [*is_new(case, others), *fits_category(case, asks), *is_one_first_c(case, {*others, category}, asks.on)]
    if refusals:
        raise Unmet(refusals)
    signup = session.get_one(ExamSignup, signup_id, populate_existing=True)
    signup.category = category
    session.flush()
    return signup
