"""The region of a person, certificate, passed exam or measure: that of the enterprise it belongs to, in its own row.

Lists ask for it beside the column they are ordered by, which one index answers; asked through the enterprise, a million rows
would be sorted. The database keeps it right: a foreign key over both columns (``constraints.lies_with``) refuses a row whose
region is not its owner's, and hands a new region on to all rows of the owner. Here it is filled in when the owner is set: for
objects when they are flushed, for rows of a bulk statement in one query, so that no writer need name it. Only a statement
that takes its rows from a query has to select it.
"""

from typing import Any

from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, object_session
from sqlalchemy.orm.util import identity_key

from app.db.tables.certificates import Certificate, CertificateMeasure
from app.db.tables.exams import ExamPass
from app.db.tables.parties import Enterprise, Person

OWNERS: dict[type[Any], tuple[str, type[Any]]] = {
    Person: ("enterprise_id", Enterprise),
    Certificate: ("enterprise_id", Enterprise),
    ExamPass: ("person_id", Person),
    CertificateMeasure: ("certificate_id", Certificate),
}
NOWHERE = ""  # of a person without an enterprise


def _fill_object(mapper: Mapper[Any], connection: Connection, row: Any) -> None:
    """Before the flush of a new row, or of one whose owner has changed."""
    column, owner = OWNERS[mapper.class_]
    state = inspect(row)
    if state.persistent and not state.attrs[column].history.has_changes():
        return
    owner_id, session = getattr(row, column), object_session(row)
    loaded = session.identity_map.get(identity_key(owner, owner_id)) if session and owner_id is not None else None
    if loaded is not None and "region_code" in loaded.__dict__:
        row.region_code = loaded.region_code
    elif owner_id is not None:
        row.region_code = connection.scalar(select(owner.region_code).where(owner.id == owner_id))
    else:
        row.region_code = NOWHERE


@event.listens_for(Session, "do_orm_execute")
def _fill_bulk(state: ORMExecuteState) -> Any:
    """The regions of the rows of a bulk INSERT, or of a bulk UPDATE by id that sets the owner."""
    mapper = state.bind_mapper if state.is_insert or state.is_update else None
    if mapper is None or mapper.class_ not in OWNERS or not isinstance(state.parameters, list):
        return None
    column, owner = OWNERS[mapper.class_]
    if state.is_update and not all(column in row for row in state.parameters):
        return None
    ids = {row.get(column) for row in state.parameters}
    found = state.session.execute(select(owner.id, owner.region_code).where(owner.id.in_(ids - {None})))
    regions = {None: NOWHERE} | {row.id: row.region_code for row in found}
    return state.invoke_statement(params=[{"region_code": regions.get(row.get(column))} for row in state.parameters])


for _model in OWNERS:
    for _moment in ("before_insert", "before_update"):
        event.listen(_model, _moment, _fill_object)
