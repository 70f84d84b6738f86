"""The diary only grows. Tests that empty tables, or tamper with it, do it as the owner of the database, guards lifted."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """Until the end of it, nothing that a trigger forbids is refused. PostgreSQL's foreign keys are triggers, too."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield
        connection.exec_driver_sql("SET LOCAL session_replication_role = origin")
        return
    guards = connection.execute(text("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")).all()
    for name, _sql in guards:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _name, sql in guards:
        connection.exec_driver_sql(sql)


@contextmanager
def tampering(system) -> Iterator[Connection]:
    """A connection of somebody who tampers: without foreign keys and checks in the way, either. It is committed."""
    with system.engine.connect() as connection:
        lite = system.kind == "sqlite"
        driver = connection.connection.driver_connection
        if lite:
            driver.execute("PRAGMA foreign_keys=OFF")  # heard outside a transaction only
            driver.execute("PRAGMA ignore_check_constraints=ON")
        with unguarded(connection):
            yield connection
        connection.commit()
        if lite:
            driver.execute("PRAGMA ignore_check_constraints=OFF")
            driver.execute("PRAGMA foreign_keys=ON")
