"""Commands about what proves a certificate: its square code, its seal, and the keys behind both."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from app import create_app
from app.accounts.business_licence.provider import LicencePlatformUnavailable
from app.applications.office_settings import office_of
from app.certificates.qr import offline_check, payload, reader, status_list
from app.cli.common import Command, alone, settings_in_use
from app.core import clock
from app.core.crypto import demo_ca, signing_keys
from app.core.crypto import verify_signature as verdicts
from app.core.crypto.seal_provider import SealAway, Suite
from app.core.settings import BadSetting, Settings, read_settings
from app.db.session import db
from app.worker.providers import licences_of, seal_of


def add_proofs(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    paper = add("verify", verify, "Check an e-certificate: its file, or its square code. Ends with 1 unless all is well.")
    paper.add_argument(
        "what", metavar="WHAT", help="a PDF, a picture of a code (JPEG, PNG), the address behind it, or its digits"
    )
    paper.add_argument("--keys", metavar="FILE", help="published keys (JWK Set) for a code; default: this house's own")
    paper.add_argument("--list", metavar="FILE", help="a status list; default: this house's own, if there are no --keys")
    codes_ = add("codes", codes, "Keys behind the square codes: show them, make a new one, publish them and the status list.")
    codes_.add_argument("deed", choices=["status", "rotate", "publish"])
    codes_.add_argument("folder", nargs="?", metavar="FOLDER", help="where 'publish' writes jwks.json and status-list.jwt")
    _seal_commands(add("seal", seal_status, "The seals of e-certificates under ANGUAN_HOME: status, renew, revoke."))


def _seal_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="DEED")
    commands.add_parser("status", help="list the seals (the default)").set_defaults(command=seal_status)
    about = "make a new key and certificate, in use at once; papers sealed before stay as good as they are"
    commands.add_parser("renew", help=about, description=about).set_defaults(command=seal_renew)
    about = "put a seal on the list of revoked ones, for good: all it ever sealed is reported as such"
    revoking = commands.add_parser("revoke", help=about, description=about)
    revoking.set_defaults(command=seal_revoke)
    revoking.add_argument("number", metavar="NUMBER", type=int, help="as 'anguan seal status' lists it")
    revoking.add_argument("--reason", required=True, choices=list(demo_ca.REASONS))


# --- square codes ----------------------------------------------------------------------------------------------


def verify(chosen: argparse.Namespace) -> int:
    """What is given decides what is checked: a code, a picture of one, or a sealed file."""
    if payload.is_signed(payload.digits_in(chosen.what)):
        return _verify_code(chosen.what, chosen)
    try:
        data = Path(chosen.what).read_bytes()
    except (OSError, ValueError) as fault:
        raise BadSetting(f"{chosen.what} cannot be read: {getattr(fault, 'strerror', '') or 'no such file'}.") from None
    if data.startswith(reader.PICTURES):
        return _verify_code(reader.code_seen(data), chosen)
    verdict = verdicts.verify(data, verdicts.trusted(read_settings().seals), at=clock.now())
    print("\n".join(verdicts.in_words(verdict)))
    return 0 if verdict.good else 1


def _verify_code(given: str, chosen: argparse.Namespace) -> int:
    at = clock.now()
    verdict = offline_check.check(given, *_proofs(chosen, at), at=at)
    claims = verdict.claims
    print(f"{verdict.standing}\n{claims.name}  {claims.number}  version {claims.version}, until {claims.valid_to}")
    if verdict.listed_at:
        print(f"Status list of {clock.office_time(verdict.listed_at):%Y-%m-%d %H:%M}")
    return 0 if verdict.standing is offline_check.OfflineStatus.IN_FORCE else 1


def _proofs(chosen: argparse.Namespace, at: datetime) -> tuple[signing_keys.PublicKeys, status_list.StatusList | None]:
    """Keys and list to check with: those given, so that no house is needed; else this one's own, as they are now."""
    if chosen.keys:
        known = signing_keys.published_in(_text_of(chosen.keys))
        return known, status_list.opened(_text_of(chosen.list), known) if chosen.list else None
    with create_app(settings_in_use()).app_context():
        if chosen.list:
            return signing_keys.ring.public, status_list.opened(_text_of(chosen.list), signing_keys.ring.public)
        return signing_keys.ring.public, status_list.current(db.session(), at=at, hours=1)


