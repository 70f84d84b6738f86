"""Whether sign-ups still concern the person that they were submitted for."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.core.errors import Refusal
from app.core.identifiers import identity_differences, identity_of, mask_id
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
    if row.identity is None:
        sentence = _("%(name)s: it is not on record for whom sign-up %(number)s was submitted.", **_known(row))
        return [Refusal("identity-differs", sentence)]
    refused = []
    for field in identity_differences({"name": row.name, "id_number": row.id_number}, row.identity):
        if field == "id_number":
            sentence = _(
                "%(name)s: the ID number on record is %(now)s, but sign-up %(number)s was submitted for %(then)s.",
                now=mask_id(row.id_number),
                then=mask_id(row.identity[field]),
                **_known(row),
            )
        else:
            sentence = _(
                "The name on record is %(name)s, but sign-up %(number)s was submitted for %(then)s.",
                then=row.identity[field],
                **_known(row),
            )
        refused.append(Refusal("identity-differs", sentence))
    return refused


def _known(row: Any) -> dict[str, str]:
    return {"name": row.name, "number": row.number}
