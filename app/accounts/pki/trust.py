"""Pinned certificate authorities and their revocation lists: files under ``ANGUAN_HOME/ukey``.

A list is accepted only with the signature of a pinned authority, and never replaces a newer one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask_babel import lazy_gettext as _

from app.core.atomic_file import put_file
from app.core.crypto import sm2
from app.core.errors import AppError

LARGEST_LIST = 20 * 1024 * 1024
CLOCK_SKEW = timedelta(minutes=5)  # tolerated in a list's date
UNREADABLE = _("This file holds no certificate that can be read (PEM or DER is wanted).")


class BadAuthority(AppError):
    """Not the certificate of an authority, or not of a pinned one."""

    code = "bad-authority"


class BadRevocationList(AppError):
    """A revocation list that cannot be accepted."""

    code = "bad-list"


@dataclass(frozen=True, slots=True)
class PkiTrust:
    """The pinned authorities by ``digest_of``, and the newest revocation list of each."""

    authorities: Mapping[str, x509.Certificate]
    lists: Mapping[str, x509.CertificateRevocationList]
    required: bool = True  # whether an authority without a list is refused


@dataclass(frozen=True, slots=True)
class NewRevocationList:
    """A checked list: its authority, its DER bytes, and the serial numbers new on it. ``install_list`` stores it."""

    authority: str
    data: bytes
    newly: frozenset[int]


def digest_of(authority: x509.Certificate) -> str:
    """Identifies an authority by name and key."""
    return sha256(authority.subject.public_bytes() + _key_bytes(authority)).hexdigest()


def sm_key(certificate: x509.Certificate) -> bytes | None:
    """The SM2 public key; None for keys that ``cryptography`` supports."""
    try:
        certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return sm2.key_of(certificate)
    return None


def _key_bytes(certificate: x509.Certificate) -> bytes:
    if own := sm_key(certificate):
        return own
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def may_issue(certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return basic and usage.key_cert_sign


# --- the folder --------------------------------------------------------------------------------


def load_trust(folder: Path, *, required: bool) -> PkiTrust:
    """The current trust; cached until a folder changes, also by another process."""
    stamps = tuple(place.stat().st_mtime_ns for place in (folder / "trust", folder / "lists") if place.exists())
    authorities, lists = _read(folder, stamps)
    return PkiTrust(authorities, lists, required)


@lru_cache(maxsize=8)
def _read(
    folder: Path, _stamps: tuple[int, ...]
) -> tuple[Mapping[str, x509.Certificate], Mapping[str, x509.CertificateRevocationList]]:
    pinned = [x509.load_pem_x509_certificate(path.read_bytes()) for path in sorted((folder / "trust").glob("*.pem"))]
    authorities = {digest_of(certificate): certificate for certificate in pinned}
    lists = {path.stem: x509.load_der_x509_crl(path.read_bytes()) for path in (folder / "lists").glob("*.crl")}
    of_pinned = {digest: crl for digest, crl in lists.items() if digest in authorities}
    return MappingProxyType(authorities), MappingProxyType(of_pinned)


def read_chain(data: bytes) -> list[bytes]:
    """The certificates of a file, PEM or DER, each in DER."""
    try:
        found = x509.load_pem_x509_certificates(data) if b"-----BEGIN" in data else [x509.load_der_x509_certificate(data)]
    except ValueError:
        raise BadAuthority(UNREADABLE) from None
    return [certificate.public_bytes(Encoding.DER) for certificate in found]


def pin(folder: Path, data: bytes) -> list[str]:
    """Pin the authorities in this file (PEM or DER); returns their digests. Raises ``BadAuthority``."""
    found = [x509.load_der_x509_certificate(der) for der in read_chain(data)]
    try:
        digests = {digest_of(certificate): certificate for certificate in found if may_issue(certificate)}
    except (ValueError, UnsupportedAlgorithm, TypeError):
        raise BadAuthority(UNREADABLE) from None
    if len(digests) != len(found):
        raise BadAuthority(_("This is no certificate of an authority: it may not issue others. Nothing was changed."))
    _make(folder / "trust")
    for digest, certificate in digests.items():
        put_file(folder / "trust" / f"{digest}.pem", certificate.public_bytes(Encoding.PEM))
    return list(digests)


def unpin(folder: Path, beginning: str) -> str:
    """Remove a pinned authority, by the beginning of its digest, and its list; returns the digest."""
    found = [path for path in (folder / "trust").glob("*.pem") if beginning and path.stem.startswith(beginning.lower())]
    if len(found) != 1:
        raise BadAuthority(
            _("No authority, or more than one, begins with %(digest)s. Nothing was changed.", digest=beginning)
        )
    (folder / "lists" / f"{found[0].stem}.crl").unlink(missing_ok=True)
    found[0].unlink()
    return found[0].stem


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


# --- revocation lists ------------------------------------------------------------------------------


def check_list(data: bytes, trust: PkiTrust, *, at: datetime) -> NewRevocationList:
    """Check a list before ``install_list``; raises ``BadRevocationList`` with the reason."""
    if len(data) > LARGEST_LIST:
        raise BadRevocationList(_("The list of revoked certificates is larger than %(n)s MB.", n=LARGEST_LIST // 1024**2))
    try:
        crl = x509.load_pem_x509_crl(data) if b"-----BEGIN" in data[:200] else x509.load_der_x509_crl(data)
        issuer = next((digest for digest, authority in trust.authorities.items() if signed_by(crl, authority)), None)
        kinds = {extension.value.__class__ for extension in crl.extensions}
        serials = frozenset(entry.serial_number for entry in crl)
        number = _number(crl)
    except (ValueError, TypeError, x509.DuplicateExtension):
        raise BadRevocationList(_("This file is no list of revoked certificates that can be read.")) from None
    if issuer is None:
        raise BadRevocationList(_("No pinned authority has signed this list. Pin its authority first ('anguan ukey trust')."))
    if kinds & {x509.DeltaCRLIndicator, x509.IssuingDistributionPoint}:
        raise BadRevocationList(_("This list tells only a part of the revoked certificates. The whole list is needed."))
    if crl.next_update_utc is None or not crl.last_update_utc <= at + CLOCK_SKEW or at > crl.next_update_utc:
        raise BadRevocationList(
            _("This list is out of date, or not yet in force. Please fetch the newest one from the authority.")
        )
    current = trust.lists.get(issuer)
    if current is not None and (number, crl.last_update_utc) < (_number(current), current.last_update_utc):
        raise BadRevocationList(_("A newer list of this authority is in force already. Nothing was changed."))
    before = frozenset(entry.serial_number for entry in current) if current is not None else frozenset()
    return NewRevocationList(issuer, crl.public_bytes(Encoding.DER), serials - before)


def install_list(folder: Path, new: NewRevocationList) -> None:
    """Store a checked list."""
    _make(folder / "lists")
    put_file(folder / "lists" / f"{new.authority}.crl", new.data)


def signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if crl.issuer != authority.subject:
        return False
    if key := sm_key(authority):
        fits = crl.signature_algorithm_oid == sm2.SM2_WITH_SM3
        return fits and sm2.verifies(key, sm2.digest(key, crl.tbs_certlist_bytes), crl.signature)
    try:
        return bool(crl.is_signature_valid(authority.public_key()))  # type: ignore[arg-type]
    except (UnsupportedAlgorithm, TypeError, ValueError):
        return False


def _number(of: x509.CertificateRevocationList) -> int:
    """The list's number; 0 for authorities that do not number their lists, which are then compared by date."""
    try:
        return of.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0
