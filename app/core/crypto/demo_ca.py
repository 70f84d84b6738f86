"""The demonstration CA: root, issuing CA, seals and CRLs in files under ``ANGUAN_HOME/seal``.

Keys are never overwritten, and readable by the owner only. Its certificates say that they have no legal force.
"""

import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask_babel import lazy_gettext as _
from PIL import Image

from app.core.atomic_file import put_file
from app.core.crypto import sm2
from app.core.crypto.seal_provider import NoSuchSeal, Seal, SealUnavailable, SealUse, Suite
from app.core.crypto.ses import seal_body
from app.core.errors import AppError

ROOT_YEARS, ISSUING_YEARS, SEAL_YEARS = 20, 15, 3  # the seal's as for a qualified certificate
SIDE = 42  # mm, of the seal on the page
CRL_LIFETIME = timedelta(days=400)  # offline verifiers can use a CRL for a year
CRL_RENEWAL_MARGIN = timedelta(days=200)  # a CRL that ends sooner is renewed by ``anguan init``
CRL_PATH = "/seal"  # public path of CA certificates and CRLs
NOT_LEGAL = "演示，不具有法律效力 Demonstration only, no legal force"
REASONS = {
    "key-compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "cessation": x509.ReasonFlags.cessation_of_operation,
}

HASH = hashes.SHA256()
STEMS = {SealUse.CERTIFICATES: "seal", SealUse.LETTERS: "letter-seal"}  # file names: seal-1.pem, letter-seal-1.pem
SUBJECTS = {SealUse.CERTIFICATES: "Seal", SealUse.LETTERS: "Letters"}


class SealFolder(AppError):
    """The seal folder does not hold what is needed."""

    code = "seal-folder"


@dataclass(frozen=True, slots=True)
class CaStatus:
    """One seal of the folder, and its validity."""

    use: SealUse
    number: int
    fingerprint: str
    valid_from: datetime
    valid_to: datetime
    revoked_at: datetime | None


# --- making and renewing ------------------------------------------------------------------------------------


