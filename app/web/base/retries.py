"""A request that loses against another one in the database is carried out again.

PostgreSQL ends one of two transactions that wait for each other (40P01) or saw different states (40001); SQLite refuses a
reading transaction that begins to write beside a writer. Nothing was saved then, so the whole request can be repeated, unless
it had committed something before. What still fails is answered with 503, see ``error_pages``.
"""

import sqlite3
from itertools import chain

from flask import Flask, g, has_request_context, request
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db.session import db

MOST = 3  # turns of one request
LOST = frozenset({"40001", "40P01"})


class RetryingFlask(Flask):
    """Flask that repeats such a request, up to ``MOST`` turns in all."""

    def dispatch_request(self) -> ResponseReturnValue:
        flashed = list(cookie.get("_flashes", ()))
        for _turn in range(MOST - 1):
            try:
                return super().dispatch_request()
            except OperationalError as error:
                if not lost(error) or g.get("committed"):
                    raise
            db.session.rollback()
            _begin_anew(flashed)
        return super().dispatch_request()


def lost(error: OperationalError) -> bool:
    """Whether the transaction lost against another one."""
    snapshot = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY_SNAPSHOT
    return snapshot or getattr(error.orig, "sqlstate", None) in LOST


def busy(error: Exception) -> bool:
    """Whether the database was kept busy by others for too long; nothing was saved."""
    if not isinstance(error, OperationalError):
        return False
    waited = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    return waited or lost(error)


def _begin_anew(flashed: list[object]) -> None:
    cookie["_flashes"] = list(flashed)
    for file in chain.from_iterable(request.files.listvalues()):
        file.stream.seek(0)


@event.listens_for(Session, "after_commit")
def _note_commit(session: Session) -> None:
    if has_request_context() and session is db.session():
        g.committed = True
