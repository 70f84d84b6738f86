"""The database of one moment as bytes, and back: SQLite by its backup interface, PostgreSQL by pg_dump and pg_restore."""

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, func, inspect, make_url, select, table
from sqlalchemy.orm import Session

from app.applications.scan_retention import referenced_digests
from app.backup.archive import PART
from app.core.errors import AppError
from app.db import migrate
from app.db.audit import hash_chain
from app.db.session import read_only
from app.models import Model


class DatabaseToolFault(AppError):
    """pg_dump or pg_restore cannot be run, or failed. The sentence is for the operator."""

    code = "backup-database"


@dataclass(frozen=True, slots=True)
class Contents:
    """How many rows each table holds, and where the audit log ends: equal before a backup and after its restore."""

    counts: dict[str, int]
    head: hash_chain.ChainHead

    @classmethod
    def of(cls, connection: Connection, tables: Iterable[str]) -> "Contents":
        asked = {name: select(func.count()).select_from(table(name)) for name in tables}
        counts = {name: int(connection.scalar(count) or 0) for name, count in asked.items()}
        return cls(counts, hash_chain.head(connection))


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the database is and holds at the moment of a backup, and the digests of the files that rows refer to."""

    kind: str
    revision: str
    contents: Contents
    digests: set[str]

    @classmethod
    def of(cls, connection: Connection) -> "DatabaseState":
        with Session(connection) as session:
            digests = referenced_digests(session)
        contents = Contents.of(connection, Model.metadata.tables)
        return cls(connection.dialect.name, str(migrate.current_revision(connection)), contents, digests)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of one moment, and the bytes of the database of that same moment; the bytes can be asked for once."""

    state: DatabaseState
    parts: Iterator[bytes]


@contextmanager
def snapshot(engine: Engine, scratch: Path, tools: Path | None) -> Iterator[Snapshot]:
    """A moment of the database; others read and write meanwhile. ``scratch``: a private folder with space for an SQLite file.

    ``tools``: the folder of pg_dump, None if it is found by its name alone.
    """
    with _of_sqlite(engine, scratch) if engine.dialect.name == "sqlite" else _of_postgres(engine, scratch, tools) as taken:
        yield taken


@contextmanager
def _of_sqlite(engine: Engine, scratch: Path) -> Iterator[Snapshot]:
    copy = scratch / "database"
    _copy_sqlite(engine, copy)
    copied = create_engine(f"sqlite:///{copy}")
    with read_only(), copied.connect() as connection:
        state = DatabaseState.of(connection)
    copied.dispose()
    with copy.open("rb") as file:
        yield Snapshot(state, iter(lambda: file.read(PART), b""))


def _copy_sqlite(engine: Engine, copy: Path) -> None:
    with closing(sqlite3.connect(str(engine.url.database))) as live, closing(sqlite3.connect(copy)) as target:
        live.backup(target)  # in one step, which is one read transaction


@contextmanager
def _of_postgres(engine: Engine, scratch: Path, tools: Path | None) -> Iterator[Snapshot]:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        name = connection.scalar(select(func.pg_export_snapshot()))
        command = ["pg_dump", "--format=custom", f"--snapshot={name}"]
        url = engine.url.render_as_string(hide_password=False)
        yield Snapshot(DatabaseState.of(connection), _output(command, url, scratch, tools))


def _output(command: Sequence[str], url: str, scratch: Path, tools: Path | None) -> Iterator[bytes]:
    """Ends only if the command ended well."""
    with _running(command, url, scratch, tools) as process:
        while part := process.stdout.read(PART):
            yield part


def duplicate(engine: Engine, url: str, scratch: Path, tools: Path | None) -> None:
    """Build the empty database at ``url``, of the same kind, as a copy of another, whatever version that has."""
    if engine.dialect.name == "sqlite":
        _copy_sqlite(engine, Path(str(make_url(url).database)))
        return
    source = engine.url.render_as_string(hide_password=False)
    load(url, _output(["pg_dump", "--format=custom"], source, scratch, tools), scratch, tools)


def is_empty(engine: Engine) -> bool:
    with engine.connect() as connection:
        return not inspect(connection).get_table_names()


def load(url: str, parts: Iterable[bytes], scratch: Path, tools: Path | None) -> None:
    """Build the database at ``url``, which is empty, from the bytes of ``Snapshot.parts``: as a whole, or nothing of it."""
    if make_url(url).get_backend_name() == "sqlite":
        with Path(str(make_url(url).database)).open("xb") as file:
            file.writelines(parts)
        return
    command = ["pg_restore", "--exit-on-error", "--single-transaction"]
    with _running(command, url, scratch, tools, feeds=True) as process:
        for part in parts:
            process.stdin.write(part)
        process.stdin.close()


@contextmanager
def _running(command: Sequence[str], url: str, scratch: Path, tools: Path | None, *, feeds: bool = False) -> Iterator[Any]:
    """A tool at work on this database. ``DatabaseToolFault`` at the end with what it said, unless it ended well."""
    program = str(tools / command[0]) if tools else command[0]
    options = ["--no-owner", "--no-privileges", f"--dbname={_address(url, scratch)}"]
    with tempfile.TemporaryFile(dir=scratch) as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
                [program, *command[1:], *options],
                stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
                stdout=said if feeds else subprocess.PIPE,
                stderr=said,
            )
        except OSError as fault:
            raise DatabaseToolFault(
                f"{program} cannot be run ({fault.strerror}): install PostgreSQL's client programs, or name their folder in "
                "ANGUAN_PG_BIN."
            ) from None
        with process:
            try:
                yield process
            except BrokenPipeError:  # it ended early; what it said is the reason
                with suppress(BrokenPipeError):
                    process.communicate()
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            words = said.read().decode(errors="replace").strip() or f"it ended with {process.returncode}"
            raise DatabaseToolFault(f"{command[0]}: {words.removeprefix(f'{command[0]}: ').splitlines()[0][:300]}")


def _address(url: str, scratch: Path) -> str:
    """The address for libpq. The password is in a file: everybody on the machine sees the words of a command."""
    given = make_url(url).set(drivername="postgresql")
    if given.password is None:
        return given.render_as_string()
    file = scratch / "pgpass"
    file.touch(mode=0o600)
    password = str(given.password).replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(f"*:*:*:*:{password}\n")
    return given.set(password=None).update_query_dict({"passfile": str(file)}).render_as_string()
