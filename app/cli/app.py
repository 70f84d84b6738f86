"""The back stairs: the commands of ``anguan``, thin over the same functions that the doors use.

Law: what a command cannot do it says in one sentence on the error channel and ends with 1; no traceback for an expected no.
"""

import argparse
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask_appbuilder.security.sqla.models import Role as RoleRow
from flask_babel import force_locale
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.sansio.utils import host_is_trusted

from app import create_app
from app.accounts import role_assignment
from app.accounts.passwords import min_length, weaknesses
from app.applications.office_calendar import seed_calendar
from app.applications.office_settings import office_of
from app.cli.audit import add_diary
from app.cli.certificates import add_proofs, licence_word, seal_word
from app.cli.common import Command, ServerLog, alone, revision, settings_in_use, speak
from app.cli.demo_data.fill import fill
from app.cli.demo_data.people import ACCOUNTS
from app.cli.keys import add_rotation
from app.cli.permissions_doc import write_rolebook
from app.cli.pki import add_ukeys
from app.cli.redaction import add_disclosure
from app.cli.retention import add_retention
from app.core import clock, i18n
from app.core.crypto import demo_ca, signing_keys
from app.core.crypto.seal_provider import Suite
from app.core.errors import AppError
from app.core.identifiers import parse_credit_code
from app.core.office import Office
from app.core.regions import regions_of
from app.core.settings import BadSetting, Settings, home_of, make_keys, read_settings
from app.core.vocabulary import ADMINISTRATORS, REGIONAL, LegacyKind, Role, SecondFactor
from app.db import key_rotation, migrate
from app.db.audit import hash_chain
from app.db.session import db
from app.files.storage import Store
from app.matters import seed_papers
from app.models import Account, Enterprise, Region
from app.outbox import sms
from app.web.admin.legacy_import.command import CommandSheet, take_over
from app.web.auth.password_form import find, normal
from app.web.auth.permissions import sync_roles
from app.web.auth.security_manager import set_password
from app.web.middleware import fit_to_serve
from app.worker.process import ChildProcess, run_worker
from app.worker.providers import Clamd, gateway_of, scanner_of, seal_of

DEMO_ACCOUNTS = tuple(name for name, _full_name, _role in ACCOUNTS)
SOON = timedelta(days=180)  # a seal that runs out within so long is worth a word
INIT_LOCK = 0x616E67756A  # beside schema.LOCK, which is taken inside


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process's exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.command(chosen) or 0)
    except AppError as no:
        print(f"anguan: {no}", file=sys.stderr)
    except SQLAlchemyError as fault:
        print(f"anguan: the database does not answer as it should: {str(fault).splitlines()[0]}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anguan", description="Commands of the approval system; settings: docs/SETTINGS.md")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command, about: str) -> argparse.ArgumentParser:
        own = commands.add_parser(name, help=about, description=about)
        own.set_defaults(command=command)
        return own

    add("init", init, "Make keys and folders, bring the database up to date, sync regions and roles. Safe to repeat.")
    add("demo", demo, "Fill the database with demonstration data. Safe to repeat; refused in production.")
    server = add("serve", serve, "Serve the application until stopped.")
    server.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    server.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    server.add_argument("--workers", type=int, default=2, help="processes; each answers 8 requests at once (default 2)")
    cores = min(2, os.cpu_count() or 1)
    server.add_argument(
        "--background", type=int, default=cores, help=f"processes for what nobody waits for (default {cores})"
    )
    server.add_argument("--no-worker", action="store_true", help="the web only; 'anguan worker' runs elsewhere")
    hands = add("worker", worker, "Work off what nobody waits for (text messages, nightly tidying up) until stopped.")
    hands.add_argument("--console", action="store_true", help="show text messages here instead of sending them")
    hands.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)  # end when this process is gone
    add("check", check, "Say what is missing or unsafe in the settings. Ends with 1 if anything is.")
    _add_people(add)
    takeover = add("import-legacy", import_legacy, "Check a sheet of the old system and take its sound rows over.")
    takeover.add_argument("kind", choices=[kind.value for kind in LegacyKind])
    takeover.add_argument("file", type=Path, metavar="FILE", help="an .xlsx workbook")
    takeover.add_argument("--dry-run", action="store_true", help="check only")
    takeover.add_argument("--report", type=Path, metavar="FILE", help="write the rows with result and reason here (0600)")
    courier = add("deliver", deliver, "Send the text messages that are due, once.")
    courier.add_argument(
        "--console", action="store_true", help="show them here instead of writing ANGUAN_HOME/messages.jsonl"
    )
    add_proofs(add)
    add_ukeys(add)
    add_rotation(add)
    add_retention(add)
    add_diary(add)
    add_disclosure(add)
    return parser


