"""A newer version with another migration is brought in under two web processes, one after the other, and no request fails."""

import http.client
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from socket import socket

import pytest

from app.db import migrate
from tests.backup.conftest import PG_BIN
from tests.cli.conftest import home, place, ready, rows  # noqa: F401 - fixtures
from tests.source_guards import ROOT

EXPANDING = '''
"""Expands: a table, a column that may be empty and its index. Code of the version before knows nothing of them."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "9001", "{head}"


def upgrade():
    op.create_table("novelty", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(20)))
    op.add_column("person", sa.Column("novelty", sa.String(20)))
    op.create_index("ix_person_novelty", "person", ["novelty"])


def downgrade():
    op.drop_index("ix_person_novelty", "person")
    op.drop_column("person", "novelty")
    op.drop_table("novelty")
'''
CONNECT, ANSWER, STEADY = 2, 60, 5  # seconds
VISITORS = 4


def newer_version(folder: Path) -> Path:
    """A folder with the next version of the program: this code, and one migration more."""
    folder.mkdir()
    (folder / "app").symlink_to(ROOT / "app")
    (folder / "translations").symlink_to(ROOT / "translations")
    shutil.copytree(ROOT / "migrations", folder / "migrations")
    (folder / "migrations" / "versions" / "9001_novelty.py").write_text(EXPANDING.format(head=migrate.head_revision()))
    return folder


@dataclass
class Upstreams:
    """The ports of the web processes, and what a proxy in front of them does."""

    ports: tuple[int, ...]
    answers: Counter = field(default_factory=Counter)  # (method, path, status or name of the error) -> how often
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, turn: int, method: str, path: str, body: str = "", cookie: str = "") -> tuple[int, str, str]:
        """Status, page and cookie. As nginx does: the next process only where none has taken the request."""
        for port in (self.ports[turn % 2], self.ports[(turn + 1) % 2]):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CONNECT)
            try:
                connection.connect()
            except OSError:
                continue
            connection.sock.settimeout(ANSWER)
            visitor = f"198.{18 + turn // 256 % 2}.{turn % 256}.7"  # limits count the attempts of each network
            headers = {"Cookie": cookie, "X-Forwarded-For": visitor, "Content-Type": "application/x-www-form-urlencoded"}
            try:
                connection.request(method, path, body or None, headers)
                answer = connection.getresponse()
                return answer.status, answer.read().decode(), answer.headers.get("Set-Cookie", "").partition(";")[0]
            except (http.client.RemoteDisconnected, ConnectionResetError):
                if method == "GET":
                    continue
                raise
            finally:
                connection.close()
        raise ConnectionRefusedError

    def visit(self, first: int) -> None:
        """Reads pages and sends forms until told to stop."""
        for turn in count(first, VISITORS):
            if self.stop.is_set():
                return
            for method, path in (("GET", "/"), ("GET", "/lookup"), ("GET", "/notices"), ("POST", "/login/")):
                try:
                    status = self.post(turn) if method == "POST" else self.ask(turn, method, path)[0]
                except OSError as error:
                    status = type(error).__name__
                self.answers[method, path, status] += 1

    def post(self, turn: int) -> int:
        """A form that is saved: an attempt to sign in is counted in the database. It may be answered by the other process."""
        _status, page, cookie = self.ask(turn, "GET", "/login/")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token, page[:500]
        body = f"csrf_token={token[1]}&username=nobody{turn}&password=Correct-Horse-7"
        return self.ask(turn + 1, "POST", "/login/", body, cookie)[0]


@contextmanager
def serving(port: int, code: Path) -> Iterator[subprocess.Popen]:
    given = {**os.environ, "PYTHONPATH": str(code)}
    command = [sys.executable, "-m", "app.cli", "serve", "--no-worker", "--workers", "1", "--port", str(port)]
    server = subprocess.Popen(command, env=given, cwd=code, stdout=subprocess.DEVNULL)
    try:
        await_ready(port)
        yield server
    finally:
        server.terminate()
        server.wait(timeout=60)


def await_ready(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CONNECT)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(port)


@pytest.fixture
def ports() -> tuple[int, ...]:
    with socket() as first, socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@pytest.mark.proof
def test_no_request_fails_while_a_newer_version_is_brought_in(home, ports, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("ANGUAN_PG_BIN", str(PG_BIN))
    monkeypatch.setenv("ANGUAN_TRUSTED_PROXIES", "1")
    newer = newer_version(tmp_path / "newer")
    upstreams, moments = Upstreams(ports), {}
    visitors = [threading.Thread(target=upstreams.visit, args=(first,)) for first in range(VISITORS)]

    def counted(what: str) -> None:
        moments[what] = sum(upstreams.answers.values())

    with ExitStack() as running:
        old = [running.enter_context(serving(port, ROOT)) for port in ports]
        running.callback(upstreams.stop.set)
        for visitor in visitors:
            visitor.start()
        time.sleep(STEADY)
        counted("old version alone")
        command = [sys.executable, "-m", "app.cli", "upgrade"]
        subprocess.run(command, env={**os.environ, "PYTHONPATH": str(newer)}, cwd=newer, check=True)
        assert rows("SELECT version_num FROM alembic_version") == [("9001",)]
        counted("migrated")
        time.sleep(STEADY)
        counted("old version on the newer database")
        for port, server in zip(ports, old, strict=True):
            server.terminate()
            assert server.wait(timeout=60) == 0
            running.enter_context(serving(port, newer))
            counted(f"process on {port} renewed")
        time.sleep(STEADY)
        upstreams.stop.set()
        for visitor in visitors:
            visitor.join()
    counted("newer version alone")
    print(moments, dict(upstreams.answers))  # noqa: T201 - the figures of docs/operations.md
    pages, forms = {("GET", path, 200) for path in ("/", "/lookup", "/notices")}, ("POST", "/login/", 401)
    assert set(upstreams.answers) == pages | {forms}
    assert rows("SELECT count(*) FROM entry WHERE deed = 'sign_in_failed'") == [(upstreams.answers[forms],)]
    assert all(later > earlier for earlier, later in pairwise(moments.values()))
