"""Files in a folder of this machine, or on a network drive that is mounted here."""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from app.core.atomic_file import flush_folder
from app.files.storage import DIGEST, FileMissing, Store, object_name

INCOMING = "incoming"
INCOMING_NAME = re.compile(INCOMING + r"/([a-z0-9_]+)")  # names that ``tempfile`` makes


class FolderStore(Store):
    """Objects as files ``ab/cd/abcd…``, readable by the owner only."""

    def __init__(self, folder: Path, scan: Callable[[bytes], str] | None = None) -> None:
        super().__init__(scan)
        self.folder, self.address = folder, str(folder)
        self.incoming = folder / INCOMING
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def path(self, digest: str) -> Path:
        """The path of an object; ``ValueError`` for what is no digest."""
        return self.folder / object_name(digest)

    def digests(self) -> Iterator[str]:
        for place in self.folder.glob("??/??/*"):
            if DIGEST.fullmatch(place.name):
                yield place.name

    def remove(self, orphan: str, older_than: datetime) -> bool:
        interrupted = INCOMING_NAME.fullmatch(orphan)
        place = self.incoming / interrupted[1] if interrupted else self.path(orphan)
        with self._locked(fcntl.LOCK_EX):
            if not _touched_before(place, older_than.timestamp()):
                return False
            place.unlink()
        return True

    def _read(self, digest: str, first: int | None = None) -> bytes:
        try:
            with self.path(digest).open("rb") as file:
                return file.read(first)
        except FileNotFoundError:
            raise FileMissing from None

    def _has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def _write(self, digest: str, data: bytes) -> None:
        place, pending = self.path(digest), self._pending(data)
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

    def _renew(self, digest: str) -> bool:
        with self._locked(fcntl.LOCK_SH):
            try:
                os.utime(self.path(digest))
            except FileNotFoundError:
                return False
        return True

    def _replace(self, digest: str, data: bytes) -> bool:
        """Keeps the time of the object."""
        place, pending = self.path(digest), self._pending(data)
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

    def _older(self, than: datetime) -> Iterator[str]:
        """Remains: ``incoming/…`` of interrupted uploads."""
        before = than.timestamp()
        for place in sorted(self.folder.glob("??/??/*")) + sorted(self.incoming.iterdir()):
            if _touched_before(place, before):
                yield f"{INCOMING}/{place.name}" if place.parent == self.incoming else place.name

    def _pending(self, data: bytes) -> Path:
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

    @contextmanager
    def _locked(self, operation: int) -> Iterator[None]:
        """Shared while putting, exclusive while removing."""
        with (self.folder / "lock").open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            fcntl.flock(file, operation)
            yield


def _touched_before(place: Path, moment: float) -> bool:
    try:
        return place.stat().st_mtime < moment
    except FileNotFoundError:
        return False
