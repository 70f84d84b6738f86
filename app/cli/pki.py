"""Commands about certificates that sign in: trusted authorities, lists of revoked ones, demonstration keys."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
from sqlalchemy.orm import Session

from app import create_app
from app.accounts.pki import bindings, demo_agent, demo_keys, trust, verify
from app.cli.common import bytes_of, settings_in_use
from app.core import clock
from app.core.clock import office_day
from app.core.settings import BadSetting, Settings, read_settings
from app.db.session import db
from app.web.auth.password_form import find

MOST = trust.LARGEST_LIST + 1  # bytes read, so that a longer list is refused for its size


@click.group(invoke_without_command=True)
@click.pass_context
def ukey(context: click.Context) -> None:
    """Certificates that sign in: authorities, lists of revoked ones, demonstration keys.

    \b
      anguan ukey trust ca.pem
      anguan ukey crl ca.crl
    """
    if context.invoked_subcommand is None:
        context.invoke(show)


@ukey.command("list")
def show() -> None:
    """List the trusted authorities and their lists of revoked certificates (the default)."""
    trusted = trust.load_trust(read_settings().ukeys, required=True)
    for digest, authority in trusted.authorities.items():
        listed = trusted.lists.get(digest)
        until = listed.next_update_utc if listed is not None else None
        stands = "no list: nobody can sign in with it" if until is None else f"list good until {until:%Y-%m-%d %H:%M} UTC"
        if until is not None and until < clock.now():
            stands = f"list OUT OF DATE since {until:%Y-%m-%d %H:%M} UTC: nobody can sign in with it"
        print(f"{digest[:16]}  {authority.subject.rfc4514_string()}  to {authority.not_valid_after_utc:%Y-%m-%d}  {stands}")
    if not trusted.authorities:
        print("No authority is trusted: nobody can sign in with a certificate. See 'anguan ukey trust'.")


@ukey.command("trust")
@click.argument("file", type=click.Path(path_type=Path))
def pin(file: Path) -> None:
    """Trust the authority whose certificate is in FILE."""
    for digest in trust.pin(read_settings().ukeys, bytes_of(file, MOST)):
        print(f"Trusted from now on: {digest[:16]}. Put its list of revoked certificates in force: 'anguan ukey crl FILE'.")


@ukey.command("remove")
@click.argument("digest")
def unpin(digest: str) -> None:
    """Trust an authority no longer; DIGEST (or its beginning) as 'anguan ukey list' shows it."""
    print(f"No longer trusted: {trust.unpin(read_settings().ukeys, digest)[:16]}")


@ukey.command("crl")
@click.argument("file", type=click.Path(path_type=Path))
def take_list(file: Path) -> None:
    """Put the list of revoked certificates in FILE into force."""
    data, settings = bytes_of(file, MOST), settings_in_use()
    with create_app(settings).app_context():
        _put_in_force(db.session(), settings, data)


def _put_in_force(session: Session, settings: Settings, data: bytes) -> None:
    new = trust.check_list(data, trust.load_trust(settings.ukeys, required=True), at=clock.now())
    ended = bindings.end_sessions_of(session, new.authority, new.newly, at=clock.now())
    session.commit()
    trust.install_list(settings.ukeys, new)
    print(f"In force for {new.authority[:16]}: {len(new.newly)} newly revoked, sessions of {ended} accounts ended.")


@ukey.command()
@click.argument("name")
@click.option("--account", "username", required=True, metavar="USER", help="User name of the account that it opens.")
@click.option("--days", type=int, default=365, show_default=True, help="How long it is valid; below 0 it has expired.")
def demo_key(name: str, username: str, days: int) -> None:
    """Make a key NAME (small letters, digits) in a file and print its PIN; for the demonstration, refused in production."""
    settings = _not_in_production(settings_in_use())
    with create_app(settings).app_context():
        session, at = db.session(), clock.now()
        session.info.update(actor="anguan ukey", at=at)
        account = find(session, username)
        if account is None:
            raise BadSetting(f"There is no account '{username}'.")
        pin_code = demo_keys.random_pin()
        made = demo_keys.create_key(settings.ukeys, name, account.get_full_name(), pin_code, at=at, days=days)
        known_authorities, then = trust.load_trust(settings.ukeys, required=True), made.not_valid_before_utc
        known = verify.check_chain([demo_keys.bytes_of(made)], known_authorities, at=then)
        bindings.bind(session, account.id, known, by="anguan ukey", at=at)
        session.commit()
    print(f"{name}  PIN {pin_code}")
    print(f"It opens the account '{username}' until {office_day(made.not_valid_after_utc)}.", file=sys.stderr)


@ukey.command()
@click.argument("name")
def demo_revoke(name: str) -> None:
    """Revoke a demonstration key."""
    settings = _not_in_production(settings_in_use())
    demo_keys.revoke(settings.ukeys, name, at=clock.now())
    with create_app(settings).app_context():
        _put_in_force(db.session(), settings, demo_keys.published_list(settings.ukeys))


@ukey.command("agent")
@click.option("--site", default="", metavar="ORIGIN", help="The one site that is answered (default: this one).")
@click.option("--mishap", type=click.Choice([str(mishap.value) for mishap in demo_agent.Mishap]), help="What shall go wrong.")
def run_agent(site: str, mishap: str | None) -> None:
    """Be the UKey program of this computer, with the demonstration's keys, until stopped."""
    settings = _not_in_production(read_settings())
    port = urlsplit(settings.ukey_agent).port
    if port is None or urlsplit(settings.ukey_agent).hostname not in ("127.0.0.1", "localhost"):
        raise BadSetting("ANGUAN_UKEY_AGENT must name a port of this computer, like http://127.0.0.1:18765.")
    site = (site or settings.office.public_url).rstrip("/")
    agent = demo_agent.Agent(settings.ukeys / "keys", site, demo_agent.Mishap(mishap) if mishap else None)
    try:
        server = demo_agent.server(agent, port)
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
