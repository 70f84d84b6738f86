"""SM2 and SM3 (GB/T 32918, GB/T 32905): digests, signatures, and the certificates of the demonstration's own SM2 authority.

Law: signing and checking is gmssl's, which is there only where the extra ``sm`` is installed; without it there is no SM2
seal, and one that is met is said to be unknown. SM3 is OpenSSL's. What gmssl is fed has been measured first.
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

SIGNS = x509.ObjectIdentifier("1.2.156.10197.1.501")  # SM2 with SM3
WHO = b"1234567812345678"  # the identity that GM/T 0009 gives to whoever names none
KEY_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")  # a public key on the curve of SM2
SIDE = 32


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


@cache
def _gmssl() -> Any:
    try:
        from gmssl import sm2  # noqa: PLC0415 - the extra ``sm``; the house stands without it
    except ImportError:
        return None
    return sm2


def available() -> bool:
    return _gmssl() is not None


@asn1.sequence
class _Pair:
    r: int
    s: int


def fresh() -> tuple[bytes, bytes]:
    """A private key and its public one, x and y in a row."""
    order = int(_gmssl().default_ecc_table["n"], 16)
    private = (secrets.randbelow(order - 2) + 1).to_bytes(SIDE, "big")
    return private, public_of(private)


def public_of(private: bytes) -> bytes:
    maker = _gmssl().CryptSM2(private.hex(), "")
    return bytes.fromhex(maker._kg(int.from_bytes(private, "big"), maker.ecc_table["g"]))


def digest(public: bytes, message: bytes) -> bytes:
    """The ``e`` of the standard: what is signed of a message by whoever has this public key."""
    table = {
        "a": "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc",
        "b": "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93",
        "x": "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7",
        "y": "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
    }
    curve = b"".join(map(bytes.fromhex, table.values()))
    return sm3(sm3((8 * len(WHO)).to_bytes(2, "big") + WHO + curve + public) + message)


def press(private: bytes, public: bytes, e: bytes) -> bytes:
    """A signature over ``e``, in DER."""
    signer = _hand(private.hex(), public)
    order = int(signer.ecc_table["n"], 16)
    while True:
        pair = signer.sign(e, f"{secrets.randbelow(order - 1) + 1:064x}")
        if pair:  # nothing, once in 2 to the 256, for a number that does not do
            return asn1.encode_der(_Pair(r=int(pair[:64], 16), s=int(pair[64:], 16)))


def _hand(private: str, public: bytes) -> Any:
    """gmssl's worker for this key. Of a key that begins with 04 it would take away every 0 and 4 at its beginning."""
    hand = _gmssl().CryptSM2(private, "")
    hand.public_key = public.hex()
    return hand


def fits(public: bytes, e: bytes, signature: bytes) -> bool:
    """Whether this is a signature over ``e`` by the key of ``public``. No, too, where nobody can tell."""
    if not available() or not _on_curve(public):
        return False
    try:
        pair = asn1.decode_der(_Pair, signature)
    except ValueError:
        return False
    order = int(_gmssl().default_ecc_table["n"], 16)
    if not (0 < pair.r < order and 0 < pair.s < order):
        return False
    return bool(_hand("", public).verify(f"{pair.r:064x}{pair.s:064x}", e))


def _on_curve(public: bytes) -> bool:
    table = _gmssl().default_ecc_table
    p, a, b = (int(table[name], 16) for name in "pab")
    x, y = int.from_bytes(public[:SIDE], "big"), int.from_bytes(public[SIDE:], "big")
    return len(public) == 2 * SIDE and x < p and y < p and (y * y - (x * x * x + a * x + b)) % p == 0


# --- certificates ---------------------------------------------------------------------------------------------


def certificate(
    subject: x509.Name, public: bytes, issuer: x509.Name, signer: tuple[bytes, bytes], start: datetime, end: datetime,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> bytes:  # fmt: skip
    """A certificate in DER; cryptography reads such ones, and does not write them. ``signer``: private and public key."""
    algorithm = tlv(0x30, asn1.encode_der(SIGNS))
    stamps = (asn1.encode_der(asn1.UTCTime(moment)) for moment in (start, end))
    more = b"".join(
        tlv(0x30, asn1.encode_der(one.oid) + (b"\x01\x01\xff" if critical else b"") + tlv(0x04, one.public_bytes()))
        for one, critical in extensions
    )
    body = tlv(
        0x30,
        b"\xa0\x03\x02\x01\x02" + asn1.encode_der(x509.random_serial_number()) + algorithm + issuer.public_bytes()
        + tlv(0x30, b"".join(stamps)) + subject.public_bytes() + KEY_HEAD + public + tlv(0xA3, tlv(0x30, more)),
    )  # fmt: skip
    signature = press(*signer, digest(signer[1], body))
    return tlv(0x30, body + algorithm + tlv(0x03, b"\0" + signature))


def key_of(one: x509.Certificate) -> bytes | None:
    """The public key of a certificate, if it is one of SM2."""
    body = one.tbs_certificate_bytes
    start = body.find(KEY_HEAD)
    found = body[start + len(KEY_HEAD) : start + len(KEY_HEAD) + 2 * SIDE]
    return found if start >= 0 and len(found) == 2 * SIDE else None


def issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    """Whether the key of ``above`` has signed ``below``."""
    key = key_of(above)
    if key is None or below.issuer != above.subject or below.signature_algorithm_oid != SIGNS:
        return False
    return fits(key, digest(key, below.tbs_certificate_bytes), below.signature)
