"""Whether sign-ups still concern the person that they were submitted for."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.core.errors import Refusal
from app.core.identifiers import identity_of
from app.eligibility.identity_refusals import differing, unbound
from app.models import ExamSignup, Person


def bind(session: Session, signups: Collection[int]) -> None:
    """Write down for whom these sign-ups are submitted. The caller has locked the people."""
    query = sa.select(ExamSignup.id, Person.name, Person.id_number).join(Person, Person.id == ExamSignup.person_id)
    rows = [
        {"id": row.id, "identity": identity_of({"name": row.name, "id_number": row.id_number})}
        for row in session.execute(query.where(ExamSignup.id.in_(signups)))
    ]
    if rows:
        session.execute(sa.update(ExamSignup), rows)


def identity_refusals(session: Session, among: sa.ColumnElement[bool]) -> dict[int, tuple[Refusal, ...]]:
    """By sign-up id: in what the person on record differs from who was signed up, for those that differ."""
    query = (
        sa.select(ExamSignup.id, ExamSignup.number, ExamSignup.identity, Person.name, Person.id_number)
        .join(Person, Person.id == ExamSignup.person_id)
        .where(among)
        .order_by(ExamSignup.id)
    )
    return {row.id: refused for row in session.execute(query) if (refused := tuple(_refusals(row)))}


def _refusals(row: Any) -> list[Refusal]:
    where = _("sign-up %(number)s as submitted", number=row.number)
    if row.identity is None:
        return [unbound(row.name, where)]
    return list(differing({"name": row.name, "id_number": row.id_number}, row.identity, where))
