"""An import from upload to expiry: received, checked, confirmed, imported, reported.

The same for every kind of import (``importer``). The confirmed sheet is the checked one, by its digest, and is imported once.
Sheet and report hold ID numbers: they are stored encrypted, every download of a report is in the audit log, and both are
removed at ``expires_at``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach
from app.applications.importers.registry import IMPORTERS
from app.applications.sheet_imports import rescue
from app.applications.sheet_imports.answers import SheetAnswers
from app.applications.sheet_imports.rows import forget, not_taken, shown_in
from app.core.errors import NotFound, Refusal, Stale, Unmet
from app.core.office import Office
from app.core.redaction import mask_numbers
from app.core.vocabulary import AuditAction, ImportKind, ImportPhase, RowOutcome
from app.db import audit
from app.files.row_preview import PreviewRow
from app.files.sheet_results import marks_of, refused_rows, result_book
from app.files.spreadsheets import LARGE_SHEET, CellError, Column, Layout, SheetLine, examine, read_lines, sheet_name
from app.files.storage import Store
from app.models import ImportedRow, SheetImport

ANSWERABLE = (ImportPhase.CHECKED, ImportPhase.UNREADABLE)  # while the sheet is there
REPORTED = (ImportPhase.DONE, ImportPhase.UNDOING, ImportPhase.UNDONE)  # whose report is that of the import, not of the check
PASSWORDS_LAST = timedelta(days=1)  # how long a sheet of passwords can be fetched


# --- what people do ---------------------------------------------------------------------------------------


class StoredSheet(NamedTuple):
    """An uploaded sheet in the store; its file name without the numbers of people."""

    filename: str
    sha256: str
    digest: str  # of the object


def keep(store: Store, data: bytes, filename: str) -> StoredSheet:
    """Store a sheet, outside every transaction. Raises ``SheetRefused`` if the file is no workbook or too large.

    What becomes no import is removed by the nightly sweep of the store.
    """
    store.screen(data, filename)
    examine(data, LARGE_SHEET)
    return StoredSheet(mask_numbers(filename)[-120:], sha256(data).hexdigest(), store.put(data))


def receive(
    session: Session,
    kind: ImportKind,
    sheet: StoredSheet,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
    about: int | None = None,
) -> SheetImport:
    """Create the import of a sheet; ``about``: see ``Importer.whose``. The caller commits, with the job that checks it."""
    whose = IMPORTERS[kind].whose(session, actor, about)
    batch = SheetImport(
        kind=kind,
        filename=sheet.filename,
        sha256=sheet.sha256,
        sheet_object=sheet.digest,
        mapping=kept_mapping(session, kind, whose),
        received_at=at,
        by=actor.name[:64],
        expires_at=at + timedelta(days=office.legacy_report_days),
        **whose,
    )
    session.add(batch)
    session.flush()
    return batch


def confirm(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """确认导入. The caller commits, together with the job that imports.

    Raises ``Stale`` unless ``digest`` is the ``SheetImport.shown`` that was checked: the sheet with its answers; ``Unmet``
    if rows stay out of a sheet that goes in as a whole.
    """
    batch = _open(session, import_id, digest, actor, ImportPhase.CHECKED)
    if out := is_held_up(batch):
        sentence = _("%(n)s rows must be put right first: this sheet is imported only if every row of it is sound.", n=out)
        raise Unmet.because(Refusal("bad-cell", sentence))
    values = {"phase": ImportPhase.IMPORTING, "by": actor.name[:64], "done": 0}
    _step(session, import_id, values, actor, {"phase": ["checked", "importing"], "sha256": batch.sha256}, at)


def is_held_up(batch: SheetImport) -> int:
    """How many rows keep a sheet from going in, which goes in as a whole; 0 if none does."""
    out = (RowOutcome.REFUSED, RowOutcome.DOUBTFUL)
    return sum(batch.counts.get(outcome.value, 0) for outcome in out) if IMPORTERS[batch.kind].whole else 0


def answer(session: Session, import_id: int, digest: str, answers: SheetAnswers, actor: Actor, *, at: datetime) -> None:
    """Take what was answered to a checked sheet, beside earlier answers. The caller commits, with the job that checks again.

    Raises ``Stale`` unless ``digest`` is that of the sheet and answers that were shown, or if a proposal no longer stands.
    """
    batch = _open(session, import_id, digest, actor, *ANSWERABLE)
    chosen = {row: token for row, token in answers.confirmed.items() if (row, rescue.KEY) not in answers.cells}
    numbers = rescue.confirm(session, batch, chosen, actor, at=at)
    answers = replace(answers, cells={**answers.cells, **{(row, rescue.KEY): number for row, number in numbers.items()}})
    answers = replace(answers, shown=shown_in(session, import_id, list(answers.cells)))
    now = SheetAnswers.of(batch).joined(answers, {column.key for column in IMPORTERS[batch.kind].columns})
    values = {"answers": now.private, "mapping": now.kept, "revision": batch.revision + 1, "phase": ImportPhase.CHECKING}
    change = {"answers": len(answers.cells), "words": sum(map(len, answers.words.values())), "titles": len(answers.titles)}
    _step(session, import_id, values, actor, change, at)


def discard(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """放弃: a sheet is not imported, and its rows are forgotten; the sweeper deletes its file. The caller commits.

    Raises ``Stale`` as ``answer`` does.
    """
    _open(session, import_id, digest, actor, *ANSWERABLE)
    gone = {"sheet_object": None, "report_object": None, "layout": None, "answers": None}
    values = {"phase": ImportPhase.DISCARDED, "finished_at": at, **gone}
    _step(session, import_id, values, actor, {"phase": ["checked", "discarded"]}, at)
    forget(session, import_id)


def end_dry_run(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """A check that nobody is to confirm: listed as such, with its result. The caller commits. Raises ``Stale``."""
    _open(session, import_id, digest, actor, ImportPhase.CHECKED)
    values = {"phase": ImportPhase.DRY_RUN, "finished_at": at, "sheet_object": None}
    _step(session, import_id, values, actor, {"phase": ["checked", "dry_run"]}, at)


def _open(session: Session, import_id: int, digest: str, actor: Actor, *phases: ImportPhase) -> SheetImport:
    """The import, locked, if it is in one of these phases and still what was shown."""
    batch = locked(session, import_id, actor)
    if batch.phase not in phases or batch.sheet_object is None or batch.shown != digest:
        raise Stale
    return batch


def locked(session: Session, import_id: int, actor: Actor) -> SheetImport:
    """The import, locked. Raises ``NotFound`` for one out of the actor's reach."""
    return must_reach(actor, session.get(SheetImport, import_id, with_for_update=True, populate_existing=True))


