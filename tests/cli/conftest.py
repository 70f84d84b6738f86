"""An installation of its own, in an empty place, on each database."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
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
    """An empty place to live in (for ``home`` with a database that is ready), and nothing of ours in the environment."""
    url = f"sqlite:///{tmp_path / 'anguan.db'}"
    if request.param == "postgresql":
        like = request.getfixturevalue("ready")("postgresql")[1] if "home" in request.fixturenames else ""
        url = request.getfixturevalue("new_postgres")(like)
    move_in(monkeypatch, tmp_path / "home", url)
    return tmp_path / "home"


def move_in(patch: pytest.MonkeyPatch, home: Path, url: str) -> None:
    for name in [name for name in os.environ if name.startswith("ANGUAN_") or name in {"HOST", "PORT"}]:
        patch.delenv(name)
    patch.setenv("ANGUAN_HOME", str(home))
    patch.setenv("DATABASE_URL", url)


@pytest.fixture(scope="session")
def ready(request, tmp_path_factory) -> Callable[[str], tuple[Path, str]]:
    """``ready(kind)``: an installation that ``init`` made, once, as it takes a second and a half and a copy is as good: the
    folder with its home and its SQLite database, and the URL of the database.
    """

    @cache
    def installed(kind: str) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp("ready")
        url = request.getfixturevalue("new_postgres")() if kind == "postgresql" else f"sqlite:///{folder / 'anguan.db'}"
        with pytest.MonkeyPatch.context() as patch:
            move_in(patch, folder / "home", url)
            assert app.main(["init"]) == 0
        if kind == "sqlite":
            with closing(sqlite3.connect(folder / "anguan.db")) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return folder, url

    return installed


@pytest.fixture
def home(place, ready, capsys):
    """The same, made ready."""
    folder, _url = ready(make_url(os.environ["DATABASE_URL"]).get_backend_name())
    shutil.copytree(folder, place.parent, dirs_exist_ok=True)
    settings = read_settings()
    keyring.unlock(*settings.keys.ring)
    ring.open(settings.code_keys)
    capsys.readouterr()
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
