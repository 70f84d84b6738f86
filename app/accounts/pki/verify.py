"""What a signature at the gate proves: that whoever asked holds the key of a certificate that we may believe, now.

Law: we sign nothing that the client words: the statement is made anew from what we gave out. Checks stand in one order, the
cheap before the dear, and each that fails has a sentence of its own; when in doubt, no.
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
from app.core.vocabulary import ChallengeKind

MAX_CHAIN_BYTES = 16 * 1024  # bytes of all certificates together
MAX_CHAIN_LENGTH = 3  # certificates that are handed in
LEAST_RSA, MOST_RSA = 2048, 8192
STATEMENT_LABELS = {
    ChallengeKind.CERTIFICATE: b"anguan-cert-login",
    ChallengeKind.CERTIFICATE_SECOND: b"anguan-cert-second",
    ChallengeKind.CERTIFICATE_BIND: b"anguan-cert-bind",
}
# What a certificate may demand to be understood: these we do understand. Anything else that is critical is a no.
UNDERSTOOD = frozenset(
    one.oid for one in (x509.KeyUsage, x509.ExtendedKeyUsage, x509.BasicConstraints, x509.SubjectAlternativeName)
)


class NotProved(AppError):
    """The certificate or its signature opens nothing; ``code`` says why."""

    status = 401
    code = "not-proved"


@dataclass(frozen=True, slots=True)
class CertIdentity:
    """A certificate that may be believed: by what it is found, and what is written on it for people."""

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
    """What is to be signed: for what, at which site, in answer to which challenge, until when."""
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
    """Who has signed ``words``; raises ``NotProved``. ``chain``: certificates in DER, the signer's own first."""
    own, others = _opened(chain)
    key = _key(own)
    if not _fits(key, words, signature):
        raise NotProved(_("The signature does not fit. Please press the button again."), code="signature-wrong")
    return _standing(own, others, trust, at)


def check_chain(chain: Sequence[bytes], trust: PkiTrust, *, at: datetime) -> CertIdentity:
    """The same without a signature: where somebody else has seen the key at work, or for a certificate in a file."""
    own, others = _opened(chain)
    _key(own)
    return _standing(own, others, trust, at)


def _opened(chain: Sequence[bytes]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    if not 1 <= len(chain) <= MAX_CHAIN_LENGTH or sum(map(len, chain)) > MAX_CHAIN_BYTES:
        raise NotProved(_("The key handed in no certificate, or too many of them."), code="chain-size")
    try:
        own, *others = (x509.load_der_x509_certificate(one) for one in chain)
        for one in (own, *others):
            one.extensions  # noqa: B018 - is read here once, so that what is broken is found here
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise NotProved(_("The certificate cannot be read."), code="certificate-unreadable") from None
    return own, others


# --- key and signature ------------------------------------------------------------------------------------------

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | bytes  # bytes: of SM2


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
        return sm2.fits(key, sm2.digest(key, words), signature)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, words, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, words, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


# --- path, time, purpose, revocation ----------------------------------------------------------------------------


def _standing(own: x509.Certificate, others: list[x509.Certificate], trust: PkiTrust, at: datetime) -> CertIdentity:
    start, end = own.not_valid_before_utc, own.not_valid_after_utc
    # Whose it is, is asked for a moment within its own life, so that "unknown" and "run out" are told apart.
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
    if not _meant_for_this(own):
        raise NotProved(_("This certificate is not meant for signing in."), code="certificate-purpose")
    for below, above in pairwise(path):
        _demand_unrevoked(below, above, trust, at)
    return CertIdentity(digest_of(path[1]), _serial(own), _name(own.subject), _name(own.issuer), start, end)


def _path(own: x509.Certificate, others: list[x509.Certificate], trust: PkiTrust, at: datetime) -> list[x509.Certificate]:
    """From a certificate to an authority that is pinned; empty if there is no way."""
    if sm_key(own):
        return _sm_path(own, others, trust, at)
    anchors = [one for one in trust.authorities.values() if not sm_key(one)]
    if not anchors:
        return []
    # The library's own policy wants a subject alternative name, which certificates of Chinese authorities often lack;
    # what we ask of them instead is in _meant_for_this.
    policy = PolicyBuilder().store(Store(anchors)).time(at.astimezone(UTC).replace(tzinfo=None))
    policy = policy.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all())
    try:
        return list(policy.build_client_verifier().verify(own, others).chain)
    except (VerificationError, UnsupportedAlgorithm, ValueError):
        return []


def _sm_path(own: x509.Certificate, others: list[x509.Certificate], trust: PkiTrust, at: datetime) -> list[x509.Certificate]:
    """The same for SM2, which the library does not know."""
    path, anchors = [own], [one for one in trust.authorities.values() if sm_key(one)]
    while len(path) <= MAX_CHAIN_LENGTH:
        anchor = next((one for one in anchors if sm2.issued(path[-1], one)), None)
        above = anchor or next((one for one in others if one not in path and sm2.issued(path[-1], one)), None)
        if above is None or not _may_stand_above(above, len(path) - 1, at):
            return []
        path.append(above)
        if anchor is not None:
            return path
    return []


def _may_stand_above(one: x509.Certificate, below: int, at: datetime) -> bool:
    """``below``: how many authorities stand between this one and the signer."""
    if not may_issue(one) or not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
        return False
    depth = one.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return depth is None or below <= depth


def _meant_for_this(own: x509.Certificate) -> bool:
    extensions = own.extensions
    if any(one.critical and one.oid not in UNDERSTOOD for one in extensions):
        return False
    found = {one.oid: one.value for one in extensions}
    usage, basic = found.get(x509.KeyUsage.oid), found.get(x509.BasicConstraints.oid)
    purposes = found.get(x509.ExtendedKeyUsage.oid)
    signs = isinstance(usage, x509.KeyUsage) and usage.digital_signature
    issues = isinstance(basic, x509.BasicConstraints) and basic.ca
    fits = not isinstance(purposes, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.CLIENT_AUTH in purposes
    return signs and not issues and fits


def _demand_unrevoked(one: x509.Certificate, authority: x509.Certificate, trust: PkiTrust, at: datetime) -> None:
    listed = trust.lists.get(digest_of(authority))
    if listed is None:
        if not trust.required:
            return
        raise NotProved(
            _("Whether this certificate was revoked cannot be told: the authority's list is missing. "
              "Please tell the system administrator."),
            code="list-missing",
        )  # fmt: skip
    entry = listed.get_revoked_certificate_by_serial_number(one.serial_number)
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
