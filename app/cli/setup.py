"""Commands that make an installation ready: keys, folders, database, roles; and the demonstration data."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import click
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.orm import Session

from app import create_app
from app.accounts import identity_binding, role_assignment
from app.applications import clock_check, demo_clock, paper_address
from app.applications.office_calendar import seed_calendar
from app.certificates.lookup import index_printed_numbers
from app.cli.common import alone, revision, settings_in_use
from app.cli.demo_data.fill import fill
from app.core import clock, i18n
from app.core.crypto import demo_ca, signing_keys
from app.core.regions import regions_of
from app.core.settings import BadSetting, Settings, home_of, make_keys, read_settings
from app.db import migrate
from app.db.audit import hash_chain
from app.db.session import db
from app.eligibility.reasons import seed_reasons
from app.matters import seed_papers
from app.models import Region
from app.web.auth.permissions import sync_roles
from app.worker.findings.services import has_sealed

INIT_LOCK = 0x616E67756A  # another number than migrate.LOCK, which is taken inside


@click.command()
def init() -> None:
    """Make keys and folders, bring the database up to date, sync regions and roles. Safe to repeat."""
    with alone(home_of()):
        fresh = make_keys(home_of())
        settings = read_settings()
        _demand_own_keys(settings, fresh)
        if settings.bucket is None:
            settings.blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        i18n.compile_all()
        app = create_app(settings)
        with app.app_context(), _alone_on_the_database(db.engine):
            _make_code_keys(settings)
            migrate.migrate_to(db.engine)
            _make_seals(settings)
            hash_chain.link_existing(db.session())  # lines written before the audit log had a chain become its beginning
            fill_regions(db.session(), settings)
            seed_papers(db.session())  # as far as lines are missing; what the administrator switched stays
            seed_reasons(db.session())  # of steps that have none
            seed_calendar(db.session())  # years of which the office knows none
            identity_binding.bind_unbound(db.session())  # sign-ups and passes of older databases
            index_printed_numbers(db.session())  # and the numbers that their certificates show
            if not paper_address.known(db.session()):
                paper_address.remember(db.session(), settings.office, by="anguan init", at=clock.now())
            db.session.commit()
            sync_roles(app.extensions["appbuilder"])
            nobody_yet = settings.production and role_assignment.missing_administrators(db.session())
    print(f"Ready: {settings.home}")
    if nobody_yet:
        print("Administrators are missing: run 'anguan create-admin'.")


def fill_regions(session: Session, settings: Settings) -> None:
    """The office's province and its prefectures; names that changed are renamed, but for those of the administrator."""
    own = set(session.scalars(select(Region.code).where(Region.own_name)))
    for digits, name in regions_of(settings.office.region_code, settings.office.province).items():
        if digits not in own:
            session.merge(Region(code=digits, name=name))
    session.commit()


@click.command()
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Set the office's day forward to this one first.")
def demo(today: datetime | None) -> None:
    """Fill the database with demonstration data. Safe to repeat; refused in production.

    \b
      anguan demo
      anguan demo --today 2026-12-20
    """
    settings = settings_in_use()
    with alone(settings.home), create_app(settings).app_context():
        session, at = db.session(), clock.now()
        if today is not None:
            demo_clock.set_day(session, today.date(), by="anguan demo", base=settings.office, at=at)
            session.commit()
        ahead = demo_clock.stored_days(session, settings.office)
        with clock.ahead_by(ahead):
            fresh = fill(session, settings, clock.office_moment(at))
        clock_check.accept(session, by="anguan demo", at=at)  # a demonstration may have lain for months
        session.commit()
    print("Demonstration data has been made." if fresh else "Demonstration data is there already.")
    if ahead:
        print(f"The office's day is {clock.office_day(at + timedelta(days=ahead))}: its clock is {ahead} days ahead.")


@contextmanager
def _alone_on_the_database(engine: Engine) -> Iterator[None]:
    """One machine at a time, where several share a PostgreSQL."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": INIT_LOCK})
        yield
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": INIT_LOCK})


def _demand_own_keys(settings: Settings, fresh: bool) -> None:
    """New keys would make everything in an old database unreadable."""
    if fresh and revision(settings) is not None:
        (settings.home / "keys.json").unlink()
        raise BadSetting(f"The database holds data under other keys: put its keys.json into {settings.home} first.")


def _make_code_keys(settings: Settings) -> None:
    """Once. Others beside certificates that were issued under the lost ones would call every print a forgery."""
    with db.engine.connect() as connection:
        known = inspect(connection).has_table("certificate_version") and {
            column["name"] for column in inspect(connection).get_columns("certificate_version")
        }
        signed = "SELECT 1 FROM certificate_version WHERE status_index IS NOT NULL LIMIT 1"
        lost = known and "status_index" in known and connection.execute(text(signed)).first()
    if lost and not settings.code_keys.exists():
        raise BadSetting(
            f"Certificates have been issued under other code keys: put their codes.json into {settings.home} first."
        )
    signing_keys.make(settings.code_keys, at=clock.now())


def _make_seals(settings: Settings) -> None:
    """Whatever is missing of the demonstration's. Beside papers that were sealed by lost ones, others would disown those."""
    if not settings.seal_url and (missing := demo_ca.missing(settings.seals)) and has_sealed(db.session()):
        raise BadSetting(
            f"Papers have been sealed by another seal: put its folder back into {settings.seals} first "
            f"({missing[0]} is missing)."
        )
    demo_ca.establish(settings.seals, address=settings.office.public_url, at=clock.now())
