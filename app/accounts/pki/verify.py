"""Verifies a sign-in signature: that the client holds the key of a currently valid certificate of a pinned authority.

The signed statement is rebuilt from the challenge, never taken from the client. Cheap checks come first; each failure has a
code of its own, and what cannot be decided is refused.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError
from flask_babel import lazy_gettext as _

from app.accounts.pki.trust import PkiTrust, digest_of, may_issue, sm_key
from app.core.clock import office_day
from app.core.crypto import sm2
from app.core.errors import AppError
from app.core.sign_in_vocabulary import ChallengeKind

MAX_CHAIN_BYTES = 16 * 1024  # all certificates together
MAX_CHAIN_LENGTH = 3  # certificates
LEAST_RSA, MOST_RSA = 2048, 8192
STATEMENT_LABELS = {
    ChallengeKind.CERTIFICATE: b"anguan-cert-login",
    ChallengeKind.CERTIFICATE_SECOND: b"anguan-cert-second",
    ChallengeKind.CERTIFICATE_BIND: b"anguan-cert-bind",
}
# Supported critical extensions; a certificate with any other is refused.
SUPPORTED_EXTENSIONS = frozenset(
    extension.oid for extension in (x509.KeyUsage, x509.ExtendedKeyUsage, x509.BasicConstraints, x509.SubjectAlternativeName)
)


class NotProved(AppError):
    """The certificate or its signature is refused; ``code`` says why."""

    status = 401
    code = "not-proved"


@dataclass(frozen=True, slots=True)
class CertIdentity:
    """A verified certificate: its identity (``issuer``, ``subject``), and its names for display."""

    issuer: str  # digest of the authority that issued it
    subject: str  # its serial number there
    holder: str
    issuer_name: str
    not_before: datetime
    not_after: datetime

    @property
    def label(self) -> str:
        return f"{self.holder}（{self.issuer_name}）"[:200]


def statement(kind: ChallengeKind, origin: str, number: str, nonce: str, expires_at: datetime) -> bytes:
    """The bytes to be signed: purpose, site, challenge and expiry."""
    parts = (
        STATEMENT_LABELS[kind],
        b"v1",
        origin.encode(),
        number.encode(),
        nonce.encode(),
        str(int(expires_at.timestamp())).encode(),
    )
    return b"\0".join(parts)


def verify(words: bytes, signature: bytes, chain: Sequence[bytes], trust: PkiTrust, *, at: datetime) -> CertIdentity:
    """Who has signed ``words``; raises ``NotProved``. ``chain``: certificates in DER, the signer's first."""
    own, others = _opened(chain)
    key = _key(own)
    if not _fits(key, words, signature):
        raise NotProved(_("The signature does not fit. Please press the button again."), code="signature-wrong")
    return _identity(own, others, trust, at)


def check_chain(chain: Sequence[bytes], trust: PkiTrust, *, at: datetime) -> CertIdentity:
    """As ``verify``, without a signature: when another party has checked it, or for a certificate in a file."""
    own, others = _opened(chain)
    _key(own)
    return _identity(own, others, trust, at)


