"""Review of sign-ups by the exam clerk, one by one or in batch (R54–R57)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.clock import office_day, office_time
from app.core.errors import FixPlace, Refusal, Unmet
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import Category, MeasureGround, NoticeState, ReasonStep, SignupState
from app.eligibility.reasons import check_reason
from app.eligibility.rules import ban_sentence
from app.exams.identity import identity_refusals
from app.exams.locking import as_exam_clerk, check_batch_size, lock_notices_of, valid_ids
from app.exams.messages import tell
from app.exams.signups import SignupLine, SignupOutcome, change_state, split_by_state, with_free_places
from app.models import ExamNotice, ExamSignup, Person
from app.outbox.sms_texts import SIGNUPS_ADMITTED, SIGNUPS_PASSED, SIGNUPS_REJECTED, name_list, shortened

MOST_REASON = 500  # characters, as the column holds


@dataclass(frozen=True, slots=True)
class SignupPlan:
    """``outcome.moved`` are the sign-ups that would be decided, counted by category."""

    outcome: SignupOutcome
    counts: tuple[tuple[Category, int], ...]


def review(
    session: Session,
    ids: Iterable[int],
    admit: bool,
    actor: Actor,
    *,
    reason: str = "",
    again: bool = False,
    at: datetime,
    office: Office,
) -> SignupOutcome:
    """审核通过 (``admit``) or 审核不通过, the latter with a reason. The enterprise is told; of a first admission not by SMS.

    ``again`` reverses an earlier decision, until the scores are submitted; an imported score is deleted. It is explicit,
    so that the second of two clerks cannot reverse the first one's decision unnoticed.
    """
    reason = "" if admit else without_numbers(reason.strip())
    if not admit:
        _check_reason(session, reason, office)
    sources = ((SignupState.REJECTED if admit else SignupState.ADMITTED),) if again else (SignupState.SUBMITTED,)
    outcome, notices, fit = _judged(session, ids, admit, actor, sources, office_day(at))
    if admit and again:  # a rejected sign-up occupies no place
        fit = with_free_places(session, notices, fit, outcome)
    target = SignupState.ADMITTED if admit else SignupState.REJECTED
    new = {"state": target, "reason": reason, "reviewed_at": at, "reviewed_by": actor.name[:64]}
    new |= {"score": None, "absent": False}
    done = change_state(session, outcome, fit, sources, new, actor, at)
    moved = set(done.moved)
    told = [row for row in fit if row.id in moved]
    sentence = (SIGNUPS_ADMITTED if again else SIGNUPS_PASSED) if admit else SIGNUPS_REJECTED
    _tell(session, notices, told, sentence, reason, at, office)
    return done


def plan_review(
    session: Session, ids: Iterable[int], admit: bool, actor: Actor, *, reason: str = "", at: datetime, office: Office
) -> SignupPlan:
    """What ``review`` would do with sign-ups that wait, and does not. The caller rolls back: a plan keeps no locks."""
    if not admit:
        _check_reason(session, without_numbers(reason.strip()), office)
    outcome, _notices, fit = _judged(session, ids, admit, actor, (SignupState.SUBMITTED,), office_day(at))
    outcome.moved = [row.id for row in fit]
    counted = Counter(row.category for row in fit)
    return SignupPlan(outcome, tuple((category, counted[category]) for category in Category if counted[category]))


def _judged(
    session: Session, ids: Iterable[int], admit: bool, actor: Actor, sources: tuple[SignupState, ...], on: date
) -> tuple[SignupOutcome, Mapping[int, ExamNotice], list[SignupLine]]:
    """The locked notices, and the sign-ups that can be decided; the others are refused in the outcome."""
    clerk, ids = as_exam_clerk(actor), list(dict.fromkeys(ids))
    check_batch_size(ids)
    notices = lock_notices_of(session, valid_ids(ids), reach(clerk, ExamSignup))
    outcome, rows = split_by_state(session, ids, reach(clerk, ExamSignup), sources)
    fit = []
    banned = _banned(session, {row.person_id for row in rows}, on) if admit else {}
    differing = identity_refusals(session, ExamSignup.id.in_([row.id for row in rows])) if admit else {}
    for row in rows:
        if row.id in differing:
            outcome.refused[row.id] = differing[row.id]
        elif closed := tuple(_is_closed(notices[row.notice_id], row)):
            outcome.refused[row.id] = closed
        elif row.person_id in banned:
            until, ground = banned[row.person_id]
            outcome.refused[row.id] = (Refusal("banned", ban_sentence(row.name, until, ground)),)
        else:
            fit.append(row)
    return outcome, notices, fit


def _is_closed(notice: ExamNotice, row: SignupLine) -> Iterator[Refusal]:
    """The exam was cancelled, or its scores are final."""
    place = FixPlace("signup", row.notice_id)
    if notice.state is NoticeState.CANCELLED:
        sentence = _("%(name)s: this exam was cancelled, so the review can no longer change.", name=row.name)
        yield Refusal("exam-cancelled", sentence, place=place)
    if notice.scores_submitted_at:
        sentence = _("%(name)s: the scores of this exam are final, so the review can no longer change.", name=row.name)
        yield Refusal("scores-final", sentence, place=place)


def _tell(
    session: Session,
    notices: Mapping[int, ExamNotice],
    rows: Sequence[SignupLine],
    sentence: object,
    reason: str,
    at: datetime,
    office: Office,
) -> None:
    """One message for each exam and enterprise."""
    names: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        names[row.notice_id][row.enterprise_id].append(row.name)
    for notice_id, per_enterprise in names.items():
        notice = notices[notice_id]
        common = {
            "exam": notice.title,
            "reason": shortened(reason),
            "until": f"{office_time(notice.signup_end):%Y-%m-%d %H:%M}",
        }
        values = {owner: {**common, "n": len(theirs), "names": name_list(theirs)} for owner, theirs in per_enterprise.items()}
        tell(session, sentence, values, at, office, by_sms=sentence is not SIGNUPS_PASSED)


def _banned(session: Session, people: Collection[int], on: date) -> dict[int, tuple[date, MeasureGround | None]]:
    """Who was banned after signing up (domain.md 3.0): nobody admits them any more."""
    asked = select(Person.id, Person.banned_until, Person.banned_for).where(Person.id.in_(people), Person.banned_until > on)
    return {row[0]: (row[1], row[2]) for row in session.execute(asked) if row[1]}


def _check_reason(session: Session, reason: str, office: Office) -> None:
    if len(reason) > MOST_REASON:
        raise Unmet.because(
            Refusal("reason-too-long", _("The reason may have at most %(n)s characters.", n=MOST_REASON), "reason")
        )
    check_reason(session, ReasonStep.REJECT_SIGNUP, reason, office)
