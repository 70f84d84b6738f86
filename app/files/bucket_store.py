"""Files in an object store that speaks S3 (docs/decisions/0038)."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from app.core.errors import FilesAway
from app.core.settings import BadSetting, Bucket
from app.files.storage import DIGEST, FileMissing, Store, object_name

_log = logging.getLogger(__name__)

OBJECTS, REMOVED, PROBE = "objects", "removed", "probe"  # how names begin
# Time limits of one try: to connect, without a byte of an answer, for all of it (the largest file has 64 MiB).
CONNECT, SILENCE, REQUEST = timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=30)
TRIES_AGAIN, NOT_AFTER = 2, timedelta(seconds=10)  # how often, and for how long from the first try
_NO_BUCKET = _("it has no such bucket")


@cache
def client(bucket: Bucket) -> S3Store:
    """One of a process, as it keeps connections. Not to be used in a process forked from one that used it."""
    service: Any = {"endpoint": bucket.url} if bucket.url else {}
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        region=bucket.region,
        access_key_id=bucket.key,
        secret_access_key=bucket.secret,
        client_options={
            "connect_timeout": CONNECT,
            "read_timeout": SILENCE,
            "timeout": REQUEST,
            "allow_http": bucket.url.startswith("http://"),
            **({"root_certificate": _authority(bucket)} if bucket.authority else {}),
        },
        retry_config={
            "max_retries": TRIES_AGAIN,
            "retry_timeout": NOT_AFTER,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
        },
        **service,
    )


def _authority(bucket: Bucket) -> bytes:
    assert bucket.authority is not None  # noqa: S101 - asked by the caller
    try:
        return bucket.authority.read_bytes()
    except OSError as fault:
        raise BadSetting(f"ANGUAN_S3_CA: {bucket.authority} cannot be read: {fault.strerror}.") from None


@contextmanager
def asked_of(bucket: Bucket) -> Iterator[None]:
    """``FileMissing`` for a name that is not there, ``FilesAway`` for everything else that the store says no to."""
    try:
        yield
    except FileNotFoundError as fault:
        if "NoSuchBucket" not in str(fault):
            raise FileMissing from None
        raise _away(bucket, fault, _NO_BUCKET) from None
    except (PermissionDeniedError, UnauthenticatedError) as fault:
        raise _away(bucket, fault, _("it refuses the key")) from None
    except BaseError as fault:
        status = re.search(r"status code: (\d{3})", str(fault))
        why = _("it answers %(status)s", status=status[1]) if status else _("it does not answer")
        raise _away(bucket, fault, _NO_BUCKET if "NoSuchBucket" in str(fault) else why) from None


def _away(bucket: Bucket, fault: Exception, why: object) -> FilesAway:
    _log.warning("%s: %s", bucket.address, str(fault).splitlines()[0].replace(bucket.secret, "…"))
    return FilesAway(why)


class BucketStore(Store):
    """Objects ``objects/ab/cd/abcd…`` under the prefix of a bucket.

    S3 cannot delete an object on the condition that it was not written meanwhile. So ``remove`` moves it to ``removed/``,
    where it is still found, and only what lies there for as long is deleted for good.
    """

    def __init__(self, bucket: Bucket, scan: Callable[[bytes], str] | None = None) -> None:
        super().__init__(scan)
        self.bucket, self.address = bucket, bucket.address

    def digests(self) -> Iterator[str]:
        seen: set[str] = set()
        for place in (OBJECTS, REMOVED):
            for name, _time in self._listed(place):
                if name not in seen:
                    seen.add(name)
                    yield name

    def remove(self, orphan: str, older_than: datetime) -> bool:
        place, _slash, digest = orphan.rpartition("/")
        if place not in ("", REMOVED):
            raise ValueError("no name of an orphan")
        name = _place(place or OBJECTS, digest)
        try:
            with self._client() as objects:
                if objects.head(name)["last_modified"] >= older_than:
                    return False
                if not place:
                    objects.copy(name, _place(REMOVED, digest))
                objects.delete(name)
        except FileMissing:
            return False
        return True

    def probe(self) -> None:
        """Write a few bytes, always in the same place: ``FilesAway`` if that is impossible."""
        self._put(PROBE, b"anguan")

    def _read(self, digest: str, first: int | None = None) -> bytes:
        try:
            return self._bytes(_place(OBJECTS, digest), first)
        except FileMissing:
            return self._bytes(_place(REMOVED, digest), first)

    def _bytes(self, name: str, first: int | None) -> bytes:
        with self._client() as objects:
            if first is None:
                return bytes(objects.get(name).bytes())
            return bytes(objects.get_range(name, start=0, length=first))

    def _has(self, digest: str) -> bool:
        for place in (OBJECTS, REMOVED):
            try:
                with self._client() as objects:
                    objects.head(_place(place, digest))
            except FileMissing:
                continue
            return True
        return False

    def _write(self, digest: str, data: bytes) -> None:
        self._put(_place(OBJECTS, digest), data)

    def _put(self, name: str, data: bytes) -> None:
        try:
            with self._client() as objects:
                objects.put(name, data, use_multipart=False)  # all or nothing
        except FileMissing as fault:  # nothing else can be missing when something is written
            raise _away(self.bucket, fault, _NO_BUCKET) from None

    def _renew(self, digest: str) -> bool:  # noqa: ARG002
        """S3 sets no times. Sending a file again costs no more than reading it to see that it is whole."""
        return False

    def _replace(self, digest: str, data: bytes) -> bool:
        if not self._has(digest):
            return False
        self._write(digest, data)
        return True

    def _older(self, than: datetime) -> Iterator[str]:
        for place, before in ((OBJECTS, ""), (REMOVED, f"{REMOVED}/")):
            yield from sorted(f"{before}{digest}" for digest, at in self._listed(place) if at < than)

    def _listed(self, place: str) -> Iterator[tuple[str, datetime]]:
        """Digest and time of all objects there."""
        with self._client() as objects:
            for some in objects.list(f"{place}/"):
                for one in some:
                    if DIGEST.fullmatch(digest := one["path"].rpartition("/")[2]):
                        yield digest, one["last_modified"]

    @contextmanager
    def _client(self) -> Iterator[S3Store]:
        with asked_of(self.bucket):
            yield client(self.bucket)


def _place(place: str, digest: str) -> str:
    return f"{place}/{object_name(digest)}"
