"""All files move to another store, and go on where a move was broken off."""

from dataclasses import replace

import pytest

from app.core.errors import FilesAway, Unwritable
from app.files import moving
from app.files.bucket_store import BucketStore, client
from app.files.folder_store import FolderStore
from app.files.storage import ENCRYPTED_PREFIX, object_name


@pytest.fixture
def folder(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


@pytest.fixture
def bucket(object_store) -> BucketStore:
    return BucketStore(object_store.bucket())


def test_every_file_is_whole_at_the_new_place_and_none_is_copied_twice(folder, bucket, monkeypatch):
    monkeypatch.setattr(moving, "PORTION", 4)
    digests, portions = {folder.put(b"scan %d" % n) for n in range(10)}, []
    plain, damaged, other = sorted(digests)[:3]
    folder.path(plain).write_bytes(folder.read(plain))  # as older versions left them
    folder.path(damaged).write_bytes(b"AGS1" + b"x" * 60)
    client(bucket.bucket).put(f"objects/{object_name(other)}", b"something else")
    moved = moving.move(folder, bucket, lambda so_far: portions.append(len(so_far.digests)))
    assert moved.digests == set(bucket.digests()) == digests - {damaged}
    assert (moved.copied, moved.faults, portions[-1], len(portions)) == (9, {damaged: "file-damaged"}, 9, 3)
    assert all(bucket.verify(digest) for digest in moved.digests)
    assert bytes(client(bucket.bucket).get(f"objects/{object_name(plain)}").bytes()).startswith(ENCRYPTED_PREFIX)
    new = folder.put(b"came meanwhile")
    again = moving.move(folder, bucket)
    assert (again.copied, again.digests) == (1, moved.digests | {new})
    back = moving.move(bucket, FolderStore(folder.folder.with_name("back")))
    assert (back.copied, back.digests) == (10, again.digests)


def test_a_move_that_is_broken_off_goes_on(folder, bucket):
    class Failing(BucketStore):
        """As if the key were taken away after some files."""

        def _write(self, digest: str, data: bytes) -> None:
            if len(list(bucket.digests())) >= 5:
                self.bucket = replace(self.bucket, secret="another")
            super()._write(digest, data)

    digests = {folder.put(b"scan %d" % n) for n in range(40)}
    with pytest.raises((FilesAway, Unwritable)):
        moving.move(folder, Failing(bucket.bucket))
    assert 0 < len(there := set(bucket.digests())) < 40
    moved = moving.move(folder, bucket)
    assert (moved.copied, moved.digests) == (40 - len(there), digests)