def establish(folder: Path, *, address: str, at: datetime) -> bool:
    """Make whatever is missing of root, issuing CA, the first seal of each use and CRLs. True if anything was made.

    ``address``: base URL of the published CRLs (``CRL_PATH``), written into the certificates.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    before = _stamp(folder)
    root_key, issuing_key = load_key(folder, "root", ec.SECP384R1()), load_key(folder, "issuing", ec.SECP256R1())
    if not (folder / "root.pem").exists():
        store_certificate(folder, "root", _certificate("Root", root_key.public_key(), None, root_key, at, ROOT_YEARS))
    root = load_certificate(folder, "root")
    if not (folder / "issuing.pem").exists():
        issued = _certificate(
            "Issuing", issuing_key.public_key(), root, root_key, at, ISSUING_YEARS, _crl_at(address, "root")
        )
        store_certificate(folder, "issuing", issued)
    for name, key in (("root", root_key), ("issuing", issuing_key)):
        if not has_fresh_crl(folder, name, at):
            write_crl(folder, name, key, revoked_entries(folder, name), at)
    for use in SealUse:
        if not _numbers(folder, use):
            renew(folder, use, address=address, at=at)
    _make_sm2_seal(folder, max(_numbers(folder)), at)
    return _stamp(folder) != before


def renew(folder: Path, use: SealUse = SealUse.CERTIFICATES, *, address: str, at: datetime) -> CaStatus:
    """Make a new seal, in use from now on; documents sealed before are not affected."""
    _require(folder)
    number = max(_numbers(folder, use), default=0) + 1
    name, subject = f"{STEMS[use]}-{number}", f"{SUBJECTS[use]} {number}"
    key, issuer = load_key(folder, name, ec.SECP256R1()), load_certificate(folder, "issuing")
    where = _crl_at(address, "issuing")
    made = _certificate(subject, key.public_key(), issuer, load_key(folder, "issuing"), at, SEAL_YEARS, where)
    store_certificate(folder, name, made)
    if use is SealUse.CERTIFICATES:
        _make_sm2_seal(folder, number, at)
    return _status(folder, use, number, {})


def revoke(folder: Path, number: int, reason: str, use: SealUse = SealUse.CERTIFICATES, *, at: datetime) -> CaStatus:
    """Revoke a seal for good: everything it ever sealed is reported as revoked. Raises ``SealFolder``."""
    _require(folder)
    if number not in _numbers(folder, use):
        raise SealFolder(_("There is no seal number %(number)s.", number=number))
    known, stem = revoked_entries(folder, "issuing"), f"{STEMS[use]}-{number}"
    names = [name for name in (stem, f"{stem}-sm2") if (folder / f"{name}.pem").exists()]
    serials = {load_certificate(folder, name).serial_number for name in names}
    if not serials <= known.keys():
        known = {serial: revoked_entry(serial, reason, at) for serial in serials} | known
        write_crl(folder, "issuing", load_key(folder, "issuing"), known, at)
    return _status(folder, use, number, known)


def revoked_entry(serial: int, reason: str, at: datetime) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
    return builder.add_extension(x509.CRLReason(REASONS[reason]), critical=False).build()


def seal_statuses(folder: Path) -> list[CaStatus]:
    """Every seal of the folder: by use, the newest first."""
    _require(folder)
    known = revoked_entries(folder, "issuing")
    return [_status(folder, use, number, known) for use in SealUse for number in sorted(_numbers(folder, use), reverse=True)]


def _status(folder: Path, use: SealUse, number: int, revoked: dict[int, x509.RevokedCertificate]) -> CaStatus:
    certificate = load_certificate(folder, f"{STEMS[use]}-{number}")
    entry = revoked.get(certificate.serial_number)
    return CaStatus(
        use,
        number,
        certificate.fingerprint(HASH).hex(),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        entry.revocation_date_utc if entry else None,
    )


PUBLISHED = ("root.pem", "root.crl", "issuing.crl")


def published_file(folder: Path, name: str) -> bytes | None:
    """A public file of the folder, or None. CRLs are in DER (RFC 5280)."""
    if name not in PUBLISHED or not (folder / name).exists():
        return None
    data = (folder / name).read_bytes()
    return x509.load_pem_x509_crl(data).public_bytes(Encoding.DER) if name.endswith(".crl") else data


# --- sealing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmbeddedSeal:
    """The newest seal of each use. A renewal by another process is noticed at once."""

    folder: Path
    demonstration: bool = True

    def offers(self, suite: Suite) -> bool:
        return suite is Suite.P256 or sm2.available()

    def seal(self, suite: Suite, *, at: datetime, use: SealUse = SealUse.CERTIFICATES) -> Seal:
        if suite is Suite.SM2 and use is not SealUse.CERTIFICATES:
            raise NoSuchSeal("letters are sealed as PDF only")
        if suite is Suite.SM2 and not sm2.available():
            raise NoSuchSeal("SM2 is not installed: pip install 'anguan[sm]', then 'anguan init'")
        try:
            if suite is Suite.P256:
                seal, revoked = _newest(self.folder, _stamp(self.folder), use)
            else:
                seal, revoked = _newest_sm2(self.folder, _stamp(self.folder))
        except (FileNotFoundError, SealFolder):
            raise SealUnavailable(_("there is no seal yet: run 'anguan init'")) from None
        certificate = seal.certificate
        if revoked:
            raise SealUnavailable(_("the seal is revoked: run 'anguan seal renew%(option)s'", option=_option(use)))
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise SealUnavailable(_("the seal has run out: run 'anguan seal renew%(option)s'", option=_option(use)))
        return seal


def _option(use: SealUse) -> str:
    return " --letters" if use is SealUse.LETTERS else ""


def _stamp(folder: Path) -> int:
    """Changes with every file that is put into the folder: a cache key."""
    return folder.stat().st_mtime_ns


@lru_cache(maxsize=8)
def _newest(folder: Path, _stamp: int, use: SealUse = SealUse.CERTIFICATES) -> tuple[Seal, bool]:
    _require(folder)
    numbers = _numbers(folder, use)
    if not numbers:  # of a folder from before this use
        raise SealFolder
    name = f"{STEMS[use]}-{max(numbers)}"
    key, certificate = load_key(folder, name), load_certificate(folder, name)
    algorithm = ec.ECDSA(Prehashed(HASH), deterministic_signing=True)
    chain = (_der(folder, name), _der(folder, "issuing"), _der(folder, "root"))
    revoked = certificate.serial_number in revoked_entries(folder, "issuing")
    return Seal(chain, lambda digest: key.sign(digest, algorithm)), revoked


# --- SM2 seals for OFD ---------------------------------------------------------------------------------------


def _make_sm2_seal(folder: Path, number: int, at: datetime) -> None:
    """The OFD seal of this number, if SM2 is installed: issued by an SM2 root, revoked by the CRL of the issuing CA."""
    name = f"seal-{number}-sm2"
    if not sm2.available() or (folder / f"{name}.esl").exists():
        return
    maker, own = _pair(folder, "sm2-root"), _pair(folder, name)
    at = at.replace(microsecond=0)
    wanted = (("sm2-root", "Root SM2", ROOT_YEARS, maker), (name, f"Seal {number} SM2", SEAL_YEARS, own))
    for of, subject, years, pair in wanted:
        if not (folder / f"{of}.pem").exists():
            end, basic = at + timedelta(days=365 * years), x509.BasicConstraints(ca=pair is maker, path_length=None)
            more = ((basic, True), (usage(authority=pair is maker), True))
            start = at - timedelta(hours=1)
            made = sm2.certificate(_name(subject), pair[1], _name("Root SM2"), maker, start, end, more)
            store_certificate(folder, of, x509.load_der_x509_certificate(made))
    chain = (_der(folder, name), _der(folder, "sm2-root"))
    clear = io.BytesIO()  # the page shows the seal itself, so its picture is transparent
    Image.new("RGBA", (1, 1), (0, 0, 0, 0)).save(clear, "PNG")
    put_file(
        folder / f"{name}.esl", seal_body(f"DEMO{number:06}", NOT_LEGAL, clear.getvalue(), SIDE, chain, maker, at), once=True
    )


@lru_cache(maxsize=8)
def _newest_sm2(folder: Path, _stamp: int) -> tuple[Seal, bool]:
    _require(folder)
    name = f"seal-{max(_numbers(folder))}-sm2"
    private, public = _pair(folder, name, make=False)
    chain, body = (_der(folder, name), _der(folder, "sm2-root")), (folder / f"{name}.esl").read_bytes()
    seal = Seal(chain, lambda digest: sm2.sign(private, public, digest), body)
    return seal, seal.certificate.serial_number in revoked_entries(folder, "issuing")


def _pair(folder: Path, name: str, *, make: bool = True) -> tuple[bytes, bytes]:
    """An SM2 private and public key; with ``make``, made if missing."""
    path = folder / f"{name}.key"
    if make and not path.exists():
        put_file(path, sm2.new_key_pair()[0].hex().encode(), once=True)
    private = bytes.fromhex(path.read_text())
    return private, sm2.public_of(private)


def _der(folder: Path, name: str) -> bytes:
    return load_certificate(folder, name).public_bytes(Encoding.DER)


# --- files --------------------------------------------------------------------------------------------------


def missing(folder: Path) -> list[str]:
    """The files without which nothing can be sealed, or what was sealed not be verified, that are not in the folder."""
    wanted = [f"{name}.{kind}" for name in ("root", "issuing") for kind in ("pem", "key")]
    wanted += [f"{STEMS[use]}-{n}.key" for use in SealUse for n in (_numbers(folder, use) if folder.exists() else ())]
    return [name for name in wanted if not (folder / name).exists()]


def _require(folder: Path) -> None:
    if not (folder / "issuing.pem").exists():
        raise SealFolder(_("There is no seal authority in %(folder)s. Run 'anguan init' first.", folder=str(folder)))


def _numbers(folder: Path, use: SealUse = SealUse.CERTIFICATES) -> set[int]:
    """The numbers of seals with a certificate: a key alone is left by an interrupted renewal, and used by the next."""
    matches = (re.fullmatch(rf"{STEMS[use]}-(\d{{1,6}})\.pem", path.name) for path in folder.iterdir())
    return {int(match[1]) for match in matches if match}


def load_key(folder: Path, name: str, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """The key of this name; made if it is missing and a curve is given."""
    path = folder / f"{name}.key"
    if curve is not None and not path.exists():
        made = ec.generate_private_key(curve).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        put_file(path, made, once=True)
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - written by the lines above
    return key


def load_certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def store_certificate(folder: Path, name: str, certificate: x509.Certificate) -> None:
    put_file(folder / f"{name}.pem", certificate.public_bytes(Encoding.PEM), once=True)


# --- certificates and CRLs ------------------------------------------------------------------------------------


def _name(of: str) -> x509.Name:
    titles = {"Root": "演示根证书", "Issuing": "演示签发机构", "Letters": "行政审批演示印章"}
    title = titles.get(of.partition(" ")[0], "电子证照演示印章")
    parts = {NameOID.COUNTRY_NAME: "CN", NameOID.ORGANIZATION_NAME: NOT_LEGAL, NameOID.COMMON_NAME: f"{title} {of}"}
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])


def _crl_at(address: str, name: str) -> x509.CRLDistributionPoints:
    url = x509.UniformResourceIdentifier(f"{address}{CRL_PATH}/{name}.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])


def _certificate(
    of: str,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate | None,
    key: ec.EllipticCurvePrivateKey,
    at: datetime,
    years: int,
    crl: x509.CRLDistributionPoints | None = None,
) -> x509.Certificate:
    """``Root``, ``Issuing`` or a seal's own; ``key`` is the issuer's."""
    at, depth = at.replace(microsecond=0), {"Root": 1, "Issuing": 0}.get(of)
    span = (at - timedelta(hours=1), at + timedelta(days=365 * years))
    more: list[x509.ExtensionType] = [] if crl is None else [crl]
    if depth is None:  # RFC 9336: for signing documents only
        purposes = [x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"), ExtendedKeyUsageOID.EMAIL_PROTECTION]
        more.append(x509.ExtendedKeyUsage(purposes))
    return signed_certificate(_name(of), public, issuer, key, span, depth, usage(authority=depth is not None), *more)


def signed_certificate(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate | None,
    key: ec.EllipticCurvePrivateKey,
    span: tuple[datetime, datetime],
    depth: int | None,
    use: x509.KeyUsage,
    *more: x509.ExtensionType,
) -> x509.Certificate:
    """A certificate by ``issuer`` (None: by itself), whose key is ``key``. ``depth``: of an authority's path; else None."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
        .add_extension(x509.BasicConstraints(ca=depth is not None, path_length=depth), critical=True)
        .add_extension(use, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, HASH)


