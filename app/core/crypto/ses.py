"""Writes and reads the electronic seal of an OFD (GB/T 38540, GB/T 33190): one SM2 signature over all parts of the file.

A seal is valid only if every part of the file is listed in it with the right digest. Only the signature's own parts are
parsed.
"""

import io
import re
import zipfile
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat import asn1

from app.core.crypto import sm2
from app.core.crypto.cms import UnsupportedSignature
from app.core.crypto.seal_provider import Seal

SIGNS_FOLDER = "Doc_0/Signs"
LIST, INFO, VALUE, BODY = (
    f"{SIGNS_FOLDER}/{name}"
    for name in ("Signatures.xml", "Sign_0/Signature.xml", "Sign_0/SignedValue.dat", "Sign_0/Seal.esl")
)
NAMESPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
LISTED = (
    f"{HEAD}<ofd:Signatures {NAMESPACE}><ofd:MaxSignId>s1</ofd:MaxSignId>"
    '<ofd:Signature ID="s1" Type="Seal" BaseLoc="Sign_0/Signature.xml"/></ofd:Signatures>'
).encode()
SM3 = "1.2.156.10197.1.401"
VERSION = 4  # of both structures, in the standard of 2020
MOST_PARTS, LARGEST_PART, LARGEST = 512, 16 * 1024 * 1024, 32 * 1024 * 1024
PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others raise errors of their own and use more memory
Parts = dict[str, bytes]

# --- structures -----------------------------------------------------------------------------------------------


@asn1.sequence
class Header:
    kind: asn1.IA5String
    version: int
    maker: asn1.IA5String


@asn1.sequence
class Property:
    kind: int
    name: str
    list_kind: int
    certificates: list[bytes]
    made: asn1.GeneralizedTime
    start: asn1.GeneralizedTime
    end: asn1.GeneralizedTime


@asn1.sequence
class SesPicture:
    kind: asn1.IA5String
    data: bytes
    width: int
    height: int


@asn1.sequence
class About:
    header: Header
    number: asn1.IA5String
    property: Property
    picture: SesPicture


@asn1.sequence
class Made:
    """The content that the maker of a seal signs."""

    about: About
    maker: bytes
    algorithm: x509.ObjectIdentifier


@asn1.sequence
class ESeal:
    about: About
    maker: bytes
    algorithm: x509.ObjectIdentifier
    signature: asn1.BitString


@asn1.sequence
class ToSign:
    version: int
    seal: ESeal
    at: asn1.GeneralizedTime
    digest: asn1.BitString
    where: asn1.IA5String


@asn1.sequence
class Signature:
    signed: ToSign
    certificate: bytes
    algorithm: x509.ObjectIdentifier
    signature: asn1.BitString


def _time(at: datetime) -> asn1.GeneralizedTime:
    return asn1.GeneralizedTime(at.astimezone(UTC).replace(microsecond=0))


# --- making -----------------------------------------------------------------------------------------------------


def seal_body(
    number: str, name: str, picture: bytes, side: int, chain: tuple[bytes, bytes], maker: tuple[bytes, bytes], at: datetime
) -> bytes:
    """The electronic seal (SESeal): a picture (PNG, ``side`` mm) and a certificate, signed by the seal's maker.

    ``chain``: the seal's certificate and the maker's; ``maker``: private and public key.
    """
    own = x509.load_der_x509_certificate(chain[0])
    start, end = own.not_valid_before_utc, own.not_valid_after_utc
    about = About(
        header=Header(kind=asn1.IA5String("ES"), version=VERSION, maker=asn1.IA5String("anguan-demo")),
        number=asn1.IA5String(number),
        property=Property(
            kind=1, name=name, list_kind=1, certificates=[chain[0]], made=_time(at), start=_time(start), end=_time(end)
        ),
        picture=SesPicture(kind=asn1.IA5String("png"), data=picture, width=side, height=side),
    )
    made = asn1.encode_der(Made(about=about, maker=chain[1], algorithm=sm2.SM2_WITH_SM3))
    signature = asn1.BitString(sm2.sign(*maker, sm2.digest(maker[1], made)), 0)
    return asn1.encode_der(ESeal(about=about, maker=chain[1], algorithm=sm2.SM2_WITH_SM3, signature=signature))


def signature_parts(parts: Parts, seal: Seal, page: int, box: tuple[float, float, float, float], *, at: datetime) -> Parts:
    """The parts that sealing adds to a file; ``box``: x, y, width and height on the page, in mm from the top left."""
    info = _info(parts, page, box, at)
    body = asn1.decode_der(ESeal, seal.body)
    value = ToSign(
        version=VERSION, seal=body, at=_time(at), digest=asn1.BitString(sm2.sm3(info), 0), where=asn1.IA5String(f"/{INFO}")
    )
    key = sm2.key_of(seal.certificate)
    assert key is not None  # noqa: S101 - a seal of this suite has one
    signature = asn1.BitString(seal.sign(sm2.digest(key, asn1.encode_der(value))), 0)
    signed = Signature(signed=value, certificate=seal.chain[0], algorithm=sm2.SM2_WITH_SM3, signature=signature)
    return {LIST: LISTED, INFO: info, BODY: seal.body, VALUE: asn1.encode_der(signed)}


