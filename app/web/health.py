"""``/healthz`` and ``/readyz`` for monitoring. Public: they name what is missing, never why."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from flask import Blueprint, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from app.core.errors import FilesAway
from app.db import migrate
from app.db.session import db
from app.files.stores import store_of
from app.outbox import jobs
from app.web import request_context
from app.worker.findings.environment import unwritable
from app.worker.findings.operation import has_files

ops = Blueprint("ops", __name__)
PROBE_EVERY = timedelta(seconds=10)  # of one process, however often it is asked
_probing = Lock()


@ops.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return jsonify(status="ok")


@ops.get("/readyz")
def readyz() -> tuple[Response, int]:
    """503 with the names of what is missing for this process to serve pages and to save what they send."""
    missing = [name for name, sound in CHECKS.items() if not _passes(sound)]
    missing = missing or obstacles()
    # Not a 503: pages work without a worker, and taking the web process out of rotation would not help.
    warnings = [] if missing else [name for name, sound in WARNED.items() if not _passes(sound)]
    warned = {"warnings": warnings} if warnings else {}
    return jsonify(status="missing" if missing else "ok", missing=missing, **warned), 503 if missing else 200


def _passes(check: Callable[[], bool]) -> bool:
    """False, too, if the database or the object store fails the check."""
    try:
        return check()
    except (SQLAlchemyError, FilesAway):
        db.session.rollback()
        return False


def schema_is_current() -> bool:
    """The database stands at the newest migration that this code knows, or at a later one: an upgrade is under way."""
    return (migrate.current_revision(db.session.connection()) or "") >= migrate.head_revision()


def schema_is_known() -> bool:
    """This code is not the one of a version before."""
    return migrate.current_revision(db.session.connection()) == migrate.head_revision()


def worker_is_there() -> bool:
    """Some worker has reported within a minute, or neither jobs nor text messages are due."""
    return not jobs.worker_is_missing(db.session(), at=request_context.now())


def clock_is_believed() -> bool:
    """The machine's clock has not jumped; see ``applications.clock_check``."""
    return request_context.current_office().clock_doubt is None


def files_are_there() -> bool:
    """The place of files is not the empty one of another system, and answers."""
    return has_files(db.session(), store_of(request_context.settings()))


def folder_is_there() -> bool:
    """The folder of the files can be written to; whether a bucket can, ``obstacles`` finds out."""
    settings = request_context.settings()
    return settings.bucket is not None or os.access(settings.blobs, os.W_OK | os.X_OK)


WARNED = {"schema": schema_is_known, "worker": worker_is_there, "clock": clock_is_believed, "files": files_are_there}
CHECKS: dict[str, Callable[[], bool]] = {
    "database": lambda: bool(db.session.scalar(text("SELECT 1")) == 1),
    "schema": schema_is_current,
    "blobs": folder_is_there,
}


# --- whether anything can be written ---------------------------------------------------------------------


def obstacles() -> list[str]:
    """What keeps this process from writing, found out at most every ``PROBE_EVERY``; others get the last answer meanwhile."""
    kept: tuple[datetime, list[str]] | None = current_app.extensions.get("anguan.obstacles")
    at = request_context.now()
    due = kept is None or not kept[0] <= at < kept[0] + PROBE_EVERY
    if due and _probing.acquire(blocking=kept is None):
        try:
            db.session.rollback()  # SQLite has one writer, and this is another connection
            kept = current_app.extensions["anguan.obstacles"] = (at, unwritable(request_context.settings(), db.engine, at=at))
        finally:
            _probing.release()
    return kept[1] if kept is not None else []
