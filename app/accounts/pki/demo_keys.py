"""Keys for demonstration and tests: an authority under ``ANGUAN_HOME/ukey/demo``, and PKCS#12 files issued by it.

A key in a file can be copied, so production refuses to create one.
"""

import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask_babel import lazy_gettext as _

from app.accounts.pki.trust import check_list, install_list, load_trust, pin
from app.core.atomic_file import put_file
from app.core.crypto.demo_ca import (
    has_fresh_crl,
    load_certificate,
    load_key,
    revoked_entries,
    revoked_entry,
    signed_certificate,
    store_certificate,
    usage,
    write_crl,
)
from app.core.errors import AppError

AUTHORITY = "authority"
AUTHORITY_NAME = "演示数字证书机构 Demonstration only, no legal force"
AUTHORITY_YEARS, KEY_YEARS = 20, 1
DIGITS = "0123456789"
_FOR_SIGN_IN = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


class DemoKeyError(AppError):
    """A demonstration key cannot be created or found."""

    code = "soft-keys"


def create_authority(folder: Path, *, at: datetime) -> None:
    """Create and pin the demonstration authority and its revocation list; keeps existing ones."""
    home = folder / "demo"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = load_key(home, AUTHORITY, ec.SECP256R1())
    if not (home / f"{AUTHORITY}.pem").exists():
        store_certificate(home, AUTHORITY, _certificate(AUTHORITY_NAME, key.public_key(), None, key, at, AUTHORITY_YEARS))
    pin(folder, (home / f"{AUTHORITY}.pem").read_bytes())
    if not has_fresh_crl(home, AUTHORITY, at):
        _publish(folder, {}, at)


def create_key(
    folder: Path, name: str, holder: str, pin_: str, *, at: datetime, days: int = 365 * KEY_YEARS
) -> x509.Certificate:
    """A key and its certificate in a PKCS#12 file with password ``pin_``. Raises ``DemoKeyError`` if the file exists."""
    if not re.fullmatch(r"[a-z0-9_.-]{1,40}", name) or (folder / "keys" / f"{name}.p12").exists():
        raise DemoKeyError(_("A key needs a name of its own of small letters and digits; %(name)s will not do.", name=name))
    create_authority(folder, at=at)
    authority, signer = load_certificate(folder / "demo", AUTHORITY), load_key(folder / "demo", AUTHORITY)
    own = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(holder, own.public_key(), authority, signer, at, 0, days)
    (folder / "keys").mkdir(mode=0o700, exist_ok=True)
    locked = pkcs12.serialize_key_and_certificates(name.encode(), own, made, None, BestAvailableEncryption(pin_.encode()))
    put_file(folder / "keys" / f"{name}.p12", locked, once=True)
    put_file(folder / "keys" / f"{name}.pem", made.public_bytes(Encoding.PEM))  # readable without the PIN
    return made


def random_pin() -> str:
    return "".join(secrets.choice(DIGITS) for _place in range(8))


def bytes_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def revoke(folder: Path, name: str, *, at: datetime) -> None:
    """Add a key to the demonstration's revocation list."""
    path = folder / "keys" / f"{name}.pem"
    if not re.fullmatch(r"[a-z0-9_.-]{1,40}", name) or not path.exists():
        raise DemoKeyError(_("There is no demonstration key %(name)s.", name=name))
    serial = load_certificate(folder / "keys", name).serial_number
    entry = revoked_entry(serial, "key-compromise", at)
    _publish(folder, {serial: entry} | revoked_entries(folder / "demo", AUTHORITY), at)


def published_list(folder: Path) -> bytes:
    """The demonstration's revocation list as an authority would serve it."""
    return (folder / "demo" / f"{AUTHORITY}.crl").read_bytes()


def _publish(folder: Path, known: dict[int, x509.RevokedCertificate], at: datetime) -> None:
    write_crl(folder / "demo", AUTHORITY, load_key(folder / "demo", AUTHORITY), known, at)
    if not known:  # the first list; later ones are installed like those of any authority
        install_list(folder, check_list(published_list(folder), load_trust(folder, required=True), at=at))


def _certificate(
    holder: str,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate | None,
    signer: ec.EllipticCurvePrivateKey,
    at: datetime,
    years: int,
    days: int = 0,
) -> x509.Certificate:
    at, authority = at.replace(microsecond=0), issuer is None
    names = {NameOID.COUNTRY_NAME: "CN", NameOID.ORGANIZATION_NAME: AUTHORITY_NAME, NameOID.COMMON_NAME: holder[:64]}
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names.items()])
    span = (min(at, at + timedelta(days=days)) - timedelta(hours=1), at + timedelta(days=365 * years + days))
    use, more = usage(authority=authority, commits=False), () if authority else (_FOR_SIGN_IN,)
    return signed_certificate(subject, public, issuer, signer, span, 0 if authority else None, use, *more)
