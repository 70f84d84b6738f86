"""Where backups are kept: few verbs, so that another kind of place needs few lines."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from app.core.atomic_file import flush_folder
from app.core.errors import AppError
from app.core.settings import Bucket, Settings

UNFINISHED = "unfinished"  # folder of what is being written


class TargetFault(AppError):
    """The place of the backups cannot be used. The sentence is for the operator."""

    code = "backup-target"


class Target(Protocol):
    """A place of named byte strings. A name is made of parts between slashes."""

    def names(self, under: str) -> Iterator[str]:
        """The names of all that is stored whole and begins with ``under/``, in any order."""

    def put(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A stream to write to; its bytes are stored durably when the body ends, and not at all if it raises."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of a name; ``TargetFault`` if there are none."""

    def remove(self, name: str) -> None:
        """Remove a name; nothing happens if there is none."""

    def alone(self) -> AbstractContextManager[Callable[[], None]]:
        """Held by the one who writes; ``TargetFault`` at once if somebody else does.

        Gives a call that raises ``TargetFault`` if somebody else has begun to write meanwhile.
        """


def target_of(settings: Settings) -> Target | None:
    """The place of the backups that the settings name; None if they name none."""
    if not isinstance(settings.backup_place, Bucket):
        return FolderTarget(settings.backup_place) if settings.backup_place else None
    from app.backup.bucket_target import BucketTarget  # noqa: PLC0415 - a folder needs no library for S3, which takes memory

    return BucketTarget(settings.backup_place)


class FolderTarget:
    """A folder, on another disk or on a network drive that is mounted here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self, under: str) -> Iterator[str]:
        top = self.folder / under
        for place, _folders, files in os.walk(top):
            yield from (str((Path(place) / name).relative_to(self.folder)) for name in files)

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        place, unfinished = self.folder / name, self.folder / UNFINISHED
        within = [self.folder / part for part in place.parent.relative_to(self.folder).parents]
        fresh = [folder for folder in (*reversed(within), place.parent, unfinished) if not folder.exists()]
        for folder in fresh:
            folder.mkdir(mode=0o700, exist_ok=True)
        handle, pending = tempfile.mkstemp(dir=unfinished)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(handle)
            Path(pending).replace(place)
            for folder in {place.parent, *(new.parent for new in fresh)}:
                flush_folder(folder)
        except BaseException:
            Path(pending).unlink(missing_ok=True)
            raise

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        try:
            file = (self.folder / name).open("rb")
        except OSError as fault:
            raise TargetFault(f"{self.folder / name} cannot be read: {fault.strerror}.") from None
        with file:
            yield file

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[Callable[[], None]]:
        """What a killed writer left unfinished is removed."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("ab")
        except OSError as fault:
            raise TargetFault(f"{self.folder} cannot be written to: {fault.strerror}.") from None
        with lock:
            os.fchmod(lock.fileno(), 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TargetFault(f"A backup to {self.folder} is being made already.") from None
            for left in (self.folder / UNFINISHED).glob("*"):
                left.unlink()
            yield lambda: None  # the lock ends with the process
