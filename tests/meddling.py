"""Whoever tampers with the diary: as owner of the database, without triggers, foreign keys and checks in the way."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text


@contextmanager
def meddling(house) -> Iterator[Connection]:
    """A connection on which nothing is refused any more; what it did is committed, and the guards are up again."""
    with house.engine.connect() as connection:
        if house.kind == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection
            connection.commit()
            return
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys=OFF")
        guards = connection.execute(text("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")).all()
        for name, _sql in guards:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        yield connection
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")
        for _name, sql in guards:
            connection.exec_driver_sql(sql)
        connection.commit()
        driver.execute("PRAGMA foreign_keys=ON")
