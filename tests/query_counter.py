"""Counts SQL statements and audit log entries, and tells which tables a statement reads whole."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.core.vocabulary import AuditAction
from app.models import AuditEntry


@contextmanager
def queries(engine: Engine) -> Iterator[list[str]]:
    """The statements sent inside the block; an executemany counts once."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _with_values(statement: str) -> str:
    """The statement with some value for each parameter, for EXPLAIN."""
    moments = re.sub(r"%\(\w+\)s::TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP '2026-03-02'", statement)
    return re.sub(r"\?|%\(\w+\)s(::\w+)?", "'1'", moments)


def tables_read_whole(session: Session, statement: str) -> set[str]:
    """The tables that a statement of ``queries`` reads without an index, were they large."""
    connection, asked = session.connection(), _with_values(statement)
    if connection.dialect.name == "sqlite":
        steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
        return {step.split()[1] for step in steps if re.match("SCAN (?!anon_|.* USING)", step)}
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # few rows are read whole unless that is forbidden
    return set(re.findall(r"Seq Scan on (\w+)", "\n".join(connection.exec_driver_sql(f"EXPLAIN {asked}").scalars())))


def sorted_apart(session: Session, statement: str) -> bool:
    """Whether the rows of a statement are sorted after reading, instead of read in order."""
    connection, asked = session.connection(), re.sub(r"\?|%\(\w+\)s(::\w+)?", "'1'", statement)
    if connection.dialect.name == "sqlite":
        return any("USE TEMP B-TREE" in row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}"))
    for setting in ("seqscan", "sort", "bitmapscan"):
        connection.exec_driver_sql(f"SET LOCAL enable_{setting} = off")
    plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {asked}").scalars())
    return re.search(r"^\s*(->)?\s*Sort\b", plan, re.MULTILINE) is not None


def indexes_used(session: Session, statement: str) -> set[str]:
    """The indexes by which a statement of ``queries`` finds its rows."""
    connection, asked = session.connection(), _with_values(statement)
    if connection.dialect.name == "sqlite":
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")
        return {found for row in steps for found in re.findall(r"INDEX (\w+)", row[3])}
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return set(re.findall(r"(?:using|Scan on) (\w+)", "\n".join(connection.exec_driver_sql(f"EXPLAIN {asked}").scalars())))


def audit_entries(session: Session) -> int:
    """The number of audit log entries, without those of refused actions."""
    session.rollback()
    found = session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.deed != AuditAction.REFUSED))
    session.rollback()
    return found or 0
