"""The least that a lookup could cost: one WSGI function, one indexed SELECT. BARE_URL names the database, for SQLAlchemy."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import psycopg
from sqlalchemy import make_url

_URL = make_url(os.environ["BARE_URL"])
_ASKED = (
    "SELECT c.number, c.holder, c.category, c.valid_to, c.status, e.name FROM certificate c"
    " JOIN person p ON p.id = c.person_id JOIN enterprise e ON e.id = c.enterprise_id WHERE p.id_number_key = "
)
_local = threading.local()


def _connection() -> Any:
    if not hasattr(_local, "connection"):
        if _URL.get_backend_name() == "sqlite":
            _local.connection = sqlite3.connect(str(_URL.database), isolation_level=None)
        else:
            address = _URL.set(drivername="postgresql").render_as_string(hide_password=False)
            _local.connection = psycopg.connect(address, autocommit=True, prepare_threshold=1)
    return _local.connection


def app(environment: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """``/?key=…``: the certificates of the person with this keyed index, as text."""
    key = parse_qs(environment.get("QUERY_STRING", "")).get("key", [""])[0]
    mark = "?" if _URL.get_backend_name() == "sqlite" else "%s"
    rows = _connection().execute(_ASKED + mark, (key,)).fetchall()
    body = "\n".join("\t".join(map(str, row)) for row in rows).encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