def _opened(chain: Sequence[bytes]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    if not 1 <= len(chain) <= MAX_CHAIN_LENGTH or sum(map(len, chain)) > MAX_CHAIN_BYTES:
        raise NotProved(_("The key handed in no certificate, or too many of them."), code="chain-size")
    try:
        own, *others = (x509.load_der_x509_certificate(der) for der in chain)
        for certificate in (own, *others):
            certificate.extensions  # noqa: B018 - parsed lazily; broken ones must fail here
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise NotProved(_("The certificate cannot be read."), code="certificate-unreadable") from None
    return own, others


# --- key and signature ------------------------------------------------------------------------------------------

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | bytes  # bytes: SM2


def _key(of: x509.Certificate) -> Key:
    if found := sm_key(of):
        if not sm2.available():
            raise NotProved(_("SM2 certificates cannot be checked here: the extra 'sm' is missing."), code="sm-missing")
        return found
    with suppress(UnsupportedAlgorithm, ValueError):
        key = of.public_key()
        if isinstance(key, rsa.RSAPublicKey) and LEAST_RSA <= key.key_size <= MOST_RSA:
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
    raise NotProved(_("The key of this certificate is of a kind that is not accepted, or too short."), code="key-weak")


def _fits(key: Key, words: bytes, signature: bytes) -> bool:
    if isinstance(key, bytes):
        return sm2.verifies(key, sm2.digest(key, words), signature)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, words, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, words, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


# --- path, time, purpose, revocation ----------------------------------------------------------------------------


def _identity(own: x509.Certificate, others: list[x509.Certificate], trust: PkiTrust, at: datetime) -> CertIdentity:
    start, end = own.not_valid_before_utc, own.not_valid_after_utc
    # The path is built for a moment of its validity, so that an expired certificate is not reported as unknown.
    path = _path(own, others, trust, min(max(at, start), end))
    if not path:
        raise NotProved(_("This certificate was not issued by an authority that is accepted here."), code="authority-unknown")
    if at < start:
        raise NotProved(_("This certificate is valid only from %(day)s.", day=office_day(start)), code="certificate-not-yet")
    if at > end:
        raise NotProved(
            _("This certificate ran out on %(day)s. Please have it renewed by its authority.", day=office_day(end)),
            code="certificate-expired",
        )
    if not _is_for_sign_in(own):
        raise NotProved(_("This certificate is not meant for signing in."), code="certificate-purpose")
    for below, above in pairwise(path):
        _demand_unrevoked(below, above, trust, at)
    return CertIdentity(digest_of(path[1]), _serial(own), _name(own.subject), _name(own.issuer), start, end)


def _path(own: x509.Certificate, others: list[x509.Certificate], trust: PkiTrust, at: datetime) -> list[x509.Certificate]:
    """The path from a certificate to a pinned authority; empty if there is none."""
    if sm_key(own):
        return _sm_path(own, others, trust, at)
    anchors = [authority for authority in trust.authorities.values() if not sm_key(authority)]
    if not anchors:
        return []
    # The library's default policy demands a subject alternative name, which certificates of Chinese authorities often
    # lack; our own demands are in _is_for_sign_in.
    policy = PolicyBuilder().store(Store(anchors)).time(at.astimezone(UTC).replace(tzinfo=None))
    policy = policy.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all())
    try:
        return list(policy.build_client_verifier().verify(own, others).chain)
    except (VerificationError, UnsupportedAlgorithm, ValueError):
        return []


def _sm_path(own: x509.Certificate, others: list[x509.Certificate], trust: PkiTrust, at: datetime) -> list[x509.Certificate]:
    """As ``_path``, for SM2, which the library does not support."""
    path = [own]
    anchors = [authority for authority in trust.authorities.values() if sm_key(authority)]
    while len(path) <= MAX_CHAIN_LENGTH:
        anchor = next((ca for ca in anchors if sm2.is_issued_by(path[-1], ca)), None)
        above = anchor or next((ca for ca in others if ca not in path and sm2.is_issued_by(path[-1], ca)), None)
        if above is None or not _may_have_issued(above, len(path) - 1, at):
            return []
        path.append(above)
        if anchor is not None:
            return path
    return []


def _may_have_issued(authority: x509.Certificate, below: int, at: datetime) -> bool:
    """``below``: how many authorities are between this one and the signer."""
    if not may_issue(authority) or not authority.not_valid_before_utc <= at <= authority.not_valid_after_utc:
        return False
    depth = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return depth is None or below <= depth


def _is_for_sign_in(own: x509.Certificate) -> bool:
    extensions = own.extensions
    if any(extension.critical and extension.oid not in SUPPORTED_EXTENSIONS for extension in extensions):
        return False
    by_oid = {extension.oid: extension.value for extension in extensions}
    usage, basic = by_oid.get(x509.KeyUsage.oid), by_oid.get(x509.BasicConstraints.oid)
    purposes = by_oid.get(x509.ExtendedKeyUsage.oid)
    signs = isinstance(usage, x509.KeyUsage) and usage.digital_signature
    issues = isinstance(basic, x509.BasicConstraints) and basic.ca
    fits = not isinstance(purposes, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.CLIENT_AUTH in purposes
    return signs and not issues and fits


def _demand_unrevoked(certificate: x509.Certificate, authority: x509.Certificate, trust: PkiTrust, at: datetime) -> None:
    listed = trust.lists.get(digest_of(authority))
    if listed is None:
        if not trust.required:
            return
        raise NotProved(
            _("Whether this certificate was revoked cannot be told: the authority's list is missing. "
              "Please tell the system administrator."),
            code="list-missing",
        )  # fmt: skip
    entry = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is not None:
        raise NotProved(
            _("This certificate was revoked on %(day)s.", day=office_day(entry.revocation_date_utc)),
            code="certificate-revoked",
        )
    if listed.next_update_utc is None or at > listed.next_update_utc:
        raise NotProved(
            _("Whether this certificate was revoked cannot be told: the authority's list is out of date. "
              "Please tell the system administrator."),
            code="list-stale",
        )  # fmt: skip


def _serial(own: x509.Certificate) -> str:
    written = f"{own.serial_number:x}"
    return written if len(written) <= 64 else sha256(written.encode()).hexdigest()


def _name(of: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := of.get_attributes_for_oid(kind):
            return " ".join(str(found[0].value).split())[:90]
    return of.rfc4514_string()[:90]
