"""Moves everything from SQLite into an empty PostgreSQL database: a trial that has grown.

Rows are copied as they are stored: nothing is decrypted, and ids, audit log and numbers stay what they are. Search text is
written in PostgreSQL's form. All or nothing: one transaction there, while nobody can write here.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Connection, Engine, Text, TypeDecorator, cast, column, func, inspect, select, table, text
from sqlalchemy import Column as StoredColumn
from sqlalchemy import Table as StoredTable
from sqlalchemy.exc import DBAPIError

from app.core.errors import AppError
from app.db import migrate, tables
from app.db.derived import Derived, SearchText
from app.db.session import side_connection

METADATA = tables.parties.Person.metadata
SLICE = 2_000  # rows written at once
FOREIGN_KEYS = text(
    "SELECT conrelid::regclass::text AS stored, conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint "
    "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY 1, 2"
)
SEQUENCES = text("SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()")


class CannotMove(AppError):
    """Source or target is not as it must be, or what arrived is not what was sent. Nothing was changed."""

    code = "cannot-move"


class StoredJson(TypeDecorator[str]):
    """JSON as the text that is stored: null in a column and a stored ``null`` stay two things."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> Any:
        return cast(bindparam, JSON)

    def column_expression(self, column: Any) -> Any:
        return cast(column, Text)


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows of a table, and a digest over them that does not depend on their order."""

    name: str
    rows: int
    digest: str


def move(source: Engine, target: Engine, progress: Callable[[str, int], None] = lambda _name, _rows: None) -> list[Moved]:
    """Copy every table and compare both sides. ``CannotMove`` unless ``target`` is an empty PostgreSQL database."""
    if (source.dialect.name, target.dialect.name) != ("sqlite", "postgresql"):
        raise CannotMove("Everything moves from SQLite (DATABASE_URL) to PostgreSQL, and not otherwise.")
    with target.connect() as connection:
        if inspect(connection).get_table_names():
            raise CannotMove("The database to move into is not empty: name one without tables.")
    with side_connection(source) as here:  # holds SQLite's only place for a writer
        if migrate.current_revision(here) != migrate.head_revision():
            raise CannotMove("The database is not up to date: run 'anguan init' first.")
        migrate.migrate_to(target)
        try:
            with target.begin() as there:
                moved = _copy_all(here, there, progress)
        except BaseException:
            migrate.migrate_to(target, "base")  # empty, as it was found
            with target.begin() as there:
                there.execute(text("DROP TABLE IF EXISTS alembic_version"))
            raise
    with target.connect().execution_options(isolation_level="AUTOCOMMIT") as there:
        there.execute(text("ANALYZE"))
    return moved


def _copy_all(here: Connection, there: Connection, progress: Callable[[str, int], None]) -> list[Moved]:
    moved = []
    with _without_foreign_keys(there):
        for stored in METADATA.sorted_tables:
            plain = _plain(stored)
            there.execute(plain.delete())  # what the migrations have filled in
            try:
                sent = _copy(here, there, plain, progress)
            except DBAPIError as fault:
                raise CannotMove(f"{plain.name}: PostgreSQL refuses a row: {str(fault.orig).splitlines()[0]}") from fault
            arrived = _summed(plain.name, _rows(there, plain), plain)
            if sent != arrived:
                raise CannotMove(f"{plain.name}: {sent.rows} rows were sent, and {arrived.rows} arrived, or others.")
            moved.append(sent)
    _set_sequences(here, there)
    return moved


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """Tables refer to each other in circles, and to rows of their own; every key is checked when it is made again."""
    keys = connection.execute(FOREIGN_KEYS).all()
    for key in keys:
        connection.execute(text(f'ALTER TABLE {key.stored} DROP CONSTRAINT "{key.name}"'))
    yield
    for key in keys:
        connection.execute(text(f'ALTER TABLE {key.stored} ADD CONSTRAINT "{key.name}" {key.definition}'))


def _plain(stored: StoredTable) -> Any:
    """The table with columns that are neither encrypted nor decrypted on the way."""
    return table(stored.name, *(column(one.name, _plain_type(one)) for one in stored.columns))


def _plain_type(one: StoredColumn[Any]) -> Any:
    kind = one.type.impl_instance if isinstance(one.type, TypeDecorator) and not isinstance(one.type, Derived) else one.type
    return StoredJson() if isinstance(kind, JSON) else kind


def _rows(connection: Connection, plain: Any) -> Iterator[Sequence[Any]]:
    yield from connection.execute(select(*plain.c), execution_options={"yield_per": SLICE})


def _copy(here: Connection, there: Connection, plain: Any, progress: Callable[[str, int], None]) -> Moved:
    done = 0

    def passed_on() -> Iterator[Sequence[Any]]:
        nonlocal done
        for rows in here.execute(select(*plain.c), execution_options={"yield_per": SLICE}).partitions():
            there.execute(plain.insert(), [row._asdict() for row in rows])
            done += len(rows)
            progress(plain.name, done)
            yield from rows

    return _summed(plain.name, passed_on(), plain)


def _summed(name: str, rows: Iterator[Sequence[Any]], plain: Any) -> Moved:
    """Of all columns but the search text, whose form differs between the databases."""
    compared = [number for number, one in enumerate(plain.c) if not isinstance(one.type, SearchText)]
    count = total = 0
    for row in rows:
        line = repr([bytes(row[n]) if isinstance(row[n], memoryview) else row[n] for n in compared])
        total += int.from_bytes(hashlib.sha256(line.encode()).digest())
        count += 1
    return Moved(name, count, f"{total % (1 << 256):064x}")


def _set_sequences(here: Connection, there: Connection) -> None:
    """Behind the highest id, or behind the highest that was ever given where SQLite keeps it."""
    given: dict[str, int] = dict(here.execute(text("SELECT name, seq FROM sqlite_sequence")).all())
    for name in there.scalars(SEQUENCES).all():
        owner = name.removesuffix("_id_seq")
        if owner in METADATA.tables:
            last = max(there.scalar(select(func.max(column("id"))).select_from(table(owner))) or 0, given.get(owner, 0))
            there.execute(select(func.setval(name, max(last, 1), last > 0)))
