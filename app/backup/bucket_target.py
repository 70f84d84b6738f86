"""Backups in an object store that speaks S3 (docs/decisions/0038). It must know conditional writes, as S3 itself does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from secrets import token_bytes
from threading import Event, Thread
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from app.backup.targets import TargetFault
from app.core.errors import FilesAway
from app.core.settings import Bucket
from app.files.bucket_store import asked_of, client
from app.files.storage import FileMissing

LOCK, PROBE = "lock", "probe"
LEASE = timedelta(minutes=2)  # after which a lock that nobody renewed belongs to one that died; the job tries again later
RENEWAL = 20.0  # seconds between two renewals
PART = 8 << 20  # bytes of one request


class BucketTarget:
    """A bucket, or the names under a prefix in it. What a killed writer sent in parts, the bucket's own rules remove."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def names(self, under: str) -> Iterator[str]:
        with self.calls() as objects:
            for some in objects.list(f"{under}/"):
                yield from (one["path"] for one in some)

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        with self.calls() as objects:
            writer = obstore.open_writer(objects, name, buffer_size=PART)
        yield cast(BinaryIO, _Writing(self, writer))
        with self.calls():
            writer.close()  # what is not closed was never there

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self.calls(name) as objects:
            reader = obstore.open_reader(objects, name, buffer_size=PART)
        yield cast(BinaryIO, _Reading(self, reader))

    def remove(self, name: str) -> None:
        with self.calls() as objects:
            objects.delete(name)

    @contextmanager
    def alone(self) -> Iterator[Callable[[], None]]:
        """Held by an object that is renewed; one that was not for ``LEASE``, by the clock of the service, is taken over."""
        mine, done, lost = token_bytes(16), Event(), Event()
        keeper = Thread(target=self._renew, args=(self._take(mine), mine, done, lost), daemon=True)
        keeper.start()

        def demand() -> None:
            if lost.is_set():
                raise TargetFault(f"Another backup to {self.bucket.address} has begun, as this one could not be heard of.")

        try:
            yield demand
        finally:
            done.set()
            keeper.join()
            if not lost.is_set():
                self.remove(LOCK)

    def _take(self, mine: bytes) -> str:
        """The version of the lock that is ours now."""
        with self.calls() as objects:
            with suppress(AlreadyExistsError):
                return str(objects.put(LOCK, mine, mode="create", use_multipart=False)["e_tag"])
            there = objects.head(LOCK)
            objects.put(PROBE, b"", use_multipart=False)
            age = objects.head(PROBE)["last_modified"] - there["last_modified"]
            with suppress(PreconditionError):
                if age >= LEASE:
                    taken = objects.put(LOCK, mine, mode={"e_tag": str(there["e_tag"])}, use_multipart=False)
                    return str(taken["e_tag"])
        minutes = int(LEASE.total_seconds() // 60)
        raise TargetFault(
            f"A backup to {self.bucket.address} is being made already, or was broken off less than {minutes} minutes ago."
        )

    def _renew(self, version: str, mine: bytes, done: Event, lost: Event) -> None:
        while not done.wait(RENEWAL):
            try:
                put = client(self.bucket).put(LOCK, mine, mode={"e_tag": version}, use_multipart=False)
                version = str(put["e_tag"])
            except PreconditionError:  # taken over
                lost.set()
                return
            except BaseError:
                continue  # the next turn is soon enough

    @contextmanager
    def calls(self, name: str = "") -> Iterator[S3Store]:
        """For calls of the library only: what it cannot do becomes a ``TargetFault``."""
        try:
            with asked_of(self.bucket):
                yield client(self.bucket)
        except FilesAway as away:
            raise TargetFault(f"{self.bucket.address} cannot be used: {away.why}.") from None
        except FileMissing:
            raise TargetFault(f"{self.bucket.address}/{name} cannot be read: there is no such object.") from None


class _Writing:
    """A writer of the library as a stream."""

    def __init__(self, target: BucketTarget, writer: Any) -> None:
        self._target, self._writer = target, writer

    def write(self, data: bytes) -> int:
        with self._target.calls():
            self._writer.write(data)
        return len(data)

    def flush(self) -> None:
        """Parts are sent when they are full."""


class _Reading:
    """A reader of the library as a stream: it gives bytes, and takes -1 for all."""

    def __init__(self, target: BucketTarget, reader: Any) -> None:
        self._target, self._reader = target, reader

    def read(self, size: int = -1) -> bytes:
        with self._target.calls():
            return bytes(self._reader.read(size if size >= 0 else None))
