"""Counts SQL statements and audit log entries."""

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


def audit_entries(session: Session) -> int:
    """The number of audit log entries, without those of refused actions."""
    session.rollback()
    found = session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.deed != AuditAction.REFUSED))
    session.rollback()
    return found or 0
