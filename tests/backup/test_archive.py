"""The plain form of an archive: read in the order in which it was written, and nothing else."""

import io
import tarfile
from contextlib import closing

import pytest

from app.backup.archive import ArchiveReader, ArchiveWriter
from app.core.crypto.backup_cipher import BackupDamaged


def written(*members: tuple[str, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with closing(ArchiveWriter(stream)) as archive:
        for name, data in members:
            archive.add(name, data)
    return io.BytesIO(stream.getvalue())


def test_members_are_read_in_their_order(tmp_path):
    (tmp_path / "keys.json").write_text("secret")
    stream = io.BytesIO()
    with closing(ArchiveWriter(stream)) as archive:
        archive.add_json("about.json", {"a": 1})
        archive.add_file("home/keys.json", tmp_path / "keys.json")
        archive.add("home/seal/root.pem", b"pem")
        archive.add("end", b"")
    reader = ArchiveReader(io.BytesIO(stream.getvalue()))
    assert reader.read_json("about.json") == {"a": 1}
    assert [(name, file.read()) for name, file in reader.parts("home")] == [
        ("keys.json", b"secret"),
        ("seal/root.pem", b"pem"),
    ]
    assert list(reader.parts("files")) == []
    assert reader.read("end") == b""
    with pytest.raises(BackupDamaged, match="lacks more"):
        reader.read("more")


def test_no_member_leaves_its_folder_or_is_a_link():
    """Whoever has the public key can write an archive."""
    with pytest.raises(BackupDamaged, match="none of ours"):
        list(ArchiveReader(written(("home/../../etc/passwd", b"x"))).parts("home"))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        link = tarfile.TarInfo("home/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    with pytest.raises(BackupDamaged, match="none of ours"):
        list(ArchiveReader(io.BytesIO(stream.getvalue())).parts("home"))


def test_what_is_no_archive_or_ends_early_is_damaged():
    with pytest.raises(BackupDamaged):
        ArchiveReader(io.BytesIO(b"no tar file, " * 100))
    whole = written(("one", b"a" * 2000), ("two", b"b" * 2000)).getvalue()
    for cut in (600, 3000):
        with pytest.raises(BackupDamaged):  # noqa: PT012 - either of them
            reader = ArchiveReader(io.BytesIO(whole[:cut]))
            reader.read("one")
            reader.read("two")
