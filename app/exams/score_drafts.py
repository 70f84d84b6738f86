"""Discarding an imported draft of scores, so that pass mark and exam day can be changed again."""

from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.errors import Refusal, Unmet
from app.core.vocabulary import SignupState
from app.exams.locking import as_exam_clerk, lock_notice, log_signups
from app.exams.notice_states import must_not_be_final
from app.models import ExamSignup


def discard_scores(session: Session, notice_id: int, actor: Actor, *, at: datetime) -> int:
    """Delete every imported mark of this exam; returns how many. ``Stale`` once the scores are final."""
    notice = lock_notice(session, notice_id, as_exam_clerk(actor))
    must_not_be_final(notice)
    if notice.scores_imported_at is None:
        raise Unmet.because(Refusal("no-draft", _("No scores have been imported for this exam.")))
    here = (ExamSignup.notice_id == notice_id) & (ExamSignup.state == SignupState.ADMITTED)
    marked = here & (ExamSignup.score.is_not(None) | ExamSignup.absent)
    rows = session.execute(select(ExamSignup.id, ExamSignup.score, ExamSignup.absent).where(marked)).all()
    unmarked = update(ExamSignup).where(marked).values(score=None, absent=False)
    session.execute(unmarked.execution_options(synchronize_session=False))
    lines = [(row.id, {"score": [SignupState.ABSENT.value if row.absent else str(row.score), None]}) for row in rows]
    log_signups(session, lines, actor, at)
    notice.scores_imported_at = None
    session.flush()
    session.expire_all()  # the bulk statement did not update loaded objects
    return len(rows)
