"""Content-addressed, encrypted store of files (docs/decisions/0021)."""

import fcntl
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from flask_babel import lazy_gettext as _

from app.core.atomic_file import flush_folder
from app.core.crypto.encryption import DECRYPTION_ERRORS, keyring
from app.core.errors import AppError, Unwritable, obstacle_of
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
INCOMING = "incoming"
# A younger object is not removed: it may belong to a transaction that is not committed yet, and a backup that has seen no row
# of it relies on finding it (``backup.making``).
MIN_ORPHAN_AGE = timedelta(hours=24)
ENCRYPTED_PREFIX = b"AGS1"  # prefix of an encrypted object; older objects are plain
INCOMING_NAME = re.compile(INCOMING + r"/([a-z0-9_]+)")  # names that ``tempfile`` makes


class Store:
    """A folder of objects named by their SHA-256, as ``ab/cd/abcd…``. May be used by any number of processes.

    Two papers may share one object, so objects are removed only when no row names them. Put the object first and commit
    the row afterwards: ``put`` renews the time of an existing object, and ``remove`` spares recent ones, so that no row
    ever points to nothing. Its name is authenticated: an object in the place of another cannot be decrypted.

    ``scan`` returns the name of a virus or "", or raises ``ScannerUnavailable``; without it files are not scanned.
    """

    def __init__(self, folder: Path, scan: Callable[[bytes], str] | None = None) -> None:
        self.folder = folder
        self.scan, self.scanner_failed = scan, False
        self.incoming = folder / INCOMING
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

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
        try:
            return self._put(data)
        except OSError as error:
            if (obstacle := obstacle_of(error)) is not None:
                raise Unwritable(obstacle) from error
            raise

    def _put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        place = self.path(digest)
        with self._locked(fcntl.LOCK_SH):
            if self.verify(digest):
                os.utime(place)
                return digest
        pending = self._written(_encrypted(data, digest))
        try:
            with self._locked(fcntl.LOCK_SH):
                for folder in (place.parent.parent, place.parent):
                    folder.mkdir(mode=0o700, exist_ok=True)
                pending.replace(place)
                for folder in (place.parent, place.parent.parent, self.folder):
                    flush_folder(folder)
        except BaseException:
            pending.unlink(missing_ok=True)
            raise
        return digest

    def _written(self, data: bytes) -> Path:
        """A new file (0600) on the same file system, to be renamed into place."""
        handle, name = tempfile.mkstemp(dir=self.incoming)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def path(self, digest: str) -> Path:
        """The path of an object; ``ValueError`` unless the digest is 64 lower-case hex digits."""
        if not DIGEST.fullmatch(digest):
            raise ValueError("not a SHA-256 digest")
        return self.folder / digest[:2] / digest[2:4] / digest

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """As ``read``, as a file object."""
        return io.BytesIO(self.read(digest))

    def read(self, digest: str) -> bytes:
        """The bytes of an object. Raises ``FileMissing``, or ``FileDamaged`` if it was changed on the disk."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise FileMissing from None
        if not data.startswith(ENCRYPTED_PREFIX):
            return data
        try:
            return keyring.decrypt_bytes(data[len(ENCRYPTED_PREFIX) :], _purpose(digest))
        except (*DECRYPTION_ERRORS, ValueError):
            raise FileDamaged from None

    def verify(self, digest: str) -> bool:
        """Whether the object exists and its bytes match its digest."""
        try:
            return hashlib.sha256(self.read(digest)).hexdigest() == digest
        except FileMissing:
            return False

    def digests(self) -> Iterator[str]:
        """The digests of all objects."""
        for place in self.folder.glob("??/??/*"):
            if DIGEST.fullmatch(place.name):
                yield place.name

    def key_of(self, digest: str) -> int | None:
        """The id of the key of an object; None if it is not encrypted. Raises ``FileMissing``."""
        try:
            with self.path(digest).open("rb") as file:
                head = file.read(len(ENCRYPTED_PREFIX) + 1)
        except FileNotFoundError:
            raise FileMissing from None
        return head[-1] if head.startswith(ENCRYPTED_PREFIX) and len(head) > len(ENCRYPTED_PREFIX) else None

    def reencrypt(self, digest: str) -> bool:
        """Encrypt an object under the newest key, keeping its time. False if nothing was to be done."""
        if self.key_of(digest) == keyring.newest:
            return False
        place, data = self.path(digest), self.read(digest)
        if hashlib.sha256(data).hexdigest() != digest:
            raise FileDamaged
        pending = self._written(_encrypted(data, digest))
        with self._locked(fcntl.LOCK_SH):
            try:
                times = place.stat()
                os.utime(pending, ns=(times.st_atime_ns, times.st_mtime_ns))
                pending.replace(place)
            except FileNotFoundError:  # removed meanwhile
                pending.unlink(missing_ok=True)
                return False
        flush_folder(place.parent)
        return True

    def orphans(self, known: set[str], older_than: datetime) -> Iterator[str]:
        """Digests not in ``known``, and ``incoming/…`` of interrupted uploads, that are older than this."""
        before = older_than.timestamp()
        for place in sorted(self.folder.glob("??/??/*")) + sorted(self.incoming.iterdir()):
            name = f"{INCOMING}/{place.name}" if place.parent == self.incoming else place.name
            if name not in known and _touched_before(place, before):
                yield name

    def remove(self, orphan: str, older_than: datetime) -> bool:
        """Remove one of ``orphans``, unless it was put again meanwhile. Whether it was removed."""
        interrupted = INCOMING_NAME.fullmatch(orphan)
        place = self.incoming / interrupted[1] if interrupted else self.path(orphan)
        with self._locked(fcntl.LOCK_EX):
            if not _touched_before(place, older_than.timestamp()):
                return False
            place.unlink()
        return True

    @contextmanager
    def _locked(self, operation: int) -> Iterator[None]:
        """Shared while putting, exclusive while removing."""
        with (self.folder / "lock").open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            fcntl.flock(file, operation)
            yield


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


def _purpose(digest: str) -> str:
    return f"object/{digest}"


def _encrypted(data: bytes, digest: str) -> bytes:
    return ENCRYPTED_PREFIX + keyring.encrypt_bytes(data, _purpose(digest))


def _touched_before(place: Path, moment: float) -> bool:
    try:
        return place.stat().st_mtime < moment
    except FileNotFoundError:
        return False
