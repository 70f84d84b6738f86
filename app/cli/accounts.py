"""Commands for accounts: create one or the three administrators, and give one a new one-time password."""

import secrets
import sys
from dataclasses import dataclass

import click
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from app.accounts import role_assignment
from app.accounts.passwords import min_length, weaknesses
from app.applications.office_settings import office_of
from app.cli.common import settings_in_use
from app.core import clock
from app.core.identifiers import parse_credit_code
from app.core.office import Office
from app.core.settings import BadSetting
from app.core.vocabulary import ADMINISTRATORS, REGIONAL, Role
from app.db.session import db
from app.models import Account, Enterprise, Region
from app.web.auth.password_form import find, forget_guesses, hashed, normal
from app.web.auth.security_manager import set_password

FIRST_NAMES = dict(zip(ADMINISTRATORS, ("admin", "secadmin", "auditor"), strict=True))


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is asked for: user name, role codes, and what goes with the roles."""

    name: str
    roles: tuple[str, ...]
    full_name: str = ""
    region: str = ""
    enterprise: str = ""


@click.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice([role.value for role in Role]))
@click.option("--full-name", default="", help="As it stands in records (default: the user name).")
@click.option("--region", default="", metavar="CODE", help="Six digits; an officer's area.")
@click.option("--enterprise", default="", metavar="USCC", help="Credit code of the enterprise a clerk acts for.")
def account(name: str, roles: tuple[str, ...], full_name: str, region: str, enterprise: str) -> None:
    """Create an account and print a password that must be changed at the first sign-in.

    \b
      anguan account lilei --role reviewer --region 430100 --full-name 李雷
    """
    settings, asked = settings_in_use(), NewAccount(name, roles, full_name, region, enterprise)
    with create_app(settings).app_context():
        session = db.session()
        session.info.update(actor="anguan account", at=clock.now())
        password = _one_time_password(name, office_of(session, settings.office))
        session.rollback()  # hold no lock while hashing
        stored = hashed(password)
        session.add(_new_account(session, asked, stored))
        session.commit()
    print(f"{normal(name)}  {password}")
    print("The password must be changed at the first sign-in.", file=sys.stderr)


@click.command()
def create_admin() -> None:
    """Create the administrators that are missing (system, security, audit) and print their passwords.

    Three accounts for three people: none of them can do what the others do.
    """
    settings = settings_in_use()
    with create_app(settings).app_context():
        session = db.session()
        session.info.update(actor="anguan create-admin", at=clock.now())
        missing = role_assignment.missing_administrators(session)
        if not missing:
            raise BadSetting("The three administrators are there; further roles are given in the system.")
        office, passwords = office_of(session, settings.office), {}
        for role in missing:
            names = (FIRST_NAMES[role] + (str(n) if n else "") for n in range(100))
            name = next(name for name in names if find(session, name) is None)
            passwords[name] = _one_time_password(name, office)
        session.rollback()  # hold no lock while hashing
        stored = [hashed(password) for password in passwords.values()]
        for name, role, its_hash in zip(passwords, missing, stored, strict=True):
            region = office.region_code if role in REGIONAL else ""
            session.add(_new_account(session, NewAccount(name, (role.value,), region=region), its_hash))
        session.commit()
    for (name, password), role in zip(passwords.items(), missing, strict=True):
        print(f"{name:<12} {password}   {role.value}")
    print("Hand each to another person. The passwords must be changed at the first sign-in.", file=sys.stderr)


@click.command()
@click.argument("name")
def reset_password(name: str) -> None:
    """Give an account a new one-time password and print it; its sessions end and its lock is lifted.

    For who cannot be helped in the system: an administrator without a colleague, or without a mobile on file.
    """
    settings = settings_in_use()
    with create_app(settings).app_context():
        session = db.session()
        session.info.update(actor="anguan reset-password", at=clock.now())
        found = find(session, name)
        if found is None:
            raise BadSetting(f"There is no account '{normal(name)}'.")
        password = _one_time_password(found.username, office_of(session, settings.office))
        session.rollback()  # hold no lock while hashing
        stored = hashed(password)
        set_password(found, stored, must_change=True)
        session.commit()
        forget_guesses(db.engine, name)
    print(f"{normal(name)}  {password}")
    print("Hand it to its holder. The password must be changed at the first sign-in.", file=sys.stderr)


def _new_account(session: Session, asked: NewAccount, stored: str) -> Account:
    name = normal(asked.name)
    if find(session, name) is not None:
        raise BadSetting(f"There is an account '{name}' already.")
    if asked.region and session.get(Region, asked.region) is None:
        raise BadSetting(f"There is no region {asked.region}.")
    enterprise = _enterprise(session, asked.enterprise) if asked.enterprise else None
    if (Role.ENTERPRISE_CLERK.value in asked.roles) != (enterprise is not None):
        raise BadSetting("An enterprise clerk needs --enterprise, and nobody else may have it.")
    if not asked.region and {role.value for role in REGIONAL} & {*asked.roles}:
        raise BadSetting("An officer needs --region: the area that may be seen and decided on.")
    held = {role.name: role for role in session.scalars(select(RoleRow)) if role.name in asked.roles}
    made = Account(
        username=name,
        first_name=asked.full_name or name,
        last_name="",
        email=f"{name}@anguan.invalid",  # FAB wants one; nothing is ever sent there
        active=True,
        region_code=asked.region or None,
        enterprise=enterprise,
        roles=list(held.values()),
    )
    set_password(made, stored, must_change=True)
    return made


def _enterprise(session: Session, uscc: str) -> Enterprise:
    found: Enterprise | None = session.scalar(select(Enterprise).where(Enterprise.uscc == parse_credit_code(uscc)))
    if found is None:
        raise BadSetting(f"No enterprise with the credit code {uscc} is known.")
    return found


def _one_time_password(name: str, office: Office) -> str:
    """Random, and good enough by our own rules."""
    length = max(12, min_length(office))
    while True:
        password = secrets.token_urlsafe(length)[:length]
        if not list(weaknesses(password, name, office)):
            return password
