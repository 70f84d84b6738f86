"""``/healthz`` and ``/readyz`` for monitoring. Public: they name what is missing, never why."""

import os
from collections.abc import Callable

from flask import Blueprint, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from app.db import migrate
from app.db.session import db
from app.outbox import jobs
from app.web import request_context

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return jsonify(status="ok")


@ops.get("/readyz")
def readyz() -> tuple[Response, int]:
    """503 with the names of what is missing for this process to serve pages."""
    missing = [name for name, sound in CHECKS.items() if not _passes(sound)]
    # Not a 503: pages work without a worker, and taking the web process out of rotation would not help.
    warned = {"warnings": ["worker"]} if not missing and not _passes(worker_is_there) else {}
    return jsonify(status="missing" if missing else "ok", missing=missing, **warned), 503 if missing else 200


def _passes(check: Callable[[], bool]) -> bool:
    """False, too, if the database fails the check."""
    try:
        return check()
    except SQLAlchemyError:
        db.session.rollback()
        return False


def schema_is_current() -> bool:
    """The database stands at the newest migration that this code knows."""
    return migrate.current_revision(db.session.connection()) == migrate.head_revision()


def worker_is_there() -> bool:
    """Some worker has reported within a minute, or neither jobs nor text messages are due."""
    return not jobs.worker_is_missing(db.session(), at=request_context.now())


CHECKS: dict[str, Callable[[], bool]] = {
    "database": lambda: bool(db.session.scalar(text("SELECT 1")) == 1),
    "schema": schema_is_current,
    "blobs": lambda: os.access(request_context.settings().blobs, os.W_OK | os.X_OK),
}
