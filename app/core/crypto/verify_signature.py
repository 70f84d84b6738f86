"""Verifies the seal of an uploaded PDF or OFD.

Only signed bytes are trusted, and no content is parsed. A seal is genuine only if it covers the whole file, chains to a
trusted root, and is not revoked.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from flask_babel import lazy_gettext as _

from app.core.clock import office_time
from app.core.crypto import cms, ses, sm2
from app.core.vocabulary import Term

MOST_SEALS = 8  # of one file; more are ignored
LONGEST_CHAIN = 4
LONGEST_SIGNATURE = 2 * 64 * 1024 * 2  # hex digits with their padding: one DER element with two bytes of length, twice


class Finding(Term):
    """The result for a file, the worst first: the first that applies counts."""

    UNCHECKED = (
        "unchecked",
        _("The file could not be checked: that takes far more time or memory than a file of this authority needs."),
    )
    NO_SEAL = "no-seal", _("There is no seal in this file.")
    ALTERED = "altered", _("The file was altered: it is not what was sealed.")
    APPENDED = "appended", _("Something was added to the file after it was sealed.")
    UNKNOWN = "unknown", _("The file bears a seal, but not one of this authority.")
    REVOKED = "revoked", _("The seal was revoked. What it sealed is not to be relied on.")
    EXPIRED = "expired", _("The certificate of the seal has run out.")
    UNLISTED = "unlisted", _("Whether the seal was revoked cannot be told: the list of revoked seals is missing or too old.")
    GENUINE = "genuine", _("The file is exactly as it was sealed.")


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """The result of a verification. ``signed_at`` is the signer's claim."""

    finding: Finding
    signer: str = ""
    signed_at: datetime | None = None
    intact: bool = False
    whole: bool = False
    known: bool = False
    revoked_at: datetime | None = None
    demonstration: bool = False
    fingerprint: str = ""

    @property
    def good(self) -> bool:
        return self.finding is Finding.GENUINE


# --- trusted roots --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrustedRoots:
    """Trusted roots, intermediate CAs and CRLs. ``demo``: the roots of the demonstration."""

    roots: tuple[x509.Certificate, ...] = ()
    issuers: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    demo: tuple[x509.Certificate, ...] = ()


def trusted_roots(folder: Path) -> TrustedRoots:
    """The trusted roots of a seal folder: its own CA, and those that the office put into ``trust/``."""
    theirs = folder / "trust"
    return _trusted(folder, tuple(place.stat().st_mtime_ns for place in (folder, theirs) if place.exists()))


@lru_cache(maxsize=8)
def _trusted(folder: Path, _stamps: tuple[int, ...]) -> TrustedRoots:
    theirs = sorted((folder / "trust").glob("*.pem"))
    roots = [path for path in (folder / "root.pem", folder / "sm2-root.pem") if path.exists()]
    ours = [*roots, *(path for path in [folder / "issuing.pem"] if path.exists())]
    known = [ca for path in (*ours, *theirs) for ca in x509.load_pem_x509_certificates(path.read_bytes())]
    lists = [*sorted(folder.glob("*.crl")), *sorted((folder / "trust").glob("*.crl"))]
    return TrustedRoots(
        tuple(ca for ca in known if ca.issuer == ca.subject),
        tuple(ca for ca in known if ca.issuer != ca.subject),
        tuple(x509.load_pem_x509_crl(path.read_bytes()) for path in lists),
        tuple(x509.load_pem_x509_certificate(path.read_bytes()) for path in roots),
    )


def verify(paper: bytes, trust: TrustedRoots, *, at: datetime) -> SignatureVerdict:
    """The result for a file, PDF or OFD."""
    return (_of_ofd if paper.startswith(b"PK") else _of_pdf)(paper, trust, at)


# Parts of a certificate are parsed only when they are read: a damaged one raises these then.
UNREADABLE = (cms.UnsupportedSignature, ValueError, x509.InvalidVersion)


