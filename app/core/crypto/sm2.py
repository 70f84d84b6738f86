"""SM2 and SM3 (GB/T 32918, GB/T 32905): digests, signatures, and certificates of the demonstration's SM2 CA.

SM2 needs gmssl, of the extra ``sm``: without it nothing is signed, and no signature verifies. SM3 is OpenSSL's.
Input is checked here, because gmssl does not.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes

from app.core.crypto.der import tlv

SM2_WITH_SM3 = x509.ObjectIdentifier("1.2.156.10197.1.501")  # SM2 with SM3
DEFAULT_USER_ID = b"1234567812345678"  # the default of GM/T 0009
PUBLIC_KEY_PREFIX = bytes.fromhex(
    "3059301306072a8648ce3d020106082a811ccf5501822d03420004"
)  # DER before the point of an SM2 public key
COORDINATE_BYTES = 32


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


@cache
def _gmssl() -> Any:
    try:
        from gmssl import sm2  # noqa: PLC0415 - the optional extra ``sm``
    except ImportError:
        return None
    return sm2


def available() -> bool:
    return _gmssl() is not None


@asn1.sequence
class _Pair:
    r: int
    s: int


def new_key_pair() -> tuple[bytes, bytes]:
    """A private key, and its public key as x and y concatenated."""
    order = int(_gmssl().default_ecc_table["n"], 16)
    private = (secrets.randbelow(order - 2) + 1).to_bytes(COORDINATE_BYTES, "big")
    return private, public_of(private)


def public_of(private: bytes) -> bytes:
    maker = _gmssl().CryptSM2(private.hex(), "")
    return bytes.fromhex(maker._kg(int.from_bytes(private, "big"), maker.ecc_table["g"]))


def digest(public: bytes, message: bytes) -> bytes:
    """The ``e`` of the standard: the digest that the owner of this public key signs."""
    table = {
        "a": "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc",
        "b": "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93",
        "x": "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7",
        "y": "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
    }
    curve = b"".join(map(bytes.fromhex, table.values()))
    return sm3(sm3((8 * len(DEFAULT_USER_ID)).to_bytes(2, "big") + DEFAULT_USER_ID + curve + public) + message)


def sign(private: bytes, public: bytes, e: bytes) -> bytes:
    """A signature over ``e``, in DER."""
    signer = _signer(private.hex(), public)
    order = int(signer.ecc_table["n"], 16)
    while True:
        pair = signer.sign(e, f"{secrets.randbelow(order - 1) + 1:064x}")
        if pair:  # empty, once in 2 to the 256, for an unsuitable random number
            return asn1.encode_der(_Pair(r=int(pair[:64], 16), s=int(pair[64:], 16)))


def _signer(private: str, public: bytes) -> Any:
    """gmssl's object for this key. Its constructor would strip every leading 0 and 4 of a public key beginning with 04."""
    signer = _gmssl().CryptSM2(private, "")
    signer.public_key = public.hex()
    return signer


def verifies(public: bytes, e: bytes, signature: bytes) -> bool:
    """Whether this is a signature over ``e`` by this key. False without gmssl."""
    if not available() or not _on_curve(public):
        return False
    try:
        pair = asn1.decode_der(_Pair, signature)
    except ValueError:
        return False
    order = int(_gmssl().default_ecc_table["n"], 16)
    if not (0 < pair.r < order and 0 < pair.s < order):
        return False
    return bool(_signer("", public).verify(f"{pair.r:064x}{pair.s:064x}", e))


def _on_curve(public: bytes) -> bool:
    table = _gmssl().default_ecc_table
    p, a, b = (int(table[name], 16) for name in "pab")
    x, y = int.from_bytes(public[:COORDINATE_BYTES], "big"), int.from_bytes(public[COORDINATE_BYTES:], "big")
    return len(public) == 2 * COORDINATE_BYTES and x < p and y < p and (y * y - (x * x * x + a * x + b)) % p == 0


# --- certificates ---------------------------------------------------------------------------------------------


def certificate(
    subject: x509.Name, public: bytes, issuer: x509.Name, signer: tuple[bytes, bytes], start: datetime, end: datetime,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> bytes:  # fmt: skip
    """A certificate in DER (cryptography can only read SM2). ``signer``: private and public key."""
    algorithm = tlv(0x30, asn1.encode_der(SM2_WITH_SM3))
    stamps = (asn1.encode_der(asn1.UTCTime(moment)) for moment in (start, end))
    more = b"".join(
        tlv(0x30, asn1.encode_der(kind.oid) + (b"\x01\x01\xff" if critical else b"") + tlv(0x04, kind.public_bytes()))
        for kind, critical in extensions
    )
    body = tlv(
        0x30,
        b"\xa0\x03\x02\x01\x02" + asn1.encode_der(x509.random_serial_number()) + algorithm + issuer.public_bytes()
        + tlv(0x30, b"".join(stamps)) + subject.public_bytes() + PUBLIC_KEY_PREFIX + public + tlv(0xA3, tlv(0x30, more)),
    )  # fmt: skip
    signature = sign(*signer, digest(signer[1], body))
    return tlv(0x30, body + algorithm + tlv(0x03, b"\0" + signature))


def key_of(certificate: x509.Certificate) -> bytes | None:
    """The public key of a certificate; None unless it is an SM2 key."""
    body = certificate.tbs_certificate_bytes
    start = body.find(PUBLIC_KEY_PREFIX)
    found = body[start + len(PUBLIC_KEY_PREFIX) : start + len(PUBLIC_KEY_PREFIX) + 2 * COORDINATE_BYTES]
    return found if start >= 0 and len(found) == 2 * COORDINATE_BYTES else None


def is_issued_by(below: x509.Certificate, above: x509.Certificate) -> bool:
    """Whether the SM2 key of ``above`` signed ``below``."""
    key = key_of(above)
    if key is None or below.issuer != above.subject or below.signature_algorithm_oid != SM2_WITH_SM3:
        return False
    return verifies(key, digest(key, below.tbs_certificate_bytes), below.signature)
