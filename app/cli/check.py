"""The command that says what is missing or unsafe in settings and database."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from urllib.parse import urlsplit

import click
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.sansio.utils import host_is_trusted

from app import create_app
from app.accounts import role_assignment
from app.applications.office_settings import DEMO_CLOCK, office_of
from app.cli.certificates import licence_state, seal_state
from app.cli.common import database, revision
from app.cli.demo_data.people import DEMO_ACCOUNTS
from app.core import clock
from app.core.crypto.seal_provider import SealUse, Suite
from app.core.errors import Obstacle, Unwritable
from app.core.settings import Settings, read_settings
from app.core.sign_in_vocabulary import SecondFactor
from app.db import key_rotation, migrate
from app.db.session import db
from app.eligibility.identity_check import differing_identities
from app.models import Account, Parameter
from app.web.health import unwritable
from app.worker.providers import Clamd, seal_of

MOST_PAIRS = 200  # records that name somebody else, listed at once
SOON = timedelta(days=180)  # a seal that runs out within so long is reported


@click.command()
def check() -> int:
    """Say what is missing or unsafe in the settings. Ends with 1 if anything is."""
    found = list(faults(read_settings()))
    for fault in found:
        print(f"- {fault}")
    print("Nothing to report." if not found else f"{len(found)} to look at.")
    return 1 if found else 0


def faults(settings: Settings) -> Iterator[str]:
    """What is missing or unsafe, each with what to do."""
    yield from _store_faults(settings)
    if not settings.code_keys.exists():
        yield "There are no keys to sign QR codes with: run 'anguan init'."
    home = settings.home
    for path, mode in ((home, 700), (home / "keys.json", 600), (settings.code_keys, 600), (settings.seals, 700)):
        if path.exists() and path.stat().st_mode & 0o077:
            yield f"{path} can be read by others: chmod {mode} it."
    yield from _write_faults(settings)
    if settings.clamd and not Clamd(settings.clamd).answers():
        yield "ClamAV does not answer (ANGUAN_CLAMD): every upload would be refused."
    yield from _seal_faults(settings)
    if (state := licence_state(settings)) not in ("off", "ready"):
        yield f"Nobody can sign in with a business licence: {state}."
    if settings.production:
        yield from _production_faults(settings)


def _write_faults(settings: Settings) -> Iterator[str]:
    """Why nothing can be saved, found out by writing."""
    advice = {
        "home": f"{settings.home} cannot be written to: run 'anguan init' as the server's own user",
        "blobs": f"{settings.blobs} cannot be written to: run 'anguan init' as the server's own user",
        "database": "the database stores no row: its log says why",
        Obstacle.DATABASE_READ_ONLY.value: "the database can only be read: give the server's own user its file and folder to "
        "write (SQLite), or end the standby or read-only mode (PostgreSQL)",
        Obstacle.DISK_FULL.value: "the disk is full: make room on it, or give the database file more",
        Obstacle.DISK_FAULT.value: "the disk refuses what is written to it: the log of the operating system says why",
    }
    with database(settings) as engine:
        for name in unwritable(settings, engine, at=clock.now()):
            yield f"Nothing can be saved: {advice[name]}."


def _seal_faults(settings: Settings) -> Iterator[str]:
    for use, things, command in (
        (SealUse.CERTIFICATES, "e-certificates", "anguan seal renew"),
        (SealUse.LETTERS, "letters", "anguan seal renew --letters"),
    ):
        if (state := seal_state(settings, use)) != "ready":
            yield f"{things[0].upper()}{things[1:]} cannot be sealed: {state}."
            continue
        last = seal_of(settings).seal(Suite.P256, at=clock.now(), use=use).certificate.not_valid_after_utc
        if last < clock.now() + SOON:
            yield f"The seal of {things} runs out on {last:%Y-%m-%d}: renew it ('{command}', or at the service)."


def _store_faults(settings: Settings) -> Iterator[str]:
    try:
        stands = revision(settings)
    except Unwritable:
        return  # ``_write_faults`` says why
    except SQLAlchemyError as fault:
        yield f"The database does not answer (DATABASE_URL): {str(fault).splitlines()[0]}"
        return
    if stands != migrate.head_revision():
        yield "The database is not up to date: run 'anguan init'."
        return
    if settings.production and _may_rewrite_the_audit_log(settings):
        yield "The server's database role may change the audit log: give it one of its own ('anguan audit grant ROLE')."
    with create_app(settings).app_context():
        demonstrators = select(Account.username).where(Account.username.in_(DEMO_ACCOUNTS))
        if settings.production and (names := db.session.scalars(demonstrators).all()):
            yield f"Demonstration accounts are in the database ({', '.join(names)}): production needs one of its own."
        for account in role_assignment.conflicting_accounts(db.session()):
            held = ", ".join(sorted(role.value for role in role_assignment.roles_of(account)))
            yield f"{account.username} holds roles that exclude each other ({held}) and cannot sign in: take one away."
        if settings.production and (lacking := role_assignment.missing_administrators(db.session())):
            yield f"No account is {', '.join(role.value for role in lacking)}: run 'anguan create-admin'."
        if settings.production and office_of(db.session(), settings.office).second_factor is SecondFactor.OFF:
            yield "Officers sign in with a password alone: set the parameter second_factor to 'operating'."
        yield from _clock_faults(settings)
        yield from _differing_identities()
        db.session.remove()
        yield from islice(key_rotation.misplaced_secrets(db.engine), 20)


def _clock_faults(settings: Settings) -> Iterator[str]:
    """The demonstration clock: set, or left from a demonstration in a database that serves production."""
    stored = db.session.scalar(select(Parameter.value).where(Parameter.name == DEMO_CLOCK))
    if stored and settings.production:
        yield (
            f"The demonstration clock was set {stored} days ahead in this database; production ignores it, but records bear "
            "later days: production needs a database of its own."
        )
    elif stored:
        day = clock.office_day(clock.now() + timedelta(days=int(stored)))
        yield f"The demonstration clock is set: the office's day is {day} ({stored} days ahead of the true one)."


def _differing_identities() -> Iterator[str]:
    """The first records that name another person than the one they belong to."""
    found = differing_identities(db.session())
    yield from islice(found, MOST_PAIRS)
    if next(found, None):
        yield f"More records name another person than these {MOST_PAIRS}: clear them up and run this again."


def _may_rewrite_the_audit_log(settings: Settings) -> bool:
    """On PostgreSQL; whoever holds SQLite's file holds it whole."""
    with database(settings) as engine, engine.connect() as connection:
        return engine.dialect.name == "postgresql" and migrate.may_rewrite_the_audit_log(connection)


