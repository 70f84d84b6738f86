"""The keyring: what encrypts, opens and indexes whatever must not lie open in the store, columns and files alike.

Law: keys are handed in and never written here; a key made while the house runs is taken up by every process at once.
"""

import hmac
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

UNOPENED = (InvalidTag, KeyError, IndexError)  # what ``Keyring.open`` raises for what was not sealed here, or not for this
Keys = tuple[bytes, Mapping[int, bytes], bytes]  # of the index, of the data by id, and of what must never change


class Digest(str):
    """A fingerprint that was computed already and must not be computed again."""

    __slots__ = ()


class Keyring:
    """Encrypts, decrypts and indexes secrets. Unlocked once, by whoever holds the keys (``create_app``)."""

    def __init__(self) -> None:
        self._index = self._lasting = b""
        self._ciphers: dict[int, AESGCM] = {}
        self._current = 0
        self._file: Path | None = None
        self._read: Callable[[], Keys] | None = None
        self._written = 0

    def unlock(
        self,
        index: bytes,
        data: Mapping[int, bytes],
        lasting: bytes = b"",
        *,
        file: Path | None = None,
        read: Callable[[], Keys] | None = None,
    ) -> None:
        """``file`` is watched: whenever it was written anew, ``read`` says which keys there are."""
        self._file, self._read = file, read
        self._written = self._seen()
        self._take(index, data, lasting)

    def _take(self, index: bytes, data: Mapping[int, bytes], lasting: bytes) -> None:
        self._index, self._lasting = index, lasting or index
        self._ciphers = {kid: AESGCM(key) for kid, key in data.items()}
        self._current = max(data)

    @property
    def newest(self) -> int:
        """The id of the key that encrypts."""
        self._look()
        return self._current

    def seal(self, text: str, purpose: str) -> bytes:
        """Key id, nonce, ciphertext. ``purpose`` is bound in: a value copied to another column does not open there."""
        return self.seal_bytes(text.encode(), purpose)

    def open(self, sealed: bytes, purpose: str) -> str:
        return self.open_bytes(sealed, purpose).decode()

    def seal_bytes(self, data: bytes, purpose: str) -> bytes:
        """The same for a file that must not lie open in the store."""
        current, nonce = self.newest, os.urandom(12)
        return bytes([current]) + nonce + self._ciphers[current].encrypt(nonce, data, purpose.encode())

    def open_bytes(self, sealed: bytes, purpose: str) -> bytes:
        if sealed[0] not in self._ciphers:
            self._look()
        return self._ciphers[sealed[0]].decrypt(sealed[1:13], sealed[13:], purpose.encode())

    def digest(self, text: str, purpose: str) -> Digest:
        """A keyed fingerprint for finding a secret again: equal for equal text, worthless without the key."""
        return _fingerprint(self._index, text, purpose)

    def lasting_digest(self, text: str, purpose: str) -> Digest:
        """The same for what is computed anew for ever and must come out alike: no rotation touches it."""
        return _fingerprint(self._lasting, text, purpose)

    def mac(self, data: bytes, purpose: str) -> str:
        """A keyed seal of full length (64 hex digits), for ever the same: who lacks the key can neither make nor mend one."""
        return hmac.digest(self._lasting, purpose.encode() + b"\0" + data, "sha256").hex()

    def _look(self) -> None:
        """Take up the keys of the file if it was written since. A file that is half-way or away changes nothing."""
        if self._read is None or (seen := self._seen()) in (0, self._written):
            return
        self._take(*self._read())
        self._written = seen

    def _seen(self) -> int:
        try:
            return self._file.stat().st_mtime_ns if self._file else 0
        except FileNotFoundError:
            return 0


def _fingerprint(key: bytes, text: str, purpose: str) -> Digest:
    return Digest(hmac.new(key, f"{purpose}\0{text}".encode(), sha256).hexdigest()[:40])


keyring = Keyring()
