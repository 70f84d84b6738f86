"""A detached signature as PAdES wants it (RFC 5652 in the profile of ETSI EN 319 142-1, level B-B): put together, and read.

Law: written as strict DER with exactly the attributes of the profile; read by a parser that refuses anything else.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from app.core.crypto.der import tlv
from app.core.crypto.seal_provider import Seal

DATA, SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.1"), x509.ObjectIdentifier("1.2.840.113549.1.7.2")
CONTENT_TYPE, MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.3"), x509.ObjectIdentifier("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATE = x509.ObjectIdentifier("1.2.840.113549.1.9.16.2.47")  # version 2: by a SHA-256 of the certificate
SHA256, ECDSA_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1"), x509.ObjectIdentifier("1.2.840.10045.4.3.2")

# --- the shapes ---------------------------------------------------------------------------------------------


@asn1.sequence
class Algorithm:
    oid: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class Attribute:
    kind: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class Issuer:
    name: asn1.TLV
    serial: int


@asn1.sequence
class SignerInfo:
    version: int
    sid: Issuer
    digest: Algorithm
    signed: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]
    algorithm: Algorithm
    signature: bytes
    unsigned: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class Content:
    kind: x509.ObjectIdentifier
    inside: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    version: int
    digests: asn1.SetOf[Algorithm]
    content: Content
    certificates: Annotated[asn1.SetOf[x509.Certificate], asn1.Implicit(0)]
    signers: asn1.SetOf[SignerInfo]


@asn1.sequence
class ContentInfo:
    kind: x509.ObjectIdentifier
    signed: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class CertificateId:
    digest: bytes  # the algorithm is left out: SHA-256 is its default


@asn1.sequence
class SigningCertificate:
    certificates: list[CertificateId]


# --- writing ------------------------------------------------------------------------------------------------


def attribute(kind: x509.ObjectIdentifier, value: bytes) -> bytes:
    return asn1.encode_der(Attribute(kind=kind, values=asn1.SetOf([asn1.decode_der(asn1.TLV, value)])))


@dataclass(frozen=True, slots=True)
class Parts:
    """All of a signature that is the same for every paper of one seal."""

    attributes: tuple[bytes, ...]
    digest_head: bytes  # of the attribute that holds the paper's own digest
    before: bytes  # version, signer and digest algorithm
    algorithm: bytes
    around: bytes  # version, digest algorithms, content, certificates
    kind: bytes
    room: int  # bytes that hold every signature of this seal


@lru_cache(maxsize=8)
def _parts(chain: tuple[bytes, ...]) -> Parts:
    own = x509.load_der_x509_certificate(chain[0])
    digest = asn1.encode_der(Algorithm(oid=SHA256, parameters=None))
    mark = SigningCertificate(certificates=[CertificateId(digest=hashlib.sha256(chain[0]).digest())])
    name = asn1.decode_der(asn1.TLV, own.issuer.public_bytes())
    signer = asn1.encode_der(Issuer(name=name, serial=own.serial_number))
    content = asn1.encode_der(Content(kind=DATA, inside=None))
    return Parts(
        (attribute(CONTENT_TYPE, asn1.encode_der(DATA)), attribute(SIGNING_CERTIFICATE, asn1.encode_der(mark))),
        asn1.encode_der(MESSAGE_DIGEST),
        b"\x02\x01\x01" + signer + digest,
        asn1.encode_der(Algorithm(oid=ECDSA_SHA256, parameters=None)),
        b"\x02\x01\x01" + tlv(0x31, digest) + content + tlv(0xA0, b"".join(sorted(chain))),
        asn1.encode_der(SIGNED_DATA),
        sum(map(len, chain)) + len(signer) + 512,
    )


def room_for(seal: Seal) -> int:
    """So many bytes are enough for ``signed`` by this seal, whatever the paper."""
    return _parts(seal.chain).room


def signed(seal: Seal, digest: bytes) -> bytes:
    """The signature over a paper with this SHA-256. No time in it: PAdES has the claimed one in the file itself."""
    parts = _parts(seal.chain)
    own = tlv(0x30, parts.digest_head + tlv(0x31, tlv(0x04, digest)))
    attributes = b"".join(sorted((*parts.attributes, own)))
    signature = seal.sign(hashlib.sha256(tlv(0x31, attributes)).digest())
    signer = tlv(0x30, parts.before + tlv(0xA0, attributes) + parts.algorithm + tlv(0x04, signature))
    return tlv(0x30, parts.kind + tlv(0xA0, tlv(0x30, parts.around + tlv(0x31, signer))))


# --- reading ------------------------------------------------------------------------------------------------


class NotOurs(ValueError):
    """A signature of a make that the house never writes."""


@dataclass(frozen=True, slots=True)
class CmsClaims:
    """What a signature says. ``fits``: the certificate's key did sign exactly this digest."""

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    fits: bool


def read(data: bytes, digest: bytes) -> CmsClaims:
    """A signature and whether it is one over a paper with this SHA-256. Raises ``NotOurs``."""
    try:
        info = asn1.decode_der(ContentInfo, data)
        (signer,) = info.signed.signers.as_list()
        certificates = info.signed.certificates.as_list()
        certificate = next(one for one in certificates if _is_of(one, signer.sid))
        said = _said(signer)
    except (ValueError, StopIteration) as fault:
        raise NotOurs from fault
    kinds = (info.kind, info.signed.content.kind, signer.digest.oid, signer.algorithm.oid)
    if kinds != (SIGNED_DATA, DATA, SHA256, ECDSA_SHA256) or info.signed.content.inside is not None:
        raise NotOurs
    others = tuple(one for one in certificates if one != certificate)
    return CmsClaims(certificate, others, _fits(signer, said, certificate, digest))


def _is_of(certificate: x509.Certificate, sid: Issuer) -> bool:
    return certificate.serial_number == sid.serial and certificate.issuer.public_bytes() == asn1.encode_der(sid.name)


def _said(signer: SignerInfo) -> dict[x509.ObjectIdentifier, bytes]:
    """The signed attributes; ``ValueError`` for one that comes twice or has not exactly one value."""
    said: dict[x509.ObjectIdentifier, bytes] = {}
    for attribute in signer.signed.as_list():
        (value,) = attribute.values.as_list()
        if attribute.kind in said:
            raise ValueError("an attribute twice")
        said[attribute.kind] = asn1.encode_der(value)
    return said


def _fits(signer: SignerInfo, said: dict[x509.ObjectIdentifier, bytes], certificate: x509.Certificate, digest: bytes) -> bool:
    mark = SigningCertificate(certificates=[CertificateId(digest=certificate.fingerprint(hashes.SHA256()))])
    wanted = {
        CONTENT_TYPE: asn1.encode_der(DATA),
        MESSAGE_DIGEST: tlv(0x04, digest),
        SIGNING_CERTIFICATE: asn1.encode_der(mark),
    }
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a point that is on no curve, a curve nobody knows
        return False
    if said != wanted or not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    attributes = tlv(0x31, b"".join(sorted(asn1.encode_der(one) for one in signer.signed.as_list())))
    try:
        key.verify(signer.signature, hashlib.sha256(attributes).digest(), ec.ECDSA(Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return True