def _production_faults(settings: Settings) -> Iterator[str]:
    if not settings.https:
        yield "Passwords travel in the open: serve behind TLS and set ANGUAN_HTTPS=1."
    known_as = urlsplit(settings.office.public_url).hostname
    if not settings.hosts:
        yield "Any host name would be answered to: set ANGUAN_HOSTS to the names of this site."
    elif odd := [host for host in settings.hosts if not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*(:\d+)?", host)]:
        yield f"ANGUAN_HOSTS takes names between commas, and {', '.join(odd)} is none."
    elif not host_is_trusted(known_as, settings.hosts):
        yield f"QR codes would point at {known_as}, which is not answered to: add it to ANGUAN_HOSTS."
    if not settings.office.public_url.startswith("https://"):
        yield f"QR codes would point at {settings.office.public_url}: set ANGUAN_PUBLIC_URL to this site's https address."
    if settings.https and not settings.trusted_proxies:
        yield "Limits would count the proxy, not the visitor: set ANGUAN_TRUSTED_PROXIES to how many stand in front."
    if not settings.seal_url:
        yield "E-certificates carry the demonstration's seal, which has no legal force: set ANGUAN_SEAL_URL."
    elif not settings.seal_url.startswith("https://"):
        yield "The token of the seal travels in the open: use an https address in ANGUAN_SEAL_URL."
    if settings.licence_url and not settings.licence_url.startswith("https://"):
        yield "The token of the licence platform travels in the open: use an https address in ANGUAN_LICENCE_URL."
    if not settings.sms_url:
        yield "Text messages are only written to a file: set ANGUAN_SMS_URL."
    elif not settings.sms_url.startswith("https://"):
        yield "Text messages and their token travel in the open: use an https address in ANGUAN_SMS_URL."
