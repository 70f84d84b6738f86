"""Content-addressed, encrypted store of files (docs/decisions/0021), kept by ``folder_store`` or ``bucket_store``."""

import hashlib
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from flask_babel import lazy_gettext as _

from app.core.crypto.encryption import DECRYPTION_ERRORS, keyring
from app.core.errors import AppError, FilesAway, Obstacle, Unwritable, obstacle_of
from app.core.office import Office
from app.core.redaction import mask_numbers
from app.files.inspect import LIMITS, InspectedFile, inspect, refusal


class ScannerUnavailable(Exception):
    """The virus scanner does not answer, or its answer cannot be understood."""


class FileMissing(AppError):
    """The store has no such object, although a row names it."""

    status = 404
    code = "file-missing"
    sentence = _("The bytes of this file are missing from the store. Please tell the administrator.")


class FileDamaged(FileMissing):
    """The object cannot be decrypted: it was changed on the disk, or its key is gone."""

    code = "file-damaged"
    sentence = _("The bytes of this file are damaged. Please tell the administrator, who has the backup.")


# --- the store ---------------------------------------------------------------------------------------------

DIGEST = re.compile(r"[0-9a-f]{64}")
# A younger object is not removed: it may belong to a transaction that is not committed yet, and a backup that has seen no row
# of it relies on finding it (``backup.making``).
MIN_ORPHAN_AGE = timedelta(hours=24)
ENCRYPTED_PREFIX = b"AGS1"  # prefix of an encrypted object; older objects are plain


class Store(ABC):
    """Objects named by their SHA-256. May be used by any number of processes.

    Two papers may share one object, so objects are removed only when no row names them. Put the object first and commit
    the row afterwards: ``put`` renews the time of an existing object, and ``remove`` spares recent ones, so that no row
    ever points to nothing. Its name is authenticated: an object in the place of another cannot be decrypted.

    ``scan`` returns the name of a virus or "", or raises ``ScannerUnavailable``; without it files are not scanned.
    Every method may raise ``FilesAway`` where the objects lie on another machine. ``address``: for people and logs.
    """

    address: str

    def __init__(self, scan: Callable[[bytes], str] | None = None) -> None:
        self.scan, self.scanner_failed = scan, False

    def screen(self, data: bytes, filename: str) -> None:
        """Raise ``FileRefused`` if the scanner finds a virus, or does not answer."""
        if self.scan is None:
            return
        try:
            if self.scanner_failed:  # the other files of a form must not wait for a timeout each
                raise ScannerUnavailable
            virus = self.scan(data)
        except ScannerUnavailable:
            self.scanner_failed = True
            raise refusal(filename, "file-unchecked") from None
        if virus:
            raise refusal(filename, "file-infected", what=virus)

    def put(self, data: bytes) -> str:
        """Store the bytes durably and return their digest; an error leaves nothing behind.

        ``Unwritable`` where no file can be written at present, else ``OSError``.
        """
        digest = hashlib.sha256(data).hexdigest()
        try:
            if not (self._renew(digest) and self.verify(digest)):
                self._write(digest, _encrypted(data, digest))
        except FilesAway as away:
            raise Unwritable(Obstacle.FILES_AWAY) from away
        except OSError as error:
            if (obstacle := obstacle_of(error)) is not None:
                raise Unwritable(obstacle) from error
            raise
        return digest

    def open(self, digest: str) -> BinaryIO:
        """As ``read``, as a file object."""
        return io.BytesIO(self.read(digest))

    def read(self, digest: str) -> bytes:
        """The bytes of an object. Raises ``FileMissing``, or ``FileDamaged`` if it was changed where it lies."""
        data = self._read(_checked(digest))
        if not data.startswith(ENCRYPTED_PREFIX):
            return data
        try:
            return keyring.decrypt_bytes(data[len(ENCRYPTED_PREFIX) :], _purpose(digest))
        except (*DECRYPTION_ERRORS, ValueError):
            raise FileDamaged from None

    def has(self, digest: str) -> bool:
        return self._has(_checked(digest))

    def verify(self, digest: str) -> bool:
        """Whether the object exists and its bytes match its digest."""
        try:
            return hashlib.sha256(self.read(digest)).hexdigest() == digest
        except FileMissing:
            return False

    def key_of(self, digest: str) -> int | None:
        """The id of the key of an object; None if it is not encrypted. Raises ``FileMissing``."""
        head = self._read(_checked(digest), len(ENCRYPTED_PREFIX) + 1)
        return head[-1] if head.startswith(ENCRYPTED_PREFIX) and len(head) > len(ENCRYPTED_PREFIX) else None

    def reencrypt(self, digest: str) -> bool:
        """Encrypt an object under the newest key. False if nothing was to be done."""
        if self.key_of(digest) == keyring.newest:
            return False
        data = self.read(digest)
        if hashlib.sha256(data).hexdigest() != digest:
            raise FileDamaged
        return self._replace(digest, _encrypted(data, digest))

    def orphans(self, known: set[str], older_than: datetime) -> Iterator[str]:
        """What is older than this and belongs to no digest in ``known``: digests, and names of what was left behind."""
        for name in self._older(older_than):
            if name.rpartition("/")[2] not in known:
                yield name

    @abstractmethod
    def digests(self) -> Iterator[str]:
        """The digests of all objects."""

    @abstractmethod
    def remove(self, orphan: str, older_than: datetime) -> bool:
        """Remove one of ``orphans``, unless it was put again meanwhile. Whether it was removed.

        ``ValueError`` for a name that ``orphans`` never gives.
        """

    # --- bytes as they lie there; the digest is one ----------------------------------------------------------

    @abstractmethod
    def _read(self, digest: str, first: int | None = None) -> bytes:
        """All bytes, or the first ones. Raises ``FileMissing``."""

    @abstractmethod
    def _has(self, digest: str) -> bool: ...

    @abstractmethod
    def _write(self, digest: str, data: bytes) -> None:
        """Store durably, in place of what is there."""

    @abstractmethod
    def _renew(self, digest: str) -> bool:
        """Give an object the present time without writing it again; False if that is impossible."""

    @abstractmethod
    def _replace(self, digest: str, data: bytes) -> bool:
        """As ``_write``, if the object still exists; keeps its time where that is possible."""

    @abstractmethod
    def _older(self, than: datetime) -> Iterator[str]:
        """The digests of older objects, and the names of older remains; the last part of these may be a digest."""


