"""An installation of its own, in an empty place, on each database."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from app.cli import app
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import ring
from app.core.settings import read_settings

ANGUAN = Path(sys.executable).parent / "anguan"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, monkeypatch):
    """An empty place to live in, and nothing of ours in the environment."""
    for name in [name for name in os.environ if name.startswith("ANGUAN_") or name in {"HOST", "PORT"}]:
        monkeypatch.delenv(name)
    url = (
        request.getfixturevalue("new_postgres")() if request.param == "postgresql" else f"sqlite:///{tmp_path / 'anguan.db'}"
    )
    monkeypatch.setenv("ANGUAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", url)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    """An installation made by ``init`` once: it takes a second and a half, and a copy is as good."""
    return tmp_path_factory.mktemp("ready")


@pytest.fixture
def home(place, ready, capsys):
    """The same, made ready."""
    url = make_url(os.environ["DATABASE_URL"])
    if url.drivername == "sqlite" and any(ready.iterdir()):
        shutil.copytree(ready, place.parent, dirs_exist_ok=True)
        settings = read_settings()
        keyring.unlock(*settings.keys.ring)
        ring.open(settings.code_keys)
        return place
    assert app.main(["init"]) == 0
    capsys.readouterr()
    if url.drivername == "sqlite":
        shutil.copytree(place, ready / place.name)
        with closing(sqlite3.connect(str(url.database))) as system, closing(sqlite3.connect(ready / "anguan.db")) as copy:
            system.backup(copy)  # with what still lies in its journal
    return place


@pytest.fixture
def serving(home) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """``anguan serve`` with one worker, in a process of its own that has said where it listens, and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [ANGUAN, "serve", "--port", str(port), "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert f"http://127.0.0.1:{port}" in server.stdout.readline()
            yield server, port
        finally:
            server.terminate()


def rows(question: str) -> list:
    url = os.environ["DATABASE_URL"]
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(question)).all()
    engine.dispose()
    return list(found)


def said(capsys, *arguments: str, ends: int = 0) -> str:
    assert app.main(["audit", *arguments]) == ends, capsys.readouterr()
    told = capsys.readouterr()
    return told.out + told.err
