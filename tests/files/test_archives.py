"""ZIP files of scans: portions, names of Windows, and what a hostile one may not do."""

import io
import struct
import zipfile

import pytest

from app.files import apart
from app.files.archives import MOST_AT_ONCE, ArchiveLimits, Entry, unpacked
from app.files.images import FileFault

LIMITS = ArchiveLimits(files=50, bytes=40 * 1024**2, file_bytes=5 * 1024**2)


def packed(files: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def as_gbk(data: bytes, name: str) -> bytes:
    """The archive as Windows packs it: the name in GBK, and no flag for UTF-8."""
    stand_in, gbk = b"?" * len(name.encode("gbk")), name.encode("gbk")
    assert data.count(stand_in) == 2
    return data.replace(stand_in, gbk)


def fault(data: bytes, limits: ArchiveLimits = LIMITS) -> str:
    with pytest.raises(FileFault) as found:
        unpacked(data, 0, limits)
    return found.value.code


def test_files_come_in_portions_without_what_file_managers_add():
    given = {f"人员/{n:02}_身份证.jpg": b"%d" % n for n in range(MOST_AT_ONCE + 3)}
    data = packed({"__MACOSX/人员/._x.jpg": b"x", "人员/": b"", "人员/Thumbs.db": b"x", ".DS_Store": b"x", **given})
    first = unpacked(data, 0, LIMITS)
    second = unpacked(data, first.next, LIMITS)
    assert (len(first.files), first.next, first.total, second.next) == (MOST_AT_ONCE, MOST_AT_ONCE, len(given), None)
    assert {entry.name: entry.data for entry in first.files + second.files} == given
    large = packed({f"{n}.jpg": bytes(n for n in range(256)) * 19 * 1024 for n in range(6)}, zipfile.ZIP_STORED)
    assert [len(unpacked(large, n, LIMITS).files) for n in (0, 5)] == [5, 1]


def test_names_in_gbk_are_read_and_so_are_names_in_utf_8_without_their_flag():
    name = "李雷_身份证.jpg"
    assert unpacked(as_gbk(packed({"?" * len(name.encode("gbk")): b"1"}), name), 0, LIMITS).files[0].name == name
    unmarked = bytearray(packed({name: b"1"}))
    for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = unmarked.find(head) + flags
        unmarked[at : at + 2] = struct.pack("<H", 0)
    assert unpacked(bytes(unmarked), 0, LIMITS).files[0].name == name


def test_an_archive_that_is_too_large_hidden_or_broken_is_refused_as_a_whole():
    assert fault(packed({f"{n}.jpg": b"x" for n in range(51)})) == "zip-too-many"
    assert fault(packed({f"{n}.jpg": b"x" * 1024**2 for n in range(41)})) == "zip-too-large"
    assert fault(packed({"a.jpg": b"x"}, zipfile.ZIP_LZMA)) == "zip-broken"
    assert fault(b"PK\x03\x04 no archive") == fault(packed({"a.jpg": b"x"})[:-30]) == "zip-broken"
    locked = bytearray(packed({"a.jpg": b"x"}))
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    assert fault(bytes(locked)) == "zip-encrypted"


def test_one_bad_file_does_not_keep_the_others_out():
    data = bytearray(
        packed(
            {"bomb.jpg": bytes(4 * 1024**2), "large.jpg": bytes(6 * 1024**2), "damaged.jpg": b"abc", "inner.zip": packed({})}
        )
    )
    at = data.find(b"damaged.jpg") + len(b"damaged.jpg")
    data[at] ^= 0xFF
    found = {entry.name: entry for entry in unpacked(bytes(data), 0, LIMITS).files}
    assert found["bomb.jpg"] == Entry("bomb.jpg", b"", "file-too-heavy")
    assert found["large.jpg"] == Entry("large.jpg", b"", "file-too-large", {"size": "6", "most": "5"})
    assert found["damaged.jpg"] == Entry("damaged.jpg", b"", "zip-entry")
    assert found["inner.zip"].data.startswith(b"PK")  # not opened: ``inspect`` refuses it as a file


def test_a_file_that_is_longer_than_it_says_is_cut_off_and_found_damaged():
    data = bytearray(packed({"liar.jpg": bytes(range(256)) * 4000}))
    for head, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(head) + size
        data[at : at + 4] = struct.pack("<I", 100)
    assert unpacked(bytes(data), 0, LIMITS).files == [Entry("liar.jpg", b"", "zip-entry")]


def test_the_limited_process_gives_the_same_answer():
    data = packed({"李雷_身份证.jpg": b"12", "large.jpg": bytes(6 * 1024**2), "b.jpg": b"345"})
    assert apart.unzipped(data, 0, LIMITS) == unpacked(data, 0, LIMITS)
    with pytest.raises(FileFault, match="zip-broken"):
        apart.unzipped(b"PK\x03\x04", 0, LIMITS)
