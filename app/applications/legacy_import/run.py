"""The work behind an import: the check, which only looks, and the taking over, a few hundred rows to a transaction.

Law: both look at a row with the same eyes, so a preview cannot lie. Each chunk is written with what came of it; whoever is
killed in the middle goes on behind the last whole chunk, and two at once come one after the other.
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
from app.core.vocabulary import AuditAction as DiaryDeed
from app.core.vocabulary import LegacyOutcome, LegacyPhase
from app.db import audit, sequences
from app.db.session import read_only
from app.files.spreadsheets import SheetLine, SheetRefused
from app.files.storage import Store
from app.models import LegacyChunk, LegacyImport, Region

CHUNK = 500  # rows to a transaction
PATIENCE = 3  # somebody else may put one of these people on the books at the same moment
SEQUENCE_NAME = "legacy-import"  # holding it, one import writes at a time


@dataclass(frozen=True, slots=True)
class ImportContext:
    """With what the work is done, handed in by a job or a command. ``told`` hears of every chunk."""

    sessions: sessionmaker[Session]
    store: Store
    told: ReportProgress


def check(means: ImportContext, import_id: int, *, at: datetime) -> None:
    """The dry run. A second one finds nothing to do."""
    course = _load(means, import_id)
    if course.phase is not LegacyPhase.CHECKING or course.sheet_object is None:
        return
    try:
        sheet = open_sheet(means.store, course.kind, course.sheet_object)
    except SheetRefused as no:
        _refuse(means, course, str(no), at)
        return
    if sheet.errors:
        _refuse(means, course, " ".join(f"{error.title}: {error.sentence}" for error in sheet.errors), at)
        return
    outcomes: Outcomes = {}
    ledger = sheet.ledger(office_day(at), _province(means))
    for chunk in _chunks(sheet.lines):
        with read_only(), means.sessions() as session:
            outcomes |= _outcomes(ledger.look(session, chunk))
        means.told(len(outcomes), len(sheet.lines))
    _close(means, course, _reported(means, sheet, outcomes) | {"phase": LegacyPhase.CHECKED})


def take_over(means: ImportContext, import_id: int, *, at: datetime) -> None:
    """Take the sound rows over, from the first chunk that nobody has written yet to the report."""
    course = _load(means, import_id)
    if course.phase is not LegacyPhase.IMPORTING or course.sheet_object is None:
        return
    sheet, province = open_sheet(means.store, course.kind, course.sheet_object), _province(means)
    deed = ImportRun(course.id, course.by, at)
    ledger, done, tries = sheet.ledger(office_day(at), province), course.done, 0
    while done < len(sheet.lines):
        try:
            done, tries = _write_chunk(means, sheet, ledger, deed, done), 0
        except IntegrityError:  # put on the books by somebody else between our look and our writing: look again
            ledger, tries = sheet.ledger(office_day(at), province), tries + 1
            if tries == PATIENCE:
                raise
        means.told(done, len(sheet.lines))
    _finish(means, course, sheet, deed)


def _write_chunk(means: ImportContext, sheet: LegacySheet, ledger: RecordMerge, deed: ImportRun, done: int) -> int:
    """One transaction: look, write, and note down what came of each row. How many rows are done then."""
    lines = sheet.lines[done : done + CHUNK]
    with means.sessions.begin() as session:
        sequences.next_numbers(session, SEQUENCE_NAME)  # on PostgreSQL, others wait here; SQLite has one writer anyway
        here = session.scalar(select(LegacyImport.done).where(LegacyImport.id == deed.import_id))
        if here != done:  # another worker has been here
            return int(here or 0)
        verdicts = ledger.look(session, lines)
        ledger.write(session, verdicts, deed)
        session.execute(insert(LegacyChunk), [{"import_id": deed.import_id, "first": done, "outcomes": _outcomes(verdicts)}])
        session.execute(
            update(LegacyImport).where(LegacyImport.id == deed.import_id).values(done=done + len(lines)),
            execution_options={"synchronize_session": False},
        )
    return done + len(lines)


def _finish(means: ImportContext, course: LegacyImport, sheet: LegacySheet, deed: ImportRun) -> None:
    """The report, put together of the chunks; they and the sheet itself are no longer needed."""
    outcomes: Outcomes = {}
    with read_only(), means.sessions() as session:
        for part in session.scalars(select(LegacyChunk.outcomes).where(LegacyChunk.import_id == course.id)):
            outcomes |= part
    if len(outcomes) < len(sheet.lines):  # another worker was quicker, and has tidied up
        return
    values = _reported(means, sheet, outcomes)
    values |= {"phase": LegacyPhase.DONE, "sheet_object": None, "finished_at": deed.at}
    _close(means, course, values, deed.actor)


# --- small parts -------------------------------------------------------------------------------------------


def _load(means: ImportContext, import_id: int) -> LegacyImport:
    with read_only(), means.sessions() as session:
        course = session.get(LegacyImport, import_id)
        if course is None:
            raise NotFound
        session.expunge(course)
    return course


def _province(means: ImportContext) -> str:
    """The region that holds all the others, for an enterprise of which nothing tells a nearer one."""
    with read_only(), means.sessions() as session:
        return str(session.scalar(select(Region.code).order_by(Region.code).limit(1)))


def _chunks(lines: Sequence[SheetLine]) -> list[Sequence[SheetLine]]:
    return [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]


def _outcomes(verdicts: Sequence[MergeVerdict]) -> Outcomes:
    return {str(one.line.number): (one.outcome.value, [str(reason) for reason in one.reasons]) for one in verdicts}


def _refuse(means: ImportContext, course: LegacyImport, fault: str, at: datetime) -> None:
    values = {"phase": LegacyPhase.UNREADABLE, "fault": fault[:500], "sheet_object": None, "finished_at": at}
    _close(means, course, values)


def _reported(means: ImportContext, sheet: LegacySheet, outcomes: Outcomes) -> dict[str, Any]:
    """The report in the store, and the counts."""
    found = [outcome for outcome, _reasons in outcomes.values()]
    counts = {outcome.value: found.count(outcome.value) for outcome in LegacyOutcome}
    return {
        "counts": counts,
        "total": len(sheet.lines),
        "report_object": means.store.put(report(sheet, outcomes, means.told)),
    }


def _close(means: ImportContext, course: LegacyImport, values: dict[str, Any], actor: str = "") -> None:
    """The end of a phase, if nobody else has ended it meanwhile."""
    with means.sessions.begin() as session:
        ended = (
            update(LegacyImport)
            .where(LegacyImport.id == course.id, LegacyImport.phase == course.phase)
            .values(**values)
            .returning(LegacyImport.id)
            .execution_options(synchronize_session=False)
        )
        if session.execute(ended).first() is None:
            return
        if values["phase"] is LegacyPhase.DONE:
            session.execute(delete(LegacyChunk).where(LegacyChunk.import_id == course.id))
        told = {**values.get("counts", {}), "total": values.get("total", 0), "phase": values["phase"].value}
        at = values.get("finished_at") or course.received_at
        audit.log(session, actor or course.by, DiaryDeed.CHANGE, LegacyImport.__tablename__, course.id, told, at=at)
