"""The keys that vouch for certificates: P-256, each named by a piece of its own fingerprint, kept under ``ANGUAN_HOME``.

Law: the newest signs, all verify; a private key is never shown, never overwritten and never leaves its file (0600).
"""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
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

from app.core.errors import AppError

PublicKeys = Mapping[str, ec.EllipticCurvePublicKey]
_ES256 = ec.ECDSA(hashes.SHA256())
KID = 4  # characters of the fingerprint: the name is printed in every square code, so it is short


class BadKeys(AppError):
    """There are no usable keys where they should be. Said to whoever runs the house."""

    code = "bad-keys"


@dataclass(frozen=True)
class CodeKey:
    """One key. Only this room and the two that sign in ways of their own (``code``, ``statuslist``) touch ``private``."""

    private: ec.EllipticCurvePrivateKey
    made_at: str = ""

    @cached_property
    def public(self) -> ec.EllipticCurvePublicKey:
        return self.private.public_key()

    @cached_property
    def kid(self) -> str:
        return name_of(self.public)

    def sign(self, statement: bytes) -> str:
        """ES256 over a statement that begins with what it is: none must be readable as a code or a status list."""
        return _b64(self.private.sign(statement, _ES256))


def vouched(statement: bytes, kid: str, signature: str, known: PublicKeys) -> bool:
    """Whether the key of this name has signed just this."""
    try:
        known[kid].verify(_unb64(signature), statement, _ES256)
    except (KeyError, ValueError, InvalidSignature):
        return False
    return True


def name_of(public: ec.EllipticCurvePublicKey) -> str:
    """The first characters of the key's RFC 7638 thumbprint: whoever has the key can tell its name."""
    members = {name: value for name, value in _jwk(public).items() if name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return _b64(sha256(text.encode()).digest())[:KID]


class Ring:
    """The keys of this house. Opened once by ``create_app``; read again when the file has changed, so that a rotation
    reaches every process that serves without a restart.
    """

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
        """The key of this name; the newest, if it is none of ours (a print from before there were keys has no name)."""
        return next((key for key in self._read() if key.kid == kid), self.newest)

    @property
    def public(self) -> PublicKeys:
        return {key.kid: key.public for key in self._read()}

    def published(self) -> dict[str, Any]:
        """A JWK Set (RFC 7517), the newest first: all that anybody needs to verify what we sign."""
        keys = reversed(self._read())
        return {"keys": [{**_jwk(key.public), "kid": key.kid, "use": "sig", "alg": "ES256"} for key in keys]}

    def history(self) -> list[tuple[str, str]]:
        """(name, when it was made) of each key, the newest first."""
        return [(key.kid, key.made_at) for key in reversed(self._read())]

    def _read(self) -> Sequence[CodeKey]:
        try:
            found = self._path.stat()
        except OSError:
            raise BadKeys(f"There are no code keys at {self._path}. Run 'anguan init' first.") from None
        now = (found.st_ino, found.st_mtime_ns, found.st_size)
        if now != self._seen:
            self._keys, self._seen = tuple(_load(self._path)), now
        return self._keys


ring = Ring()


def make(path: Path, *, at: datetime) -> bool:
    """Make the first key, readable by the owner only. False if there is a file already: it is left alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(_dump([_fresh(at)]))
    return True


def rotate(path: Path, *, at: datetime) -> CodeKey:
    """A new key that signs from now on; the older ones go on verifying what they signed. The file changes in one piece."""
    keys = _load(path)
    fresh = _fresh(at)
    while fresh.kid in {key.kid for key in keys}:
        fresh = _fresh(at)
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(_dump([*keys, fresh]))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return fresh


def published_in(text: str) -> PublicKeys:
    """The keys of a JWK Set that came from elsewhere; ``BadKeys`` unless every one is a P-256 key under its own name."""
    try:
        keys = [_public(jwk) for jwk in json.loads(text)["keys"]]
        named = {str(jwk["kid"]): key for jwk, key in zip(json.loads(text)["keys"], keys, strict=True)}
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BadKeys("This is not a set of published keys (JWK Set with P-256 keys).") from fault
    if not named or any(kid != name_of(key) for kid, key in named.items()):
        raise BadKeys("The published keys do not bear their own names: the file is damaged or not ours.")
    return named


def _public(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        raise ValueError("P-256 only")
    x, y = (int.from_bytes(_unb64(jwk[name])) for name in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _fresh(at: datetime) -> CodeKey:
    return CodeKey(ec.generate_private_key(ec.SECP256R1()), at.isoformat(timespec="seconds"))


def _dump(keys: Sequence[CodeKey]) -> str:
    rows = [
        {"kid": key.kid, "made_at": key.made_at, "d": _b64(key.private.private_numbers().private_value.to_bytes(32))}
        for key in keys
    ]
    return json.dumps({"keys": rows}, indent=2)


def _load(path: Path) -> list[CodeKey]:
    try:
        rows = json.loads(path.read_text())["keys"]
        keys = [
            CodeKey(ec.derive_private_key(int.from_bytes(_unb64(row["d"])), ec.SECP256R1()), row["made_at"]) for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BadKeys(f"The code keys in {path} cannot be read: put the file back from a backup.") from fault
    if not keys:
        raise BadKeys(f"There is no key in {path}: put the file back from a backup.")
    return keys


def _jwk(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    at = public.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _b64(at.x.to_bytes(32)), "y": _b64(at.y.to_bytes(32))}


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