def import_of(session: Session, import_id: int, actor: Actor) -> SheetImport:
    """The import. Raises ``NotFound`` for one out of the actor's reach."""
    return must_reach(actor, session.get(SheetImport, import_id))


def _step(
    session: Session, import_id: int, values: dict[str, Any], actor: Actor, change: dict[str, Any], at: datetime
) -> None:
    stepped = update(SheetImport).where(SheetImport.id == import_id).values(**values)
    session.execute(stepped, execution_options={"synchronize_session": False})
    session.expire_all()
    audit.log(session, actor.name, AuditAction.CHANGE, SheetImport.__tablename__, import_id, change, at=at)


def report_of(session: Session, store: Store, import_id: int, actor: Actor) -> tuple[bytes, Mapping[str, Any]]:
    """The sheet with the result of each row, and what to log of it. The caller logs the export before handing it out."""
    batch = import_of(session, import_id, actor)
    if batch.report_object is None:
        raise NotFound
    data = store.read(batch.report_object)
    return data, {"report": batch.filename, "rows": batch.total, "sha256": sha256(data).hexdigest()}


def refused_of(session: Session, store: Store, import_id: int, actor: Actor) -> tuple[bytes, Mapping[str, Any]]:
    """The rows alone that are not taken, out of the report, and what to log of them; as ``report_of``."""
    report, summary = report_of(session, store, import_id, actor)
    batch = session.get_one(SheetImport, import_id)
    rows, columns, given = not_taken(session, import_id), IMPORTERS[batch.kind].columns, SheetAnswers.of(batch)
    sheet, done = (batch.layout or {}).get("sheet", ""), batch.phase in REPORTED
    if sheet and sheet not in examine(report, LARGE_SHEET):  # a copy, whose sheet cannot have every name
        sheet = sheet_name(sheet)
    read = partial(read_lines, report, columns, limits=LARGE_SHEET, sheet=sheet)
    layout = read(mapping=_titles_in(read().layout, given.titles)).layout
    marks = marks_of(columns, layout, rows, done=done)
    return refused_rows(report, marks, LARGE_SHEET), {**summary, "rows": len(rows)}