def _text_of(name: str) -> str:
    try:
        return Path(name).read_text()
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{name} cannot be read.") from None


def codes(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    if chosen.deed == "rotate":
        with alone(settings.home):
            fresh = signing_keys.rotate(settings.code_keys, at=clock.now())
        print(f"{fresh.kid} signs from now on; older keys go on verifying. Back up {settings.code_keys.name}.")
    elif chosen.deed == "publish":
        _publish(settings, chosen.folder)
    else:
        signing_keys.ring.open(settings.code_keys)
        for n, (kid, made_at) in enumerate(signing_keys.ring.history()):
            print(f"{kid}  {made_at}  {'signs' if n == 0 else 'verifies'}")


def _publish(settings: Settings, folder: str | None) -> None:
    """What whoever checks codes without the network must have, as files."""
    if folder is None:
        raise BadSetting("Say where to: anguan codes publish FOLDER.")
    at, into = clock.now(), Path(folder)
    with create_app(settings).app_context():
        office = office_of(db.session(), settings.office)
        uri, hours = f"{office.public_url}/status-list", office.status_list_hours
        token = status_list.signed(status_list.packed(db.session()), signing_keys.ring.newest, uri=uri, at=at, hours=hours)
        published = json.dumps(signing_keys.ring.published(), indent=2)
    into.mkdir(parents=True, exist_ok=True)
    for name, text_ in (("jwks.json", published), ("status-list.jwt", token)):
        beside = into / f"{name}.new"
        beside.write_text(text_)
        beside.replace(into / name)
    print(
        f"Published in {into}, good until {clock.office_time(at + timedelta(hours=office.status_list_hours)):%Y-%m-%d %H:%M}."
    )


# --- the seal ------------------------------------------------------------------------------------------------


def seal_status(_chosen: argparse.Namespace) -> None:
    settings = read_settings()
    if settings.seal_url:
        print(f"Certificates are sealed by the service of ANGUAN_SEAL_URL ({seal_word(settings)}).")
    for one in demo_ca.standing(settings.seals):
        print(_seal_line(one))


def seal_renew(_chosen: argparse.Namespace) -> None:
    settings = read_settings()
    with alone(settings.home):
        print(_seal_line(demo_ca.renew(settings.seals, address=settings.office.public_url, at=clock.now())))


def seal_revoke(chosen: argparse.Namespace) -> None:
    settings = read_settings()
    with alone(settings.home):
        print(_seal_line(demo_ca.revoke(settings.seals, chosen.number, chosen.reason, at=clock.now())))
    if seal_word(settings) != "ready":
        print("Nothing can be sealed any more until 'anguan seal renew' has made another one.", file=sys.stderr)


def _seal_line(one: demo_ca.CaStatus) -> str:
    state = f"revoked {one.revoked_at:%Y-%m-%d %H:%M} UTC" if one.revoked_at else f"until {one.valid_to:%Y-%m-%d}"
    return f"{one.number}  {one.fingerprint[:16]}  from {one.valid_from:%Y-%m-%d}  {state}  (demonstration, no legal force)"


def seal_word(settings: Settings) -> str:
    """Whether something can be sealed now, or why not."""
    try:
        seal_of(settings).seal(Suite.P256, at=clock.now())
    except SealAway as away:
        return away.why
    return "ready"


def licence_word(settings: Settings) -> str:
    """Whether the platform of business licences answers, or why not."""
    licences = licences_of(settings)
    if licences is None:
        return "off"
    try:
        licences.health(at=clock.now())
    except LicencePlatformUnavailable as away:
        return away.why
    return "ready"