# --- OFD --------------------------------------------------------------------------------------------------------


def _of_ofd(paper: bytes, trust: TrustedRoots, at: datetime) -> SignatureVerdict:
    try:
        claim = ses.read(paper)
        if claim is None:
            return SignatureVerdict(Finding.NO_SEAL)
        maker = (claim.maker,) if claim.maker in trust.roots or _issuer(claim.maker, trust.roots) else ()
        known = replace(trust, roots=trust.roots if maker else ())  # a seal by an unknown maker is an unknown seal
        return judge(cms.CmsClaims(claim.certificate, maker, claim.fits), known, at, whole=claim.whole, signed_at=claim.at)
    except UNREADABLE:
        return SignatureVerdict(Finding.UNKNOWN)


# --- PDF --------------------------------------------------------------------------------------------------------

RANGE = re.compile(rb"/ByteRange\s{0,9}\[\s{0,9}0+\s{1,9}(\d{1,10})\s{1,9}(\d{1,10})\s{1,9}(\d{1,10})\s{0,9}\]")
MOMENT = re.compile(rb"/M\s{0,9}\(D:(\d{14})(?:([+-]\d\d)'(\d\d)'?|Z)")


def _of_pdf(pdf: bytes, trust: TrustedRoots, at: datetime) -> SignatureVerdict:
    """The verdict on the last seal with a trusted root, else on the last one."""
    verdicts = [verdict for found in _ranges(pdf) if (verdict := _of_signature(pdf, found, trust, at)) is not None]
    if not verdicts:
        return SignatureVerdict(Finding.NO_SEAL)
    return max(verdicts, key=lambda verdict: verdict.known)


def _ranges(pdf: bytes) -> list[re.Match[bytes]]:
    """The byte ranges of the signatures, the last first."""
    found = list(RANGE.finditer(pdf))
    return found[: -MOST_SEALS - 1 : -1]


def _of_signature(pdf: bytes, found: re.Match[bytes], trust: TrustedRoots, at: datetime) -> SignatureVerdict | None:
    """The verdict on one signature; None if it is not a signature."""
    hole, after, rest = map(int, found.groups())
    end = after + rest
    if not hole + 2 < after <= end <= len(pdf) or after - hole > LONGEST_SIGNATURE:
        return None
    written = pdf[hole:after]
    if not re.fullmatch(rb"<(?:[0-9A-Fa-f]{2})+>", written):
        return None
    digest = hashlib.sha256(memoryview(pdf)[:hole])
    digest.update(memoryview(pdf)[after:end])
    try:
        claim = cms.read(_first(bytes.fromhex(written[1:-1].decode())), digest.digest())
        moment = MOMENT.search(pdf, max(0, found.start() - 2000), hole)
        return judge(claim, trust, at, whole=end == len(pdf), signed_at=_moment(moment))
    except UNREADABLE:
        return SignatureVerdict(Finding.UNKNOWN, whole=end == len(pdf))


def _first(data: bytes) -> bytes:
    """The first DER element; only zeros may follow it."""
    if data[:2] != b"\x30\x82" or len(data) < 4:
        raise cms.UnsupportedSignature
    end = 4 + int.from_bytes(data[2:4], "big")
    if data[end:].strip(b"\0"):
        raise cms.UnsupportedSignature
    return data[:end]


def _moment(found: re.Match[bytes] | None) -> datetime | None:
    if found is None:
        return None
    stamp, hours, minutes = (part.decode() if part else "" for part in found.groups())
    try:
        return datetime.strptime(f"{stamp}{hours or '+00'}{minutes or '00'}", "%Y%m%d%H%M%S%z")
    except ValueError:
        return None


# --- PDF and OFD --------------------------------------------------------------------------------------------------


