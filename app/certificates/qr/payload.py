"""What a certificate's square code says: one signed statement about one print, as digits at the end of an address.

Law: a code is ours if and only if its signature verifies under one of our keys, whatever else it says; the same print under
the same key always has the same code; nothing of an ID number is in it.

A COSE_Sign1 (RFC 9052, ES256) behind a leading 1, read as one number: digits are what a square code packs most tightly, and
an address that ends in them opens in any phone.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from flask_babel import lazy_gettext as _

from app.core.crypto.signing_keys import CodeKey, PublicKeys
from app.core.errors import NotFound

MOST_DIGITS = 800
MOST_NAME = 60  # bytes: a longer name is cut, or the code would be too dense for its place on the paper
EPOCH = date(1970, 1, 1)
FORM = 1  # of the statement, should it ever say something else
_ES256, _ALGORITHM, _KID = -7, 1, 4  # RFC 9053, RFC 9052
_SHA256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979
_DIGITS = re.compile("[1-9][0-9]{99,}")


class Forged(NotFound):
    """The code is not one of ours, or somebody has changed it. There is nothing else to say about it."""

    code = "forged-code"
    sentence = _("This code was not issued by this system.")


@dataclass(frozen=True, slots=True)
class Claims:
    """What is signed. ``name`` may be cut (and then ends in ``…``); ``status_index`` is the place in the status list."""

    certificate_id: int
    version: int
    number: str
    name: str
    valid_to: date
    status_index: int | None


def write(claims: Claims, key: CodeKey) -> str:
    """The digits of a print. Deterministic: drawn again, a print keeps its code."""
    protected = cbor2.dumps({_ALGORITHM: _ES256, _KID: key.kid.encode()})
    payload = cbor2.dumps(
        [
            FORM,
            claims.certificate_id,
            claims.version,
            claims.number,
            short(claims.name),
            (claims.valid_to - EPOCH).days,
            claims.status_index,
        ]
    )
    r, s = decode_dss_signature(key.private.sign(_signed(protected, payload), _SHA256))
    message = cbor2.dumps([protected, {}, payload, r.to_bytes(32) + s.to_bytes(32)])
    return str(int.from_bytes(b"\x01" + message))


def read(digits: str, keys: PublicKeys) -> Claims:
    """What a code says, once it has proved to be ours; ``Forged`` otherwise, whatever is wrong with it."""
    protected, payload, signature, kid = _taken_apart(digits)
    key = keys.get(kid)
    if key is None:
        raise Forged
    try:
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        key.verify(encode_dss_signature(r, s), _signed(protected, payload), _SHA256)
    except InvalidSignature:
        raise Forged from None
    form, certificate_id, version, number, name, days, status_index = _opened(payload, 7)
    if form != FORM:
        raise Forged
    return Claims(certificate_id, version, number, name, EPOCH + timedelta(days=days), status_index)


def digits_in(text: str) -> str:
    """The digits of a code as somebody gives it: the whole address, or its last part, with whatever space got in."""
    return re.sub(r"\s+", "", text).partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]


def is_signed(text: str) -> bool:
    """Whether this could be a signed code at all. Older prints carry a token of 22 letters and figures instead."""
    return _DIGITS.fullmatch(text) is not None and text.isascii()


def _taken_apart(digits: str) -> tuple[bytes, bytes, bytes, str]:
    if len(digits) > MOST_DIGITS or not is_signed(digits):
        raise Forged
    number = int(digits)
    data = number.to_bytes((number.bit_length() + 7) // 8)
    if data[0] != 1:
        raise Forged
    protected, unprotected, payload, signature = _opened(data[1:], 4)
    parts = (protected, payload, signature)
    if unprotected != {} or not all(isinstance(part, bytes) for part in parts) or len(signature) != 64:
        raise Forged
    head = _cbor(protected)
    if not isinstance(head, dict) or head.keys() != {_ALGORITHM, _KID} or head[_ALGORITHM] != _ES256:
        raise Forged
    if not isinstance(head[_KID], bytes):
        raise Forged
    return protected, payload, signature, head[_KID].decode("ascii", "replace")


def _opened(data: bytes, length: int) -> list[Any]:
    found = _cbor(data)
    if not isinstance(found, list) or len(found) != length:
        raise Forged
    return found


def _cbor(data: bytes) -> Any:
    """The one value that these bytes are, in the one way of writing it."""
    try:
        found = cbor2.loads(data, max_depth=4, allow_indefinite=False, allow_duplicate_keys=False)
        if cbor2.dumps(found) != data:
            raise Forged
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as fault:
        raise Forged from fault
    return found


def _signed(protected: bytes, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", payload])


def short(name: str) -> str:
    """A name as the code has it."""
    if len(name.encode()) <= MOST_NAME:
        return name
    return name.encode()[: MOST_NAME - 3].decode(errors="ignore") + "…"
