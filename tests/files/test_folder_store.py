"""Files in a folder: each object once, under its digest, whatever happens meanwhile."""

import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.files.folder_store import FolderStore
from tests.at_once import at_once

NOW = datetime.now(UTC)
TOMORROW, YESTERDAY = NOW + timedelta(days=1), NOW - timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


def files(store: FolderStore) -> list[Path]:
    return sorted(place for place in store.folder.rglob("*") if place.is_file() and place.name != "lock")


def aged(place: Path, when: datetime = YESTERDAY) -> None:
    os.utime(place, (when.timestamp(), when.timestamp()))


def test_putting_twice_stores_one_object(store: FolderStore) -> None:
    assert store.put(b"paper") == store.put(b"paper")
    assert len(files(store)) == 1


def test_a_damaged_object_is_found_and_repaired_by_the_next_put(store: FolderStore) -> None:
    digest = store.put(b"paper")
    store.path(digest).write_bytes(b"pAper")
    assert not store.verify(digest)
    store.put(b"paper")
    assert store.verify(digest)


def test_the_store_is_readable_by_the_owner_only(store: FolderStore) -> None:
    place = store.path(store.put(b"paper"))
    modes = [path.stat().st_mode & 0o777 for path in (place, place.parent, place.parent.parent, store.folder, store.incoming)]
    assert modes == [0o600, 0o700, 0o700, 0o700, 0o700]


def test_the_mode_of_an_existing_folder_is_restricted(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    FolderStore(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_fifty_threads_putting_the_same_bytes_leave_one_object(store: FolderStore) -> None:
    digests = set(at_once(store.put, [b"paper" * 1000] * 50))
    assert [place.name for place in files(store)] == list(digests)
    assert store.verify(digests.pop())


def in_process(store: FolderStore, code: str) -> "subprocess.Popen[bytes]":
    """Another process that runs this with the same store, without importing the whole application."""
    start = f"""
        import resource, sys, types
        app = types.ModuleType("app"); app.__path__ = [{str(Path(__file__).parents[2] / "app")!r}]
        sys.modules["app"] = app
        from pathlib import Path
        from app.core.crypto.encryption import keyring
        from app.files.folder_store import FolderStore
        from app.files.storage import Store
        keyring.unlock(b"i" * 32, {{1: b"d" * 32}})
        store = FolderStore(Path({str(store.folder)!r}))
    """
    program = textwrap.dedent(start) + code
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_many_processes_putting_the_same_bytes_leave_one_object(store: FolderStore) -> None:
    crowd = [in_process(store, "[store.put(b'%d' % (n % 5) * 9000) for n in range(50)]") for _one in range(4)]
    assert [one.wait() for one in crowd] == [0] * 4
    assert len(files(store)) == 5
    assert all(store.verify(place.name) for place in files(store))


def test_a_process_killed_while_putting_leaves_no_damaged_object(store: FolderStore) -> None:
    def objects() -> list[Path]:
        return list(store.folder.glob("??/??/*"))

    for kill in range(1, 7):
        one = in_process(store, "for n in range(10**6): store.put(b'%d' % n * 20_000)")
        while len(objects()) < kill * 5:
            assert one.poll() is None
        one.send_signal(signal.SIGKILL)
        one.communicate()
    assert all(store.verify(place.name) for place in objects())


def test_a_full_disk_leaves_nothing_behind(store: FolderStore) -> None:
    code = "resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999))\nstore.put(b'x' * 100_000)"
    _out, error = in_process(store, code).communicate()
    assert b"OSError" in error
    assert files(store) == []


def test_an_interrupted_upload_is_an_orphan_and_no_object(store: FolderStore) -> None:
    (store.incoming / "tmpabc").write_bytes(b"half")
    assert list(store.orphans(set(), older_than=TOMORROW)) == ["incoming/tmpabc"]
    assert store.remove("incoming/tmpabc", older_than=TOMORROW)
    assert files(store) == []


def test_removing_deletes_the_object(store: FolderStore) -> None:
    digest = store.put(b"paper")
    assert store.remove(digest, older_than=TOMORROW)
    assert not store.has(digest)
    assert not store.remove(digest, older_than=TOMORROW)


def test_an_orphan_that_is_put_again_is_not_removed(store: FolderStore) -> None:
    digest = store.put(b"paper")
    aged(store.path(digest), YESTERDAY - timedelta(days=1))
    assert list(store.orphans(set(), older_than=YESTERDAY)) == [digest]
    store.put(b"paper")
    assert not store.remove(digest, older_than=YESTERDAY)
    assert store.read(digest) == b"paper"
