"""Is this paper as it was sealed, and by whom? Asked of files that strangers hand in.

Law: nothing is believed but the bytes that are signed, and nothing in the file is opened to find out; a seal counts only if
it covers the whole file, comes from a root that this house knows, and is on no list of revoked ones.
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

MOST_SEALS = 8  # of one file; more is nobody's paper
LONGEST_CHAIN = 4


class Finding(Term):
    """What is said of a file, the worst first: a file is what the first of these says that fits."""

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
    """What can be told of a file. ``signed_at`` is what the signer claims."""

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


# --- whom we believe ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrustedRoots:
    """Roots that are believed, issuers on the way to them, lists of revoked seals. ``demo``: roots that are only a show."""

    roots: tuple[x509.Certificate, ...] = ()
    issuers: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    demo: tuple[x509.Certificate, ...] = ()


def trusted(folder: Path) -> TrustedRoots:
    """Whom the house under this folder believes: its own authority, and those the office put into ``trust/``."""
    theirs = folder / "trust"
    return _trusted(folder, tuple(place.stat().st_mtime_ns for place in (folder, theirs) if place.exists()))


@lru_cache(maxsize=8)
def _trusted(folder: Path, _stamps: tuple[int, ...]) -> TrustedRoots:
    theirs = sorted((folder / "trust").glob("*.pem"))
    roots = [path for path in (folder / "root.pem", folder / "sm2-root.pem") if path.exists()]
    ours = [*roots, *(path for path in [folder / "issuing.pem"] if path.exists())]
    known = [one for path in (*ours, *theirs) for one in x509.load_pem_x509_certificates(path.read_bytes())]
    lists = [*sorted(folder.glob("*.crl")), *sorted((folder / "trust").glob("*.crl"))]
    return TrustedRoots(
        tuple(one for one in known if one.issuer == one.subject),
        tuple(one for one in known if one.issuer != one.subject),
        tuple(x509.load_pem_x509_crl(path.read_bytes()) for path in lists),
        tuple(x509.load_pem_x509_certificate(path.read_bytes()) for path in roots),
    )


def verify(paper: bytes, trust: TrustedRoots, *, at: datetime) -> SignatureVerdict:
    """What can be told of this file, PDF or OFD, at this moment."""
    return (_of_ofd if paper.startswith(b"PK") else _of_pdf)(paper, trust, at)


# --- OFD --------------------------------------------------------------------------------------------------------


def _of_ofd(paper: bytes, trust: TrustedRoots, at: datetime) -> SignatureVerdict:
    try:
        claim = ses.read(paper)
    except cms.NotOurs:
        return SignatureVerdict(Finding.UNKNOWN)
    if claim is None:
        return SignatureVerdict(Finding.NO_SEAL)
    maker = (claim.maker,) if claim.maker in trust.roots or _issuer(claim.maker, trust.roots) else ()
    known = replace(trust, roots=trust.roots if maker else ())  # a seal by an unknown maker is an unknown seal
    return judged(cms.CmsClaims(claim.certificate, maker, claim.fits), known, at, whole=claim.whole, signed_at=claim.at)


# --- PDF --------------------------------------------------------------------------------------------------------

RANGE = re.compile(rb"/ByteRange\s{0,9}\[\s{0,9}0+\s{1,9}(\d{1,10})\s{1,9}(\d{1,10})\s{1,9}(\d{1,10})\s{0,9}\]")
MOMENT = re.compile(rb"/M\s{0,9}\(D:(\d{14})(?:([+-]\d\d)'(\d\d)'?|Z)")


def _of_pdf(pdf: bytes, trust: TrustedRoots, at: datetime) -> SignatureVerdict:
    """A seal of ours tells more than any other, the last one most."""
    told = [verdict for found in _ranges(pdf) if (verdict := _told(pdf, found, trust, at)) is not None]
    if not told:
        return SignatureVerdict(Finding.NO_SEAL)
    return max(told, key=lambda verdict: verdict.known)


def _ranges(pdf: bytes) -> list[re.Match[bytes]]:
    """Where the file says that it is signed, from its end."""
    found = list(RANGE.finditer(pdf))
    return found[: -MOST_SEALS - 1 : -1]


def _told(pdf: bytes, found: re.Match[bytes], trust: TrustedRoots, at: datetime) -> SignatureVerdict | None:
    """The verdict on one signature; None for what only looks like one."""
    hole, after, rest = map(int, found.groups())
    end = after + rest
    if not hole + 2 < after <= end <= len(pdf):
        return None
    written = pdf[hole:after]
    if not re.fullmatch(rb"<(?:[0-9A-Fa-f]{2})+>", written):
        return None
    digest = hashlib.sha256(memoryview(pdf)[:hole])
    digest.update(memoryview(pdf)[after:end])
    try:
        claim = cms.read(_first(bytes.fromhex(written[1:-1].decode())), digest.digest())
    except cms.NotOurs:
        return SignatureVerdict(Finding.UNKNOWN, whole=end == len(pdf))
    moment = MOMENT.search(pdf, max(0, found.start() - 2000), hole)
    return judged(claim, trust, at, whole=end == len(pdf), signed_at=_moment(moment))


def _first(data: bytes) -> bytes:
    """The first element; what follows must be the zeros that fill the hole."""
    if data[:2] != b"\x30\x82" or len(data) < 4:
        raise cms.NotOurs
    end = 4 + int.from_bytes(data[2:4], "big")
    if data[end:].strip(b"\0"):
        raise cms.NotOurs
    return data[:end]


def _moment(found: re.Match[bytes] | None) -> datetime | None:
    if found is None:
        return None
    stamp, hours, minutes = (part.decode() if part else "" for part in found.groups())
    try:
        return datetime.strptime(f"{stamp}{hours or '+00'}{minutes or '00'}", "%Y%m%d%H%M%S%z")
    except ValueError:
        return None


# --- any kind of paper --------------------------------------------------------------------------------------------


def judged(
    claim: cms.CmsClaims, trust: TrustedRoots, at: datetime, *, whole: bool, signed_at: datetime | None
) -> SignatureVerdict:
    """The verdict on one signature whose bytes have been looked at."""
    own = claim.certificate
    chain = _chain(own, (*claim.others, *trust.issuers), trust)
    revoked_at, listed = _revoked(chain, trust, at) if chain else (None, False)
    standing = (
        (claim.fits, Finding.ALTERED),
        (bool(chain), Finding.UNKNOWN),
        (whole, Finding.APPENDED),
        (revoked_at is None, Finding.REVOKED),
        (all(one.not_valid_before_utc <= at <= one.not_valid_after_utc for one in chain), Finding.EXPIRED),
        (listed, Finding.UNLISTED),
    )
    names = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return SignatureVerdict(
        next((finding for holds, finding in standing if not holds), Finding.GENUINE),
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
    """From the seal's certificate to a root that is believed; empty if there is no way. Time is not asked here."""
    if not _may(own, seals=True):
        return []
    chain, pool = [own], list(others)
    while len(chain) <= LONGEST_CHAIN:
        if root := _issuer(chain[-1], trust.roots):
            return [*chain, root]
        above = _issuer(chain[-1], [one for one in pool if one not in chain])
        if above is None:
            return []
        chain.append(above)
    return []


