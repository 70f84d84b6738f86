"""Keys are turned by command."""

import os
from dataclasses import replace

from app.cli import app
from app.core.settings import read_settings, write_keys
from app.files.folder_store import FolderStore
from tests.cli.conftest import rows


def test_keys_turn_and_the_old_one_goes_only_when_nothing_lies_under_it(home, capsys):
    assert app.main(["account", "liu", "--role", "viewer", "--region", "430000"]) == 0
    digest = FolderStore(home / "blobs").put(b"a scan")
    assert app.main(["rekey", "--new-key"]) == 0
    keys = read_settings().keys
    assert sorted(keys.data) == [1, 2]
    assert (home / "keys.json").stat().st_mode & 0o777 == 0o600
    assert FolderStore(home / "blobs").key_of(digest) == 2
    (line,) = rows('SELECT actor, "table", "row" FROM entry WHERE "table" = \'keys\'')
    assert line[0].startswith("anguan rekey")
    assert app.main(["rekey", "--retire"]) == 1
    assert "less than an hour" in capsys.readouterr().err
    os.utime(home / "keys.json", (1, 1))
    assert app.main(["rekey", "--retire"]) == 0
    assert sorted(read_settings().keys.data) == [2]
    assert app.main(["rekey", "--retire"]) == 1  # the last key stays
    assert app.main(["rekey", "--check"]) == 0


def test_an_old_key_with_something_under_it_stays(home, capsys):
    FolderStore(home / "blobs").put(b"a scan")
    keys = read_settings().keys
    write_keys(home / "keys.json", replace(keys, data={**keys.data, 2: b"k" * 32}))
    os.utime(home / "keys.json", (1, 1))
    assert app.main(["rekey", "--retire"]) == 1
    assert "1 under key 1" in capsys.readouterr().err
    assert sorted(read_settings().keys.data) == [1, 2]


def test_a_new_key_of_the_index_goes_in_whole_or_is_gone_on_with(home, capsys):
    before = read_settings().keys
    write_keys(home / "keys.json", replace(before, lasting=before.index, index_next=b"n" * 32))  # as a kill leaves it
    assert app.main(["doctor"]) == 2
    assert "anguan rekey --index" in capsys.readouterr().out
    assert app.main(["rekey", "--index"]) == 0
    after = read_settings().keys
    assert (after.index, after.lasting, after.index_next) == (b"n" * 32, before.index, b"")
    assert app.main(["rekey", "--check"]) == 0
