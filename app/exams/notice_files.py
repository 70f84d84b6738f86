"""Attachments of exam notices: readable for everybody, as the notice itself."""

from collections.abc import Iterator
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.errors import NotFound, Refusal, Unmet
from app.core.office import Office
from app.core.redaction import find_numbers, refusal_text
from app.exams.locking import as_exam_clerk, lock_notice, valid_ids
from app.exams.notice_states import must_hold
from app.files import apart
from app.files.images import FileFault
from app.files.inspect import InspectedFile, refusal
from app.files.storage import Store, keep_scan
from app.models import ExamNoticeFile

MOST_FILES = 10


def add_file(
    session: Session, store: Store, notice_id: int, data: bytes, filename: str, actor: Actor, *, at: datetime, office: Office
) -> ExamNoticeFile:
    """Raises ``FileRefused`` for what is no paper, ``Unmet`` for personal numbers in it and if there are too many."""
    clerk = as_exam_clerk(actor)
    kept = keep_scan(store, data, filename, office=office)  # before the lock
    if found := list(_personal_numbers(kept)):
        raise Unmet(found)
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


def _personal_numbers(kept: InspectedFile) -> Iterator[Refusal]:
    """Of a document; a picture was drawn anew, without its metadata."""
    if kept.width is not None:
        return
    try:
        texts = apart.texts(kept.data)
    except FileFault as fault:
        raise refusal(kept.name, fault.code, **fault.figures) from None
    for place, text in texts:
        for number in find_numbers(text, _("%(name)s, %(place)s", name=kept.name, place=place)):
            yield Refusal("personal-number", refusal_text(number), "file")


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
