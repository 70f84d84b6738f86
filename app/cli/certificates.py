"""Commands about what proves a certificate: its QR code, its seal, and the keys behind both."""

import getpass
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import click
from sqlalchemy.orm import sessionmaker

from app import create_app
from app.applications import paper_address
from app.applications.office_settings import office_of
from app.certificates.qr import offline_check, payload, reader, status_list
from app.cli.common import alone, database, settings_in_use
from app.core import clock
from app.core.crypto import demo_ca, signing_keys
from app.core.crypto import verify_signature as verdicts
from app.core.crypto.seal_provider import SealUnavailable, SealUse, Suite
from app.core.settings import BadSetting, Settings, read_settings
from app.db.session import db
from app.worker.providers import seal_of

# --- QR codes ---------------------------------------------------------------------------------------------------


@click.command()
@click.argument("what")
@click.option("--keys", metavar="FILE", help="Published keys (JWK Set) for a code; default: this system's own.")
@click.option("--list", "listed", metavar="FILE", help="A status list; default: this system's own, unless --keys is given.")
def verify(what: str, keys: str | None, listed: str | None) -> int:
    """Check an e-certificate: its file, or its QR code. Ends with 1 unless all is well.

    WHAT is a PDF, a picture of a code (JPEG, PNG), the address behind it, or its digits.
    """
    if payload.is_signed(payload.digits_in(what)):
        return _verify_code(what, keys, listed)
    try:
        data = Path(what).read_bytes()
    except (OSError, ValueError) as fault:
        raise BadSetting(f"{what} cannot be read: {getattr(fault, 'strerror', '') or 'no such file'}.") from None
    if data.startswith(reader.PICTURES):
        return _verify_code(reader.read_code(data), keys, listed)
    verdict = verdicts.verify(data, verdicts.trusted_roots(read_settings().seals), at=clock.now())
    print("\n".join(verdicts.describe(verdict)))
    return 0 if verdict.good else 1


def _verify_code(given: str, keys: str | None, listed: str | None) -> int:
    at = clock.now()
    verdict = offline_check.check(given, *_proofs(keys, listed, at), at=at)
    claims = verdict.claims
    print(f"{verdict.standing}\n{claims.name}  {claims.number}  version {claims.version}, until {claims.valid_to}")
    if verdict.listed_at:
        print(f"Status list of {clock.office_time(verdict.listed_at):%Y-%m-%d %H:%M}")
    return 0 if verdict.standing is offline_check.OfflineStatus.IN_FORCE else 1


def _proofs(
    keys: str | None, listed: str | None, at: datetime
) -> tuple[signing_keys.PublicKeys, status_list.StatusList | None]:
    """Keys and list to check with: those given, without any installation; else this system's own, as they are now."""
    if keys:
        known = signing_keys.parse_jwk_set(_text_of(keys))
        return known, status_list.opened(_text_of(listed), known) if listed else None
    with create_app(settings_in_use()).app_context():
        if listed:
            return signing_keys.ring.public, status_list.opened(_text_of(listed), signing_keys.ring.public)
        return signing_keys.ring.public, status_list.current(db.session(), at=at, hours=1)


def _text_of(name: str) -> str:
    try:
        return Path(name).read_text()
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{name} cannot be read.") from None


@click.group()
def codes() -> None:
    """Keys behind the QR codes: show them, make a new one, publish them and the status list."""


@codes.command("status")
def codes_status() -> None:
    """List the keys: the newest signs, older ones verify."""
    signing_keys.ring.open(settings_in_use().code_keys)
    for n, (kid, made_at) in enumerate(signing_keys.ring.history()):
        print(f"{kid}  {made_at}  {'signs' if n == 0 else 'verifies'}")


@codes.command()
def rotate() -> None:
    """Make a new key, which signs from now on."""
    settings = settings_in_use()
    with alone(settings.home):
        fresh = signing_keys.rotate(settings.code_keys, at=clock.now())
    print(f"{fresh.kid} signs from now on; older keys go on verifying. Back up {settings.code_keys.name}.")


