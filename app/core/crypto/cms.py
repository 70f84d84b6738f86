"""Writes and reads detached CMS signatures for PAdES (RFC 5652, profile of ETSI EN 319 142-1, level B-B).

Strict DER with exactly the attributes of the profile; the reader refuses anything else.
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

# --- structures ---------------------------------------------------------------------------------------------


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
    """The parts of a signature that are the same for every document of one seal."""

    attributes: tuple[bytes, ...]
    digest_head: bytes  # of the attribute with the digest of the document
    before: bytes  # version, signer and digest algorithm
    algorithm: bytes
    envelope: bytes  # version, digest algorithms, content, certificates
    kind: bytes
    size_limit: int  # bytes


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


def size_limit(seal: Seal) -> int:
    """An upper bound, in bytes, of any ``sign`` by this seal."""
    return _parts(seal.chain).size_limit


def sign(seal: Seal, digest: bytes) -> bytes:
    """The signature over a document with this SHA-256. It holds no time: PAdES has the claimed time in the PDF."""
    parts = _parts(seal.chain)
    own = tlv(0x30, parts.digest_head + tlv(0x31, tlv(0x04, digest)))
    attributes = b"".join(sorted((*parts.attributes, own)))
    signature = seal.sign(hashlib.sha256(tlv(0x31, attributes)).digest())
    signer = tlv(0x30, parts.before + tlv(0xA0, attributes) + parts.algorithm + tlv(0x04, signature))
    return tlv(0x30, parts.kind + tlv(0xA0, tlv(0x30, parts.envelope + tlv(0x31, signer))))


# --- reading ------------------------------------------------------------------------------------------------


class UnsupportedSignature(ValueError):
    """A signature that this application never writes."""


@dataclass(frozen=True, slots=True)
class CmsClaims:
    """The contents of a signature. ``fits``: the certificate's key signed exactly this digest."""

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    fits: bool


def read(data: bytes, digest: bytes) -> CmsClaims:
    """Parse a signature, and verify it for a document with this SHA-256. Raises ``UnsupportedSignature``."""
    try:
        info = asn1.decode_der(ContentInfo, data)
        (signer,) = info.signed.signers.as_list()
        certificates = info.signed.certificates.as_list()
        certificate = next(candidate for candidate in certificates if _is_of(candidate, signer.sid))
        attributes = _attributes(signer)
    except (ValueError, StopIteration) as fault:
        raise UnsupportedSignature from fault
    kinds = (info.kind, info.signed.content.kind, signer.digest.oid, signer.algorithm.oid)
    if kinds != (SIGNED_DATA, DATA, SHA256, ECDSA_SHA256) or info.signed.content.inside is not None:
        raise UnsupportedSignature
    others = tuple(other for other in certificates if other != certificate)
    return CmsClaims(certificate, others, _fits(signer, attributes, certificate, digest))


def _is_of(certificate: x509.Certificate, sid: Issuer) -> bool:
    return certificate.serial_number == sid.serial and certificate.issuer.public_bytes() == asn1.encode_der(sid.name)


def _attributes(signer: SignerInfo) -> dict[x509.ObjectIdentifier, bytes]:
    """The signed attributes; ``ValueError`` for a duplicate or one without exactly one value."""
    values: dict[x509.ObjectIdentifier, bytes] = {}
    for attribute in signer.signed.as_list():
        (value,) = attribute.values.as_list()
        if attribute.kind in values:
            raise ValueError("an attribute twice")
        values[attribute.kind] = asn1.encode_der(value)
    return values


def _fits(
    signer: SignerInfo, attributes: dict[x509.ObjectIdentifier, bytes], certificate: x509.Certificate, digest: bytes
) -> bool:
    mark = SigningCertificate(certificates=[CertificateId(digest=certificate.fingerprint(hashes.SHA256()))])
    wanted = {
        CONTENT_TYPE: asn1.encode_der(DATA),
        MESSAGE_DIGEST: tlv(0x04, digest),
        SIGNING_CERTIFICATE: asn1.encode_der(mark),
    }
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a point that is not on its curve, or an unknown curve
        return False
    if attributes != wanted or not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    signed = tlv(0x31, b"".join(sorted(asn1.encode_der(attribute) for attribute in signer.signed.as_list())))
    try:
        key.verify(signer.signature, hashlib.sha256(signed).digest(), ec.ECDSA(Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return True
