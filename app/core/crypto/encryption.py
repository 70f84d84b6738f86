"""AES-GCM encryption of columns and files, and keyed digests for finding encrypted values.

Keys come from the caller and are never written here; every process takes up a rotated key file at once.
"""

import hmac
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# Raised by ``Keyring.decrypt`` for what was encrypted under another key or for another purpose.
DECRYPTION_ERRORS = (InvalidTag, KeyError, IndexError)
Keys = tuple[bytes, Mapping[int, bytes], bytes]  # index key, data keys by id, lasting key


class Digest(str):
    """A keyed digest. The type marks a value that must not be digested again."""

    __slots__ = ()


class Keyring:
    """Encrypts, decrypts and indexes secrets. ``create_app`` unlocks it with the keys."""

    def __init__(self) -> None:
        self._index = self._lasting = b""
        self._ciphers: dict[int, AESGCM] = {}
        self._current = 0
        self._file: Path | None = None
        self._read: Callable[[], Keys] | None = None
        self._loaded = 0

    def unlock(
        self,
        index: bytes,
        data: Mapping[int, bytes],
        lasting: bytes = b"",
        *,
        file: Path | None = None,
        read: Callable[[], Keys] | None = None,
    ) -> None:
        """``file`` is watched: when it changes, ``read`` returns the new keys."""
        self._file, self._read = file, read
        self._loaded = self._modified()
        self._take(index, data, lasting)

    def _take(self, index: bytes, data: Mapping[int, bytes], lasting: bytes) -> None:
        self._index, self._lasting = index, lasting or index
        self._ciphers = {kid: AESGCM(key) for kid, key in data.items()}
        self._current = max(data)

    @property
    def newest(self) -> int:
        """The id of the key that encrypts."""
        self._reload()
        return self._current

    def encrypt(self, text: str, purpose: str) -> bytes:
        """Key id, nonce, ciphertext. ``purpose`` is authenticated: a value copied to another column cannot be decrypted."""
        return self.encrypt_bytes(text.encode(), purpose)

    def decrypt(self, encrypted: bytes, purpose: str) -> str:
        return self.decrypt_bytes(encrypted, purpose).decode()

    def encrypt_bytes(self, data: bytes, purpose: str) -> bytes:
        current, nonce = self.newest, os.urandom(12)
        return bytes([current]) + nonce + self._ciphers[current].encrypt(nonce, data, purpose.encode())

    def decrypt_bytes(self, encrypted: bytes, purpose: str) -> bytes:
        if encrypted[0] not in self._ciphers:
            self._reload()
        return self._ciphers[encrypted[0]].decrypt(encrypted[1:13], encrypted[13:], purpose.encode())

    def digest(self, text: str, purpose: str) -> Digest:
        """A keyed digest (40 hex digits) for finding an encrypted value: equal for equal text and purpose."""
        return _digest(self._index, text, purpose)

    def lasting_digest(self, text: str, purpose: str) -> Digest:
        """As ``digest``, under the key that is never rotated."""
        return _digest(self._lasting, text, purpose)

    def mac(self, data: bytes, purpose: str) -> str:
        """HMAC-SHA256 (64 hex digits) under the key that is never rotated."""
        return hmac.digest(self._lasting, purpose.encode() + b"\0" + data, "sha256").hex()

    def _reload(self) -> None:
        """Read the key file again if it has changed. A missing file changes nothing."""
        if self._read is None or (modified := self._modified()) in (0, self._loaded):
            return
        self._take(*self._read())
        self._loaded = modified

    def _modified(self) -> int:
        try:
            return self._file.stat().st_mtime_ns if self._file else 0
        except FileNotFoundError:
            return 0


def _digest(key: bytes, text: str, purpose: str) -> Digest:
    return Digest(hmac.new(key, f"{purpose}\0{text}".encode(), sha256).hexdigest()[:40])


keyring = Keyring()
