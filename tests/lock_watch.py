"""Watches that no lock of the database is held while the store of files is used, in all requests and jobs of all tests.

A store on another machine may let its caller wait for half a minute. What tests do themselves, outside a request or a job, is
not looked at.
"""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from threading import local
from typing import Any

import pytest
from flask import Flask, g, has_request_context
from sqlalchemy import Engine, event

from app.files.bucket_store import BucketStore
from app.files.folder_store import FolderStore
from app.worker import runner

LOCKING = re.compile(r"\s*(INSERT|UPDATE|DELETE|LOCK)\b|.*\bFOR (NO KEY )?UPDATE\b|.*\bpg_advisory_", re.DOTALL)
USES = ("_read", "_has", "_write", "_renew", "_replace", "remove")
_here = local()  # of a thread: ``jobs`` that run, ``locks`` as connection -> the statement that took the first one


def _locks() -> dict[int, str]:
    if not hasattr(_here, "locks"):
        _here.locks, _here.jobs = {}, 0
    return _here.locks


def _watched() -> bool:
    _locks()
    return _here.jobs > 0 or (has_request_context() and "watched" in g)


def _began(connection: Any) -> None:
    if connection.dialect.name == "sqlite" and not connection.info.get("reads") and _watched():
        _locks()[id(connection)] = "BEGIN IMMEDIATE"


def _executed(connection: Any, _cursor: object, statement: str, *_rest: object) -> None:
    if connection.dialect.name == "postgresql" and _watched() and LOCKING.match(statement):
        _locks().setdefault(id(connection), statement)


def _ended(connection: Any) -> None:
    _locks().pop(id(connection), None)


@contextmanager
def watching() -> Iterator[list[str]]:
    """Everything that was found, while inside."""
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        for kind in (FolderStore, BucketStore):
            for name in USES:
                patched.setattr(kind, name, _looking(getattr(kind, name), found))
        patched.setattr(runner, "_run", _job(runner._run))
        patched.setattr(Flask, "full_dispatch_request", _request(Flask.full_dispatch_request))
        listeners = {"begin": _began, "before_cursor_execute": _executed, "commit": _ended, "rollback": _ended}
        for name, listener in listeners.items():
            event.listen(Engine, name, listener)
        try:
            yield found
        finally:
            for name, listener in listeners.items():
                event.remove(Engine, name, listener)


def _looking(method: Any, found: list[str]) -> Any:
    @wraps(method)
    def look(*given: Any, **named: Any) -> Any:
        if _watched():
            for statement in _locks().values():
                ours = [line for line in traceback.format_stack() if "/app/" in line]
                found.append(f"{method.__qualname__} while a lock is held since {statement[:200]}\n{''.join(ours[-8:])}")
        return method(*given, **named)

    return look


def _request(dispatch: Any) -> Any:
    @wraps(dispatch)
    def noted(app: Flask) -> Any:
        g.watched = True  # a test that only makes a request context is not looked at
        return dispatch(app)

    return noted


def _job(run: Any) -> Any:
    @wraps(run)
    def counted(*given: Any, **named: Any) -> Any:
        _locks()
        _here.jobs += 1
        try:
            return run(*given, **named)
        finally:
            _here.jobs -= 1

    return counted
