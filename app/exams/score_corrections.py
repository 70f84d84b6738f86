"""Corrections of final scores: one exam clerk asks with a reason, another one decides, and the pass list follows.

While a certificate issued on a pass is in force, its score cannot fall below the pass mark: the certificate is revoked first
(撤销), then the pass goes with the correction. A pass that no certificate rests on goes at once, and an application that
relies on it is refused at its approval.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach, reach
from app.accounts.identity_binding import lock_people
from app.core.clock import office_day
from app.core.errors import NotFound, Refusal, Stale, Unmet, reason_faults
from app.core.office import Office
from app.core.redaction import REASON, number_refusals, without_numbers
from app.core.vocabulary import SCORED, CertificateStatus, PassSource, Role, ScoreCorrectionState, SignupState
from app.eligibility.rules import ban_sentence
from app.exams.identity import identity_refusals
from app.exams.locking import as_exam_clerk, lock_notices_of, valid_ids
from app.exams.messages import tell
from app.exams.scores import Mark, parse_mark
from app.models import Application, Certificate, ExamNotice, ExamPass, ExamSignup, ScoreCorrection
from app.outbox.sms_texts import SCORE_CORRECTED, in_province_language

PROPOSED = ScoreCorrectionState.PROPOSED
IN_FORCE = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)


def propose(session: Session, signup_id: int, typed: str, reason: str, actor: Actor, *, at: datetime) -> ScoreCorrection:
    """Ask for another score, or 缺考. Nothing changes yet. ``Unmet`` with what is wrong at its field."""
    _notice, signup = _locked_signup(session, signup_id, actor)
    if signup.state not in SCORED:
        raise Stale
    new, faults = _parsed(typed.strip(), signup)
    reason = " ".join(reason.split())
    faults += [*reason_faults(reason), *number_refusals({"reason": (REASON, reason)})]
    if faults:
        raise Unmet(faults)
    made = ScoreCorrection(
        signup_id=signup.id,
        old_score=signup.score,
        old_absent=signup.absent,
        new_score=new if isinstance(new, Decimal) else None,
        new_absent=not isinstance(new, Decimal),
        reason=reason,
        proposed_by_id=actor.id,
        proposed_by=actor.name[:130],
        proposed_at=at,
    )
    session.add(made)
    try:
        session.flush()  # of two at once, the unique index refuses one
    except IntegrityError:
        raise Stale(_("A correction of this score awaits its decision already.")) from None
    return made


def confirm(session: Session, correction_id: int, actor: Actor, *, at: datetime, office: Office) -> ScoreCorrection:
    """Correct the score and the pass list. Not by whoever asked. ``Unmet`` with what stands in the way."""
    notice, signup, correction = _to_decide(session, correction_id, actor)
    if (signup.score, signup.absent) != (correction.old_score, correction.old_absent) or signup.state not in SCORED:
        raise Stale
    lock_people(session, [signup.person_id])  # an approval that uses the pass waits, or has used it
    result = _result(correction, notice.pass_mark)
    if refusals := list(_stands_in_the_way(session, notice, signup, result, office_day(at))):
        raise Unmet(refusals)
    _correct_pass_list(session, notice, signup, result)
    signup.score, signup.absent, signup.state = correction.new_score, correction.new_absent, result
    values = {
        "person": signup.person.name,
        "exam": notice.title,
        "old": _text(correction.old_score),
        "new": _text(correction.new_score),
        "result": in_province_language(result.label),
    }
    tell(session, SCORE_CORRECTED, {signup.enterprise_id: values}, at, office)
    return _close(session, correction, ScoreCorrectionState.CONFIRMED, "", actor, at)


def refuse(session: Session, correction_id: int, reason: str, actor: Actor, *, at: datetime) -> ScoreCorrection:
    """The score stays. Not by whoever asked, who can take it back."""
    reason = without_numbers(" ".join(reason.split()))
    _notice, _signup, correction = _to_decide(session, correction_id, actor)
    if faults := list(reason_faults(reason)):
        raise Unmet(faults)
    return _close(session, correction, ScoreCorrectionState.REFUSED, reason, actor, at)


def take_back(session: Session, correction_id: int, actor: Actor, *, at: datetime) -> ScoreCorrection:
    """By whoever asked, while it is not decided."""
    _notice, _signup, correction = _locked(session, correction_id, actor)
    if correction.proposed_by_id != actor.id:
        raise NotFound
    return _close(session, correction, ScoreCorrectionState.RETRACTED, "", actor, at)


def corrections_to_decide(session: Session, actor: Actor) -> int:
    """Asked for by others, within reach."""
    if Role.EXAM_CLERK not in actor.roles:
        return 0
    clerk = as_exam_clerk(actor)
    mine = (ScoreCorrection.state == PROPOSED, ScoreCorrection.proposed_by_id != actor.id)
    return session.scalar(select(func.count(ScoreCorrection.id)).where(*mine, reach(clerk, ScoreCorrection))) or 0


def signup_within_reach(session: Session, signup_id: int, actor: Actor) -> ExamSignup:
    """A sign-up that this exam clerk may see; ``NotFound`` otherwise."""
    return must_reach(as_exam_clerk(actor), session.get(ExamSignup, signup_id) if valid_ids([signup_id]) else None)


# --- what may be corrected ------------------------------------------------------------------------------


def _parsed(typed: str, signup: ExamSignup) -> tuple[Mark, list[Refusal]]:
    try:
        new = parse_mark(typed)
    except ValueError as error:
        return None, [Refusal("bad-score", error.args[0], "score")]
    if new == (SignupState.ABSENT if signup.absent else signup.score):
        return new, [Refusal("nothing-corrected", _("This is the score on record."), "score")]
    return new, []


def _result(correction: ScoreCorrection, pass_mark: int) -> SignupState:
    if correction.new_score is None:
        return SignupState.ABSENT
    return SignupState.PASSED if correction.new_score >= pass_mark else SignupState.FAILED


def _stands_in_the_way(
    session: Session, notice: ExamNotice, signup: ExamSignup, result: SignupState, on: date
) -> Iterator[Refusal]:
    passes, passed = result is SignupState.PASSED, signup.state is SignupState.PASSED
    if passes and not passed:
        yield from identity_refusals(session, ExamSignup.id == signup.id).get(signup.id, ())
        person = signup.person
        if person.banned_until and person.banned_until > notice.exam_on:
            yield Refusal("banned", ban_sentence(person.name, person.banned_until, person.banned_for))
    if passed and not passes:
        resting = (
            select(Certificate.number)
            .join(Application, Application.certificate_id == Certificate.id)
            .join(ExamPass, ExamPass.used_by_application_id == Application.id)
            .where(ExamPass.signup_id == signup.id, Certificate.status.in_(IN_FORCE), Certificate.valid_to >= on)
        )
        for number in session.scalars(resting):
            sentence = _(
                "The certificate %(number)s was issued on this pass and is in force. It has to be revoked first; then the "
                "score can be corrected.",
                number=number,
            )
            yield Refusal("pass-in-use", sentence)


def _correct_pass_list(session: Session, notice: ExamNotice, signup: ExamSignup, result: SignupState) -> None:
    """One pass for whoever passes, none for others."""
    listed = session.scalars(select(ExamPass).where(ExamPass.signup_id == signup.id)).one_or_none()
    if result is SignupState.PASSED and listed is None:
        session.add(
            ExamPass(
                person_id=signup.person_id,
                category=signup.category,
                passed_on=notice.exam_on,
                source=PassSource.SYSTEM,
                signup_id=signup.id,
                identity=signup.identity,
            )
        )
    elif result is not SignupState.PASSED and listed is not None:
        session.delete(listed)
    session.flush()


def _text(score: Decimal | None) -> str:
    return in_province_language(SignupState.ABSENT.label) if score is None else f"{score.normalize():f}"


# --- rows ----------------------------------------------------------------------------------------------


def _locked_signup(session: Session, signup_id: int, actor: Actor) -> tuple[ExamNotice, ExamSignup]:
    """A sign-up within the exam clerk's reach, under the lock of its notice."""
    within = reach(as_exam_clerk(actor), ExamSignup)
    notices = lock_notices_of(session, valid_ids([signup_id]), within)
    if not notices:
        raise NotFound
    [notice] = notices.values()
    return notice, session.get_one(ExamSignup, signup_id, populate_existing=True)


