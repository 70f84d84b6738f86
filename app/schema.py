"""Where the database stands, and how it is brought to where this code wants it.

Law: tables are made and changed by the numbered migrations and by nothing else; two who start at once do it once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

FOLDER = Path(__file__).parent.parent / "migrations"
LOCK = 0x616E6775616E  # "anguan"


def newest() -> str:
    """The revision this code was written for."""
    return str(ScriptDirectory(str(FOLDER)).get_current_head())


def stands_at(connection: Connection) -> str | None:
    """The revision of a database; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def bring_to(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that lie between where the database stands and ``revision``, all of them or none."""
    with engine.connect() as connection, _alone(connection):
        config = configuration(connection)
        target = newest() if revision == "head" else revision
        back = target == "base" or (stands_at(connection) or "") > target
        (command.downgrade if back else command.upgrade)(config, revision)
        connection.commit()


def configuration(connection: Connection) -> Config:
    """Alembic's, without a file: it works on the connection it is given."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Nobody else migrates meanwhile; SQLite lets tables be rebuilt under those that point at them."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")  # does nothing once a transaction has begun, so it comes first
    try:
        connection.exec_driver_sql("SELECT 1")  # begins, and holds, the writer's transaction
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")
