"""Streams that only the keepers of a backup can open, in the age format (age-encryption.org/v1): a public key encrypts.

The server holds public keys only, so whoever takes it over cannot open its backups. Any program that knows age opens them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import BinaryIO

import pyrage
from pyrage.x25519 import Identity, Recipient

from app.core.errors import AppError

Recipients = Sequence[Recipient]  # public keys
Identities = Sequence[Identity]  # private keys
DRAINED = 1 << 20  # bytes read at once of what nobody asks for


class BadBackupKey(AppError):
    """A key of a backup is no such key, or another one. The sentence is for the operator."""

    code = "bad-backup-key"


class BackupDamaged(AppError):
    """An encrypted stream does not end as it was written, or was changed."""

    code = "backup-damaged"


def make_key() -> tuple[str, str]:
    """A fresh pair: the private key (``AGE-SECRET-KEY-1…``) and the public one (``age1…``)."""
    identity = Identity.generate()
    return str(identity), str(identity.to_public())


def recipients_of(public: Sequence[str]) -> Recipients:
    """``BadBackupKey`` unless there is at least one, and every one is a public key."""
    if not public:
        raise BadBackupKey("No public key is set: 'anguan backup key FILE' makes one; then set ANGUAN_BACKUP_KEYS.")
    try:
        return [Recipient.from_str(one) for one in public]
    except pyrage.RecipientError:
        raise BadBackupKey("ANGUAN_BACKUP_KEYS takes public keys (age1…) between commas, and one of these is none.") from None


def identities_of(file: bytes) -> Identities:
    """The private keys in a file, one a line; lines that begin with # are notes."""
    try:
        lines = (line.strip() for line in file.decode().splitlines())
        found = [Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError):
        found = []
    if not found:
        raise BadBackupKey("This file holds no private key of a backup (AGE-SECRET-KEY-1…).")
    return found


def encrypt(data: bytes, recipients: Recipients) -> bytes:
    return bytes(pyrage.encrypt(data, recipients))


def decrypt(data: bytes, identities: Identities) -> bytes:
    """``BackupDamaged`` for what was changed, ``BadBackupKey`` for what was encrypted to others."""
    try:
        return bytes(pyrage.decrypt(data, identities))
    except (pyrage.DecryptError, OSError) as error:
        raise _in_words(error) from None


def _in_words(error: Exception) -> AppError:
    if "matching" in str(error).lower():
        return BadBackupKey("This private key does not open the backup: it was encrypted to another one.")
    return BackupDamaged("The backup is damaged: what is encrypted in it was changed or cut off.")


@contextmanager
def encrypting(sink: BinaryIO, recipients: Recipients) -> Iterator[BinaryIO]:
    """A stream; what is written to it arrives encrypted in ``sink``. Raises at the end what writing to ``sink`` raised.

    If the body raises, ``sink`` holds something unfinished and must be thrown away.
    """
    reading, writing = os.pipe()
    faults: list[Exception] = []

    def run() -> None:
        with os.fdopen(reading, "rb") as plain:
            try:
                pyrage.encrypt_io(plain, _Sink(sink, faults), recipients)
            except Exception as fault:  # noqa: BLE001 - raised again below, in the thread that waits
                faults.append(fault)

    thread = Thread(target=run, name="backup encryption")
    thread.start()
    try:
        with os.fdopen(writing, "wb") as stream:
            yield stream
    except BrokenPipeError:
        thread.join()
        raise (faults or [BrokenPipeError()])[0] from None
    finally:
        thread.join()
    if faults:
        raise faults[0]


class _Sink:
    """Notes what writing raises, which the library wraps in an error of its own."""

    def __init__(self, sink: BinaryIO, faults: list[Exception]) -> None:
        self._sink, self._faults = sink, faults

    def write(self, data: bytes) -> int:
        try:
            return self._sink.write(data)
        except Exception as fault:
            self._faults.append(fault)
            raise

    def flush(self) -> None:
        self._sink.flush()


@contextmanager
def decrypting(source: BinaryIO, identities: Identities) -> Iterator[BinaryIO]:
    """The plain stream of an encrypted one. Ends only once all of it was found as it was written, whatever the body read.

    ``BackupDamaged`` or ``BadBackupKey`` as for ``decrypt``; what the body did with the bytes before must then be undone.
    """
    reading, writing = os.pipe()
    faults: list[Exception] = []

    def run() -> None:
        with os.fdopen(writing, "wb", buffering=0) as plain:
            try:
                pyrage.decrypt_io(source, plain, identities)
            except Exception as fault:  # noqa: BLE001 - raised again below, in the thread that waits
                faults.append(fault)

    thread = Thread(target=run, name="backup decryption")
    thread.start()
    try:
        with os.fdopen(reading, "rb") as stream:
            yield stream
            while stream.read(DRAINED):
                pass
    except BaseException:
        thread.join()
        _raise_first(faults)
        raise
    thread.join()
    _raise_first(faults)


def _raise_first(faults: Sequence[Exception]) -> None:
    """What the body raised for want of bytes has its cause in the stream; a closed pipe has it in the body."""
    if faults and not isinstance(faults[0], BrokenPipeError) and "Broken pipe" not in str(faults[0]):
        raise _in_words(faults[0]) from None
