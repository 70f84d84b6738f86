"""The store: each object once, under its digest, whatever happens meanwhile."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from app.core.office import Office
from app.files.images import thumbnail
from app.files.inspect import FileRefused
from app.files.storage import FileMissing, Store, keep_scan
from tests import hostile_files as make
from tests.at_once import at_once
from tests.files.conftest import accepted
from tests.make import id_number

NOW = datetime.now(UTC)
TOMORROW, YESTERDAY = NOW + timedelta(days=1), NOW - timedelta(days=1)


# --- thumbnails ----------------------------------------------------------------------------------------------------
def test_a_thumbnail_is_small_and_keeps_its_shape() -> None:
    small = thumbnail(accepted(make.jpeg(1200, 1600)).data, "image/jpeg", 120)
    assert small is not None
    assert Image.open(io.BytesIO(small)).size == (120, 160)


def test_a_pdf_has_no_thumbnail() -> None:
    assert thumbnail(make.pdf(), "application/pdf", 120) is None


# --- the store -----------------------------------------------------------------------------------------------------
@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "blobs")


def files(store: Store) -> list[Path]:
    return sorted(place for place in store.folder.rglob("*") if place.is_file() and place.name != "lock")


def aged(place: Path, when: datetime = YESTERDAY) -> None:
    os.utime(place, (when.timestamp(), when.timestamp()))


def test_an_object_is_read_by_its_digest(store: Store) -> None:
    digest = store.put(b"paper")
    assert digest == hashlib.sha256(b"paper").hexdigest()
    assert files(store) == [store.folder / digest[:2] / digest[2:4] / digest]
    assert (store.has(digest), store.read(digest), store.verify(digest)) == (True, b"paper", True)
    with store.open(digest) as file:
        assert file.read(2) == b"pa"


def test_putting_twice_stores_one_object(store: Store) -> None:
    assert store.put(b"paper") == store.put(b"paper")
    assert len(files(store)) == 1


@pytest.mark.parametrize("digest", ["", "ab", "../../etc/passwd", "A" * 64, "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"])
def test_only_a_digest_is_accepted_as_a_name(store: Store, digest: str) -> None:
    for method in (store.path, store.has, store.open, store.read, store.verify):
        with pytest.raises(ValueError):
            method(digest)


def test_a_missing_object_is_reported(store: Store) -> None:
    assert not store.has("a" * 64)
    assert not store.verify("a" * 64)
    with pytest.raises(FileMissing):
        store.read("a" * 64)


def test_a_damaged_object_is_found_and_repaired_by_the_next_put(store: Store) -> None:
    digest = store.put(b"paper")
    store.path(digest).write_bytes(b"pAper")
    assert not store.verify(digest)
    store.put(b"paper")
    assert store.verify(digest)


def test_the_store_is_readable_by_the_owner_only(store: Store) -> None:
    place = store.path(store.put(b"paper"))
    modes = [path.stat().st_mode & 0o777 for path in (place, place.parent, place.parent.parent, store.folder, store.incoming)]
    assert modes == [0o600, 0o700, 0o700, 0o700, 0o700]


def test_the_mode_of_an_existing_folder_is_restricted(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_fifty_threads_putting_the_same_bytes_leave_one_object(store: Store) -> None:
    digests = set(at_once(store.put, [b"paper" * 1000] * 50))
    assert [place.name for place in files(store)] == list(digests)
    assert store.verify(digests.pop())


def in_process(store: Store, code: str) -> "subprocess.Popen[bytes]":
    """Another process that runs this with the same store, without importing the whole application."""
    start = f"""
        import resource, sys, types
        app = types.ModuleType("app"); app.__path__ = [{str(Path(__file__).parents[2] / "app")!r}]
        sys.modules["app"] = app
        from pathlib import Path
        from app.core.crypto.encryption import keyring
        from app.files.storage import Store
        keyring.unlock(b"i" * 32, {{1: b"d" * 32}})
        store = Store(Path({str(store.folder)!r}))
    """
    program = textwrap.dedent(start) + code
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_many_processes_putting_the_same_bytes_leave_one_object(store: Store) -> None:
    crowd = [in_process(store, "[store.put(b'%d' % (n % 5) * 9000) for n in range(50)]") for _one in range(4)]
    assert [one.wait() for one in crowd] == [0] * 4
    assert len(files(store)) == 5
    assert all(store.verify(place.name) for place in files(store))


def test_a_process_killed_while_putting_leaves_no_damaged_object(store: Store) -> None:
    def objects() -> list[Path]:
        return list(store.folder.glob("??/??/*"))

    for kill in range(1, 7):
        one = in_process(store, "for n in range(10**6): store.put(b'%d' % n * 20_000)")
        while len(objects()) < kill * 5:
            assert one.poll() is None
        one.send_signal(signal.SIGKILL)
        one.communicate()
    assert all(store.verify(place.name) for place in objects())


def test_a_full_disk_leaves_nothing_behind(store: Store) -> None:
    code = "resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999))\nstore.put(b'x' * 100_000)"
    _out, error = in_process(store, code).communicate()
    assert b"OSError" in error
    assert files(store) == []


def test_orphans_are_old_objects_that_no_row_names(store: Store) -> None:
    known, orphan = store.put(b"known"), store.put(b"orphan")
    assert list(store.orphans({known}, older_than=TOMORROW)) == [orphan]
    assert list(store.orphans({known}, older_than=YESTERDAY)) == []


def test_an_interrupted_upload_is_an_orphan_and_no_object(store: Store) -> None:
    (store.incoming / "tmpabc").write_bytes(b"half")
    assert list(store.orphans(set(), older_than=TOMORROW)) == ["incoming/tmpabc"]
    assert store.remove("incoming/tmpabc", older_than=TOMORROW)
    assert files(store) == []


def test_removing_deletes_the_object(store: Store) -> None:
    digest = store.put(b"paper")
    assert store.remove(digest, older_than=TOMORROW)
    assert not store.has(digest)
    assert not store.remove(digest, older_than=TOMORROW)


def test_an_orphan_that_is_put_again_is_not_removed(store: Store) -> None:
    digest = store.put(b"paper")
    aged(store.path(digest), YESTERDAY - timedelta(days=1))
    assert list(store.orphans(set(), older_than=YESTERDAY)) == [digest]
    store.put(b"paper")
    assert not store.remove(digest, older_than=YESTERDAY)
    assert store.read(digest) == b"paper"


@pytest.mark.parametrize("name", ["incoming/../../x", "../x", "incoming/", "lock", "incoming/a/b"])
def test_nothing_outside_the_store_can_be_removed(store: Store, name: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"precious")
    with pytest.raises(ValueError):
        store.remove(name, older_than=TOMORROW)
    assert (tmp_path / "x").exists()


# --- scans ------------------------------------------------------------------------------------------
def test_a_picture_and_a_pdf_are_stored_as_what_they_are(store):
    for data, name, mime in ((make.jpeg(900, 600), "裁决书.jpg", "image/jpeg"), (make.pdf(), "安排.pdf", "application/pdf")):
        kept = keep_scan(store, data, name, office=Office())
        assert (kept.mime, kept.name, len(kept.data)) == (mime, name, len(store.read(kept.digest)))


def test_a_number_in_the_file_name_is_masked(store):
    number = id_number()
    assert number not in keep_scan(store, make.pdf(), f"{number}.pdf", office=Office()).name


@pytest.mark.parametrize("data", [b"", b"MZ\x90", b"%PDF-1.4 broken"])
def test_anything_else_is_refused(store, data):
    with pytest.raises(FileRefused):
        keep_scan(store, data, "x.pdf", office=Office())


def test_a_file_above_the_limit_is_refused(store):
    with pytest.raises(FileRefused):
        keep_scan(store, make.pdf(), "x.pdf", office=Office(scan_bytes=10))