class KeptScan(Protocol):
    """What is recorded of a scan that was inspected and stored."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def size(self) -> int: ...


def keep_scan(store: Store, data: bytes, filename: str, *, photo: bool = False, office: Office) -> InspectedFile:
    """Check a scan and store its bytes. Raises ``FileRefused``. What no row ever names is removed by the nightly sweep.

    Takes up to seconds, so it is called before the transaction that attaches the scan begins.
    """
    store.screen(data, filename)
    limits = replace(LIMITS, bytes=office.scan_bytes, photo_bytes=office.photo_bytes)
    # File names often hold names and ID numbers; "*" is not allowed in file names.
    scan = inspect(data, mask_numbers(filename).replace("*", "_"), photo=photo, limits=limits)
    if scan.mime == "application/pdf" and scan.data != data:  # what restrictions hid from the scanner
        store.screen(scan.data, filename)
    store.put(scan.data)
    return scan


def _checked(digest: str) -> str:
    """``ValueError`` unless the digest is 64 lower-case hex digits."""
    if not DIGEST.fullmatch(digest):
        raise ValueError("not a SHA-256 digest")
    return digest


def object_name(digest: str) -> str:
    """Where an object lies within a store; ``ValueError`` for what is no digest."""
    return f"{_checked(digest)[:2]}/{digest[2:4]}/{digest}"


def _purpose(digest: str) -> str:
    return f"object/{digest}"


def _encrypted(data: bytes, digest: str) -> bytes:
    return ENCRYPTED_PREFIX + keyring.encrypt_bytes(data, _purpose(digest))
