"""Writes millions of rows past the ORM: by executemany on SQLite, by COPY on PostgreSQL, indexes made at the end."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Date, Engine, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from app.db.session import Choice, UtcDateTime
from app.models import Model

PORTION = 20_000  # rows of one table in one statement
REMEMBERED = 100_000  # values of one column
_TEXT_FORM: Any = sqlite.dialect()  # its bound values are texts, numbers and bytes, which COPY takes as well


class Bulk:
    """Collects rows by table and writes them in portions. Columns that no row names keep the database's default.

    Triggers run; foreign keys are not looked up while it writes. ``close`` makes the indexes and the statistics.
    """

    def __init__(self, engine: Engine) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self._tables: dict[type[Any], _WaitingRows] = {}
        self._pooled: Any = engine.raw_connection()
        self._driver: Any = self._pooled.driver_connection
        self._is_sqlite = engine.dialect.name == "sqlite"
        if self._is_sqlite:
            for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
                self._driver.execute(f"PRAGMA {pragma}")
        else:
            self._driver.autocommit = True
            self._driver.execute("SET maintenance_work_mem = '512MB'")
            self._look_up_foreign_keys("DISABLE")
        self._indexes = self._drop_indexes()

    def add(self, model: type[Any], row: Mapping[str, Any]) -> None:
        """Every row of a table names the same columns in the same order."""
        waiting = self._tables.get(model)
        if waiting is None:
            waiting = self._tables[model] = _WaitingRows(model.__table__, row)
        waiting.add(row)
        if len(waiting.rows) >= PORTION:
            self._write(waiting)

    def close(self) -> None:
        for waiting in self._tables.values():
            self._write(waiting)
        for statement in self._indexes:
            self._driver.execute(statement)
        if self._is_sqlite:
            self._driver.execute("ANALYZE")
            self._driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            self._look_up_foreign_keys("ENABLE")
            for waiting in self._tables.values():
                self._move_sequence(waiting.table)
            self._driver.execute("VACUUM (ANALYZE)")
        self._pooled.invalidate()  # with its pragmas

    def _write(self, waiting: "_WaitingRows") -> None:
        rows, table = waiting.taken(), waiting.table.name
        names = ", ".join(f'"{name}"' for name in waiting.columns)
        self.counts[table] += len(rows)
        if self._is_sqlite:
            marks = ", ".join("?" * len(waiting.columns))
            self._driver.execute("BEGIN IMMEDIATE")
            self._driver.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)  # noqa: S608 - our own names
            self._driver.execute("COMMIT")
            return
        with self._driver.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)

    def _drop_indexes(self) -> list[str]:
        """Drop what is no constraint; the statements that make it again."""
        ours = ", ".join(f"'{table}'" for table in Model.metadata.tables)
        if self._is_sqlite:
            asked = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > '' AND tbl_name IN ({ours})"  # noqa: S608 - our own names
        else:
            asked = f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({ours}) AND indexname NOT IN "  # noqa: S608 - our own names
            asked += "(SELECT conname FROM pg_constraint)"
        found = self._driver.execute(asked).fetchall()
        for name, _made in found:
            self._driver.execute(f'DROP INDEX "{name}"')
        return [made for _name, made in found]

    def _look_up_foreign_keys(self, switch: str) -> None:
        """ENABLE or DISABLE the triggers by which PostgreSQL looks foreign keys up; the tables' own triggers stay on."""
        asked = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgisinternal"
        for table, trigger in self._driver.execute(asked).fetchall():
            self._driver.execute(f'ALTER TABLE {table} {switch} TRIGGER "{trigger}"')

    def _move_sequence(self, table: Table) -> None:
        """Let the next id follow the highest that was written."""
        if "id" not in table.columns:
            return
        name = f'"{table.name}"'
        (sequence,) = self._driver.execute("SELECT pg_get_serial_sequence(%s, 'id')", (name,)).fetchone()
        if sequence:
            self._driver.execute(f"SELECT setval('{sequence}', (SELECT max(id) FROM {name}))")  # noqa: S608 - our own names


class _WaitingRows:
    """The rows of one table that are not written yet, as the driver takes them."""

    def __init__(self, table: Table, first: Mapping[str, Any]) -> None:
        self.table, self.rows = table, list[list[Any]]()
        left_out = {
            column.name: column.default.arg
            for column in table.columns
            if isinstance(column.default, ScalarElementColumnDefault) and column.name not in first
        }
        self._given = tuple(first)
        self.columns = [*first, *left_out]
        binds = ((place, _bind(table.columns[name].type)) for place, name in enumerate(self.columns))
        self._binds = [(place, bind) for place, bind in binds if bind]
        self._defaults = list(left_out.values())

    def add(self, row: Mapping[str, Any]) -> None:
        if tuple(row) != self._given:
            raise ValueError(f"{self.table.name}: {[*row]} instead of {[*self._given]}")
        values = [*row.values(), *self._defaults]
        for place, bind in self._binds:
            value = values[place]
            if value is not None:
                values[place] = bind(value)
        self.rows.append(values)

    def taken(self) -> list[list[Any]]:
        rows, self.rows = self.rows, []
        return rows


def _bind(kind: Any) -> Callable[[Any], Any] | None:
    """What makes a value the one that is stored; None where both are the same."""
    process = kind.dialect_impl(_TEXT_FORM).bind_processor(_TEXT_FORM)
    if isinstance(kind, Choice):
        return attrgetter("_value_")
    if process is None or not isinstance(kind, (UtcDateTime, Date)):
        return process  # type: ignore[no-any-return]
    known: dict[Any, Any] = {}

    def bind(value: Any) -> Any:
        stored = known.get(value)
        if stored is None:
            if len(known) > REMEMBERED:
                known.clear()
            stored = known[value] = process(value)
        return stored

    return bind