def _locked(session: Session, correction_id: int, actor: Actor) -> tuple[ExamNotice, ExamSignup, ScoreCorrection]:
    """An undecided correction under the lock of its notice; ``Stale`` if it is decided."""
    found = session.get(ScoreCorrection, correction_id) if valid_ids([correction_id]) else None
    if found is None:
        as_exam_clerk(actor)
        raise NotFound
    notice, signup = _locked_signup(session, found.signup_id, actor)
    session.refresh(found)
    if found.state is not PROPOSED:
        raise Stale
    return notice, signup, found


def _to_decide(session: Session, correction_id: int, actor: Actor) -> tuple[ExamNotice, ExamSignup, ScoreCorrection]:
    notice, signup, correction = _locked(session, correction_id, actor)
    if actor.id is None or correction.proposed_by_id == actor.id:
        sentence = _("You asked for this correction yourself; another exam clerk has to decide on it.")
        raise Unmet.because(Refusal("same-person", sentence))
    return notice, signup, correction


def _close(
    session: Session, correction: ScoreCorrection, state: ScoreCorrectionState, reason: str, actor: Actor, at: datetime
) -> ScoreCorrection:
    correction.state, correction.decision_reason = state, reason
    correction.decided_at, correction.decided_by, correction.decided_by_id = at, actor.name[:130], actor.id
    session.flush()
    return correction
