"""Commands about signing in with a certificate: whom to believe, lists of revoked ones, and keys for the demonstration."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from app import create_app
from app.accounts.pki import bindings, demo_agent, demo_keys, trust, verify
from app.cli.common import Command, settings_in_use
from app.core import clock
from app.core.clock import office_day
from app.core.settings import BadSetting, Settings, read_settings
from app.db.session import db
from app.web.auth.password_form import find

Adder = Callable[[str, Command, str], argparse.ArgumentParser]


def add_ukeys(add: Adder) -> None:
    commands = add("ukey", show, "Certificates that sign in: authorities, lists of revoked ones, demonstration keys.")
    deeds = commands.add_subparsers(metavar="DEED")

    def deed(name: str, command: Command, about: str) -> argparse.ArgumentParser:
        own = deeds.add_parser(name, help=about, description=about)
        own.set_defaults(command=command)
        return own

    deed("list", show, "list the authorities that are believed, and their lists of revoked certificates (the default)")
    deed("trust", pin, "believe the authority whose certificate is in FILE").add_argument("file", type=Path, metavar="FILE")
    deed("remove", unpin, "believe an authority no longer").add_argument(
        "digest", metavar="DIGEST", help="as 'anguan ukey list' shows it, or its beginning"
    )
    deed("crl", take_list, "put a list of revoked certificates in force").add_argument("file", type=Path, metavar="FILE")
    key = deed("demo-key", demo_key, "make a key in a file for the demonstration, and print its PIN; refused in production")
    key.add_argument("name", metavar="NAME", help="of the key: small letters and digits")
    key.add_argument("--account", required=True, metavar="USER", help="user name of the account that it opens")
    key.add_argument("--days", type=int, default=365, help="how long it is valid; below 0 it has run out (default 365)")
    deed("demo-revoke", demo_revoke, "revoke a demonstration key").add_argument("name", metavar="NAME")
    desk = deed("agent", run_agent, "be the UKey program of this computer, with the demonstration's keys, until stopped")
    desk.add_argument("--site", default="", metavar="ORIGIN", help="the one site that is answered (default: this one)")
    desk.add_argument("--mishap", type=demo_agent.Mishap, choices=list(demo_agent.Mishap), help="what shall go wrong")


def show(_chosen: argparse.Namespace) -> None:
    settings = read_settings()
    believed = trust.load_trust(settings.ukeys, required=True)
    for digest, one in believed.authorities.items():
        listed = believed.lists.get(digest)
        until = listed.next_update_utc if listed is not None else None
        stands = "no list: nobody of it comes in" if until is None else f"list good until {until:%Y-%m-%d %H:%M} UTC"
        if until is not None and until < clock.now():
            stands = f"list OUT OF DATE since {until:%Y-%m-%d %H:%M} UTC: nobody of it comes in"
        print(f"{digest[:16]}  {one.subject.rfc4514_string()}  to {one.not_valid_after_utc:%Y-%m-%d}  {stands}")
    if not believed.authorities:
        print("No authority is believed: nobody can sign in with a certificate. See 'anguan ukey trust'.")


def pin(chosen: argparse.Namespace) -> None:
    for digest in trust.pin(read_settings().ukeys, _bytes_of(chosen.file)):
        print(f"Believed from now on: {digest[:16]}. Put its list of revoked certificates in force: 'anguan ukey crl FILE'.")


def unpin(chosen: argparse.Namespace) -> None:
    print(f"No longer believed: {trust.unpin(read_settings().ukeys, chosen.digest)[:16]}")


def take_list(chosen: argparse.Namespace) -> None:
    data, settings = _bytes_of(chosen.file), settings_in_use()
    with create_app(settings).app_context():
        _put_in_force(db.session(), settings, data)


def _put_in_force(session: Session, settings: Settings, data: bytes) -> None:
    new = trust.check_list(data, trust.load_trust(settings.ukeys, required=True), at=clock.now())
    ended = bindings.end_sessions_of(session, new.authority, new.newly, at=clock.now())
    session.commit()
    trust.install_list(settings.ukeys, new)
    print(f"In force for {new.authority[:16]}: {len(new.newly)} newly revoked, sessions of {ended} accounts ended.")


def demo_key(chosen: argparse.Namespace) -> None:
    settings = _not_in_production(settings_in_use())
    with create_app(settings).app_context():
        session, at = db.session(), clock.now()
        session.info.update(actor="anguan ukey", at=at)
        account = find(session, chosen.account)
        if account is None:
            raise BadSetting(f"There is no account '{chosen.account}'.")
        word = demo_keys.random_pin()
        made = demo_keys.create_key(settings.ukeys, chosen.name, account.get_full_name(), word, at=at, days=chosen.days)
        believed, then = trust.load_trust(settings.ukeys, required=True), made.not_valid_before_utc
        known = verify.check_chain([demo_keys.bytes_of(made)], believed, at=then)
        bindings.bind(session, account.id, known, by="anguan ukey", at=at)
        session.commit()
    print(f"{chosen.name}  PIN {word}")
    print(f"It opens the account '{chosen.account}' until {office_day(made.not_valid_after_utc)}.", file=sys.stderr)


def demo_revoke(chosen: argparse.Namespace) -> None:
    settings = _not_in_production(settings_in_use())
    demo_keys.revoke(settings.ukeys, chosen.name, at=clock.now())
    with create_app(settings).app_context():
        _put_in_force(db.session(), settings, demo_keys.published_list(settings.ukeys))


def run_agent(chosen: argparse.Namespace) -> None:
    settings = _not_in_production(read_settings())
    port = urlsplit(settings.ukey_agent).port
    if port is None or urlsplit(settings.ukey_agent).hostname not in ("127.0.0.1", "localhost"):
        raise BadSetting("ANGUAN_UKEY_AGENT must name a port of this computer, like http://127.0.0.1:18765.")
    site = (chosen.site or settings.office.public_url).rstrip("/")
    desk = demo_agent.Agent(settings.ukeys / "keys", site, chosen.mishap)
    try:
        server = demo_agent.server(desk, port)
    except OSError as fault:
        why = f"The UKey program cannot listen on port {port} ({fault.strerror}): set ANGUAN_UKEY_AGENT."
        raise BadSetting(why) from None
    print(f"UKey program on {settings.ukey_agent} for {site}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _not_in_production(settings: Settings) -> Settings:
    if settings.production:
        raise BadSetting("Keys in files are for the demonstration: production wants UKeys of an authority.")
    return settings


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(trust.LARGEST_LIST + 1)
    except OSError as fault:
        raise BadSetting(f"{path} cannot be read: {fault.strerror}.") from None
