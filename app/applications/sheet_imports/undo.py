"""Undoing an import as a whole: what it added is removed, what it changed is set back, while nothing depends on it.

Possible as long as its rows are kept. Nothing is undone if anything stands in the way: each obstacle is named with its rows.
"""

from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.importers.importer import ImportContext, Obstacles
from app.applications.importers.registry import IMPORTERS
from app.applications.sheet_imports.batches import locked
from app.applications.sheet_imports.rows import forget, traces_of
from app.applications.sheet_imports.run import SEQUENCE_NAME
from app.core.errors import AppError, Stale
from app.core.vocabulary import AuditAction, ImportPhase
from app.db import audit, sequences
from app.models import SheetImport

NOT_KEPT = _("This import can no longer be undone: its rows are not kept any more, or it was undone already.")


def ask(session: Session, import_id: int, actor: Actor, *, at: datetime) -> None:
    """撤回. The caller commits, together with the job. Raises ``Stale`` unless it is over and its rows are kept."""
    batch = locked(session, import_id, actor)
    if batch.phase is not ImportPhase.DONE or batch.layout is None:
        raise Stale(NOT_KEPT)
    batch.phase, batch.by, batch.fault = ImportPhase.UNDOING, actor.name[:64], ""
    change = {"phase": ["done", "undoing"]}
    audit.log(session, actor.name, AuditAction.CHANGE, SheetImport.__tablename__, import_id, change, at=at)


def undo(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Undo an import in one transaction, or write down why it cannot be undone."""
    try:
        with context.sessions.begin() as session:
            sequences.next_numbers(session, SEQUENCE_NAME)  # no import runs meanwhile
            batch = session.get(SheetImport, import_id, with_for_update=True)
            if batch is None or batch.phase is not ImportPhase.UNDOING:
                return
            if batch.layout is None:  # its rows have expired
                raise Stale(NOT_KEPT)
            session.info.update(actor=batch.by, at=at)
            counts = IMPORTERS[batch.kind].undo(session, batch, traces_of(session, import_id), at)
            batch.phase, batch.finished_at, batch.layout, batch.answers = ImportPhase.UNDONE, at, None, None
            forget(session, import_id)
            change = {"phase": ["undoing", "undone"], **counts}
            audit.log(session, batch.by, AuditAction.CHANGE, SheetImport.__tablename__, import_id, change, at=at)
    except (Obstacles, AppError) as obstacles:
        with context.sessions.begin() as session:
            back = update(SheetImport).where(SheetImport.id == import_id, SheetImport.phase == ImportPhase.UNDOING)
            why = obstacles.args if isinstance(obstacles, Obstacles) else [one.sentence for one in obstacles.refusals]
            sentences = " ".join(map(str, why))
            session.execute(back.values(phase=ImportPhase.DONE, fault=sentences[:500]))
