"""An import from upload to expiry: received, checked, confirmed, imported, reported.

The confirmed sheet is the checked one, by its digest, and is imported once. Sheet and report hold ID numbers: they are
stored encrypted, every download of a report is in the audit log, and both are removed at ``expires_at``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from app.files.spreadsheets import CellError, Column, Kind, SheetLimits, SheetLine, SheetRefused, examine, read_lines, write
from app.files.storage import Store
from app.models import LegacyChunk, LegacyImport

MIB = 1024 * 1024
LARGEST = 20 * MIB
MOST_ROWS = 100_000
LIMITS = SheetLimits(file=LARGEST, part=160 * MIB, unpacked=256 * MIB)  # enough for 100,000 rows as Excel writes them
PASSWORDS_LAST = timedelta(days=1)  # how long a sheet of passwords can be fetched

MERGES: dict[LegacyKind, type[RecordMerge]] = {merge.kind: merge for merge in (AccountMerge, PassMerge, CertificateMerge)}
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
    """Store a sheet and create its import. The caller commits, together with the job that checks it.

    Raises ``SheetRefused`` if the file is no workbook or too large.
    """
    actor.demand(Role.ADMIN)
    store.screen(data, filename)
    examine(data, LIMITS)
    batch = LegacyImport(
        kind=kind,
        filename=filename[-120:],
        sha256=sha256(data).hexdigest(),
        sheet_object=store.put(data),
        received_at=at,
        by=actor.name[:64],
        expires_at=at + timedelta(days=office.legacy_report_days),
    )
    session.add(batch)
    session.flush()
    return batch


def confirm(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """确认导入. The caller commits, together with the job that imports. Raises ``Stale`` unless this sheet was checked."""
    actor.demand(Role.ADMIN)
    checked = (LegacyImport.id == import_id, LegacyImport.phase == LegacyPhase.CHECKED, LegacyImport.sha256 == digest)
    values = {"phase": LegacyPhase.IMPORTING, "by": actor.name[:64], "done": 0}
    _step(session, checked, values, actor, {"phase": ["checked", "importing"], "sha256": digest}, at)


def discard(session: Session, import_id: int, actor: Actor, *, at: datetime) -> None:
    """放弃: a checked sheet is not imported; the sweeper deletes its file. The caller commits. Raises ``Stale``."""
    actor.demand(Role.ADMIN)
    checked = (LegacyImport.id == import_id, LegacyImport.phase == LegacyPhase.CHECKED)
    values = {"phase": LegacyPhase.DISCARDED, "sheet_object": None, "finished_at": at}
    _step(session, checked, values, actor, {"phase": ["checked", "discarded"]}, at)


def _step(
    session: Session, where: Sequence[Any], values: dict[str, Any], actor: Actor, change: dict[str, Any], at: datetime
) -> None:
    stepped = update(LegacyImport).where(*where).values(**values).returning(LegacyImport.id)
    row = session.execute(stepped.execution_options(synchronize_session=False)).first()
    if row is None:
        raise Stale
    session.expire_all()
    audit.log(session, actor.name, AuditAction.CHANGE, LegacyImport.__tablename__, row.id, change, at=at)


def report_of(session: Session, store: Store, import_id: int, actor: Actor) -> tuple[bytes, Mapping[str, Any]]:
    """The sheet with the result of each row, and what to log of it. The caller logs the export before handing it out."""
    actor.demand(Role.ADMIN)
    batch = session.get(LegacyImport, import_id)
    if batch is None or batch.report_object is None:
        raise NotFound
    data = store.read(batch.report_object)
    return data, {"report": batch.filename, "rows": batch.total, "sha256": sha256(data).hexdigest()}


# --- the sheet -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegacySheet:
    """A sheet read from the store."""

    kind: LegacyKind
    lines: list[SheetLine]
    errors: list[CellError]

    def merge(self, on: date, province: str, least_age: int) -> RecordMerge:
        return MERGES[self.kind](self.lines, on, province, least_age)


def open_sheet(store: Store, kind: LegacyKind, sheet_object: str) -> LegacySheet:
    """Read a stored sheet. Raises ``SheetRefused`` if it has no rows."""
    data = store.read(sheet_object)
    table = read_lines(data, COLUMNS[kind], most_rows=MOST_ROWS, limits=LIMITS)
    rows = list(table.lines)
    if not table.errors and not rows:
        raise SheetRefused(_("There is no row in this sheet. Please fill in one record per row."), code="no-rows")
    return LegacySheet(kind, rows, table.errors)


RESULT_COLUMNS = (
    Column("row", _("Row"), width=8, kind=Kind.NUMBER),
    Column("result", _("Result"), width=12),
    Column("reason", _("Reason or remark"), width=60),
)


def report(sheet: LegacySheet, outcomes: Outcomes, progress: ReportProgress) -> bytes:
    """The rows as uploaded, each with its result and reasons; can be corrected and uploaded again."""
    columns = (RESULT_COLUMNS[0], *COLUMNS[sheet.kind], *RESULT_COLUMNS[1:])
    labels = {outcome.value: str(outcome) for outcome in LegacyOutcome}

    def rows() -> Iterator[dict[str, object]]:
        for done, line in enumerate(sheet.lines):
            outcome, reasons = outcomes[str(line.number)]
            yield {**line.shown, "row": line.number, "result": labels[outcome], "reason": "　".join(reasons)}
            if done % 5000 == 0:
                progress(len(sheet.lines), len(sheet.lines))

    return write(columns, rows(), sheet_title=sheet.kind.label)


# --- expiry ------------------------------------------------------------------------------------------------


def stored_objects(session: Session) -> set[str]:
    """Digests of the stored files of imports, for the sweeper."""
    columns = (LegacyImport.sheet_object, LegacyImport.report_object, LegacyImport.passwords_object)
    return {digest for row in session.execute(select(*columns)) for digest in row if digest}


def expire(session: Session, *, at: datetime) -> None:
    """Forget expired sheets and reports, and passwords nobody fetched in time. The caller commits."""
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
