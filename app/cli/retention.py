"""The command that removes scans whose retention has ended, or says what it would remove."""

import getpass

import click
from sqlalchemy.orm import Session, sessionmaker

from app.applications import scan_retention
from app.applications.office_settings import office_of
from app.cli.clock import demand_sound_clock
from app.cli.common import database, settings_in_use
from app.core import clock
from app.db.session import read_only, unlock
from app.files.storage import MIN_ORPHAN_AGE
from app.files.stores import store_of
from app.worker import handlers

CAUSES = {"replaced": "replaced, and part of no application", "closed": "of applications refused or given up"}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how many, and how large.")
def retention(dry_run: bool) -> None:
    """Remove the scans whose retention has ended, as the parameters say; the worker does so each night."""
    settings = settings_in_use()
    unlock(settings)
    with database(settings) as engine:
        with read_only(), Session(engine) as session:
            office = office_of(session, settings.office)
            clock.set_days_ahead(office.days_ahead)
            at = clock.office_moment(clock.now())
            if dry_run:
                for cause, (count, size) in scan_retention.count_removable(session, clock.office_day(at), office).items():
                    print(f"{count} scans, {size} bytes: {CAUSES[cause]}.")
                return
        demand_sound_clock(settings, engine)
        sessions = sessionmaker(engine, info={"actor": f"anguan retention ({getpass.getuser()})"})
        count = handlers.remove_due_scans(sessions, store_of(settings), office, at=at, before=clock.now() - MIN_ORPHAN_AGE)
        print(f"{count} scans were removed.")
