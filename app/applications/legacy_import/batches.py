"""The course of an import: handed in, checked, confirmed, taken over, reported on; and forgotten when its time has come.

Law: what is confirmed is what was checked, by the sheet's digest, and once. Sheet and report are full of ID numbers: they lie
encrypted in the store, every look at a report is written down, and both are removed at ``expires_at``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.legacy_import.accounts import AccountMerge
from app.applications.legacy_import.certificates import CertificateMerge
from app.applications.legacy_import.columns import COLUMNS
from app.applications.legacy_import.exam_passes import PassMerge
from app.applications.legacy_import.merge import RecordMerge
from app.core.errors import NotFound, Stale
from app.core.office import Office
from app.core.vocabulary import AuditAction, LegacyKind, LegacyOutcome, LegacyPhase, Role
from app.db import audit
from app.files.spreadsheets import CellError, Column, SheetLimits, SheetLine, SheetRefused, examine, read_lines, write
from app.files.storage import Store
from app.models import LegacyChunk, LegacyImport

MIB = 1024 * 1024
LARGEST = 20 * MIB
MOST_ROWS = 100_000
LIMITS = SheetLimits(file=LARGEST, part=160 * MIB, unpacked=256 * MIB)  # 100,000 rows, unpacked as wordily as Excel does it
PASSWORDS_LAST = timedelta(days=1)  # an unfetched sheet of passwords

MERGES: dict[LegacyKind, type[RecordMerge]] = {ledger.kind: ledger for ledger in (AccountMerge, PassMerge, CertificateMerge)}
Outcomes = dict[str, tuple[str, list[str]]]  # row number -> outcome, reasons
ReportProgress = Callable[[int, int], None]  # rows done, rows in all


# --- what the administrator does --------------------------------------------------------------------------


def receive(
    session: Session,
    store: Store,
    kind: LegacyKind,
    data: bytes,
    filename: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> LegacyImport:
    """Keep a sheet and open its import. The caller commits, together with the job that checks it.

    Raises ``SheetRefused`` for what is no workbook of a sensible size.
    """
    actor.demand(Role.ADMIN)
    store.screen(data, filename)
    examine(data, LIMITS)
    course = LegacyImport(
        kind=kind,
        filename=filename[-120:],
        sha256=sha256(data).hexdigest(),
        sheet_object=store.put(data),
        received_at=at,
        by=actor.name[:64],
        expires_at=at + timedelta(days=office.legacy_report_days),
    )
    session.add(course)
    session.flush()
    return course


def confirm(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """确认导入. The caller commits, together with the job that does it. ``Stale`` unless this very sheet was just checked."""
    actor.demand(Role.ADMIN)
    here = (LegacyImport.id == import_id, LegacyImport.phase == LegacyPhase.CHECKED, LegacyImport.sha256 == digest)
    values = {"phase": LegacyPhase.IMPORTING, "by": actor.name[:64], "done": 0}
    _step(session, here, values, actor, {"phase": ["checked", "importing"], "sha256": digest}, at)


def discard(session: Session, import_id: int, actor: Actor, *, at: datetime) -> None:
    """放弃: a checked sheet is not taken over. Its file goes with the next sweep. The caller commits."""
    actor.demand(Role.ADMIN)
    here = (LegacyImport.id == import_id, LegacyImport.phase == LegacyPhase.CHECKED)
    values = {"phase": LegacyPhase.DISCARDED, "sheet_object": None, "finished_at": at}
    _step(session, here, values, actor, {"phase": ["checked", "discarded"]}, at)


def _step(
    session: Session, here: Sequence[Any], values: dict[str, Any], actor: Actor, told: dict[str, Any], at: datetime
) -> None:
    stepped = update(LegacyImport).where(*here).values(**values).returning(LegacyImport.id)
    found = session.execute(stepped.execution_options(synchronize_session=False)).first()
    if found is None:
        raise Stale
    session.expire_all()
    audit.log(session, actor.name, AuditAction.CHANGE, LegacyImport.__tablename__, found.id, told, at=at)


def report_of(session: Session, store: Store, import_id: int, actor: Actor, *, at: datetime) -> bytes:
    """The sheet again, with what came or would come of each row; written down. The caller commits before handing it out."""
    actor.demand(Role.ADMIN)
    course = session.get(LegacyImport, import_id)
    if course is None or course.report_object is None:
        raise NotFound
    data = store.read(course.report_object)
    told = {"report": course.filename, "rows": course.total, "sha256": sha256(data).hexdigest()}
    audit.log(session, actor.name, AuditAction.EXPORT, course, change=told, at=at)
    session.flush()
    return data


# --- the sheet -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegacySheet:
    """A sheet that was taken out of the store and read."""

    kind: LegacyKind
    lines: list[SheetLine]
    errors: list[CellError]

    def ledger(self, on: date, province: str) -> RecordMerge:
        return MERGES[self.kind](self.lines, on, province)


def open_sheet(store: Store, kind: LegacyKind, sheet_object: str) -> LegacySheet:
    """Raises ``SheetRefused``."""
    data = store.read(sheet_object)
    errors, lines = read_lines(data, COLUMNS[kind], most_rows=MOST_ROWS, limits=LIMITS)
    found = list(lines)
    if not errors and not found:
        raise SheetRefused(_("There is no row in this sheet. Please fill in one record per row."), code="no-rows")
    return LegacySheet(kind, found, errors)


RESULT_COLUMNS = (
    Column("row", _("Row"), width=8, text=False),
    Column("result", _("Result"), width=12),
    Column("reason", _("Reason or remark"), width=60),
)


def report(sheet: LegacySheet, outcomes: Outcomes, told: ReportProgress) -> bytes:
    """The rows as they were handed in, with result and reason behind each; it may be corrected and handed in again."""
    columns = (RESULT_COLUMNS[0], *COLUMNS[sheet.kind], *RESULT_COLUMNS[1:])
    words = {outcome.value: str(outcome) for outcome in LegacyOutcome}

    def rows() -> Iterator[dict[str, object]]:
        for done, line in enumerate(sheet.lines):
            outcome, reasons = outcomes[str(line.number)]
            yield {**line.shown, "row": line.number, "result": words[outcome], "reason": "　".join(reasons)}
            if done % 5000 == 0:
                told(len(sheet.lines), len(sheet.lines))

    return write(columns, rows(), sheet_title=sheet.kind.label)


# --- forgetting ------------------------------------------------------------------------------------------------


def stored_objects(session: Session) -> set[str]:
    """What the sweeper must spare: the files of imports whose time has not come."""
    columns = (LegacyImport.sheet_object, LegacyImport.report_object, LegacyImport.passwords_object)
    return {digest for row in session.execute(select(*columns)) for digest in row if digest}


def expire(session: Session, *, at: datetime) -> None:
    """Let go of sheets and reports whose time has come, and of passwords that nobody fetched. The caller commits."""
    old = select(LegacyImport.id).where(LegacyImport.expires_at < at)
    session.execute(delete(LegacyChunk).where(LegacyChunk.import_id.in_(old)))
    session.execute(
        update(LegacyImport).where(LegacyImport.expires_at < at).values(sheet_object=None, report_object=None),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(LegacyImport)
        .where(or_(LegacyImport.passwords_at < at - PASSWORDS_LAST, LegacyImport.expires_at < at))
        .values(passwords_object=None),
        execution_options={"synchronize_session": False},
    )
