"""What is in a file that was handed in, and where its bytes live: attachments without the database.

Law: nothing is believed but the bytes. A picture is kept only as drawn anew by us, a PDF only when nothing in
it acts; every object is named by the digest of what it holds, and lies on the disk encrypted (docs/decisions/0021).
"""

import fcntl
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from flask_babel import lazy_gettext as _

from app.core.crypto.encryption import UNOPENED, keyring
from app.core.errors import AppError
from app.files.inspect import refused


class ScannerAway(Exception):
    """Whoever looks for viruses does not answer, or not in a way that can be understood."""


class FileMissing(AppError):
    """The store has no such object. A row without its bytes is a fault to be reported, not the reader's."""

    status = 404
    code = "file-missing"
    sentence = _("The bytes of this file are missing from the store. Please tell the administrator.")


class FileDamaged(FileMissing):
    """The object is there, and cannot be opened: it was changed on the disk, or its key is gone."""

    code = "file-damaged"
    sentence = _("The bytes of this file are damaged. Please tell the administrator, who has the backup.")


# --- where the bytes live -----------------------------------------------------------------------------------

DIGEST = re.compile(r"[0-9a-f]{64}")
INCOMING = "incoming"
SEALED = b"AGS1"  # an encrypted object begins so; what does not was put down before objects were encrypted
BROKEN = re.compile(INCOMING + r"/([a-z0-9_]+)")  # as ``tempfile`` names them


class Store:
    """A folder of objects named by their SHA-256, as ``ab/cd/abcd…``. May be used by any number of processes.

    Nothing is removed but what no row names, by the sweeper and by ``retention``: two papers may share one object, so the
    end of a row is never the end of its bytes. Write the object first and commit the row afterwards; ``put`` renews the
    time of an object that is already there, and ``remove`` spares what is new, so that no row ever points to nothing.
    An object on the disk is ``SEALED`` and what the keyring makes of it; its name is bound in, so that one object put
    in the place of another does not open.

    ``scan`` names the virus in a file, or nothing, or raises ``ScannerAway``; without one nobody is asked.
    """

    def __init__(self, folder: Path, scan: Callable[[bytes], str] | None = None) -> None:
        self.folder = folder
        self.scan, self.unasked = scan, False
        self.incoming = folder / INCOMING
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def screen(self, data: bytes, filename: str) -> None:
        """Raise ``FileRefused`` unless whoever looks for viruses has nothing against this file: no answer is a no."""
        if self.scan is None:
            return
        try:
            if self.unasked:  # the other files of a form must not wait for one silence each
                raise ScannerAway
            found = self.scan(data)
        except ScannerAway:
            self.unasked = True
            raise refused(filename, "file-unchecked") from None
        if found:
            raise refused(filename, "file-infected", what=found)

    def put(self, data: bytes) -> str:
        """The digest, once the bytes are safe on the disk; or ``OSError``, and nothing is left behind."""
        digest = hashlib.sha256(data).hexdigest()
        place = self.path(digest)
        with self._held(fcntl.LOCK_SH):
            if self.verify(digest):
                os.utime(place)
                return digest
        waiting = self._written(_sealed(data, digest))
        try:
            with self._held(fcntl.LOCK_SH):
                for folder in (place.parent.parent, place.parent):
                    folder.mkdir(mode=0o700, exist_ok=True)
                waiting.replace(place)
                for folder in (place.parent, place.parent.parent, self.folder):
                    _flush_folder(folder)
        except BaseException:
            waiting.unlink(missing_ok=True)
            raise
        return digest

    def _written(self, data: bytes) -> Path:
        """A new file (0600) beside the objects, so that it can be renamed into place."""
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
        """Where the object is or would be; ``ValueError`` for anything but 64 small hex digits."""
        if not DIGEST.fullmatch(digest):
            raise ValueError("not a SHA-256 digest")
        return self.folder / digest[:2] / digest[2:4] / digest

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """For reading. Raises as ``read``."""
        return io.BytesIO(self.read(digest))

    def read(self, digest: str) -> bytes:
        """What was put. Raises ``FileMissing``; ``FileDamaged`` for what was changed on the disk."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise FileMissing from None
        if not data.startswith(SEALED):
            return data
        try:
            return keyring.open_bytes(data[len(SEALED) :], _purpose(digest))
        except (*UNOPENED, ValueError):
            raise FileDamaged from None

    def verify(self, digest: str) -> bool:
        """Whether the object is there and still is what its name says."""
        try:
            return hashlib.sha256(self.read(digest)).hexdigest() == digest
        except FileMissing:
            return False

    def digests(self) -> Iterator[str]:
        """Every object there is."""
        for place in self.folder.glob("??/??/*"):
            if DIGEST.fullmatch(place.name):
                yield place.name

    def key_of(self, digest: str) -> int | None:
        """The id of the key an object lies under; None for one that lies open. Raises ``FileMissing``."""
        try:
            with self.path(digest).open("rb") as file:
                head = file.read(len(SEALED) + 1)
        except FileNotFoundError:
            raise FileMissing from None
        return head[-1] if head.startswith(SEALED) and len(head) > len(SEALED) else None

    def reseal(self, digest: str) -> bool:
        """Put an object under the newest key, if it is under another or none; its age stays. Whether it was done."""
        if self.key_of(digest) == keyring.newest:
            return False
        place, data = self.path(digest), self.read(digest)
        if hashlib.sha256(data).hexdigest() != digest:
            raise FileDamaged
        waiting = self._written(_sealed(data, digest))
        with self._held(fcntl.LOCK_SH):
            try:
                seen = place.stat()
                os.utime(waiting, ns=(seen.st_atime_ns, seen.st_mtime_ns))
                waiting.replace(place)
            except FileNotFoundError:  # swept away meanwhile
                waiting.unlink(missing_ok=True)
                return False
        _flush_folder(place.parent)
        return True

    def orphans(self, known: set[str], older_than: datetime) -> Iterator[str]:
        """What no row knows and nobody touched since: digests, and ``incoming/…`` left by broken uploads."""
        before = older_than.timestamp()
        for place in sorted(self.folder.glob("??/??/*")) + sorted(self.incoming.iterdir()):
            name = f"{INCOMING}/{place.name}" if place.parent == self.incoming else place.name
            if name not in known and _touched_before(place, before):
                yield name

    def remove(self, orphan: str, older_than: datetime) -> bool:
        """Take away one of ``orphans``, unless it was put again in the meantime. Whether it went."""
        broken = BROKEN.fullmatch(orphan)
        place = self.incoming / broken[1] if broken else self.path(orphan)
        with self._held(fcntl.LOCK_EX):
            if not _touched_before(place, older_than.timestamp()):
                return False
            place.unlink()
        return True

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Many may put at once, but nobody while the sweeper decides."""
        with (self.folder / "lock").open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            fcntl.flock(file, how)
            yield


def _purpose(digest: str) -> str:
    return f"object/{digest}"


def _sealed(data: bytes, digest: str) -> bytes:
    return SEALED + keyring.seal_bytes(data, _purpose(digest))


def _touched_before(place: Path, moment: float) -> bool:
    try:
        return place.stat().st_mtime < moment
    except FileNotFoundError:
        return False


def _flush_folder(folder: Path) -> None:
    """A rename outlives a power cut only when its folder has been written, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
