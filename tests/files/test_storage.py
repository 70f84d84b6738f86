"""What every store of files does, whether they lie in a folder or in a bucket; scans are checked before they are stored."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from app.core.office import Office
from app.files.folder_store import FolderStore
from app.files.images import thumbnail
from app.files.inspect import FileRefused
from app.files.storage import FileMissing, Store, keep_scan
from app.files.stores import store_at
from tests import hostile_files as make
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
@pytest.fixture(params=["folder", "bucket"])
def either(request, tmp_path) -> Store:
    folder = request.param == "folder"
    return store_at(tmp_path / "blobs" if folder else request.getfixturevalue("object_store").bucket())


@pytest.fixture
def store(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


def test_an_object_is_stored_once_and_read_by_its_digest(either: Store) -> None:
    digest = either.put(b"paper")
    assert digest == either.put(b"paper") == hashlib.sha256(b"paper").hexdigest()
    assert list(either.digests()) == [digest]
    assert (either.has(digest), either.read(digest), either.verify(digest)) == (True, b"paper", True)
    assert either.key_of(digest) == 1
    assert not either.reencrypt(digest)  # it lies under the newest key
    with either.open(digest) as file:
        assert file.read(2) == b"pa"


def test_only_a_digest_is_accepted_as_a_name(either: Store) -> None:
    for digest in ("", "ab", "../../etc/passwd", "A" * 64, "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"):
        for method in (either.has, either.open, either.read, either.verify, either.key_of):
            with pytest.raises(ValueError):
                method(digest)


def test_nothing_outside_the_store_can_be_removed(either: Store) -> None:
    digest = either.put(b"paper")
    for name in (
        "incoming/../../x",
        "../x",
        "incoming/",
        "lock",
        "incoming/a/b",
        f"removed/../{digest}",
        f"objects/{digest}",
    ):
        with pytest.raises(ValueError):
            either.remove(name, older_than=TOMORROW)
    assert either.has(digest)


def test_a_missing_object_is_reported(either: Store) -> None:
    either.put(b"another")
    assert not either.has("a" * 64)
    assert not either.verify("a" * 64)
    with pytest.raises(FileMissing):
        either.read("a" * 64)
    assert not either.remove("a" * 64, older_than=TOMORROW)


def test_orphans_are_old_objects_that_no_row_names(either: Store) -> None:
    known, orphan = either.put(b"known"), either.put(b"orphan")
    assert list(either.orphans({known}, older_than=TOMORROW)) == [orphan]
    assert list(either.orphans({known}, older_than=YESTERDAY)) == []


def test_a_recent_object_is_not_removed(either: Store) -> None:
    digest = either.put(b"paper")
    assert not either.remove(digest, older_than=YESTERDAY)
    assert either.read(digest) == b"paper"


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
