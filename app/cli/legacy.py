"""The command that takes a sheet of the old system over."""

from pathlib import Path

import click

from app.applications.office_settings import office_of
from app.cli.common import language, settings_in_use
from app.core.vocabulary import LegacyKind
from app.db.session import db
from app.files.storage import Store
from app.web.admin.legacy_import.command import CommandSheet, take_over
from app.worker.providers import scanner_of


@click.command()
@click.argument("kind", type=click.Choice([kind.value for kind in LegacyKind]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check only.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the rows with result and reason here (0600).")
def import_legacy(kind: str, file: Path, dry_run: bool, report: Path | None) -> None:
    """Check a sheet (.xlsx) of the old system and take its sound rows over.

    \b
      anguan import-legacy certificates old.xlsx --dry-run --report result.xlsx
    """
    settings, sheet = settings_in_use(), CommandSheet(kind, file, dry_run, report)
    with language(settings)("zh"):
        office = office_of(db.session(), settings.office)
        db.session.remove()  # SQLite has one writer
        for line in take_over(db.engine, Store(settings.blobs, scanner_of(settings)), sheet, office):
            print(line)
