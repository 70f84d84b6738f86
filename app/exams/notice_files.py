"""Attachments of exam notices: readable for everybody, as the notice itself."""

from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.errors import NotFound, Refusal, Unmet
from app.core.office import Office
from app.exams.locking import as_exam_clerk, lock_notice, valid_ids
from app.exams.notice_states import must_hold
from app.files.storage import Store, keep_scan
from app.models import ExamNoticeFile

MOST_FILES = 10


def add_file(
    session: Session, store: Store, notice_id: int, data: bytes, filename: str, actor: Actor, *, at: datetime, office: Office
) -> ExamNoticeFile:
    """Raises ``FileRefused`` for what is no picture and no PDF, ``Unmet`` if there are too many."""
    clerk = as_exam_clerk(actor)
    kept = keep_scan(store, data, filename, office=office)  # before the lock
    notice = lock_notice(session, notice_id, clerk)
    must_hold(notice)
    count = session.scalar(select(func.count()).where(ExamNoticeFile.notice_id == notice_id)) or 0
    if count >= MOST_FILES:
        sentence = _("A notice has at most %(n)s attachments. Please remove one first.", n=MOST_FILES)
        raise Unmet.because(Refusal("too-many-files", sentence, "file"))
    facts = {"digest": kept.digest, "mime": kept.mime, "filename": kept.name, "size": len(kept.data)}
    added = ExamNoticeFile(notice_id=notice_id, uploaded_at=at, uploaded_by=actor.name[:64], **facts)
    session.add(added)
    session.flush()
    return added


def remove_file(session: Session, notice_id: int, file_id: int, actor: Actor) -> None:
    notice = lock_notice(session, notice_id, as_exam_clerk(actor))
    must_hold(notice)
    session.delete(file_of(session, notice_id, file_id))
    session.flush()


def file_of(session: Session, notice_id: int, file_id: int) -> ExamNoticeFile:
    """An attachment of this notice; ``NotFound`` otherwise. The caller has checked that the notice may be read."""
    found = session.get(ExamNoticeFile, file_id) if valid_ids([file_id]) else None
    if found is None or found.notice_id != notice_id:
        raise NotFound
    return found
