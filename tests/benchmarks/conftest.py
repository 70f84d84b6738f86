"""A small province on the database under test, served by this process."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Inspector, inspect
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from app.cli.setup import fill_regions
from app.core import clock
from app.core.settings import write_keys
from benchmarks.data import Built
from benchmarks.filling import Size, fill
from benchmarks.server import Server
from tests.conftest import System

SIZE = Size(people=400, lines=120)


@dataclass(frozen=True)
class Filled:
    province: Built
    indexes: dict[str, list[str]]  # that there were before it was filled


def indexes_of(found: Inspector) -> dict[str, list[str]]:
    return {table: sorted(str(index["name"]) for index in found.get_indexes(table)) for table in found.get_table_names()}


@pytest.fixture
def filled(system: System, session: Session, app: Flask) -> Filled:
    fill_regions(session, system.settings)
    day, indexes = clock.office_day(clock.now()), indexes_of(inspect(system.engine))
    counts = fill(system.settings, SIZE, day)
    assert counts["person"] == counts["application"] == counts["certificate"] == SIZE.people
    home = system.settings.home
    write_keys(home / "keys.json", system.settings.keys)
    return Filled(Built(home, system.kind, system.settings.database_url, home, SIZE, day), indexes)


@pytest.fixture
def serve(strict: Flask, served: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """As ``benchmarks.server.serving``, with the application of the tests, which believes a proxy."""
    monkeypatch.setattr(strict, "wsgi_app", ProxyFix(strict.wsgi_app))

    @contextmanager
    def serving(_province: Built, **_options: Any) -> Iterator[Server]:
        yield Server(os.getpid(), int(served.rpartition(":")[2]), 0.0)

    return serving