def judge(
    claim: cms.CmsClaims, trust: TrustedRoots, at: datetime, *, whole: bool, signed_at: datetime | None
) -> SignatureVerdict:
    """The verdict on one parsed signature."""
    own = claim.certificate
    chain = _chain(own, (*claim.others, *trust.issuers), trust)
    revoked_at, listed = _revoked(chain, trust, at) if chain else (None, False)
    checks = (
        (claim.fits, Finding.ALTERED),
        (bool(chain), Finding.UNKNOWN),
        (whole, Finding.APPENDED),
        (revoked_at is None, Finding.REVOKED),
        (all(element.not_valid_before_utc <= at <= element.not_valid_after_utc for element in chain), Finding.EXPIRED),
        (listed, Finding.UNLISTED),
    )
    names = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return SignatureVerdict(
        next((finding for holds, finding in checks if not holds), Finding.GENUINE),
        signer=str(names[0].value)[:100] if names else "",
        signed_at=signed_at,
        intact=claim.fits,
        whole=whole,
        known=bool(chain),
        revoked_at=revoked_at,
        demonstration=bool(chain) and chain[-1] in trust.demo,
        fingerprint=own.fingerprint(hashes.SHA256()).hex(),
    )


def _chain(own: x509.Certificate, others: Iterable[x509.Certificate], trust: TrustedRoots) -> list[x509.Certificate]:
    """The certificates from the seal to a trusted root; empty if there is no path. Validity periods are not checked."""
    if not _may(own, seals=True):
        return []
    chain, pool = [own], list(others)
    while len(chain) <= LONGEST_CHAIN:
        if root := _issuer(chain[-1], trust.roots):
            return [*chain, root]
        above = _issuer(chain[-1], [ca for ca in pool if ca not in chain])
        if above is None:
            return []
        chain.append(above)
    return []


def _issuer(of: x509.Certificate, among: Iterable[x509.Certificate]) -> x509.Certificate | None:
    return next((ca for ca in among if _may(ca, seals=False) and _issued(of, ca)), None)


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except UnsupportedAlgorithm:
        return sm2.is_issued_by(below, above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may(certificate: x509.Certificate, *, seals: bool) -> bool:
    """Whether a certificate may seal documents, or may issue others: never both."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return not basic and usage.digital_signature if seals else basic and usage.key_cert_sign


def _revoked(chain: list[x509.Certificate], trust: TrustedRoots, at: datetime) -> tuple[datetime | None, bool]:
    """When the seal or its issuer was revoked, and whether there is a current CRL for each."""
    when, listed = None, True
    for certificate, issuer in pairwise(chain):
        crls = list(_crls_of(issuer, trust))
        listed &= any(crl.next_update_utc is not None and at <= crl.next_update_utc for crl in crls)
        for crl in crls:
            entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None:
                when = entry.revocation_date_utc
    return when, listed


def _crls_of(issuer: x509.Certificate, trust: TrustedRoots) -> Iterator[x509.CertificateRevocationList]:
    """SM2 seals are on the CRL of our own issuing CA, because cryptography cannot sign a CRL with SM2."""
    signers = (issuer,) if sm2.key_of(issuer) is None else trust.issuers
    for crl in trust.lists:
        for signer in signers:
            if crl.issuer == signer.subject and crl.is_signature_valid(signer.public_key()):  # type: ignore[arg-type]
                yield crl


def describe(verdict: SignatureVerdict) -> list[str]:
    """The verdict as lines of plain text."""
    lines = [str(verdict.finding)]
    if verdict.signer:
        lines.append(str(_("Seal: %(signer)s", signer=verdict.signer)))
    if verdict.signed_at:
        lines.append(str(_("Sealed, as it says, on %(moment)s", moment=f"{office_time(verdict.signed_at):%Y-%m-%d %H:%M}")))
    if verdict.revoked_at:
        lines.append(str(_("Revoked on %(moment)s", moment=f"{office_time(verdict.revoked_at):%Y-%m-%d %H:%M}")))
    if verdict.demonstration:
        lines.append(str(_("The seal is a demonstration and has no legal force.")))
    return lines
