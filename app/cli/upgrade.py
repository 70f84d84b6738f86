"""The command after new code was installed: tries the migrations on a copy, then brings the database up to date."""

import tempfile
from pathlib import Path
from time import perf_counter

import click
from sqlalchemy import create_engine

from app.backup.databases import duplicate
from app.backup.making import UPGRADE_SCRATCH
from app.backup.rehearsal import scratch_database
from app.cli.common import database, revision
from app.cli.setup import init
from app.core.settings import Settings, read_settings
from app.db import migrate


@click.command()
@click.option("--rehearse", is_flag=True, help="Only try it on a copy; the system may run meanwhile.")
@click.option("--no-copy", is_flag=True, help="Migrate without trying it on a copy before.")
@click.pass_context
def upgrade(context: click.Context, rehearse: bool, no_copy: bool) -> None:
    """Bring the database to this version: on a copy first, then itself. One at a time; safe to repeat.

    A migration that fails on the copy changes nothing; one that fails on the database is undone as a whole.
    """
    settings = read_settings()
    stands, wanted = revision(settings), migrate.head_revision()
    if stands == wanted:
        print(f"The database is up to date ({wanted}).")
    elif not no_copy:
        print(f"Migrations {stands} to {wanted} took {_on_a_copy(settings):,.1f} s on a copy.", flush=True)
    if not rehearse:
        context.invoke(init)


def _on_a_copy(settings: Settings) -> float:
    """The seconds that the migrations take."""
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=UPGRADE_SCRATCH) as folder, database(settings) as engine:
        scratch = Path(folder)
        with scratch_database(engine.dialect.name, scratch, settings.database_url) as url:
            duplicate(engine, url, scratch, settings.pg_bin)
            copy = create_engine(url, hide_parameters=True)
            began = perf_counter()
            try:
                migrate.migrate_to(copy)
            finally:
                copy.dispose()
            return perf_counter() - began
