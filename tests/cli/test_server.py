"""The server answers, says where, and stops when told."""

import socket
import subprocess
from http.client import HTTPConnection

from app.cli import app
from tests.cli.conftest import ANGUAN


def test_a_database_that_is_not_there_is_said_in_one_sentence(home, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    assert app.main(["demo"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_server_answers_says_where_and_stops_when_told(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([ANGUAN, "serve", "--port", str(port), "--workers", "1"], stdout=subprocess.PIPE, text=True)
    try:
        assert f"http://127.0.0.1:{port}" in server.stdout.readline()
        caller = HTTPConnection("127.0.0.1", port, timeout=30)  # it waits in line while the worker comes up
        caller.request("GET", "/readyz")
        assert caller.getresponse().status == 200
    finally:
        server.terminate()
    assert server.wait(timeout=30) == 0
