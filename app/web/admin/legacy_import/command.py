"""``anguan import-legacy``: the same import from a file. A report gets mode 0600 and replaces no file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker

from app.accounts.access import Actor
from app.applications import legacy_import
from app.core import clock
from app.core.errors import AppError
from app.core.office import Office
from app.core.settings import BadSetting
from app.core.vocabulary import LegacyKind, LegacyOutcome, LegacyPhase, Role
from app.files.storage import Store
from app.models import LegacyImport

BY = Actor(None, "anguan import-legacy", frozenset({Role.ADMIN}))


@dataclass(frozen=True, slots=True)
class CommandSheet:
    """The arguments of the command."""

    kind: str  # the code of a ``LegacyKind``
    file: Path
    dry_run: bool = False
    report: Path | None = None


def take_over(engine: Engine, store: Store, sheet: CommandSheet, office: Office) -> Iterator[str]:
    """Check, and import unless it is a dry run; yields a line for each. Raises ``AppError`` for an unreadable sheet."""
    data = _bytes_of(sheet.file)
    context = legacy_import.ImportContext(sessionmaker(engine, expire_on_commit=False), store, lambda _done, _all: None)
    kind, at = LegacyKind(sheet.kind), clock.now()  # type: ignore[call-arg]
    with context.sessions.begin() as session:
        session.info.update(actor=BY.name, at=at)
        course = legacy_import.receive(session, store, kind, data, sheet.file.name, BY, at=at, office=office)
    legacy_import.check(context, course.id, at=at)
    course = _reloaded(context, course.id)
    yield _summary(course)
    if course.phase is LegacyPhase.CHECKED and not sheet.dry_run:
        with context.sessions.begin() as session:
            legacy_import.confirm(session, course.id, course.sha256, BY, at=clock.now())
        legacy_import.take_over(context, course.id, at=clock.now())
        course = _reloaded(context, course.id)
        yield _summary(course)
    if sheet.report:
        with context.sessions.begin() as session:
            _write_privately(sheet.report, legacy_import.report_of(session, store, course.id, BY, at=clock.now()))


def _reloaded(context: legacy_import.ImportContext, import_id: int) -> LegacyImport:
    with context.sessions() as session:
        course: LegacyImport = session.get_one(LegacyImport, import_id)
    if course.phase is LegacyPhase.UNREADABLE:
        raise AppError(course.fault)
    return course


def _summary(course: LegacyImport) -> str:
    counts = ", ".join(f"{course.counts.get(outcome.value, 0)} {outcome.value}" for outcome in LegacyOutcome)
    return f"{course.phase.value}: {course.total} rows, {counts}."


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadSetting(f"{file} cannot be read: {error.strerror}.") from None


def _write_privately(file: Path, data: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadSetting(f"{file} cannot be written: {error.strerror}.") from None
    with os.fdopen(handle, "wb") as out:
        out.write(data)
