"""Lifts the triggers that make the audit log append-only, for tests that empty tables or tamper with them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """Triggers are off inside, with them PostgreSQL's foreign keys."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield
        connection.exec_driver_sql("SET LOCAL session_replication_role = origin")
        return
    audit = text("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'")
    triggers = connection.execute(audit).all()  # not those that keep the search indexes
    for name, _sql in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _name, sql in triggers:
        connection.exec_driver_sql(sql)


@contextmanager
def tampering(system) -> Iterator[Connection]:
    """A connection without triggers, foreign keys and checks; committed at the end."""
    with system.engine.connect() as connection:
        lite = system.kind == "sqlite"
        driver = connection.connection.driver_connection
        if lite:
            driver.execute("PRAGMA foreign_keys=OFF")  # ignored inside a transaction
            driver.execute("PRAGMA ignore_check_constraints=ON")
        with unguarded(connection):
            yield connection
        connection.commit()
        if lite:
            driver.execute("PRAGMA ignore_check_constraints=OFF")
            driver.execute("PRAGMA foreign_keys=ON")
