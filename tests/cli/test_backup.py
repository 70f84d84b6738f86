"""A backup made, listed, rehearsed and restored by the commands that an operator types, and killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.backup import repository
from app.backup.last_backup import last_backup
from app.backup.targets import FolderTarget
from app.cli import app
from app.core.settings import read_settings
from app.db.session import unlock
from app.files.folder_store import FolderStore
from tests import make
from tests.backup.conftest import PG_BIN
from tests.backup.test_making import with_files
from tests.cli.conftest import rows


@pytest.fixture
def kept(home, tmp_path, monkeypatch, capsys) -> Path:
    """The folder of the backups of this installation, whose private key lies in ``tmp_path / "key"``."""
    assert app.main(["backup"]) == 1
    assert "ANGUAN_BACKUP_FOLDER" in capsys.readouterr().err
    assert app.main(["backup", "key", str(tmp_path / "key")]) == 0
    name, _equals, public = capsys.readouterr().out.strip().partition("=")
    monkeypatch.setenv(name, public)
    monkeypatch.setenv("ANGUAN_BACKUP_FOLDER", str(tmp_path / "backups"))
    monkeypatch.setenv("ANGUAN_PG_BIN", str(PG_BIN))
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert app.main(["backup", "key", str(tmp_path / "key")]) == 1
    assert "cannot be made" in capsys.readouterr().err
    return tmp_path / "backups"


def fill(*texts: str) -> None:
    settings = read_settings()
    unlock(settings)
    engine = create_engine(settings.database_url)
    with Session(engine) as session:
        session.merge(make.regions()[1])
        with_files(session, FolderStore(settings.blobs), *texts)
    engine.dispose()


def test_a_backup_is_made_listed_rehearsed_and_restored(kept, home, tmp_path, monkeypatch, capsys, request):
    fill("one scan", "another scan")
    assert app.main(["backup"]) == 0
    assert app.main(["backup", "list", "--check"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == told[1]
    assert "2 files" in told[0]
    engine = create_engine(os.environ["DATABASE_URL"])
    with Session(engine) as session:
        assert last_backup(session).name == told[0].split()[0]
    engine.dispose()
    key = ["--key", str(tmp_path / "key")]
    assert app.main(["restore", "--rehearse", *key, "--scratch", str(tmp_path)]) == 1  # the scans are no pictures
    told = capsys.readouterr().out
    assert "2 FAULTS" in told
    assert told.count("  ok") == 7
    assert app.main(["restore", *key]) == 1
    assert "holds keys already" in capsys.readouterr().err

    people = rows("SELECT id, name FROM person ORDER BY id")
    monkeypatch.setenv("ANGUAN_HOME", str(tmp_path / "other"))
    new = request.getfixturevalue("new_postgres") if os.environ["DATABASE_URL"].startswith("postgresql") else None
    monkeypatch.setenv("DATABASE_URL", new() if new else f"sqlite:///{tmp_path / 'other.db'}")
    assert app.main(["restore", *key]) == 0
    assert "goes on after line" in capsys.readouterr().out
    assert rows("SELECT id, name FROM person ORDER BY id") == people
    assert app.main(["init"]) == 0
    assert app.main(["audit"]) == 0
    assert "A backup was restored at" in capsys.readouterr().out
    assert app.main(["rekey", "--check"]) == 0
    assert app.main(["backup"]) == 0


def test_what_is_missing_or_damaged_ends_with_one(kept, home, tmp_path, capsys):
    fill("one scan")
    (blob,) = (path for path in (home / "blobs").glob("??/??/*"))
    blob.unlink()
    assert app.main(["backup"]) == 1
    told = capsys.readouterr().out
    assert "1 FILES WERE MISSING" in told
    assert blob.name in told
    (archive,) = kept.glob("archives/*.age")
    archive.write_bytes(archive.read_bytes()[:-1])
    assert app.main(["backup", "list", "--check", "--from", str(kept)]) == 1
    assert "DAMAGED" in capsys.readouterr().out


def test_a_backup_killed_at_any_moment_leaves_whole_ones_only(kept, home, capsys):
    """The next one cleans up after it, and every one that is listed is whole."""
    fill(*(f"scan {n}" for n in range(30)))
    whole = 0
    for wait in (0.0, 0.3, 0.6, 1.0):
        process = subprocess.Popen([sys.executable, "-m", "app.cli", "backup"], stdout=subprocess.PIPE, text=True)
        began = time.monotonic()
        while not any(kept.glob("objects/??/??/*")) and process.poll() is None and time.monotonic() < began + 60:
            time.sleep(0.01)
        try:
            process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        found = repository.backups(FolderTarget(kept)) if kept.exists() else []
        assert len(found) >= whole
        whole = len(found)
        assert all(repository.is_intact(FolderTarget(kept), one) for one in found)
    assert app.main(["backup"]) == 0
    assert not list((kept / "unfinished").iterdir())
    assert not list(home.glob("backup-*"))
    names = {path.stem for path in (kept / "archives").iterdir()}
    assert names == {one.name for one in repository.backups(FolderTarget(kept))}