def _add_people(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Who may come in, and what they may open."""
    person = add("account", account, "Create an account and print a password that must be changed at the first sign-in.")
    person.add_argument("name", metavar="NAME", help="user name")
    person.add_argument("--role", action="append", required=True, choices=[role.value for role in Role])
    person.add_argument("--full-name", default="", help="as it stands in records (default: the user name)")
    person.add_argument("--region", default="", metavar="CODE", help="six digits; an officer's area")
    person.add_argument(
        "--enterprise", default="", metavar="USCC", help="credit code of the enterprise an enterprise clerk acts for"
    )
    book = add("roles", write_rolebook, "Say who may open what, as a table.")
    book.add_argument("--write", action="store_true", help="write it to docs/ROLES.md")
    add(
        "create-admin",
        create_admin,
        "Make the administrators that are missing (system, security, audit) and print their words.",
    )


# --- init and demo ------------------------------------------------------------------------------------------


def init(_chosen: argparse.Namespace) -> None:
    with alone(home_of()):
        fresh = make_keys(home_of())
        settings = read_settings()
        _demand_own_keys(settings, fresh)
        settings.blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        demo_ca.establish(settings.seals, address=settings.office.public_url, at=clock.now())
        i18n.compile_all()
        app = create_app(settings)
        with app.app_context(), _alone_on_the_database(db.engine):
            _make_code_keys(settings)
            migrate.migrate_to(db.engine)
            begin_chain(db.session())
            fill_regions(db.session(), settings)
            fill_paper_rules(db.session())
            fill_calendar(db.session())
            sync_roles(app.extensions["appbuilder"])
            nobody_yet = settings.production and role_assignment.missing_administrators(db.session())
    print(f"Ready: {settings.home}")
    if nobody_yet:
        print("Administrators are missing: run 'anguan create-admin'.")


def begin_chain(session: Session) -> None:
    """Lines from before the diary had a chain are the beginning of it."""
    hash_chain.link_existing(session)
    session.commit()


def fill_regions(session: Session, settings: Settings) -> None:
    """The office's province and its prefectures; names that changed are renamed."""
    for digits, name in regions_of(settings.office.region_code, settings.office.province).items():
        session.merge(Region(code=digits, name=name))
    session.commit()


def fill_paper_rules(session: Session) -> None:
    """The table of required papers, as far as lines are missing; what the administrator switched stays."""
    seed_papers(session)
    session.commit()


def fill_calendar(session: Session) -> None:
    """The State Council's days for years of which the office knows none."""
    seed_calendar(session)
    session.commit()


def demo(_chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    with alone(settings.home), create_app(settings).app_context():
        fresh = fill(db.session(), settings, clock.now())
    print("Demonstration data has been made." if fresh else "Demonstration data is there already.")


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


# --- serve ---------------------------------------------------------------------------------------------------


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told by us instead of by a file. Each worker raises its own house: connections do not survive a fork."""

    def __init__(self, options: Mapping[str, Any], keepers: Sequence[ChildProcess]) -> None:
        self.options, self.keepers = options, keepers
        super().__init__()

    def run(self) -> None:
        Master(self).run()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(read_settings())


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's first process, which keeps the workers for the background beside those for the web."""

    def manage_workers(self) -> None:  # once a second
        super().manage_workers()
        for keeper in self.app.keepers:
            keeper.keep()

    def stop(self, graceful: bool = True) -> None:
        keepers, self.app.keepers = self.app.keepers, ()
        for keeper in keepers:
            keeper.tell_to_stop()
        super().stop(graceful)
        for keeper in keepers:
            keeper.end()


def serve(chosen: argparse.Namespace) -> None:
    os.environ.update(HOST=chosen.host, PORT=str(chosen.port))  # what the addresses in QR codes start from
    settings = fit_to_serve(settings_in_use())
    speak()
    i18n.compile_all()
    greeting = _greeting(settings, chosen.host, chosen.port)
    shared_memory = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files; a slow disk must not make a worker look dead
    Server(
        {
            "bind": f"{chosen.host}:{chosen.port}",
            "workers": chosen.workers,
            "worker_class": "gthread",
            "threads": 8,
            "timeout": 60,
            "graceful_timeout": 30 if settings.production else 5,
            "keepalive": 5,
            "max_requests": 5000,
            "max_requests_jitter": 500,
            "limit_request_fields": 64,
            "loglevel": "warning",
            "logger_class": ServerLog,
            "worker_tmp_dir": str(shared_memory) if shared_memory.is_dir() else None,
            "when_ready": lambda _server: print(greeting, flush=True),
        },
        [
            ChildProcess([sys.executable, "-m", "app.cli", "worker"])
            for _each in range(0 if chosen.no_worker else chosen.background)
        ],
    ).run()


def worker(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    speak()
    if not chosen.parent:
        print(f"Working: {settings.home}", flush=True)
    run_worker(settings, gateway_of(settings, console=chosen.console), speaking=_voice(settings), parent=chosen.parent)


def _voice(settings: Settings) -> Callable[[str], AbstractContextManager[None]]:
    """The house speaks from its catalogues within an application only."""
    app = create_app(settings)

    @contextmanager
    def speaking(locale: str) -> Iterator[None]:
        with app.app_context(), force_locale(locale):
            yield

    return speaking


def _greeting(settings: Settings, host: str, port: int) -> str:
    lines = [f"{settings.office.system_name}  http://{host}:{port}"]
    if not settings.production:
        app = create_app(settings)
        with app.app_context():
            with force_locale("zh"):
                accounts = select(Account).where(Account.username.in_(DEMO_ACCOUNTS)).order_by(Account.id)
                for one in db.session.scalars(accounts):
                    roles = ", ".join(str(role) for role in Role if role.value in {held.name for held in one.roles})
                    lines.append(f"  {one.username:<12} {settings.demo_password}   {one.get_full_name()} ({roles})")
            db.session.remove()
            db.engine.dispose()
    return "\n".join(lines)


# --- check, account, deliver -----------------------------------------------------------------------------------


def check(_chosen: argparse.Namespace) -> int:
    settings = read_settings()
    found = list(faults(settings))
    for fault in found:
        print(f"- {fault}")
    print("Nothing to report." if not found else f"{len(found)} to look at.")
    return 1 if found else 0


def faults(settings: Settings) -> Iterator[str]:
    """What is missing or unsafe, each with what to do."""
    yield from _store_faults(settings)
    if not settings.code_keys.exists():
        yield "There are no keys to sign square codes with: run 'anguan init'."
    for path, mode in (
        (settings.home, 700),
        (settings.home / "keys.json", 600),
        (settings.code_keys, 600),
        (settings.seals, 700),
    ):
        if path.exists() and path.stat().st_mode & 0o077:
            yield f"{path} can be read by others: chmod {mode} it."
    if not os.access(settings.blobs, os.W_OK):
        yield f"{settings.blobs} cannot be written to: run 'anguan init' as the server's own user."
    if settings.clamd and not Clamd(settings.clamd).answers():
        yield "ClamAV does not answer (ANGUAN_CLAMD): every upload would be refused."
    if (word := seal_word(settings)) != "ready":
        yield f"E-certificates cannot be sealed: {word}."
    elif (last := seal_of(settings).seal(Suite.P256, at=clock.now()).certificate.not_valid_after_utc) < clock.now() + SOON:
        yield f"The seal of e-certificates runs out on {last:%Y-%m-%d}: renew it ('anguan seal renew', or at the service)."
    if (word := licence_word(settings)) not in ("off", "ready"):
        yield f"Nobody can sign in with a business licence: {word}."
    if settings.production:
        yield from _production_faults(settings)


def _store_faults(settings: Settings) -> Iterator[str]:
    try:
        stands = revision(settings)
    except SQLAlchemyError as fault:
        yield f"The database does not answer (DATABASE_URL): {str(fault).splitlines()[0]}"
        return
    if stands != migrate.head_revision():
        yield "The database is not up to date: run 'anguan init'."
        return
    if settings.production and _may_rewrite_the_diary(settings):
        yield "The server's database role may change the diary: give it one of its own ('anguan audit grant ROLE')."
    with create_app(settings).app_context():
        demonstrators = select(Account.username).where(Account.username.in_(DEMO_ACCOUNTS))
        if settings.production and (names := db.session.scalars(demonstrators).all()):
            yield f"Demonstration accounts are in the database ({', '.join(names)}): production needs one of its own."
        for one in role_assignment.conflicting_accounts(db.session()):
            held = ", ".join(sorted(role.value for role in role_assignment.roles_of(one)))
            yield f"{one.username} holds what must not be in one hand ({held}) and cannot sign in: take one of them away."
        if settings.production and (lacking := role_assignment.missing_administrators(db.session())):
            yield f"No account is {', '.join(role.value for role in lacking)}: run 'anguan create-admin'."
        if settings.production and office_of(db.session(), settings.office).second_factor is SecondFactor.OFF:
            yield "Officers sign in with a password alone: set the parameter second_factor to 'operating'."
        db.session.remove()
        yield from islice(key_rotation.misplaced_secrets(db.engine), 20)


def _may_rewrite_the_diary(settings: Settings) -> bool:
    """On PostgreSQL; whoever holds SQLite's file holds it whole."""
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            return engine.dialect.name == "postgresql" and migrate.may_rewrite_the_audit_log(connection)
    finally:
        engine.dispose()


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
        yield "E-certificates bear the demonstration's seal, which has no legal force: set ANGUAN_SEAL_URL."
    elif not settings.seal_url.startswith("https://"):
        yield "The token of the seal travels in the open: use an https address in ANGUAN_SEAL_URL."
    if settings.licence_url and not settings.licence_url.startswith("https://"):
        yield "The token of the licence platform travels in the open: use an https address in ANGUAN_LICENCE_URL."
    if not settings.sms_url:
        yield "Text messages are only written to a file: set ANGUAN_SMS_URL."
    elif not settings.sms_url.startswith("https://"):
        yield "Text messages and their token travel in the open: use an https address in ANGUAN_SMS_URL."


def account(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    with create_app(settings).app_context():
        session = db.session()
        session.info.update(actor="anguan account", at=clock.now())
        password = _one_time_password(chosen.name, office_of(session, settings.office))
        session.add(_new_account(session, chosen, password))
        session.commit()
    print(f"{normal(chosen.name)}  {password}")
    print("The password must be changed at the first sign-in.", file=sys.stderr)


FIRST_NAMES = dict(zip(ADMINISTRATORS, ("admin", "secadmin", "auditor"), strict=True))


def create_admin(_chosen: argparse.Namespace) -> None:
    """Three accounts for three people: none of them can do what the others do."""
    settings = settings_in_use()
    with create_app(settings).app_context():
        session = db.session()
        session.info.update(actor="anguan create-admin", at=clock.now())
        lacking = role_assignment.missing_administrators(session)
        if not lacking:
            raise BadSetting("The three administrators are there; further roles are given in the system.")
        office, words = office_of(session, settings.office), {}
        for role in lacking:
            tried = (FIRST_NAMES[role] + (str(n) if n else "") for n in range(100))
            name = next(name for name in tried if find(session, name) is None)
            words[name] = _one_time_password(name, office)
            told = {"full_name": "", "enterprise": "", "region": office.region_code if role in REGIONAL else ""}
            session.add(_new_account(session, argparse.Namespace(name=name, role=[role.value], **told), words[name]))
        session.commit()
    for (name, word), role in zip(words.items(), lacking, strict=True):
        print(f"{name:<12} {word}   {role.value}")
    print("Hand each to another person. The passwords must be changed at the first sign-in.", file=sys.stderr)


def _new_account(session: Session, chosen: argparse.Namespace, password: str) -> Account:
    name = normal(chosen.name)
    if find(session, name) is not None:
        raise BadSetting(f"There is an account '{name}' already.")
    if chosen.region and session.get(Region, chosen.region) is None:
        raise BadSetting(f"There is no region {chosen.region}.")
    enterprise = _enterprise(session, chosen.enterprise) if chosen.enterprise else None
    if (Role.ENTERPRISE_CLERK.value in chosen.role) != (enterprise is not None):
        raise BadSetting("An enterprise clerk needs --enterprise, and nobody else may have it.")
    if not chosen.region and {role.value for role in REGIONAL} & {*chosen.role}:
        raise BadSetting("An officer needs --region: the area that may be seen and decided on.")
    held = {role.name: role for role in session.scalars(select(RoleRow)) if role.name in chosen.role}
    made = Account(
        username=name,
        first_name=chosen.full_name or name,
        last_name="",
        email=f"{name}@anguan.invalid",  # FAB wants one; nothing is ever sent there
        active=True,
        region_code=chosen.region or None,
        enterprise=enterprise,
        roles=list(held.values()),
    )
    set_password(made, password, must_change=True)
    return made


def _enterprise(session: Session, uscc: str) -> Enterprise:
    found: Enterprise | None = session.scalar(select(Enterprise).where(Enterprise.uscc == parse_credit_code(uscc)))
    if found is None:
        raise BadSetting(f"No enterprise with the credit code {uscc} is on the books.")
    return found


def _one_time_password(name: str, office: Office) -> str:
    """Random, and good enough by our own rules."""
    length = max(12, min_length(office))
    while True:
        password = secrets.token_urlsafe(length)[:length]
        if not list(weaknesses(password, name, office)):
            return password


def import_legacy(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    sheet = CommandSheet(chosen.kind, chosen.file, chosen.dry_run, chosen.report)
    with _voice(settings)("zh"):
        office = office_of(db.session(), settings.office)
        db.session.remove()  # SQLite has one writer
        for line in take_over(db.engine, Store(settings.blobs, scanner_of(settings)), sheet, office):
            print(line)


def deliver(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    with create_app(settings).app_context():
        carrier = gateway_of(settings, console=chosen.console)
        done = sms.deliver(sessionmaker(db.engine), carrier, at=clock.now())
    print(f"{done.sent} sent, {done.postponed} postponed, {done.failed} given up.")
