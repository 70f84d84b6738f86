"""The jobs of an import: the check (dry run) and the import, in chunks of one transaction each.

Both use the same verdicts, so the preview is exact. A chunk is committed with its results, so an interrupted import
continues after the last committed chunk; concurrent imports are serialised.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.applications.importers.importer import CheckFacts, ImportContext, ImportRun, SheetCheck
from app.applications.importers.registry import IMPORTERS
from app.applications.sheet_imports import rows
from app.applications.sheet_imports.answers import SheetAnswers
from app.applications.sheet_imports.batches import OpenedSheet, open_sheet, report
from app.applications.sheet_imports.rows import ColumnCounts
from app.core.errors import NotFound
from app.core.vocabulary import AuditAction, ImportPhase
from app.db import audit, sequences
from app.db.session import read_only
from app.files.row_preview import PreviewRow
from app.files.sheet_results import comes_back_whole
from app.files.spreadsheets import Layout, SeveralTables, SheetLine, SheetRefused
from app.models import Region, SheetImport

CHUNK = 500  # rows per transaction
SLICE = 2_000  # rows of the report read at once
MAX_TRIES = 3  # somebody else may insert one of these people at the same moment
SEQUENCE_NAME = "legacy-import"  # locking it serialises imports


def check(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Run the check of an import, and keep how each row is read. Beyond one chunk, memory does not grow with the rows."""
    batch = _load(context, import_id)
    if batch.phase is not ImportPhase.CHECKING or batch.sheet_object is None:
        return
    try:
        sheet = open_sheet(context.store, batch)
        counts = ColumnCounts(IMPORTERS[batch.kind].columns)
        if sheet.errors:
            sentences = " ".join(f"{error.title}: {error.sentence}" for error in sheet.errors)
            _ask(context, batch, sentences, counts.as_json(sheet.layout))
            return
        warnings = _check_rows(context, batch, sheet, counts, at)
    except SeveralTables as several:
        _ask(context, batch, str(several), {"sheets": list(several.sheets)})
        return
    except SheetRefused as error:
        _refuse(context, batch, str(error), at)
        return
    layout = counts.as_json(sheet.layout) | {"warnings": [str(sentence) for sentence in warnings]}
    _close(context, batch, _reported(context, batch, sheet.layout, layout) | {"phase": ImportPhase.CHECKED})


def _check_rows(
    context: ImportContext, batch: SheetImport, sheet: OpenedSheet, counts: ColumnCounts, at: datetime
) -> Sequence[object]:
    checking, done = IMPORTERS[batch.kind].begin(_facts(context, batch, at)), 0
    for lines in _chunks(sheet.lines):
        checking.note(lines)
        with read_only(), context.sessions() as session:
            verdicts = checking.check(session, lines)
        with context.sessions.begin() as session:
            rows.store(session, batch.id, done, verdicts)
        counts.add(lines)
        done += len(lines)
        context.progress(done, None)
    if not done:
        raise SheetRefused(_("There is no row in this sheet. Please fill in one record per row."), code="no-rows")
    with context.sessions.begin() as session:
        rows.forget(session, batch.id, beyond=done)  # of an earlier check
    with read_only(), context.sessions() as session:
        return checking.warnings(session)


def take_over(context: ImportContext, import_id: int, *, at: datetime) -> None:
    """Import the valid rows, from the first chunk not written yet, and store the report."""
    batch = _load(context, import_id)
    if batch.phase is not ImportPhase.IMPORTING or batch.sheet_object is None:
        return
    sheet, run = open_sheet(context.store, batch), ImportRun(batch.id, batch.by, at)
    checking, done = IMPORTERS[batch.kind].begin(_facts(context, batch, at)), 0
    for lines in _chunks(sheet.lines, first=batch.done):
        checking.note(lines)
        if done >= batch.done:
            checking = _write_chunk(context, checking, lines, run, done)
        done += len(lines)
        context.progress(done, batch.total)
    values = _reported(context, batch, sheet.layout, batch.layout or {})
    _close(context, batch, values | {"phase": ImportPhase.DONE, "sheet_object": None, "finished_at": at}, run.actor)


def _write_chunk(
    context: ImportContext, checking: SheetCheck, lines: Sequence[SheetLine], run: ImportRun, done: int
) -> SheetCheck:
    """Write one chunk, again if somebody else inserted one of its records at the same moment; the check to go on with."""
    for _try in range(MAX_TRIES - 1):
        try:
            _write(context, checking, lines, run, done)
        except IntegrityError:
            checking = checking.afresh()
        else:
            return checking
    _write(context, checking, lines, run, done)
    return checking


