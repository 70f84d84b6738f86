"""Taking back imported scores while they are a draft: those of one import, or all of them.

Without any score, pass mark and exam day can be changed again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.errors import Refusal, Unmet
from app.core.vocabulary import SignupState
from app.exams.locking import as_exam_clerk, import_refusals, lock_notice, lock_notices, log_signups
from app.exams.notice_states import must_not_be_final
from app.exams.scores import Mark, plain_mark, set_marks
from app.models import ExamNotice, ExamSignup

AT_ONCE = 1_000  # marks in a statement


class ImportedMark(NamedTuple):
    """A mark that an import wrote: of whom, and what there was before."""

    signup_id: int
    was: Mark
    now: Mark


def take_back(session: Session, notice_id: int, marks: Sequence[ImportedMark], actor: Actor, *, at: datetime) -> list[int]:
    """Give sign-ups the marks that they had before an import, whoever may undo it.

    Returns the sign-ups whose mark was changed since, or that are no longer admitted: then nothing is written. ``Stale`` once
    the scores are final.
    """
    notice = lock_notices(session, ExamNotice.id == notice_id)[notice_id]
    must_not_be_final(notice)
    columns = ExamSignup.id, ExamSignup.score, ExamSignup.absent
    marked = session.execute(select(*columns).where(_marked(notice_id)).execution_options(yield_per=AT_ONCE))
    present = {row[0]: SignupState.ABSENT if row[2] else row[1] for row in marked}
    if since := [mark.signup_id for mark in marks if present.get(mark.signup_id) != mark.now]:
        return since
    for first in range(0, len(marks), AT_ONCE):  # in little memory, all in this transaction
        part = marks[first : first + AT_ONCE]
        set_marks(session, [(mark.signup_id, mark.was) for mark in part])
        lines = [(mark.signup_id, {"score": [plain_mark(mark.now), plain_mark(mark.was)]}) for mark in part]
        log_signups(session, lines, actor, at)
    if not session.scalar(select(exists().where(_marked(notice_id)))):
        notice.scores_imported_at = None
    session.flush()
    return []


def _marked(notice_id: int) -> ColumnElement[bool]:
    """Admitted sign-ups of this exam that have a mark."""
    admitted = (ExamSignup.notice_id == notice_id) & (ExamSignup.state == SignupState.ADMITTED)
    return admitted & (ExamSignup.score.is_not(None) | ExamSignup.absent)


def discard_scores(session: Session, notice_id: int, actor: Actor, *, at: datetime) -> int:
    """Delete every imported mark of this exam; returns how many. ``Stale`` once the scores are final."""
    notice = lock_notice(session, notice_id, as_exam_clerk(actor))
    must_not_be_final(notice)
    if refusals := list(import_refusals(session, notice_id)):
        raise Unmet(refusals)
    if notice.scores_imported_at is None:
        raise Unmet.because(Refusal("no-draft", _("No scores have been imported for this exam.")))
    marked = _marked(notice_id)
    rows = session.execute(select(ExamSignup.id, ExamSignup.score, ExamSignup.absent).where(marked)).all()
    unmarked = update(ExamSignup).where(marked).values(score=None, absent=False)
    session.execute(unmarked.execution_options(synchronize_session=False))
    lines = [(row.id, {"score": [SignupState.ABSENT.value if row.absent else str(row.score), None]}) for row in rows]
    log_signups(session, lines, actor, at)
    notice.scores_imported_at = None
    session.flush()
    session.expire_all()  # the bulk statement did not update loaded objects
    return len(rows)
