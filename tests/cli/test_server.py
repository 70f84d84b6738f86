"""The server answers, says where, and stops when told."""

import os
import subprocess
import sys
from http.client import HTTPConnection

from app.cli import app
from app.cli.server import begin_counting


def test_a_database_that_is_not_there_is_said_in_one_sentence(home, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    assert app.main(["demo"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_server_keeps_what_another_of_the_same_home_counts(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"counter_{os.getpid()}.db", f"counter_{ended.pid}.db", "histogram_.db"):
        (tmp_path / name).touch()
    begin_counting(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == [f"counter_{os.getpid()}.db"]


def test_the_server_answers_says_where_and_stops_when_told(serving):
    server, port = serving
    caller = HTTPConnection("127.0.0.1", port, timeout=30)  # it waits in line while the worker comes up
    caller.request("GET", "/readyz")
    assert caller.getresponse().status == 200
    server.terminate()
    assert server.wait(timeout=30) == 0
