"""What stands in the way of undoing an import: what refers to the records that it added."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.applications.importers.importer import Obstacles

AT_ONCE = 500  # ids in a statement
MOST_NAMED = 10  # rows of an obstacle
_LABELS = {
    "application": _("applications"),
    "certificate": _("certificates"),
    "exam_pass": _("passed exams"),
    "exam_signup": _("exam sign-ups"),
    "paper": _("scans"),
    "person": _("people"),
    "ab_user": _("accounts"),
    "waiting_scan": _("scans that wait to be confirmed"),
}


def remove(session: Session, model: Any, rows: Mapping[int, int]) -> None:
    """Delete records, by their ids, with the row of the sheet that each came from.

    Raises ``Obstacles`` if anything refers to one of them by a foreign key.
    """
    if obstacles := list(_dependants(session, model, rows)):
        raise Obstacles(*obstacles)
    for part in in_parts(list(rows)):
        delete_where(session, model, model.id.in_(part))


def delete_where(session: Session, model: Any, *which: Any) -> None:
    session.execute(delete(model).where(*which), execution_options={"synchronize_session": False})


def in_parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))


def changed_since(rows: Sequence[int]) -> object:
    """The sentence about records that somebody used or changed after the import."""
    return _("%(n)s records have been used or changed since (rows %(rows)s).", n=len(rows), rows=row_list(rows))


def row_list(numbers: Sequence[int]) -> str:
    once = sorted(set(numbers))
    return "、".join(map(str, once[:MOST_NAMED])) + (" …" if len(once) > MOST_NAMED else "")


def depends(number: int, what: object, rows: Sequence[int]) -> object:
    """The sentence about what refers to records of the import."""
    return _("%(n)s %(what)s depend on it (rows %(rows)s).", n=number, what=what, rows=row_list(rows))


def label_of(table: str) -> object:
    return _LABELS.get(table, table)


def _dependants(session: Session, model: Any, rows: Mapping[int, int]) -> Iterator[object]:
    for table in model.metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            of = next((e.parent for e in constraint.elements if e.column is model.__table__.c.id), None)
            if of is None:
                continue
            found = [row_id for part in in_parts(list(rows)) for row_id in session.scalars(select(of).where(of.in_(part)))]
            if found:
                yield depends(len(found), label_of(table.name), [rows[row_id] for row_id in found])
