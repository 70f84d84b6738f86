"""Recall and cancellation of a published exam notice, each with a reason that everybody can read.

A recalled notice takes no sign-ups until it is published again; a cancelled exam is over for good, and so are its sign-ups.
"""

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.errors import AppError, Refusal, Stale, Unmet, reason_faults
from app.core.office import Office
from app.core.redaction import disclosure_refusals
from app.core.vocabulary import NoticeEventKind, NoticeState, SignupState
from app.exams.locking import as_exam_clerk, lock_notice, log_signups
from app.exams.messages import tell_all_of
from app.models import ExamNotice, ExamNoticeEvent, ExamSignup
from app.outbox.sms_texts import EXAM_CANCELLED, EXAM_RECALLED, EXAM_REPUBLISHED, shortened

ENDED_BY_CANCELLATION = (SignupState.SELECTED, SignupState.SUBMITTED, SignupState.ADMITTED)


def recall(session: Session, notice_id: int, reason: str, actor: Actor, *, at: datetime, office: Office) -> ExamNotice:
    """撤回: no sign-ups until it is published again. Refused once scores have been imported."""
    notice, reason = _locked(session, notice_id, actor), _checked(reason)
    if notice.state is not NoticeState.PUBLISHED:
        raise Stale
    if notice.scores_imported_at or notice.scores_submitted_at:
        raise Unmet.because(
            Refusal("scores-imported", _("Scores have been imported, so the notice can no longer be recalled."))
        )
    tell_all_of(session, notice, EXAM_RECALLED, at, office, notice_id=notice.id, reason=shortened(reason))
    return _moved(session, notice, NoticeState.RECALLED, NoticeEventKind.RECALLED, reason, actor, at)


def republish(session: Session, notice_id: int, actor: Actor, *, at: datetime, office: Office) -> ExamNotice:
    """A recalled notice holds again, as it stands now."""
    notice = _locked(session, notice_id, actor)
    if notice.state is not NoticeState.RECALLED:
        raise Stale
    tell_all_of(
        session,
        notice,
        EXAM_REPUBLISHED,
        at,
        office,
        notice_id=notice.id,
        day=f"{notice.exam_on:%Y-%m-%d}",
        place=notice.place or "—",
    )
    return _moved(session, notice, NoticeState.PUBLISHED, NoticeEventKind.REPUBLISHED, "", actor, at)


def cancel(session: Session, notice_id: int, reason: str, actor: Actor, *, at: datetime, office: Office) -> ExamNotice:
    """取消考试, for good: open sign-ups end, an imported draft of scores is deleted. Refused once the scores are final."""
    notice, reason = _locked(session, notice_id, actor), _checked(reason)
    if notice.state is NoticeState.CANCELLED:
        raise Stale
    must_not_be_final(notice)
    tell_all_of(session, notice, EXAM_CANCELLED, at, office, notice_id=notice.id, reason=shortened(reason))
    _end_signups(session, notice, actor, at)
    notice.scores_imported_at = None
    return _moved(session, notice, NoticeState.CANCELLED, NoticeEventKind.CANCELLED, reason, actor, at)


def must_hold(notice: Any) -> None:
    """``AppError`` for a cancelled exam."""
    if notice.state is NoticeState.CANCELLED:
        raise AppError(_("This exam has been cancelled; nothing about it can be changed any more."), code="exam-cancelled")


def must_not_be_final(notice: Any) -> None:
    """``Stale`` once the scores are submitted."""
    if notice.scores_submitted_at:
        raise Stale(_("The scores of this exam have been submitted; they are final."))


def must_be_published(notice: Any) -> None:
    """``AppError`` for a cancelled exam, and for a recalled notice: nobody is scored at an exam that does not hold."""
    must_hold(notice)
    if notice.state is NoticeState.RECALLED:
        sentence = _(
            "This notice has been recalled. Publish it again, or cancel the exam, before anything is done with scores."
        )
        raise AppError(sentence, code="notice-recalled")


def _locked(session: Session, notice_id: int, actor: Actor) -> ExamNotice:
    return lock_notice(session, notice_id, as_exam_clerk(actor))


def _checked(reason: str) -> str:
    """The reason in one line; ``Unmet`` for none, a long one, and one that names somebody's number: it is public."""
    reason = " ".join(reason.split())
    if faults := [*reason_faults(reason), *disclosure_refusals({"reason": (_("Reason"), reason)})]:
        raise Unmet(faults)
    return reason


def _end_signups(session: Session, notice: ExamNotice, actor: Actor, at: datetime) -> None:
    here = (ExamSignup.notice_id == notice.id) & ExamSignup.state.in_(ENDED_BY_CANCELLATION)
    ended = session.execute(select(ExamSignup.id, ExamSignup.state).where(here).order_by(ExamSignup.id)).all()
    new = {"state": SignupState.CANCELLED, "score": None, "absent": False}
    session.execute(update(ExamSignup).where(here).values(**new).execution_options(synchronize_session=False))
    lines = [(row.id, {"state": [row.state.value, SignupState.CANCELLED.value]}) for row in ended]
    log_signups(session, lines, actor, at)
    session.flush()


def _moved(
    session: Session, notice: ExamNotice, state: NoticeState, kind: NoticeEventKind, reason: str, actor: Actor, at: datetime
) -> ExamNotice:
    notice.state = state
    session.add(ExamNoticeEvent(notice_id=notice.id, kind=kind, at=at, by=actor.name[:130], reason=reason, changes={}))
    session.flush()
    session.expire_all()  # bulk statements did not update loaded objects
    return notice
