"""Counting: what a page or a deed asks of the database, whatever the clock says, and what it leaves in the diary."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.core.vocabulary import AuditAction
from app.models import AuditEntry


@contextmanager
def queries(engine: Engine) -> Iterator[list[str]]:
    """The statements sent while inside, one entry each; an executemany is one."""
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
    """Lines of the diary, but for those that say what was refused."""
    session.rollback()
    found = session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.deed != AuditAction.REFUSED))
    session.rollback()
    return found or 0
