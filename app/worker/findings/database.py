"""Checks of the database: that it answers, is ours, opens with the keys, and holds what production may hold."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from sqlalchemy import inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import role_assignment
from app.applications import clock_check
from app.applications.office_settings import DEMO_CLOCK, office_of
from app.core import kernel_clock
from app.core.clock import office_day
from app.core.crypto.signing_keys import BadKeys, ring
from app.core.errors import Unwritable
from app.core.sign_in_vocabulary import SecondFactor
from app.db import key_rotation, migrate
from app.db.session import unlock
from app.eligibility.identity_check import differing_identities
from app.models import AuditCheckpoint, CertificateVersion, Enterprise, Parameter, Region
from app.worker.findings.finding import SystemFinding
from app.worker.findings.installation import Installation, shown

MOST_LISTED = 200  # findings of one kind, listed one by one
# Of the demonstration's enterprises: credit codes without their check character.
DEMONSTRATION_CODES = ("91430100MA4L00001", "91430600MA4L00002")
APART = timedelta(minutes=1)  # two clocks kept by a time service differ by far less


# --- without which nothing else can be asked -------------------------------------------------------------------


def answers(of: Installation) -> Iterator[SystemFinding]:
    """The database answers, and stands at the revision that this version needs."""
    try:
        with of.engine.connect() as connection:
            stands = migrate.current_revision(connection)
            foreign = stands is None and bool(inspect(connection).get_table_names())
    except Unwritable:
        return  # ``environment.writing`` says why
    except SQLAlchemyError as fault:
        yield SystemFinding("database-away", "DATABASE_URL", {"why": str(fault).splitlines()[0]})
        return
    if stands is None:
        yield SystemFinding("strange-database" if foreign else "empty-database", "DATABASE_URL")
    elif stands not in migrate.revisions():
        yield SystemFinding("newer-database", "DATABASE_URL", {"stands": stands})
    elif stands != (needs := migrate.head_revision()):
        yield SystemFinding("older-database", "DATABASE_URL", {"stands": stands, "needs": needs})


def keys_fit(of: Installation) -> Iterator[SystemFinding]:
    """The keys open what the database holds."""
    unlock(of.settings)
    with of.engine.connect() as connection:
        if key_rotation.opens_newest(connection) is False:
            yield SystemFinding("foreign-keys", str(of.settings.keys_file))


def code_keys_fit(of: Installation) -> Iterator[SystemFinding]:
    """The keys with which certificates and checkpoints were signed last are here: another machine may have made them."""
    with of.reading() as session:
        face = session.scalar(select(CertificateVersion.face).order_by(CertificateVersion.id.desc()).limit(1))
        sealed = session.scalar(select(AuditCheckpoint.kid).order_by(AuditCheckpoint.id.desc()).limit(1))
    try:
        here = ring.public.keys()
    except BadKeys:
        return  # ``environment.code_keys`` says so
    for kid in sorted(filter(None, {(face or {}).get("code_key"), sealed} - here)):
        yield SystemFinding("other-code-keys", str(of.settings.code_keys), {"kid": kid})


def is_ours(of: Installation) -> Iterator[SystemFinding]:
    """The database is that of the authority of the settings: its region is known, and enterprises lie in it."""
    ours = of.settings.office.region_code
    with of.reading() as session:
        known = session.scalar(select(Region.code).where(Region.code == ours))
        first = session.scalar(select(Region.code).where(Region.code.endswith("0000")).order_by(Region.code).limit(1))
        codes = select(Enterprise.region_code).order_by(Enterprise.region_code)
        low = session.scalar(codes.limit(1))
        high = session.scalar(select(Enterprise.region_code).order_by(Enterprise.region_code.desc()).limit(1))
    theirs = next((code for code in (low, high) if code and code[:2] != ours[:2]), "" if known else first)
    if theirs:
        yield SystemFinding("other-office", "ANGUAN_REGION_CODE", {"theirs": theirs, "ours": ours})


# --- what it holds --------------------------------------------------------------------------------------------


def accounts(of: Installation) -> Iterator[SystemFinding]:
    """Nobody holds roles that exclude each other; production has its administrators and a second factor."""
    with of.reading() as session:
        for account in role_assignment.conflicting_accounts(session):
            held = "、".join(
                str(role.label) for role in sorted(role_assignment.roles_of(account), key=lambda role: role.value)
            )
            yield SystemFinding("conflicting-roles", account.username, {"roles": held})
        if of.settings.production:
            for role in role_assignment.missing_administrators(session):
                yield SystemFinding("no-administrator", str(role.label))
            if office_of(session, of.settings.office).second_factor is SecondFactor.OFF:
                yield SystemFinding("password-alone", "second_factor")


def demonstration(of: Installation) -> Iterator[SystemFinding]:
    """Production holds nothing of a demonstration; the demonstration's clock is known of."""
    with of.reading() as session:
        days = session.scalar(select(Parameter.value).where(Parameter.name == DEMO_CLOCK))
        if of.settings.production:
            for code in DEMONSTRATION_CODES:
                named = select(Enterprise.name).where(Enterprise.uscc.between(code, f"{code}Z"))
                if name := session.scalar(named):
                    yield SystemFinding("demonstration-data", name)
            if days:
                yield SystemFinding("demonstration-clock-left", DEMO_CLOCK, {"n": days})
        elif days:
            day = office_day(of.at + timedelta(days=int(days)))
            yield SystemFinding("demonstration-clock", DEMO_CLOCK, {"n": days, "day": str(day)})


def audit_log_is_append_only(of: Installation) -> Iterator[SystemFinding]:
    """On PostgreSQL, the server's role may not change the audit log; whoever holds SQLite's file holds it whole."""
    if of.settings.production and of.engine.dialect.name == "postgresql":
        with of.engine.connect() as connection:
            if migrate.may_rewrite_the_audit_log(connection):
                yield SystemFinding("open-audit-log", str(connection.scalar(text("SELECT current_user"))))


def identities(of: Installation) -> Iterator[SystemFinding]:
    """Every record names the person that it belongs to."""
    with of.reading() as session:
        for sentence in islice(differing_identities(session), MOST_LISTED):
            yield SystemFinding("differing-identity", sentence)


def secrets(of: Installation) -> Iterator[SystemFinding]:
    """Every secret opens, and stands in its own row."""
    for fault in islice(key_rotation.misplaced_secrets(of.engine), MOST_LISTED):
        yield SystemFinding("misplaced-secret", fault)


# --- the clock ------------------------------------------------------------------------------------------------


def clock(of: Installation) -> Iterator[SystemFinding]:
    """The machine's clock follows what is recorded and agrees with that of the database. Stores nothing."""
    with of.reading() as session:
        doubt, last = clock_check.stored_doubt(session), clock_check.last_mark(session)
        theirs = clock_check.database_clock(session)
        jumped = last is not None and not clock_check.follows(session, of.settings.office, last, of.at)
    values = {"now": shown(of.at), "last": shown(doubt or last)}
    if doubt or (jumped and not kernel_clock.confirms(of.at)):
        yield SystemFinding("doubted-clock", "", values)
    elif last is not None and last > of.at + APART:
        yield SystemFinding("clock-behind", "", values)
    if theirs is not None and (apart := abs(theirs - of.at)) > APART:
        yield SystemFinding("clock-apart", "", {"n": str(round(apart.total_seconds()))})
