"""A database of the tests: how it is emptied after a test, and how a copy of its rows is put back."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from app.core.settings import Settings
from app.models import Model
from tests import make
from tests.raw_sql import unguarded

# What ``anguan init`` fills, and no test changes.
KEPT = {"ab_role", "ab_permission", "ab_view_menu", "ab_permission_view", "ab_permission_view_role"}
KEPT |= {"paper_rule", "stock_reason"}
SWEPT = [table.name for table in Model.metadata.sorted_tables[::-1] if table.name not in KEPT]
SEQUENCES = ", ".join(f"'{name}_id_seq'" for name in SWEPT)
LISTED = ", ".join(f"('{region.code}', '{region.name}')" for region in make.regions())
REGIONS = f"INSERT INTO region (code, name) VALUES {LISTED}"  # noqa: S608
HOLD_ROWS = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in SWEPT)  # noqa: S608
# Those of empty tables, too: a rolled-back insert has moved them.
USED_SEQUENCES = f"""FROM pg_sequence
WHERE seqrelid::regclass::text IN ({SEQUENCES}) AND pg_sequence_last_value(seqrelid) IS NOT NULL"""


@dataclass(frozen=True)
class System:
    """A migrated database of one kind, its settings and its home folder."""

    kind: str
    settings: Settings
    engine: Engine

    def sweep(self) -> None:
        """Empty every table but ``KEPT``, put the regions of ``make`` there, and let the ids begin again.

        Most tables are empty, and to ask costs less than to delete nothing: a test writes to a dozen of seventy.
        """
        (self._sweep_sqlite if self.kind == "sqlite" else self._sweep_postgres)()

    def _sweep_postgres(self) -> None:
        with self._untriggered.begin() as connection:
            cursor = connection.connection.driver_connection.cursor()  # it prepares what it is asked again and again
            emptied = [f'DELETE FROM "{name}"' for (name,) in cursor.execute(HOLD_ROWS)]  # noqa: S608
            cursor.execute("; ".join([*emptied, REGIONS]), prepare=False)  # several statements cannot be prepared
            cursor.execute(f"SELECT setval(seqrelid::regclass, 1, false) {USED_SEQUENCES}")

    @cached_property
    def _untriggered(self) -> Engine:
        """A connection without triggers and foreign keys. Not ``SET LOCAL`` on one of the tests' own: whoever changes this
        setting makes PostgreSQL forget the plan of every prepared statement, 5 ms a test.
        """
        arguments = {"options": "-c session_replication_role=replica"}
        return create_engine(self.engine.url, pool_size=1, pool_pre_ping=True, connect_args=arguments)

    def _sweep_sqlite(self) -> None:
        emptied = [f'DELETE FROM "{name}"' for (name,) in self._unchecked.execute(HOLD_ROWS)]  # noqa: S608
        if 'DELETE FROM "checkpoint"' in emptied:  # whose trigger asks for no age
            with self.engine.begin() as connection, unguarded(connection):
                connection.exec_driver_sql('DELETE FROM "checkpoint"')
        with self._unchecked:  # commits, or rolls back
            for statement in ("BEGIN IMMEDIATE", *emptied, REGIONS, "DELETE FROM sqlite_sequence"):
                self._unchecked.execute(statement)

    @cached_property
    def _unchecked(self) -> sqlite3.Connection:
        """A connection without foreign keys, for which the audit log is old enough to be deleted.

        To drop its triggers would do, too; but whoever changes the schema makes all other connections read it again.
        """
        connection = sqlite3.connect(self.engine.url.database, timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")
        connection.create_function("datetime", 2, lambda *_: b"")  # a blob comes after every text
        return connection

    def copy(self) -> None:
        """Copy every row beside the tables, and every file of the store, for ``restore``. Once for a system."""
        with self._writing() as run:
            run(f"ATTACH '{self.settings.home / 'copy.db'}' AS copy" if self.kind == "sqlite" else "CREATE SCHEMA copy")
            for name in SWEPT:
                run(f'CREATE TABLE copy."{name}" AS SELECT * FROM "{name}"')  # noqa: S608
            last = f"SELECT seqrelid::regclass AS name, pg_sequence_last_value(seqrelid) AS last {USED_SEQUENCES}"
            last = "SELECT * FROM sqlite_sequence" if self.kind == "sqlite" else last
            run(f"CREATE TABLE copy.ids AS {last}")
            if self.kind != "sqlite":  # a backup by another role reads all that is there
                run("GRANT USAGE ON SCHEMA copy TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA copy TO PUBLIC")
        shutil.copytree(self.settings.blobs, self.settings.home / "copy")

    def restore(self) -> None:
        """Put what was copied into the swept database, and the files that are no longer there into the store."""
        with self._writing() as run:
            run("DELETE FROM region")
            for name in SWEPT:
                run(f'INSERT INTO "{name}" SELECT * FROM copy."{name}"')  # noqa: S608
            lite = self.kind == "sqlite"
            run("INSERT INTO sqlite_sequence SELECT * FROM copy.ids" if lite else "SELECT setval(name, last) FROM copy.ids")
        shutil.copytree(self.settings.home / "copy", self.settings.blobs, copy_function=_if_missing, dirs_exist_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[Callable[[str], object]]:
        """Runs statements, without foreign keys and triggers that forbid them."""
        if self.kind == "sqlite":
            yield self._unchecked.execute
            return
        with self.engine.begin() as connection, unguarded(connection):
            yield connection.exec_driver_sql


def _if_missing(source: str, target: str) -> None:
    if not Path(target).exists():
        shutil.copy2(source, target)


XID = text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'transactionid' AND granted"
    " AND pg_locks.mode = 'ExclusiveLock' AND pid <> pg_backend_pid() AND datname = current_database()"
    " AND backend_type = 'client backend'"  # not the autovacuum
)


def others_can_write(system) -> bool:
    """Whether no transaction of the application holds a lock that a writer would wait for."""
    if system.kind != "sqlite":
        with system.engine.connect() as connection:
            return not connection.scalar(XID)
    connection = sqlite3.connect(system.engine.url.database, timeout=0, isolation_level=None)
    with closing(connection):
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True
