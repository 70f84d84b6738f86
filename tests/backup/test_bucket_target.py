"""A bucket of backups: whole or not at all, one writer at a time; a backup goes there and comes back."""

import os
from dataclasses import replace
from datetime import timedelta
from time import sleep

import pytest

from app.backup import bucket_target, making, repository, restoring
from app.backup.bucket_target import LOCK, BucketTarget
from app.backup.targets import TargetFault, target_of
from app.files.bucket_store import client
from app.files.storage import Store
from app.files.stores import store_of
from tests import make
from tests.backup.test_making import with_files
from tests.object_store import SECRET


@pytest.fixture
def target(object_store) -> BucketTarget:
    return BucketTarget(object_store.bucket("backups"))


def test_a_name_appears_whole_or_not_at_all(target):
    large = os.urandom(bucket_target.PART * 2 + 5)
    with target.put("a/b/c") as file:
        file.write(large)
        assert list(target.names("a")) == []
    assert list(target.names("a")) == ["a/b/c"]
    for half in (b"half", large):
        with pytest.raises(ZeroDivisionError), target.put("a/b/c") as file:  # noqa: PT012 - both writes and fails
            file.write(half)
            raise ZeroDivisionError
    with target.open("a/b/c") as file:
        assert (file.read(5), file.read()) == (large[:5], large[5:])
    target.remove("a/b/c")
    target.remove("a/b/c")
    with pytest.raises(TargetFault, match="cannot be read"), target.open("a/b/c"):
        pass
    with pytest.raises(FileNotFoundError), target.put("a"):  # the caller's own
        raise FileNotFoundError


def test_one_writes_at_a_time_and_a_lock_that_nobody_renews_is_taken_over(target, monkeypatch):
    with target.alone(), pytest.raises(TargetFault, match="being made already"), BucketTarget(target.bucket).alone():
        pass
    with target.alone():
        pass
    client(target.bucket).put(LOCK, b"of one that was killed")
    with pytest.raises(TargetFault, match="less than 2 minutes ago"), target.alone():
        pass
    monkeypatch.setattr(bucket_target, "LEASE", timedelta())
    with target.alone():
        assert bytes(client(target.bucket).get(LOCK).bytes()) != b"of one that was killed"
    assert LOCK not in {one["path"] for some in client(target.bucket).list() for one in some}


def told(demand_alone) -> str:
    """What it says once the lock was renewed in vain."""
    for _turn in range(500):
        try:
            demand_alone()
        except TargetFault as fault:
            return str(fault)
        sleep(0.01)
    return ""


def test_one_whose_lock_was_taken_over_is_told_and_leaves_the_lock_alone(target, monkeypatch):
    monkeypatch.setattr(bucket_target, "RENEWAL", 0.01)
    with target.alone() as demand_alone:
        demand_alone()
        client(target.bucket).put(LOCK, b"of another that took over")
        assert "Another backup" in told(demand_alone)
    assert bytes(client(target.bucket).get(LOCK).bytes()) == b"of another that took over"
    target.remove(LOCK)


def test_a_bucket_that_cannot_be_used_is_said_in_words(target):
    with (
        pytest.raises(TargetFault, match="refuses the key") as caught,
        BucketTarget(replace(target.bucket, secret="another")).alone(),
    ):
        pass
    assert SECRET not in str(caught.value)


def test_a_backup_goes_into_one_bucket_and_the_files_come_back_into_another(
    installation, session, object_store, target, identities, empty_place
):
    settings = replace(installation.settings, bucket=object_store.bucket(), backup_place=target.bucket)
    store: Store = store_of(settings)
    with_files(session, store, "one", "two")
    assert isinstance(target_of(settings), BucketTarget)
    backup, missing = making.make(settings, installation.engine, store, target, now=lambda: make.NOON)
    assert (backup.files, missing) == (2, set())
    assert repository.find(target) == backup
    place = replace(empty_place(), bucket=object_store.bucket())
    restored = restoring.restore(target, backup, identities, place, by="a test", at=make.NOON)
    assert sorted(restored.files) == sorted(store_of(replace(settings, bucket=place.bucket)).digests())
    assert not (place.home / "blobs").exists()
    assert restored.found.counts == restored.expected.counts
