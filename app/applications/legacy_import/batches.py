"""An import from upload to expiry: received, checked, confirmed, imported, reported.

The confirmed sheet is the checked one, by its digest, and is imported once. Sheet and report hold ID numbers: they are
stored encrypted, every download of a report is in the audit log, and both are removed at ``expires_at``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.legacy_import import rescue
from app.applications.legacy_import.accounts import AccountMerge
from app.applications.legacy_import.answers import SheetAnswers
from app.applications.legacy_import.certificates import CertificateMerge
from app.applications.legacy_import.columns import COLUMNS
from app.applications.legacy_import.exam_passes import PassMerge
from app.applications.legacy_import.merge import RecordMerge
from app.applications.legacy_import.rows import forget, not_taken, shown_in
from app.core.errors import NotFound, Stale
from app.core.office import Office
from app.core.vocabulary import AuditAction, LegacyKind, LegacyPhase, Role
from app.db import audit
from app.files.row_preview import PreviewRow
from app.files.sheet_results import marks_of, refused_rows, result_book
from app.files.spreadsheets import (
    CellError,
    Column,
    Layout,
    SheetLimits,
    SheetLine,
    SheetRefused,
    examine,
    read_lines,
    sheet_name,
)
from app.files.storage import Store
from app.models import LegacyImport, LegacyRow

ANSWERABLE = (LegacyPhase.CHECKED, LegacyPhase.UNREADABLE)  # while the sheet is there
REPORTED = (LegacyPhase.DONE, LegacyPhase.UNDOING, LegacyPhase.UNDONE)  # whose report is that of the import, not of the check
MIB = 1024 * 1024
LARGEST = 20 * MIB
MOST_ROWS = 100_000
LIMITS = SheetLimits(file=LARGEST, part=160 * MIB, unpacked=256 * MIB)  # enough for 100,000 rows as Excel writes them
PASSWORDS_LAST = timedelta(days=1)  # how long a sheet of passwords can be fetched

MERGES: dict[LegacyKind, type[RecordMerge]] = {merge.kind: merge for merge in (AccountMerge, PassMerge, CertificateMerge)}
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
        mapping=kept_mapping(session, kind),
        received_at=at,
        by=actor.name[:64],
        expires_at=at + timedelta(days=office.legacy_report_days),
    )
    session.add(batch)
    session.flush()
    return batch


def confirm(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """确认导入. The caller commits, together with the job that imports.

    Raises ``Stale`` unless ``digest`` is the ``LegacyImport.shown`` that was checked: the sheet with its answers.
    """
    batch = _open(session, import_id, digest, actor, LegacyPhase.CHECKED)
    values = {"phase": LegacyPhase.IMPORTING, "by": actor.name[:64], "done": 0}
    _step(session, import_id, values, actor, {"phase": ["checked", "importing"], "sha256": batch.sha256}, at)


def answer(session: Session, import_id: int, digest: str, answers: SheetAnswers, actor: Actor, *, at: datetime) -> None:
    """Take what was answered to a checked sheet, beside earlier answers. The caller commits, with the job that checks again.

    Raises ``Stale`` unless ``digest`` is that of the sheet and answers that were shown, or if a proposal no longer stands.
    """
    batch = _open(session, import_id, digest, actor, *ANSWERABLE)
    chosen = {row: token for row, token in answers.confirmed.items() if (row, rescue.KEY) not in answers.cells}
    numbers = rescue.confirm(session, batch, chosen, actor, at=at)
    answers = replace(answers, cells={**answers.cells, **{(row, rescue.KEY): number for row, number in numbers.items()}})
    answers = replace(answers, shown=shown_in(session, import_id, list(answers.cells)))
    now = SheetAnswers.of(batch).joined(answers, {column.key for column in COLUMNS[batch.kind]})
    values = {"answers": now.private, "mapping": now.kept, "revision": batch.revision + 1, "phase": LegacyPhase.CHECKING}
    change = {"answers": len(answers.cells), "words": sum(map(len, answers.words.values())), "titles": len(answers.titles)}
    _step(session, import_id, values, actor, change, at)


def discard(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """放弃: a sheet is not imported, and its rows are forgotten; the sweeper deletes its file. The caller commits.

    Raises ``Stale`` as ``answer`` does.
    """
    _open(session, import_id, digest, actor, *ANSWERABLE)
    gone = {"sheet_object": None, "report_object": None, "layout": None, "answers": None}
    values = {"phase": LegacyPhase.DISCARDED, "finished_at": at, **gone}
    _step(session, import_id, values, actor, {"phase": ["checked", "discarded"]}, at)
    forget(session, import_id)


def end_dry_run(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """A check that nobody is to confirm: listed as such, with its result. The caller commits. Raises ``Stale``."""
    _open(session, import_id, digest, actor, LegacyPhase.CHECKED)
    values = {"phase": LegacyPhase.DRY_RUN, "finished_at": at, "sheet_object": None}
    _step(session, import_id, values, actor, {"phase": ["checked", "dry_run"]}, at)


def _open(session: Session, import_id: int, digest: str, actor: Actor, *phases: LegacyPhase) -> LegacyImport:
    """The import, locked, if it is in one of these phases and still what was shown."""
    actor.demand(Role.ADMIN)
    batch = session.get(LegacyImport, import_id, with_for_update=True, populate_existing=True)
    if batch is None or batch.phase not in phases or batch.sheet_object is None or batch.shown != digest:
        raise Stale
    return batch


def _step(
    session: Session, import_id: int, values: dict[str, Any], actor: Actor, change: dict[str, Any], at: datetime
) -> None:
    stepped = update(LegacyImport).where(LegacyImport.id == import_id).values(**values)
    session.execute(stepped, execution_options={"synchronize_session": False})
    session.expire_all()
    audit.log(session, actor.name, AuditAction.CHANGE, LegacyImport.__tablename__, import_id, change, at=at)


def report_of(session: Session, store: Store, import_id: int, actor: Actor) -> tuple[bytes, Mapping[str, Any]]:
    """The sheet with the result of each row, and what to log of it. The caller logs the export before handing it out."""
    actor.demand(Role.ADMIN)
    batch = session.get(LegacyImport, import_id)
    if batch is None or batch.report_object is None:
        raise NotFound
    data = store.read(batch.report_object)
    return data, {"report": batch.filename, "rows": batch.total, "sha256": sha256(data).hexdigest()}


def refused_of(session: Session, store: Store, import_id: int, actor: Actor) -> tuple[bytes, Mapping[str, Any]]:
    """The rows alone that are not taken, out of the report, and what to log of them; as ``report_of``."""
    report, summary = report_of(session, store, import_id, actor)
    batch = session.get_one(LegacyImport, import_id)
    rows, columns = not_taken(session, import_id), COLUMNS[batch.kind]
    sheet = (batch.layout or {}).get("sheet", "")
    if sheet and sheet not in examine(report, LIMITS):  # a copy, whose sheet cannot have every name
        sheet = sheet_name(sheet)
    read = partial(read_lines, report, columns, most_rows=MOST_ROWS, limits=LIMITS, sheet=sheet)
    layout = read(mapping=_titles_in(read().layout, SheetAnswers.of(batch).titles)).layout
    marks = marks_of(columns, layout, rows, done=batch.phase in REPORTED)
    return refused_rows(report, marks, LIMITS), {**summary, "rows": len(rows)}


# --- the sheet -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegacySheet:
    """A sheet read from the store, with the answers of its import."""

    kind: LegacyKind
    lines: list[SheetLine]
    errors: list[CellError]
    layout: Layout
    answered: frozenset[tuple[int, str]]  # row, column key

    def merge(self, on: date, province: str, least_age: int) -> RecordMerge:
        return MERGES[self.kind](self.lines, on, province, least_age, self.answered)


def open_sheet(store: Store, batch: LegacyImport) -> LegacySheet:
    """Read the stored sheet of an import. Raises ``SheetRefused`` if it has no rows."""
    given = SheetAnswers.of(batch)
    columns = [_with_words(column, given.words.get(column.key)) for column in COLUMNS[batch.kind]]
    data = store.read(batch.sheet_object or "")
    read = partial(read_lines, data, columns, most_rows=MOST_ROWS, limits=LIMITS, sheet=given.sheet, answers=given.cells)
    table = read(mapping=given.titles)
    if table.errors and (fitting := _titles_in(table.layout, given.titles)) != given.titles:  # of a sheet laid out otherwise
        table = read(mapping=fitting)
    rows = [part for line in table.lines for part in _rows_of(line, given.shown)]
    if not table.errors and not rows:
        raise SheetRefused(_("There is no row in this sheet. Please fill in one record per row."), code="no-rows")
    return LegacySheet(batch.kind, rows, table.errors, table.layout, frozenset(given.cells))


def _titles_in(layout: Layout, titles: Mapping[str, str]) -> dict[str, str]:
    """The mapped titles that stand in this sheet."""
    present = {*layout.titles.values(), *layout.unmapped}
    return {key: title for key, title in titles.items() if not title or title in present}


def _with_words(column: Column, words: Mapping[str, str] | None) -> Column:
    """The column, which takes each of these words for the one that it was mapped to."""
    if not words:
        return column
    return replace(column, parse=lambda text: column.parse(words.get(text, text)))


def _rows_of(line: SheetLine, shown: Mapping[tuple[int, str], str]) -> Iterator[SheetLine]:
    """One row for each category of a row that says so; with what its cells show, answered or not."""
    seen = {key: shown.get((line.number, key), text) for key, text in line.shown.items()}
    line, categories = replace(line, shown=seen), line.values.get("category")
    if not isinstance(categories, tuple):
        yield line
        return
    for category in categories:
        yield replace(line, values={**line.values, "category": category})


def report(
    store: Store, batch: LegacyImport, layout: Layout, rows: Iterable[PreviewRow], *, done: bool, alive: Callable[[], None]
) -> bytes:
    """The uploaded sheet with the result of each row; can be corrected and uploaded again. ``alive``: see ``result_book``."""
    marks = marks_of(COLUMNS[batch.kind], layout, rows, answers=SheetAnswers.of(batch).cells, done=done)
    return result_book(store.read(batch.sheet_object or ""), marks, LIMITS, alive=alive)


def kept_mapping(session: Session, kind: LegacyKind) -> dict[str, Any]:
    """What the office last mapped for sheets of this kind: the next one begins with it."""
    newest = select(LegacyImport.mapping).where(LegacyImport.kind == kind).order_by(LegacyImport.id.desc()).limit(1)
    mapping = session.scalar(newest) or {}
    titles = {key: title for key, title in mapping.get("titles", {}).items() if title}  # “None” is said of one sheet
    return {"words": mapping.get("words", {}), "titles": titles}


# --- expiry ------------------------------------------------------------------------------------------------


def stored_objects(session: Session) -> set[str]:
    """Digests of the stored files of imports, for the sweeper."""
    columns = (LegacyImport.sheet_object, LegacyImport.report_object, LegacyImport.passwords_object)
    return {digest for row in session.execute(select(*columns)) for digest in row if digest}


def expire(session: Session, *, at: datetime) -> None:
    """Forget expired sheets and reports, and passwords nobody fetched in time. The caller commits."""
    old = select(LegacyImport.id).where(LegacyImport.expires_at < at)
    session.execute(delete(LegacyRow).where(LegacyRow.import_id.in_(old)))
    session.execute(
        update(LegacyImport)
        .where(LegacyImport.expires_at < at)
        .values(sheet_object=None, report_object=None, layout=None, answers=None),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(LegacyImport)
        .where(or_(LegacyImport.passwords_at < at - PASSWORDS_LAST, LegacyImport.expires_at < at))
        .values(passwords_object=None),
        execution_options={"synchronize_session": False},
    )
