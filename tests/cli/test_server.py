"""The server answers, says where, and stops when told."""

from http.client import HTTPConnection

from app.cli import app


def test_a_database_that_is_not_there_is_said_in_one_sentence(home, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    assert app.main(["demo"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_server_answers_says_where_and_stops_when_told(serving):
    server, port = serving
    caller = HTTPConnection("127.0.0.1", port, timeout=30)  # it waits in line while the worker comes up
    caller.request("GET", "/readyz")
    assert caller.getresponse().status == 200
    server.terminate()
    assert server.wait(timeout=30) == 0
