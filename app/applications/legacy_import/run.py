"""The jobs of an import: the check (dry run) and the import, in chunks of one transaction each.

Both use the same verdicts, so the preview is exact. A chunk is committed with its results, so an interrupted import
continues after the last committed chunk; concurrent imports are serialised.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.applications.legacy_import import rows
from app.applications.legacy_import.batches import LegacySheet, ReportProgress, open_sheet, report
from app.applications.legacy_import.merge import ImportRun, RecordMerge
from app.applications.legacy_import.rows import ColumnCounts
from app.core.clock import office_day
from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import AuditAction, LegacyPhase
from app.db import audit, sequences
from app.db.session import read_only
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import Layout, SeveralTables, SheetRefused
from app.files.storage import Store
from app.models import LegacyImport, Region

CHUNK = 500  # rows per transaction
SLICE = 2_000  # rows of the report read at once
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
    """Run the check of an import, and keep how each row is read."""
    batch = _load(context, import_id)
    if batch.phase is not LegacyPhase.CHECKING or batch.sheet_object is None:
        return
    try:
        sheet = open_sheet(context.store, batch)
    except SeveralTables as several:
        _ask(context, batch, str(several), {"sheets": list(several.sheets)})
        return
    except SheetRefused as error:
        _refuse(context, batch, str(error), at)
        return
    counts = ColumnCounts(batch.kind)
    if sheet.errors:
        sentences = " ".join(f"{error.title}: {error.sentence}" for error in sheet.errors)
        _ask(context, batch, sentences, counts.as_json(sheet.layout))
        return
    merge = sheet.merge(office_day(at), _province(context), context.office.least_age)
    for start in range(0, len(sheet.lines), CHUNK):
        lines = sheet.lines[start : start + CHUNK]
        with read_only(), context.sessions() as session:
            verdicts = merge.check(session, lines)
        with context.sessions.begin() as session:
            rows.store(session, batch.id, start, verdicts)
        counts.add(lines)
        context.progress(start + len(lines), len(sheet.lines))
    with context.sessions.begin() as session:
        rows.forget(session, batch.id, beyond=len(sheet.lines))  # of an earlier check
    values = _reported(context, batch, sheet.layout) | {"layout": counts.as_json(sheet.layout), "phase": LegacyPhase.CHECKED}
    _close(context, batch, values)


def take_over(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Import the valid rows, from the first chunk not written yet, and store the report."""
    batch = _load(context, import_id)
    if batch.phase is not LegacyPhase.IMPORTING or batch.sheet_object is None:
        return
    sheet, province = open_sheet(context.store, batch), _province(context)
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
    values = _reported(context, batch, sheet.layout) | {"phase": LegacyPhase.DONE, "sheet_object": None, "finished_at": at}
    _close(context, batch, values, run.actor)


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
        rows.store(session, run.import_id, done, verdicts)
        session.execute(
            update(LegacyImport).where(LegacyImport.id == run.import_id).values(done=done + len(lines)),
            execution_options={"synchronize_session": False},
        )
    return done + len(lines)


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


def _ask(context: ImportContext, batch: LegacyImport, fault: str, layout: dict[str, Any]) -> None:
    """The sheet stays: somebody can say which of its tables, or which titles, are meant."""
    _close(context, batch, {"phase": LegacyPhase.UNREADABLE, "fault": fault[:500], "layout": layout})


def _refuse(context: ImportContext, batch: LegacyImport, fault: str, at: datetime) -> None:
    values = {"phase": LegacyPhase.UNREADABLE, "fault": fault[:500], "sheet_object": None, "finished_at": at}
    _close(context, batch, values)


def _reported(context: ImportContext, batch: LegacyImport, layout: Layout) -> dict[str, Any]:
    """Store the report of the rows that are kept; its digest and the counts."""
    with read_only(), context.sessions() as session:
        counts = rows.counts_of(session, batch.id)
    total = sum(counts.values())
    kept, done = _all_rows(context, batch.id, total), batch.phase is LegacyPhase.IMPORTING
    alive = partial(context.progress, total, total)
    digest = context.store.put(report(context.store, batch, layout, kept, done=done, alive=alive))
    return {"counts": counts, "total": total, "report_object": digest}


def _all_rows(context: ImportContext, import_id: int, total: int) -> Iterator[PreviewRow]:
    """A slice at a time, so that the job says in between that it is alive."""
    for first in range(0, total, SLICE):
        with read_only(), context.sessions() as session:
            part = rows.slice_of(session, import_id, first, SLICE)
        yield from part
        context.progress(total, total)


def _close(context: ImportContext, batch: LegacyImport, values: dict[str, Any], actor: str = "") -> None:
    """End a phase and log it, unless somebody else has ended it meanwhile."""
    with context.sessions.begin() as session:
        ended = (
            update(LegacyImport)
            .where(LegacyImport.id == batch.id, LegacyImport.phase == batch.phase, LegacyImport.revision == batch.revision)
            .values(**values)
            .returning(LegacyImport.id)
            .execution_options(synchronize_session=False)
        )
        if session.execute(ended).first() is None:
            return
        change = {**values.get("counts", {}), "total": values.get("total", 0), "phase": values["phase"].value}
        at = values.get("finished_at") or batch.received_at
        audit.log(session, actor or batch.by, AuditAction.CHANGE, LegacyImport.__tablename__, batch.id, change, at=at)