# --- the sheet -----------------------------------------------------------------------------------------------


class OpenedSheet(NamedTuple):
    """A sheet read from the store, with the answers of its import. Its rows are read while they are taken."""

    lines: Iterator[SheetLine]
    errors: Sequence[CellError]  # of its header
    layout: Layout


def open_sheet(store: Store, batch: SheetImport) -> OpenedSheet:
    """Read the stored sheet of an import. Raises ``SheetRefused``, also while rows are taken."""
    given = SheetAnswers.of(batch)
    columns = [_with_words(column, given.words.get(column.key)) for column in IMPORTERS[batch.kind].columns]
    data = store.read(batch.sheet_object or "")
    read = partial(read_lines, data, columns, limits=LARGE_SHEET, sheet=given.sheet, answers=given.cells)
    table = read(mapping=given.titles)
    if table.errors and (fitting := _titles_in(table.layout, given.titles)) != given.titles:  # of a sheet laid out otherwise
        table = read(mapping=fitting)
    rows = (part for line in table.lines for part in _rows_of(line, given.shown))
    return OpenedSheet(rows, table.errors, table.layout)


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
    data: bytes, batch: SheetImport, layout: Layout, rows: Iterable[PreviewRow], *, done: bool, alive: Callable[[], None]
) -> bytes:
    """The uploaded sheet with the result of each row; can be corrected and uploaded again. ``alive``: see ``result_book``."""
    marks = marks_of(IMPORTERS[batch.kind].columns, layout, rows, answers=SheetAnswers.of(batch).cells, done=done)
    return result_book(data, marks, LARGE_SHEET, alive=alive)


def kept_mapping(session: Session, kind: ImportKind, whose: Mapping[str, Any]) -> dict[str, Any]:
    """What the enterprise or office last mapped for sheets of this kind: the next one begins with it."""
    owner = (getattr(SheetImport, key) == value for key, value in whose.items() if key != "notice_id")
    mine = select(SheetImport.mapping).where(SheetImport.kind == kind, *owner)
    newest = mine.order_by(SheetImport.id.desc()).limit(1)
    mapping = session.scalar(newest) or {}
    titles = {key: title for key, title in mapping.get("titles", {}).items() if title}  # “None” is said of one sheet
    return {"words": mapping.get("words", {}), "titles": titles}


# --- expiry ------------------------------------------------------------------------------------------------


# Of the stored files of imports.
STORED_OBJECTS = (SheetImport.sheet_object, SheetImport.report_object, SheetImport.passwords_object)
UNDER_WAY = (ImportPhase.CHECKING, ImportPhase.IMPORTING, ImportPhase.UNDOING)


def expire(session: Session, *, at: datetime) -> None:
    """Forget expired sheets and reports, and passwords nobody fetched in time. The caller commits."""
    is_old = (SheetImport.expires_at < at, SheetImport.phase.not_in(UNDER_WAY))  # a job needs what it works on
    old = select(SheetImport.id).where(*is_old)
    session.execute(delete(ImportedRow).where(ImportedRow.import_id.in_(old)))
    kept = (SheetImport.sheet_object, SheetImport.report_object, SheetImport.layout, SheetImport.answers)
    session.execute(
        update(SheetImport)
        .where(*is_old, or_(*(column.is_not(None) for column in kept)))
        .values(sheet_object=None, report_object=None, layout=None, answers=None),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(SheetImport)
        .where(SheetImport.passwords_object.is_not(None))
        .where(or_(SheetImport.passwords_at < at - PASSWORDS_LAST, SheetImport.expires_at < at))
        .values(passwords_object=None),
        execution_options={"synchronize_session": False},
    )
