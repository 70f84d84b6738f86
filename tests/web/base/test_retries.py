"""A request that loses against another one is carried out again; one that saved something is not."""

import sqlite3
from io import BytesIO
from threading import Event, Thread

import pytest
from flask import flash, get_flashed_messages, request
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import create_app
from app.db.session import db
from app.models import Parameter
from app.web.base import retries
from app.web.base.error_pages import ERROR_TEXTS, on_unhandled
from app.web.base.retries import busy, lost
from tests import make

ON_SQLITE = pytest.mark.parametrize("system", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("system", ["postgresql"], indirect=True)


def failure(code: int | str) -> OperationalError:
    """As the driver of SQLite (a number) or PostgreSQL (a SQLSTATE) reports it."""
    cause = sqlite3.OperationalError("database is locked") if isinstance(code, int) else Exception("deadlock detected")
    setattr(cause, "sqlite_errorcode" if isinstance(code, int) else "sqlstate", code)
    return OperationalError("UPDATE", {}, cause)


SNAPSHOT, BUSY = sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY


@pytest.mark.parametrize(
    ("code", "is_lost", "is_busy"),
    [("40P01", True, True), ("40001", True, True), (SNAPSHOT, True, True), (BUSY, False, True), ("53300", False, False)],
)
def test_what_can_be_repeated_and_what_is_told(code, is_lost, is_busy):
    assert (lost(failure(code)), busy(failure(code))) == (is_lost, is_busy)


VIEW, URL = "ListCheckView.answer", "/lookup/list/answer.xlsx"  # a view that anybody may post to


@pytest.fixture
def turns(app, session, monkeypatch):
    """Sends a request to a view that fails this often; the answer, the bytes that each turn read, and the messages left."""

    def send(fails: int, *, commits: bool = False):
        read = []

        def view() -> str:
            read.append(request.files["scan"].stream.read())
            flash(f"turn {len(read)}")
            if commits:
                db.session.commit()
            if len(read) <= fails:
                raise failure("40P01")
            return "done"

        monkeypatch.setitem(app.view_functions, VIEW, view)
        with app.test_request_context(URL, method="POST", data={"scan": (BytesIO(b"bytes"), "a.pdf")}):
            try:
                answer = app.dispatch_request()
            except OperationalError:
                answer = None
            return answer, read, get_flashed_messages()

    return send


@ON_SQLITE
def test_a_request_is_repeated_with_its_files_and_without_its_messages(turns):
    assert turns(2) == ("done", [b"bytes"] * 3, ["turn 3"])


@ON_SQLITE
@pytest.mark.parametrize(("given", "n"), [({"fails": 9}, retries.MOST), ({"fails": 1, "commits": True}, 1)], ids=str)
def test_it_ends_after_three_turns_and_never_repeats_what_was_saved(turns, given, n):
    answer, read, _messages = turns(**given)
    assert (answer, len(read)) == (None, n)


@ON_SQLITE
def test_a_busy_database_is_told_as_such(app, session):
    with app.test_request_context():
        answer = on_unhandled(failure(BUSY))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert str(ERROR_TEXTS[503][0]) in answer.get_data(as_text=True)


@ON_POSTGRESQL
def test_of_two_requests_that_wait_for_each_other_both_succeed(system, session):
    session.add_all([Parameter(name=name, value="0", changed_at=make.NOON, changed_by="x") for name in ("one", "two")])
    session.commit()
    app, mine, theirs, turns = create_app(system.settings), Event(), Event(), []

    def take(connection, name: str) -> None:
        connection.execute(text("UPDATE parameter SET value = value || '1' WHERE name = :name"), {"name": name})

    def other() -> None:
        with system.engine.begin() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '20s'"))  # the request is the one that is ended
            take(connection, "two")
            theirs.set()
            mine.wait(10)
            take(connection, "one")

    def view() -> str:
        turns.append(1)
        db.session.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
        take(db.session, "one")
        mine.set()
        theirs.wait(10)
        take(db.session, "two")
        db.session.commit()
        return "done"

    app.config["WTF_CSRF_ENABLED"] = False
    app.view_functions[VIEW] = view
    beside = Thread(target=other)
    beside.start()
    answer = app.test_client().post(URL)
    beside.join()
    assert (answer.text, len(turns)) == ("done", 2)
    session.rollback()
    assert set(session.scalars(text("SELECT value FROM parameter WHERE name IN ('one', 'two')"))) == {"011"}
