"""What an import does next: a small sheet in the request at once, a large one by a job.

Either way the job is enqueued in the transaction that asks for it, so that what a request leaves undone is done all the same.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from flask_babel import get_locale
from sqlalchemy import or_, select
from sqlalchemy.orm import sessionmaker
from werkzeug.datastructures import FileStorage

from app.applications import sheet_imports
from app.core.errors import FilesAway
from app.core.heavy_work import SHEETS, Busy
from app.core.vocabulary import ImportKind, ImportPhase
from app.db.session import db
from app.models import Job, SheetImport
from app.outbox import jobs
from app.web import request_context

_log = logging.getLogger(__name__)

SMALL_FILE = 32 * 1024  # bytes; as many as a sheet of some hundred rows takes
SMALL = 500  # rows: one chunk, one transaction
GRACE = timedelta(minutes=1)  # after which the job does what the request has not

JOBS = {
    ImportPhase.CHECKING: ("legacy_check", sheet_imports.check),
    ImportPhase.IMPORTING: ("legacy_import", sheet_imports.take_over),
    ImportPhase.UNDOING: ("legacy_undo", sheet_imports.undo),
}


def take_in(kind: ImportKind, file: FileStorage, about: int | None = None) -> int:
    """Store a sheet as a new import, commit, and have it checked; its id. Raises as ``sheet_imports.receive``."""
    session, actor, data = db.session(), request_context.current_actor(), file.stream.read()
    sheet_imports.IMPORTERS[kind].whose(session, actor, about)  # who may not stores nothing
    session.rollback()
    sheet = sheet_imports.keep(request_context.store(), data, file.filename or "")
    request_context.begin_writing()
    at, office = request_context.office_now(), request_context.current_office()
    course = sheet_imports.receive(session, kind, sheet, actor, at=at, office=office, about=about)
    number = course.id
    proceed(course, is_small=len(data) <= SMALL_FILE)
    return number


def proceed(course: SheetImport, *, is_small: bool | None = None) -> None:
    """Commit, and have done what the phase of the import asks for: here if it is little, else by the job."""
    kind, work = JOBS[course.phase]
    little = 0 < course.total <= SMALL if is_small is None else is_small
    enqueue(kind, course.id, f"r{course.revision}" if course.phase is not ImportPhase.UNDOING else "", later=little)
    number = course.id
    db.session.commit()
    if little:
        _do(work, number)


def enqueue(kind: str, import_id: int, occasion: str = "", *, later: bool = False) -> None:
    """A job for an import, in the caller's transaction; without an ``occasion`` one for each moment that asks for it."""
    at = request_context.now()
    payload = {"import": import_id, "locale": str(get_locale() or "zh"), "asked_at": at.isoformat()}
    key = f"{kind}:{import_id}:{occasion or at.isoformat()}"
    jobs.enqueue(db.session(), kind, key, payload, at=at, due_at=at + GRACE if later else at)


def newest_job(kind: str, import_id: int) -> Job | None:
    """The job of this kind that an import waits for, or waited for last."""
    mine = or_(Job.key == f"{kind}:{import_id}", Job.key.startswith(f"{kind}:{import_id}:", autoescape=True))
    found: Job | None = db.session.scalars(select(Job).where(mine).order_by(Job.id.desc()).limit(1)).first()
    return found


def _do(work: Callable[..., None], import_id: int) -> None:
    sessions = sessionmaker(db.engine, expire_on_commit=False)
    context = sheet_imports.ImportContext(
        sessions, request_context.store(), lambda _done, _all: None, request_context.current_office()
    )
    try:
        with SHEETS.taken():
            work(context, import_id, at=request_context.office_now())
    except (Busy, FilesAway) as error:  # the import stands; its job does what is left
        _log.info("import %s is left to its job: %s", import_id, error.code)
    db.session.expire_all()
