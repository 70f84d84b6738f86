"""The folder of the backups: whole or not at all."""

import pytest

from app.backup.targets import FolderTarget, TargetFault


def test_a_name_appears_whole_or_not_at_all(tmp_path):
    target = FolderTarget(tmp_path / "place")
    with target.alone():
        with target.put("a/b/c") as file:
            file.write(b"one")
            assert list(target.names("a")) == []
        assert list(target.names("a")) == ["a/b/c"]
        with pytest.raises(ZeroDivisionError), target.put("a/b/c") as file:  # noqa: PT012 - both writes and fails
            file.write(b"half")
            raise ZeroDivisionError
        with target.open("a/b/c") as file:
            assert file.read() == b"one"
        target.remove("a/b/c")
        target.remove("a/b/c")
        with pytest.raises(TargetFault, match="cannot be read"), target.open("a/b/c"):
            pass


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    target = FolderTarget(tmp_path)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "half").write_bytes(b"half")
    with target.alone():
        assert not (tmp_path / "unfinished" / "half").exists()
        with pytest.raises(TargetFault, match="being made already"), FolderTarget(tmp_path).alone():
            pass
    with target.alone():
        pass


def test_a_place_that_is_none_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetFault, match="cannot be written to"), FolderTarget(tmp_path / "file").alone():
        pass
