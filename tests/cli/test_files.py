"""``anguan files move``: the files go to an object store by command, and the system runs there."""

import os
import subprocess
import time

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.cli import app
from app.cli.files import BY
from app.core.settings import read_settings
from app.core.vocabulary import PaperKind
from app.files.folder_store import FolderStore
from app.files.stores import store_of
from tests import make
from tests.cli.conftest import ANGUAN, rows
from tests.cli.test_doctor import codes
from tests.object_store import KEY, SECRET


@pytest.fixture
def scans(home) -> list[str]:
    """Digests of two scans; no row names a third."""
    store = FolderStore(home / "blobs")
    digests = [store.put(b"first scan"), store.put(b"second scan")]
    store.put(b"nobody's")
    engine = create_engine(os.environ["DATABASE_URL"])
    with Session(engine) as session:
        firm = make.enterprise()
        session.add(firm)
        session.flush()
        for digest in digests:
            paper = make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id)
            paper.digest, paper.replaced_at = digest, make.NOON if digest == digests[0] else None
            session.add(paper)
        session.commit()
    engine.dispose()
    return digests


@pytest.fixture
def reached(object_store, monkeypatch) -> str:
    """The address of an empty bucket that the settings know how to reach."""
    for name, value in {"URL": object_store.url, "KEY": KEY, "SECRET": SECRET}.items():
        monkeypatch.setenv(f"ANGUAN_S3_{name}", value)
    return object_store.bucket().address


def test_files_move_to_a_bucket_and_back(home, scans, reached, monkeypatch, capsys):
    blobs = home / "blobs"
    assert app.main(["files", "move", reached]) == 0
    told = capsys.readouterr()
    assert f"3 files are whole in {reached}; 3 of them were copied now." in told.out
    assert SECRET not in told.out + told.err
    assert rows("SELECT actor FROM entry WHERE \"table\" = 'files'")[0][0].startswith(BY)
    monkeypatch.setenv("ANGUAN_BLOBS", reached)
    blobs.rename(home / "aside")
    assert codes(capsys) == set()
    assert store_of(read_settings()).read(scans[0]) == b"first scan"
    assert app.main(["files", "move", reached]) == 1
    assert "lie in" in capsys.readouterr().err
    assert app.main(["files", "move", "home"]) == 0
    assert "unset ANGUAN_BLOBS" in capsys.readouterr().out
    assert sorted(FolderStore(blobs).digests()) == sorted(FolderStore(home / "aside").digests())


@pytest.mark.proof
def test_a_move_that_is_killed_and_kept_waiting_loses_no_file(home, reached, object_store, monkeypatch, capsys):
    """2,000 files of 20 kB; ten kills, and a store that is silent for twelve seconds."""
    blobs = FolderStore(home / "blobs")
    digests = {blobs.put(os.urandom(20_000)) for _each in range(2_000)}
    monkeypatch.setenv("ANGUAN_BLOBS", reached)
    bucket = store_of(read_settings())
    monkeypatch.delenv("ANGUAN_BLOBS")
    for kill in range(1, 11):
        with subprocess.Popen([ANGUAN, "files", "move", reached], stdout=subprocess.DEVNULL) as mover:
            while len(list(bucket.digests())) < 150 * kill:
                assert mover.poll() is None
            mover.kill()
    assert len(list(bucket.digests())) < 2_000
    with subprocess.Popen([ANGUAN, "files", "move", reached], stderr=subprocess.PIPE) as mover:
        time.sleep(2)
        with object_store.silent():
            assert mover.wait(timeout=60) == 1
        assert "没有应答".encode() in (told := mover.stderr.read()) or b"does not answer" in told
    assert app.main(["files", "move", reached]) == 0
    assert f"2,000 files are whole in {reached}" in capsys.readouterr().out
    assert {digest for digest in bucket.digests() if bucket.verify(digest)} == digests


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_move_says_what_is_missing_and_the_doctor_what_an_empty_bucket_is(home, scans, reached, monkeypatch, capsys):
    FolderStore(home / "blobs").path(scans[0]).unlink()
    assert app.main(["files", "move", reached]) == 1
    assert f"{scans[0]} is named by the database and was not copied (file-missing)." in capsys.readouterr().out
    monkeypatch.setenv("ANGUAN_BLOBS", f"{reached}/empty")
    assert codes(capsys) == {"no-files"}


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_place_that_is_none_is_refused(home, monkeypatch, capsys):
    assert app.main(["files", "move", "s3://anguan/files"]) == 1
    assert "ANGUAN_S3_KEY" in capsys.readouterr().err
    monkeypatch.setenv("ANGUAN_S3_KEY", "key")
    monkeypatch.setenv("ANGUAN_S3_SECRET", SECRET)
    for wrong in ("s3://", "s3://a/../b", "s3://key:secret@host/bucket", "/var/files", "s3://anguan/files?secret=x"):
        assert app.main(["files", "move", wrong]) == 1
        told = capsys.readouterr().err
        assert "s3://bucket/prefix" in told
        assert "secret" not in told
