"""The command that takes a sheet of the old system over. A report gets mode 0600 and replaces no file."""

import os
from pathlib import Path

import click
from sqlalchemy.orm import sessionmaker

from app.accounts.access import Actor
from app.applications import sheet_imports
from app.applications.office_settings import office_of
from app.cli.common import bytes_of, language, settings_in_use
from app.core import clock
from app.core.errors import AppError
from app.core.settings import BadSetting
from app.core.vocabulary import OLD_SYSTEM, AuditAction, ImportKind, ImportPhase, Role, RowOutcome
from app.db import audit
from app.db.session import db, read_only
from app.files.stores import store_of
from app.models import SheetImport
from app.worker.providers import scanner_of

BY = Actor(None, "anguan import-legacy", frozenset({Role.ADMIN}))


@click.command()
@click.argument("kind", type=click.Choice([kind.value for kind in OLD_SYSTEM]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check only.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the rows with result and reason here (0600).")
def import_legacy(kind: str, file: Path, dry_run: bool, report: Path | None) -> None:
    """Check a sheet (.xlsx) of the old system and take its sound rows over.

    \b
      anguan import-legacy certificates old.xlsx --dry-run --report result.xlsx
    """
    settings = settings_in_use()
    with language(settings)("zh"):
        office, store = office_of(db.session(), settings.office), store_of(settings, scanner_of(settings))
        db.session.remove()  # SQLite has one writer
        clock.set_days_ahead(office.days_ahead)
        data, at, which = bytes_of(file), clock.office_moment(clock.now()), ImportKind(kind)  # type: ignore[call-arg]
        context = sheet_imports.ImportContext(
            sessionmaker(db.engine, expire_on_commit=False), store, lambda _done, _all: None, office
        )
        sheet = sheet_imports.keep(store, data, file.name)
        with context.sessions.begin() as session:
            session.info.update(actor=BY.name, at=at)
            course = sheet_imports.receive(session, which, sheet, BY, at=at, office=office)
        sheet_imports.check(context, course.id, at=at)
        course = _reported(context, course.id)
        if course.phase is ImportPhase.CHECKED and dry_run:
            with context.sessions.begin() as session:
                sheet_imports.end_dry_run(session, course.id, course.shown, BY, at=at)
        elif course.phase is ImportPhase.CHECKED:
            with context.sessions.begin() as session:
                sheet_imports.confirm(session, course.id, course.shown, BY, at=at)
            sheet_imports.take_over(context, course.id, at=at)
            _reported(context, course.id)
        if report:
            with read_only(), context.sessions() as session:
                data, summary = sheet_imports.report_of(session, store, course.id, BY)
            with context.sessions.begin() as session:
                audit.log(session, BY.name, AuditAction.EXPORT, SheetImport, course.id, summary, at=clock.now())
            _write_privately(report, data)


def _reported(context: sheet_imports.ImportContext, import_id: int) -> SheetImport:
    """The import as it stands, printed; raises ``AppError`` for an unreadable sheet."""
    with context.sessions() as session:
        course: SheetImport = session.get_one(SheetImport, import_id)
    if course.phase is ImportPhase.UNREADABLE:
        raise AppError(course.fault)
    counts = ", ".join(f"{course.counts.get(outcome.value, 0)} {outcome.value}" for outcome in RowOutcome)
    print(f"{course.phase.value}: {course.total} rows, {counts}.")
    return course


def _write_privately(file: Path, data: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadSetting(f"{file} cannot be written: {error.strerror}.") from None
    with os.fdopen(handle, "wb") as out:
        out.write(data)
