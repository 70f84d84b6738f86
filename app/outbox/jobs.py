"""Errands: asking for work that nobody waits for, in the deed's own transaction.

Law: a job is written with the deed that owes it, or neither is; the same key is asked for once. Who does the work, and when,
is the business of ``jobs``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Job


@dataclass(frozen=True, slots=True)
class Errand:
    """One piece of work: whose it is, what makes it the same as another one, and what it is about."""

    kind: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    total: int | None = None  # how much there is to do, where that is known beforehand


def enqueue(
    session: Session, kind: str, key: str, payload: Mapping[str, Any], *, at: datetime, due_at: datetime | None = None
) -> bool:
    """Ask for a job in the caller's transaction; the caller commits it together with the deed, or neither.

    False if a job with this key is there already, in whatever state (finished ones are forgotten after ``jobs.KEPT``).
    """
    return enqueue_all(session, [Errand(kind, key, payload)], at=at, due_at=due_at) == 1


def enqueue_all(session: Session, errands: Sequence[Errand], *, at: datetime, due_at: datetime | None = None) -> int:
    """The same for many, in one statement; how many of them are new."""
    if not errands:
        return 0
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    dates = {"due_at": due_at or at, "created_at": at}
    rows = [{"kind": one.kind, "key": one.key, "payload": dict(one.payload), "total": one.total, **dates} for one in errands]
    made = dialect.insert(Job).values(rows).on_conflict_do_nothing(index_elements=["key"]).returning(Job.id)
    return len(session.execute(made).all())
