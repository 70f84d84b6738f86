"""Runs the numbered migrations, which alone create and change tables, and grants database roles."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, text

from app.core import bundled
from app.core.errors import AppError
from app.db import search, tables
from app.db.derived import derived_columns, fill_missing

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = bundled.folder("migrations")
LOCK = 0x616E6775616E  # "anguan"
AUDIT_TABLES = ("entry", "link", "checkpoint")  # append-only


class NotGranted(AppError):
    """The role does not exist, or a grant could not limit it."""

    code = "not-granted"


def revisions() -> list[str]:
    """All that this code knows, in order; the last is the one it needs. A file's name begins with its own."""
    return sorted(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def head_revision() -> str:
    """The revision this code needs."""
    return revisions()[-1]


def current_revision(connection: Connection) -> str | None:
    """The revision of a database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))  # no row after a way back
    return revision


def derived_models() -> list[type[Any]]:
    """The models with columns that are computed in Python."""
    models = (mapper.class_ for mapper in tables.parties.Person.registry.mappers)
    return sorted(filter(derived_columns, models), key=lambda model: str(model.__tablename__))


def migrate_to(engine: Engine, revision: str = "head") -> None:
    """Migrate to ``revision``, up or down, in one transaction, and compute columns that are new. Concurrent callers wait."""
    from alembic import command  # noqa: PLC0415 - with Mako and its highlighter it is 8 MB of every web process

    with engine.connect() as connection, _exclusive(connection):
        config = configuration(connection)
        target = head_revision() if revision == "head" else revision
        back = target == "base" or (current_revision(connection) or "") > target
        (command.downgrade if back else command.upgrade)(config, revision)
        if not back:
            fill_missing(connection, derived_models())
        if connection.dialect.name == "sqlite":
            search.install(connection, derived_models())
        connection.commit()


def grant(connection: Connection, role: str) -> None:
    """Let a role use all tables, but only read and append to the audit log. PostgreSQL; run as the tables' owner after each
    update. The caller commits. ``NotGranted`` for a role that could lift the limit itself.
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
    to, schema, audit = quote(role), quote(str(connection.scalar(text("SELECT current_schema()")))), ", ".join(AUDIT_TABLES)
    for statement in (
        f"GRANT USAGE ON SCHEMA {schema} TO {to}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {to}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {to}",  # to read them, for backups
        f"REVOKE ALL ON {audit}, alembic_version FROM {to}",
        f"GRANT SELECT, INSERT ON {audit} TO {to}",
        f"GRANT SELECT ON alembic_version TO {to}",
    ):
        connection.execute(text(statement))


def may_rewrite_the_audit_log(connection: Connection) -> bool:
    """Whether the current role could change or remove audit log entries, if not for the triggers. PostgreSQL only."""
    privileges = " OR ".join(f"has_table_privilege('{table}', 'UPDATE, DELETE, TRUNCATE, TRIGGER')" for table in AUDIT_TABLES)
    return bool(connection.scalar(text(f"SELECT {privileges}")))


def configuration(connection: Connection) -> "Config":
    """Alembic configuration for this connection, without a file."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _exclusive(connection: Connection) -> Iterator[None]:
    """Exclude concurrent migrations; on SQLite, suspend foreign keys so that tables can be rebuilt."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")  # must come before the transaction begins
    try:
        connection.exec_driver_sql("SELECT 1")  # begins the write transaction
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")
