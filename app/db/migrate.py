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

from app.core.errors import AppError

FOLDER = Path(__file__).parents[2] / "migrations"
LOCK = 0x616E6775616E  # "anguan"
AUDIT_TABLES = ("entry", "link", "checkpoint")  # only added to


class NotGranted(AppError):
    """The database has no such role, or it would make no difference."""

    code = "not-granted"


def head_revision() -> str:
    """The revision this code was written for."""
    return str(ScriptDirectory(str(FOLDER)).get_current_head())


def current_revision(connection: Connection) -> str | None:
    """The revision of a database; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate_to(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that lie between where the database stands and ``revision``, all of them or none."""
    with engine.connect() as connection, _alone(connection):
        config = configuration(connection)
        target = head_revision() if revision == "head" else revision
        back = target == "base" or (current_revision(connection) or "") > target
        (command.downgrade if back else command.upgrade)(config, revision)
        connection.commit()


def grant(connection: Connection, role: str) -> None:
    """Let a role work with everything, and only read and add to the diary. PostgreSQL; asked by the tables' owner, again
    after each update. The caller commits. ``NotGranted`` for a role that could help itself to more.
    """
    if connection.dialect.name != "postgresql":
        raise NotGranted("SQLite knows no roles: whoever may write the file may write all of it. Use PostgreSQL.")
    known = connection.execute(text("SELECT rolsuper, pg_has_role(:role, current_user, 'MEMBER') FROM pg_roles "
                                    "WHERE rolname = :role"), {"role": role}).first()  # fmt: skip
    if known is None:
        raise NotGranted(f"There is no database role {role}: CREATE ROLE first.")
    if any(known):
        raise NotGranted(f"{role} is a superuser, or owns the tables: it could lift any limit. Name another role.")
    quote = connection.dialect.identifier_preparer.quote
    to, here, diary = quote(role), quote(str(connection.scalar(text("SELECT current_schema()")))), ", ".join(AUDIT_TABLES)
    for statement in (
        f"GRANT USAGE ON SCHEMA {here} TO {to}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {here} TO {to}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {here} TO {to}",
        f"REVOKE ALL ON {diary}, alembic_version FROM {to}",
        f"GRANT SELECT, INSERT ON {diary} TO {to}",
        f"GRANT SELECT ON alembic_version TO {to}",
    ):
        connection.execute(text(statement))


def may_rewrite_the_audit_log(connection: Connection) -> bool:
    """Whether this very role could change or remove a line, but for the triggers. PostgreSQL only."""
    asked = " OR ".join(f"has_table_privilege('{table}', 'UPDATE, DELETE, TRUNCATE, TRIGGER')" for table in AUDIT_TABLES)
    return bool(connection.scalar(text(f"SELECT {asked}")))


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
