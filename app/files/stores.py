"""The store of files that the settings name."""

from collections.abc import Callable
from pathlib import Path

from app.core.errors import FilesAway
from app.core.settings import Bucket, Settings
from app.files.folder_store import FolderStore
from app.files.storage import Store


def store_of(settings: Settings, scan: Callable[[bytes], str] | None = None) -> Store:
    """The bucket if one is set, else the folder under home."""
    return store_at(settings.bucket or settings.blobs, scan)


def store_at(place: Bucket | Path, scan: Callable[[bytes], str] | None = None) -> Store:
    """The store in a bucket, or in a folder, which is made if there is none."""
    if isinstance(place, Path):
        return FolderStore(place, scan)
    from app.files.bucket_store import BucketStore  # noqa: PLC0415 - a folder needs no library for S3, which takes memory

    return BucketStore(place, scan)


def why_away(settings: Settings) -> str:
    """Why nothing can be written to the bucket of the files; "" if it can be, or none is set."""
    if settings.bucket is None:
        return ""
    from app.files.bucket_store import BucketStore  # noqa: PLC0415 - as above

    try:
        BucketStore(settings.bucket).probe()
    except FilesAway as away:
        return str(away.why)
    return ""