def _issuer(of: x509.Certificate, among: Iterable[x509.Certificate]) -> x509.Certificate | None:
    return next((one for one in among if _may(one, seals=False) and _issued(of, one)), None)


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except UnsupportedAlgorithm:
        return sm2.issued(below, above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may(certificate: x509.Certificate, *, seals: bool) -> bool:
    """Whether a certificate is one to seal with, or one to issue others with: never both."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return not basic and usage.digital_signature if seals else basic and usage.key_cert_sign


def _revoked(chain: list[x509.Certificate], trust: TrustedRoots, at: datetime) -> tuple[datetime | None, bool]:
    """When the seal or its issuer was revoked, and whether a list that is still fresh could be asked for each."""
    when, listed = None, True
    for one, issuer in pairwise(chain):
        lists = list(_lists_of(issuer, trust))
        listed &= any(each.next_update_utc is not None and at <= each.next_update_utc for each in lists)
        for each in lists:
            entry = each.get_revoked_certificate_by_serial_number(one.serial_number)
            if entry is not None:
                when = entry.revocation_date_utc
    return when, listed


def _lists_of(issuer: x509.Certificate, trust: TrustedRoots) -> Iterator[x509.CertificateRevocationList]:
    """Of a seal of SM2, the house's own authority tells: lists with SM2 are not to be had of the library."""
    tellers = (issuer,) if sm2.key_of(issuer) is None else trust.issuers
    for each in trust.lists:
        for teller in tellers:
            if each.issuer == teller.subject and each.is_signature_valid(teller.public_key()):  # type: ignore[arg-type]
                yield each


def in_words(verdict: SignatureVerdict) -> list[str]:
    """The verdict for somebody who reads it on paper or at a prompt."""
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