def _info(parts: Parts, page: int, box: tuple[float, float, float, float], at: datetime) -> bytes:
    checks = ((name, b64encode(sm2.sm3(data)).decode()) for name, data in parts.items())
    digests = "".join(
        f'<ofd:Reference FileRef="/{name}"><ofd:CheckValue>{check}</ofd:CheckValue></ofd:Reference>' for name, check in checks
    )
    place = " ".join(f"{n:g}" for n in box)
    return (
        f"{HEAD}<ofd:Signature {NAMESPACE}><ofd:SignedInfo>"
        '<ofd:Provider ProviderName="anguan" Version="1.0" Company="anguan"/>'
        f"<ofd:SignatureMethod>{sm2.SM2_WITH_SM3.dotted_string}</ofd:SignatureMethod>"
        f"<ofd:SignatureDateTime>{at.astimezone(UTC):%Y%m%d%H%M%SZ}</ofd:SignatureDateTime>"
        f'<ofd:References CheckMethod="{SM3}">{digests}</ofd:References>'
        f'<ofd:StampAnnot ID="a1" PageRef="{page}" Boundary="{place}"/>'
        "<ofd:Seal><ofd:BaseLoc>Seal.esl</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo><ofd:SignedValue>SignedValue.dat</ofd:SignedValue></ofd:Signature>"
    ).encode()


# --- reading ----------------------------------------------------------------------------------------------------

REFERENCE = re.compile(
    rb'<ofd:Reference FileRef="/([\w./-]{1,200})"><ofd:CheckValue>([\w+/=]{44})</ofd:CheckValue></ofd:Reference>'
)


@dataclass(frozen=True, slots=True)
class SesClaims:
    """The contents of a seal. ``fits``: the certificate's key signed these parts; ``whole``: there are no others."""

    certificate: x509.Certificate
    maker: x509.Certificate
    at: datetime
    fits: bool
    whole: bool


def read(data: bytes) -> SesClaims | None:
    """The seal of an OFD; None if it has none. ``UnsupportedSignature`` for a file or seal that we never write."""
    parts = unzip_parts(data)
    if VALUE not in parts:
        if any(name.lower().endswith(("signatures.xml", "signedvalue.dat")) for name in parts.keys() - {LIST}):
            raise UnsupportedSignature  # sealed, but where we put no seal
        return None
    try:
        value = asn1.decode_der(Signature, parts[VALUE])
        own = x509.load_der_x509_certificate(value.certificate)
        maker = x509.load_der_x509_certificate(value.signed.seal.maker)
    except ValueError as fault:
        raise UnsupportedSignature from fault
    rest = {name: part for name, part in parts.items() if name not in (LIST, INFO, VALUE, BODY)}
    listed = {name.decode(): b64decode(check) for name, check in REFERENCE.findall(parts.get(INFO, b""))}
    fits = (
        _is_seal_valid(value.signed.seal, maker, value.certificate)
        and _is_signature_valid(value, own)
        and value.signed.digest.as_bytes() == sm2.sm3(parts.get(INFO, b""))
        and parts.get(BODY) == asn1.encode_der(value.signed.seal)
        and parts.get(LIST) == LISTED
        and all(name in rest and sm2.sm3(rest[name]) == check for name, check in listed.items())
        and bool(listed)
    )
    return SesClaims(own, maker, value.signed.at.as_datetime().astimezone(UTC), fits, rest.keys() <= listed.keys())


def _is_signature_valid(value: Signature, own: x509.Certificate) -> bool:
    key = sm2.key_of(own)
    message = asn1.encode_der(value.signed)
    return key is not None and sm2.verifies(key, sm2.digest(key, message), value.signature.as_bytes())


def _is_seal_valid(seal: ESeal, maker: x509.Certificate, own: bytes) -> bool:
    """Whether the maker signed this seal, and for this certificate."""
    key = sm2.key_of(maker)
    made = asn1.encode_der(Made(about=seal.about, maker=seal.maker, algorithm=seal.algorithm))
    listed = own in seal.about.property.certificates
    return key is not None and listed and sm2.verifies(key, sm2.digest(key, made), seal.signature.as_bytes())


def unzip_parts(data: bytes) -> Parts:
    """The parts of an untrusted zip. ``UnsupportedSignature`` if it is damaged or too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = file.infolist()
            names = {entry.filename for entry in entries}
            sizes = [entry.file_size for entry in entries]
            if len(entries) > MOST_PARTS or len(names) < len(entries) or max(sizes, default=0) > LARGEST_PART:
                raise UnsupportedSignature
            if sum(sizes) > LARGEST or any(entry.compress_type not in PACKING for entry in entries):
                raise UnsupportedSignature
            return {entry.filename: _part(file, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as fault:
        raise UnsupportedSignature from fault


def _part(file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with file.open(entry) as part:
        data = part.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise UnsupportedSignature
    return data
