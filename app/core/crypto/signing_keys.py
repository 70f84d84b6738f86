"""ES256 keys of QR codes, status lists and audit checkpoints, in a file (0600) under ``ANGUAN_HOME``.

The newest key signs, all verify; a private key is never shown and never overwritten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.atomic_file import put_file
from app.core.crypto import base64url
from app.core.errors import AppError

PublicKeys = Mapping[str, ec.EllipticCurvePublicKey]
_ES256 = ec.ECDSA(hashes.SHA256())
KID = 4  # characters of the thumbprint; short, because every QR code holds it


class BadKeys(AppError):
    """There are no usable keys where they should be. The sentence is for the operator."""

    code = "bad-keys"


@dataclass(frozen=True)
class CodeKey:
    """One key. Only this module, ``qr.payload`` and ``qr.status_list`` use ``private``."""

    private: ec.EllipticCurvePrivateKey
    made_at: str = ""

    @cached_property
    def public(self) -> ec.EllipticCurvePublicKey:
        return self.private.public_key()

    @cached_property
    def kid(self) -> str:
        return key_id(self.public)

    def sign(self, statement: bytes) -> str:
        """ES256. The statement must begin with its kind, so that it cannot pass for a QR code or a status list."""
        return base64url.encode(self.private.sign(statement, _ES256))


def is_signed(statement: bytes, kid: str, signature: str, known: PublicKeys) -> bool:
    """Whether the key of this id signed exactly this statement."""
    try:
        known[kid].verify(base64url.decode(signature), statement, _ES256)
    except (KeyError, ValueError, InvalidSignature):
        return False
    return True


def key_id(public: ec.EllipticCurvePublicKey) -> str:
    """The first characters of the key's RFC 7638 thumbprint."""
    members = {name: value for name, value in _jwk(public).items() if name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64url.encode(sha256(text.encode()).digest())[:KID]


class Ring:
    """The keys of this installation. Every process reads the file again when it has changed: a rotation needs no restart."""

    def __init__(self) -> None:
        self._path = Path()
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[CodeKey, ...] = ()

    def open(self, path: Path) -> None:
        self._path, self._seen = path, None

    @property
    def newest(self) -> CodeKey:
        return self._read()[-1]

    def signer(self, kid: str) -> CodeKey:
        """The key of this id, else the newest (the oldest certificate versions have no key id)."""
        return next((key for key in self._read() if key.kid == kid), self.newest)

    @property
    def public(self) -> PublicKeys:
        return {key.kid: key.public for key in self._read()}

    def published(self) -> dict[str, Any]:
        """The public keys as a JWK Set (RFC 7517), the newest first."""
        keys = reversed(self._read())
        return {"keys": [{**_jwk(key.public), "kid": key.kid, "use": "sig", "alg": "ES256"} for key in keys]}

    def history(self) -> list[tuple[str, str]]:
        """(id, when it was made) of each key, the newest first."""
        return [(key.kid, key.made_at) for key in reversed(self._read())]

    def _read(self) -> Sequence[CodeKey]:
        try:
            status = self._path.stat()
        except OSError:
            raise BadKeys(f"There are no code keys at {self._path}. Run 'anguan init' first.") from None
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != self._seen:
            self._keys, self._seen = tuple(_load(self._path)), stamp
        return self._keys


ring = Ring()


def make(path: Path, *, at: datetime) -> bool:
    """Make the first key, readable by the owner only. False if the file exists already: it is not replaced."""
    try:
        put_file(path, _dump([_fresh(at)]).encode(), once=True)
    except FileExistsError:
        return False
    return True


def rotate(path: Path, *, at: datetime) -> CodeKey:
    """Add a key that signs from now on; older ones remain for verifying. The file is replaced atomically."""
    keys = _load(path)
    fresh = _fresh(at)
    while fresh.kid in {key.kid for key in keys}:
        fresh = _fresh(at)
    put_file(path, _dump([*keys, fresh]).encode())
    return fresh


def parse_jwk_set(text: str) -> PublicKeys:
    """The keys of a JWK Set. ``BadKeys`` unless every one is a P-256 key under its own id."""
    try:
        keys = [_public(jwk) for jwk in json.loads(text)["keys"]]
        named = {str(jwk["kid"]): key for jwk, key in zip(json.loads(text)["keys"], keys, strict=True)}
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BadKeys("This is not a set of published keys (JWK Set with P-256 keys).") from fault
    if not named or any(kid != key_id(key) for kid, key in named.items()):
        raise BadKeys("The published keys do not bear their own names: the file is damaged or not ours.")
    return named


def _public(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        raise ValueError("P-256 only")
    x, y = (int.from_bytes(base64url.decode(jwk[name])) for name in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _fresh(at: datetime) -> CodeKey:
    return CodeKey(ec.generate_private_key(ec.SECP256R1()), at.isoformat(timespec="seconds"))


def _dump(keys: Sequence[CodeKey]) -> str:
    numbers = ((key, key.private.private_numbers().private_value) for key in keys)
    rows = [{"kid": key.kid, "made_at": key.made_at, "d": base64url.encode(number.to_bytes(32))} for key, number in numbers]
    return json.dumps({"keys": rows}, indent=2)


def _load(path: Path) -> list[CodeKey]:
    try:
        rows = json.loads(path.read_text())["keys"]
        scalars = ((int.from_bytes(base64url.decode(row["d"])), row["made_at"]) for row in rows)
        keys = [CodeKey(ec.derive_private_key(scalar, ec.SECP256R1()), made_at) for scalar, made_at in scalars]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BadKeys(f"The code keys in {path} cannot be read: put the file back from a backup.") from fault
    if not keys:
        raise BadKeys(f"There is no key in {path}: put the file back from a backup.")
    return keys


def _jwk(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    point = public.public_numbers()
    x, y = (base64url.encode(number.to_bytes(32)) for number in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
