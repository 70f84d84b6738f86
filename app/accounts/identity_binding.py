"""Binds sign-ups and passed exams to the name and ID number that they were made for.

``eligibility.rules`` compares the binding with the person on record; here it is written, and renewed where an officer has
approved a correction. Rows of databases older than the binding are bound once, by ``anguan init``.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.clock import OFFICE_ZONE
from app.core.identifiers import IDENTITY, identity_differences, identity_of
from app.core.vocabulary import AuditAction, PassSource, SignupState
from app.db.id_lists import among
from app.models import AuditEntry, ExamPass, ExamSignup, Person

SLICE = 500  # people bound in one statement

Bound = Mapping[str, str] | None


def lock_people(session: Session, ids: Collection[int]) -> None:
    """Lock these people until the caller commits: nobody can be renamed between a check and what is written after it.

    In id order, so that transactions cannot deadlock; rows that refer to a person can still be added by others.
    """
    session.execute(select(Person.id).where(among(Person.id, ids)).order_by(Person.id).with_for_update(key_share=True))


def rebind(session: Session, renamed: Mapping[int, tuple[Bound, Mapping[str, str]]]) -> None:
    """Bind the sign-ups and passes of these people to the new identity (person id -> old, new).

    Only what was bound to the old one; with ``None`` as the old one, everything. The caller has locked the people.
    """
    for table in (ExamSignup, ExamPass):
        query = select(table.id, table.person_id, table.identity).where(table.person_id.in_(renamed))
        if table is ExamSignup:
            query = query.where(ExamSignup.state != SignupState.SELECTED)
        rows = [
            {"id": row.id, "identity": dict(new)}
            for row in session.execute(query.order_by(table.id))
            for old, new in (renamed[row.person_id],)
            if old is None or (row.identity is not None and not identity_differences(row.identity, old))
        ]
        if rows:
            session.execute(update(table), rows)


def bind_unbound(session: Session) -> int:
    """Bind what has no identity yet to the person on record; how many rows were bound. Idempotent. The caller commits.

    Whoever was renamed after signing up or passing, by the audit log, is left out: nobody knows who was examined. Such rows
    support no application until a correction is approved, and ``anguan doctor`` lists them.
    """
    people = set(session.scalars(select(ExamPass.person_id).where(ExamPass.identity.is_(None))))
    unbound_signup = (ExamSignup.identity.is_(None), ExamSignup.state != SignupState.SELECTED)
    people |= set(session.scalars(select(ExamSignup.person_id).where(*unbound_signup)))
    ordered = sorted(people)
    return sum(_bind(session, ordered[first : first + SLICE]) for first in range(0, len(ordered), SLICE))


def _bind(session: Session, people: Collection[int]) -> int:
    lock_people(session, people)
    known = select(Person.id, Person.name, Person.id_number).where(Person.id.in_(people))
    identities = {row.id: identity_of({"name": row.name, "id_number": row.id_number}) for row in session.execute(known)}
    renamed = _last_renamings(session, people)
    signups = select(ExamSignup.id, ExamSignup.person_id, ExamSignup.submitted_at.label("since")).where(
        ExamSignup.person_id.in_(people), ExamSignup.identity.is_(None), ExamSignup.state != SignupState.SELECTED
    )
    passes = (
        select(ExamPass.id, ExamPass.person_id, ExamPass.source, ExamPass.passed_on, ExamSignup.submitted_at.label("since"))
        .outerjoin(ExamSignup, ExamSignup.id == ExamPass.signup_id)
        .where(ExamPass.person_id.in_(people), ExamPass.identity.is_(None))
    )
    count = 0
    for table, query in ((ExamSignup, signups), (ExamPass, passes)):
        rows = [
            {"id": row.id, "identity": identities[row.person_id]}
            for row in session.execute(query)
            if row.person_id not in renamed or _since(row) > renamed[row.person_id]
        ]
        if rows:
            session.execute(update(table), rows)
        count += len(rows)
    return count


def _since(row: Any) -> datetime:
    """The moment from which a change of the identity matters."""
    if row.since is not None:
        return row.since  # type: ignore[no-any-return]
    if getattr(row, "source", None) is PassSource.LEGACY:
        return datetime.combine(row.passed_on, datetime.min.time(), OFFICE_ZONE)
    return datetime.min.replace(tzinfo=OFFICE_ZONE)


def _last_renamings(session: Session, people: Collection[int]) -> dict[int, datetime]:
    """When name or ID number of these people was last changed, by the audit log. New rows are no change."""
    found: dict[int, datetime] = defaultdict(lambda: datetime.min.replace(tzinfo=OFFICE_ZONE))
    query = select(AuditEntry.row, AuditEntry.at, AuditEntry.change).where(
        AuditEntry.table == Person.__tablename__,
        AuditEntry.row.in_([str(person_id) for person_id in people]),
        AuditEntry.deed == AuditAction.CHANGE,
    )
    for row in session.execute(query):
        if any(field in row.change for field in IDENTITY):
            found[int(row.row)] = max(found[int(row.row)], row.at)
    return dict(found)