@codes.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def publish(folder: Path) -> None:
    """Write jwks.json and status-list.jwt into FOLDER, for those who check codes without the network."""
    settings, at = settings_in_use(), clock.now()
    with create_app(settings).app_context():
        office = office_of(db.session(), settings.office)
        uri, hours = f"{office.public_url}/status-list", office.status_list_hours
        token = status_list.sign_list(
            status_list.pack_entries(db.session(), on=clock.office_day(at)),
            signing_keys.ring.newest,
            uri=uri,
            at=at,
            hours=hours,
        )
        published = json.dumps(signing_keys.ring.published(), indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text_ in (("jwks.json", published), ("status-list.jwt", token)):
        beside = folder / f"{name}.new"
        beside.write_text(text_)
        beside.replace(folder / name)
    until = clock.office_time(at + timedelta(hours=office.status_list_hours))
    print(f"Published in {folder}, good until {until:%Y-%m-%d %H:%M}.")


@codes.command()
def redraw() -> None:
    """Have every current certificate drawn again, with the present ANGUAN_PUBLIC_URL in its QR code.

    After the site has moved, and while the old address no longer leads here. Prints made before stay genuine.
    """
    settings, at, by = settings_in_use(), clock.now(), f"anguan codes ({getpass.getuser()})"
    total, last = 0, -1
    with database(settings) as engine:
        while last:
            with sessionmaker(engine).begin() as session:
                count, last = paper_address.redraw(session, after=max(last, 0), at=at)
            total += count
        with sessionmaker(engine).begin() as session:
            paper_address.remember(session, settings.office, by=by, at=at)
    print(f"{total} certificates are drawn again by the workers, for {settings.office.public_url}.")


# --- the seal ------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def seal(context: click.Context) -> None:
    """The seals of e-certificates and of letters under ANGUAN_HOME: status (the default), renew, revoke."""
    if context.invoked_subcommand is None:
        context.invoke(seal_status)


@seal.command("status")
def seal_status() -> None:
    """List the seals."""
    settings = read_settings()
    if settings.seal_url:
        print(f"Certificates are sealed by the service of ANGUAN_SEAL_URL ({seal_state(settings)}).")
    for status in demo_ca.seal_statuses(settings.seals):
        print(_seal_line(status))


_of_letters = click.option(
    "--letters", "use", flag_value=SealUse.LETTERS, type=SealUse, help="The seal of slips, notices and decisions."
)


@seal.command("renew")
@_of_letters
def seal_renew(use: SealUse | None) -> None:
    """Make a new key and certificate, in use at once; what was sealed before stays as good as it is."""
    settings, use = read_settings(), use or SealUse.CERTIFICATES
    with alone(settings.home):
        print(_seal_line(demo_ca.renew(settings.seals, use, address=settings.office.public_url, at=clock.now())))


@seal.command("revoke")
@click.argument("number", type=int)
@click.option("--reason", required=True, type=click.Choice(list(demo_ca.REASONS)))
@_of_letters
def seal_revoke(number: int, reason: str, use: SealUse | None) -> None:
    """Put the seal NUMBER (of 'anguan seal status') on the list of revoked ones, for good: all it sealed is reported so."""
    settings, use = read_settings(), use or SealUse.CERTIFICATES
    with alone(settings.home):
        print(_seal_line(demo_ca.revoke(settings.seals, number, reason, use, at=clock.now())))
    if seal_state(settings, use) != "ready":
        print("Nothing can be sealed any more until 'anguan seal renew' has made another one.", file=sys.stderr)


def _seal_line(status: demo_ca.CaStatus) -> str:
    state = f"revoked {status.revoked_at:%Y-%m-%d %H:%M} UTC" if status.revoked_at else f"until {status.valid_to:%Y-%m-%d}"
    since = f"from {status.valid_from:%Y-%m-%d}"
    use = f"{status.use.value:12}"
    return f"{status.number}  {use}  {status.fingerprint[:16]}  {since}  {state}  (demonstration, no legal force)"


def seal_state(settings: Settings, use: SealUse = SealUse.CERTIFICATES) -> str:
    """Whether something can be sealed now, or why not."""
    try:
        seal_of(settings).seal(Suite.P256, at=clock.now(), use=use)
    except SealUnavailable as away:
        return str(away.why)
    return "ready"
