"""A demonstration moves from SQLite to PostgreSQL: every row, search, ids, audit log; and only into an empty database."""

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.core.vocabulary import AuditAction
from app.db import audit, migrate
from app.db import move as moving
from app.db.audit import checkpoints
from app.db.move import CannotMove, move
from app.db.search import found
from app.db.session import read_only
from app.models import AuditEntry, Model, Person
from tests import make

pytestmark = pytest.mark.parametrize("system", ["sqlite"], indirect=True)


@pytest.fixture
def target(new_postgres):
    engine = create_engine(new_postgres())
    yield engine
    engine.dispose()


def test_every_row_arrives_and_the_system_goes_on_there(demo, system, target):
    gone = max(demo.scalars(select(AuditEntry.id)))
    demo.commit()
    moved = {one.name: one.rows for one in move(system.engine, target)}
    tables = {table.name for table in Model.metadata.sorted_tables}
    assert moved.keys() == tables
    assert moved["person"] > 20
    with read_only(), Session(system.engine) as here, Session(target) as there:
        for table in Model.metadata.sorted_tables:
            count = select(func.count()).select_from(table)
            assert there.scalar(count) == here.scalar(count) == moved[table.name], table.name
        people = select(Person).order_by(Person.id)
        assert [(one.name, one.id_number, one.region_code) for one in there.scalars(people)] == [
            (one.name, one.id_number, one.region_code) for one in here.scalars(people)
        ]
        for typed in ("李", "zhang", "wq"):
            asked = [
                session.scalars(select(Person.id).where(found(session, Person.name, typed))).all()
                for session in (here, there)
            ]
            assert sorted(asked[0]) == sorted(asked[1])
        keys = text("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")
        assert there.scalar(keys) > 50
    with Session(target) as session:
        person = make.person(make.enterprise())
        session.add(person)
        audit.log(session, "x", AuditAction.READ, Person, at=make.NOON)
        session.commit()
        assert session.scalar(select(func.max(AuditEntry.id))) > gone
    assert checkpoints.verify(sessionmaker(target)).broken is None


def test_what_is_not_empty_or_not_postgresql_or_not_up_to_date_is_refused(session, system, target):
    session.commit()
    with pytest.raises(CannotMove, match="from SQLite"):
        move(target, system.engine)
    migrate.migrate_to(target)
    with pytest.raises(CannotMove, match="not empty"):
        move(system.engine, target)


def test_a_row_that_arrives_otherwise_undoes_everything(session, system, target, monkeypatch):
    session.add(make.person(make.enterprise()))
    session.commit()
    with target.connect() as connection:
        connection.execute(text("CREATE TABLE probe (id int)"))
        connection.rollback()
    real = moving._rows
    monkeypatch.setattr(moving, "_rows", lambda connection, plain: list(real(connection, plain))[:-1])
    with pytest.raises(CannotMove, match="arrived"):
        move(system.engine, target)
    monkeypatch.undo()
    assert {one.name for one in move(system.engine, target)} >= {"person"}
