"""The jobs of an import: the check (dry run) and the import, in chunks of one transaction each.

Both use the same verdicts, so the preview is exact. A chunk is committed with its results, so an interrupted import
continues after the last committed chunk; concurrent imports are serialised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.applications.legacy_import.batches import LegacySheet, Outcomes, ReportProgress, open_sheet, report
from app.applications.legacy_import.merge import ImportRun, MergeVerdict, RecordMerge
from app.core.clock import office_day
from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import AuditAction, LegacyOutcome, LegacyPhase
from app.db import audit, sequences
from app.db.session import read_only
from app.files.spreadsheets import SheetRefused
from app.files.storage import Store
from app.models import LegacyChunk, LegacyImport, Region

CHUNK = 500  # rows per transaction
MAX_TRIES = 3  # somebody else may insert one of these people at the same moment
SEQUENCE_NAME = "legacy-import"  # locking it serialises imports


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What a job or command provides for the work; ``progress`` is called after every chunk."""

    sessions: sessionmaker[Session]
    store: Store
    progress: ReportProgress
    office: Office


def check(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Run the check of an import, once."""
    batch = _load(context, import_id)
    if batch.phase is not LegacyPhase.CHECKING or batch.sheet_object is None:
        return
    try:
        sheet = open_sheet(context.store, batch.kind, batch.sheet_object)
    except SheetRefused as error:
        _refuse(context, batch, str(error), at)
        return
    if sheet.errors:
        _refuse(context, batch, " ".join(f"{error.title}: {error.sentence}" for error in sheet.errors), at)
        return
    outcomes: Outcomes = {}
    merge = sheet.merge(office_day(at), _province(context), context.office.least_age)
    for start in range(0, len(sheet.lines), CHUNK):
        with read_only(), context.sessions() as session:
            outcomes |= _outcomes(merge.check(session, sheet.lines[start : start + CHUNK]))
        context.progress(len(outcomes), len(sheet.lines))
    _close(context, batch, _reported(context, sheet, outcomes) | {"phase": LegacyPhase.CHECKED})


def take_over(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Import the valid rows, from the first chunk not written yet, and store the report."""
    batch = _load(context, import_id)
    if batch.phase is not LegacyPhase.IMPORTING or batch.sheet_object is None:
        return
    sheet, province = open_sheet(context.store, batch.kind, batch.sheet_object), _province(context)
    run, facts = ImportRun(batch.id, batch.by, at), (office_day(at), province, context.office.least_age)
    merge, done, tries = sheet.merge(*facts), batch.done, 0
    while done < len(sheet.lines):
        try:
            done, tries = _write_chunk(context, sheet, merge, run, done), 0
        except IntegrityError:  # inserted by somebody else between check and write: check again
            merge, tries = sheet.merge(*facts), tries + 1
            if tries == MAX_TRIES:
                raise
        context.progress(done, len(sheet.lines))
    _finish(context, batch, sheet, run)


def _write_chunk(context: ImportContext, sheet: LegacySheet, merge: RecordMerge, run: ImportRun, done: int) -> int:
    """Check, write and record the results of one chunk in one transaction; how many rows are done afterwards."""
    lines = sheet.lines[done : done + CHUNK]
    with context.sessions.begin() as session:
        sequences.next_numbers(session, SEQUENCE_NAME)  # on PostgreSQL others wait here; SQLite has one writer
        stored = session.scalar(select(LegacyImport.done).where(LegacyImport.id == run.import_id))
        if stored != done:  # another worker wrote this chunk
            return int(stored or 0)
        verdicts = merge.check(session, lines)
        merge.write(session, verdicts, run)
        session.execute(insert(LegacyChunk), [{"import_id": run.import_id, "first": done, "outcomes": _outcomes(verdicts)}])
        session.execute(
            update(LegacyImport).where(LegacyImport.id == run.import_id).values(done=done + len(lines)),
            execution_options={"synchronize_session": False},
        )
    return done + len(lines)


def _finish(context: ImportContext, batch: LegacyImport, sheet: LegacySheet, run: ImportRun) -> None:
    """Store the report built from the chunks; they and the sheet are deleted."""
    outcomes: Outcomes = {}
    with read_only(), context.sessions() as session:
        for part in session.scalars(select(LegacyChunk.outcomes).where(LegacyChunk.import_id == batch.id)):
            outcomes |= part
    if len(outcomes) < len(sheet.lines):  # another worker has finished and deleted the chunks
        return
    values = _reported(context, sheet, outcomes)
    values |= {"phase": LegacyPhase.DONE, "sheet_object": None, "finished_at": run.at}
    _close(context, batch, values, run.actor)


# --- parts -------------------------------------------------------------------------------------------


def _load(context: ImportContext, import_id: int) -> LegacyImport:
    with read_only(), context.sessions() as session:
        batch = session.get(LegacyImport, import_id)
        if batch is None:
            raise NotFound
        session.expunge(batch)
    return batch


def _province(context: ImportContext) -> str:
    """The code of the province, for enterprises without a known region."""
    with read_only(), context.sessions() as session:
        return str(session.scalar(select(Region.code).order_by(Region.code).limit(1)))


def _outcomes(verdicts: Sequence[MergeVerdict]) -> Outcomes:
    return {str(row.line.number): (row.outcome.value, [str(reason) for reason in row.reasons]) for row in verdicts}


def _refuse(context: ImportContext, batch: LegacyImport, fault: str, at: datetime) -> None:
    values = {"phase": LegacyPhase.UNREADABLE, "fault": fault[:500], "sheet_object": None, "finished_at": at}
    _close(context, batch, values)


def _reported(context: ImportContext, sheet: LegacySheet, outcomes: Outcomes) -> dict[str, Any]:
    """Store the report; its digest and the counts."""
    all_outcomes = [outcome for outcome, _reasons in outcomes.values()]
    counts = {outcome.value: all_outcomes.count(outcome.value) for outcome in LegacyOutcome}
    return {
        "counts": counts,
        "total": len(sheet.lines),
        "report_object": context.store.put(report(sheet, outcomes, context.progress)),
    }


def _close(context: ImportContext, batch: LegacyImport, values: dict[str, Any], actor: str = "") -> None:
    """End a phase and log it, unless somebody else has ended it meanwhile."""
    with context.sessions.begin() as session:
        ended = (
            update(LegacyImport)
            .where(LegacyImport.id == batch.id, LegacyImport.phase == batch.phase)
            .values(**values)
            .returning(LegacyImport.id)
            .execution_options(synchronize_session=False)
        )
        if session.execute(ended).first() is None:
            return
        if values["phase"] is LegacyPhase.DONE:
            session.execute(delete(LegacyChunk).where(LegacyChunk.import_id == batch.id))
        change = {**values.get("counts", {}), "total": values.get("total", 0), "phase": values["phase"].value}
        at = values.get("finished_at") or batch.received_at
        audit.log(session, actor or batch.by, AuditAction.CHANGE, LegacyImport.__tablename__, batch.id, change, at=at)