def usage(*, authority: bool, commits: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority and commits,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def has_fresh_crl(folder: Path, name: str, at: datetime) -> bool:
    path = folder / f"{name}.crl"
    if not path.exists():
        return False
    ends = x509.load_pem_x509_crl(path.read_bytes()).next_update_utc
    return ends is not None and ends - at > CRL_RENEWAL_MARGIN


def revoked_entries(folder: Path, name: str) -> dict[int, x509.RevokedCertificate]:
    path = folder / f"{name}.crl"
    if not path.exists():
        return {}
    return {entry.serial_number: entry for entry in x509.load_pem_x509_crl(path.read_bytes())}


def write_crl(
    folder: Path, name: str, key: ec.EllipticCurvePrivateKey, revoked: dict[int, x509.RevokedCertificate], at: datetime
) -> None:
    path, number = folder / f"{name}.crl", 1
    if path.exists():
        last = x509.load_pem_x509_crl(path.read_bytes()).extensions.get_extension_for_class(x509.CRLNumber)
        number = last.value.crl_number + 1
    at = at.replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(load_certificate(folder, name).subject)
        .last_update(at)
        .next_update(at + CRL_LIFETIME)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for entry in revoked.values():
        builder = builder.add_revoked_certificate(entry)
    put_file(path, builder.sign(key, HASH).public_bytes(Encoding.PEM))