def _write(context: ImportContext, checking: SheetCheck, lines: Sequence[SheetLine], run: ImportRun, done: int) -> None:
    """Check, write and record the results of one chunk in one transaction, unless another worker has."""
    with context.sessions.begin() as session:
        session.info.update(actor=run.actor, at=run.at)
        sequences.next_numbers(session, SEQUENCE_NAME)  # on PostgreSQL others wait here; SQLite has one writer
        if session.scalar(select(SheetImport.done).where(SheetImport.id == run.import_id)) != done:
            return
        verdicts = checking.check(session, lines)
        checking.write(session, verdicts, run)
        rows.store(session, run.import_id, done, verdicts)
        session.execute(
            update(SheetImport).where(SheetImport.id == run.import_id).values(done=done + len(lines)),
            execution_options={"synchronize_session": False},
        )


# --- parts -------------------------------------------------------------------------------------------


def _load(context: ImportContext, import_id: int) -> SheetImport:
    with read_only(), context.sessions() as session:
        batch = session.get(SheetImport, import_id)
        if batch is None:
            raise NotFound
        session.expunge(batch)
    return batch


def _chunks(lines: Iterator[SheetLine], first: int = 0) -> Iterator[list[SheetLine]]:
    """The rows a chunk at a time; one ends after the ``first`` rows, where an interrupted import stopped."""
    done = 0
    while chunk := list(islice(lines, min(CHUNK, first - done) if done < first else CHUNK)):
        done += len(chunk)
        yield chunk


def _facts(context: ImportContext, batch: SheetImport, at: datetime) -> CheckFacts:
    return CheckFacts(batch, at, context.office, _province(context), frozenset(SheetAnswers.of(batch).cells))


def _province(context: ImportContext) -> str:
    """The code of the province, for enterprises without a known region."""
    with read_only(), context.sessions() as session:
        return str(session.scalar(select(Region.code).order_by(Region.code).limit(1)))


def _ask(context: ImportContext, batch: SheetImport, fault: str, layout: dict[str, Any]) -> None:
    """The sheet stays: somebody can say which of its tables, or which titles, are meant."""
    _close(context, batch, {"phase": ImportPhase.UNREADABLE, "fault": fault[:500], "layout": layout})


def _refuse(context: ImportContext, batch: SheetImport, fault: str, at: datetime) -> None:
    values = {"phase": ImportPhase.UNREADABLE, "fault": fault[:500], "sheet_object": None, "finished_at": at}
    _close(context, batch, values)


def _reported(context: ImportContext, batch: SheetImport, layout: Layout, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Store the report of the rows that are kept; its digest, the counts, and what is kept of the layout."""
    with read_only(), context.sessions() as session:
        counts = rows.counts_of(session, batch.id)
    total = sum(counts.values())
    found, done = _all_rows(context, batch.id, total), batch.phase is ImportPhase.IMPORTING
    alive = partial(context.progress, total, total)
    data = context.store.read(batch.sheet_object or "")
    digest = context.store.put(report(data, batch, layout, found, done=done, alive=alive))
    layout_kept = {**kept, "copied": not comes_back_whole(data, total)}
    return {"counts": counts, "total": total, "report_object": digest, "layout": layout_kept}


def _all_rows(context: ImportContext, import_id: int, total: int) -> Iterator[PreviewRow]:
    """A slice at a time, so that the job says in between that it is alive."""
    for first in range(0, total, SLICE):
        with read_only(), context.sessions() as session:
            part = rows.slice_of(session, import_id, first, SLICE)
        yield from part
        context.progress(total, total)


def _close(context: ImportContext, batch: SheetImport, values: dict[str, Any], actor: str = "") -> None:
    """End a phase and log it, unless somebody else has ended it meanwhile."""
    with context.sessions.begin() as session:
        ended = (
            update(SheetImport)
            .where(SheetImport.id == batch.id, SheetImport.phase == batch.phase, SheetImport.revision == batch.revision)
            .values(**values)
            .returning(SheetImport.id)
            .execution_options(synchronize_session=False)
        )
        if session.execute(ended).first() is None:
            return
        change = {**values.get("counts", {}), "total": values.get("total", 0), "phase": values["phase"].value}
        at = values.get("finished_at") or batch.received_at
        audit.log(session, actor or batch.by, AuditAction.CHANGE, SheetImport.__tablename__, batch.id, change, at=at)
