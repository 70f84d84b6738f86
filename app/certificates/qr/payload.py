"""The signed payload of a certificate's QR code: claims about one version, as digits at the end of an address.

The same version under the same key always has the same code. No part of an ID number is in it.

A COSE_Sign1 (RFC 9052, ES256) behind a leading 1, as one decimal number: a QR code holds digits most compactly, and any
phone opens an address that ends in them.
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
MOST_NAME = 60  # bytes: a longer name is cut, or the code would be too dense to scan
EPOCH = date(1970, 1, 1)
FORM = 1  # version of this format
_ES256, _ALGORITHM, _KID = -7, 1, 4  # RFC 9053, RFC 9052
_SHA256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979
_DIGITS = re.compile("[1-9][0-9]{99,}")


class Forged(NotFound):
    """The code was not signed by this system, or was changed."""

    code = "forged-code"
    sentence = _("This code was not issued by this system.")


@dataclass(frozen=True, slots=True)
class Claims:
    """The signed content. ``name`` may be cut (it then ends in ``…``); ``status_index`` is the index in the status list."""

    certificate_id: int
    version: int
    number: str
    name: str
    valid_to: date
    status_index: int | None


def write(claims: Claims, key: CodeKey) -> str:
    """The digits of a version. Deterministic: a version that is drawn again keeps its code."""
    protected = cbor2.dumps({_ALGORITHM: _ES256, _KID: key.kid.encode()})
    payload = cbor2.dumps(
        [
            FORM,
            claims.certificate_id,
            claims.version,
            claims.number,
            shorten_name(claims.name),
            (claims.valid_to - EPOCH).days,
            claims.status_index,
        ]
    )
    r, s = decode_dss_signature(key.private.sign(_signed(protected, payload), _SHA256))
    message = cbor2.dumps([protected, {}, payload, r.to_bytes(32) + s.to_bytes(32)])
    return str(int.from_bytes(b"\x01" + message))


def read(digits: str, keys: PublicKeys) -> Claims:
    """The claims of a code signed with one of these keys; ``Forged`` otherwise, whatever is wrong with it."""
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
    """The digits of a code given as a whole address or as its last part, without white space."""
    return re.sub(r"\s+", "", text).partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]


def is_signed(text: str) -> bool:
    """Whether this looks like a signed code. Older versions have a token of 22 letters and figures instead."""
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
    """The single value encoded by these bytes; only the canonical encoding is accepted."""
    try:
        found = cbor2.loads(data, max_depth=4, allow_indefinite=False, allow_duplicate_keys=False)
        if cbor2.dumps(found) != data:
            raise Forged
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as fault:
        raise Forged from fault
    return found


def _signed(protected: bytes, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", payload])


def shorten_name(name: str) -> str:
    """The name, cut to ``MOST_NAME`` bytes."""
    if len(name.encode()) <= MOST_NAME:
        return name
    return name.encode()[: MOST_NAME - 3].decode(errors="ignore") + "…"
