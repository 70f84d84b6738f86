"""Many ids are one parameter, and an index finds them."""

from sqlalchemy import select

from app.db.id_lists import among, read_rows
from app.models import Enterprise, Person
from tests import make
from tests.planner import millions, recorded


def test_rows_are_found_by_their_ids_through_an_index(session, system):
    session.add_all([make.person(make.enterprise(name=f"第{n}公司")) for n in range(20)])
    session.commit()
    ids = list(session.scalars(select(Person.id).order_by(Person.id)))
    asked = {3: ids[:3], 0: [], 1: [ids[4], 2**60]}
    assert {n: len(read_rows(session, select(Person.id).where(among(Person.id, some)))) for n, some in asked.items()} == {
        n: n for n in asked
    }
    firms = {*session.scalars(select(Person.enterprise_id).where(among(Person.id, set(ids[:2]))))}
    both = among(Person.id, ids[:1]) | among(Person.enterprise_id, firms)
    assert len(read_rows(session, select(Person.id).where(both, ~among(Person.id, ids[5:])))) == 2
    with recorded(system.engine) as statements:
        for query in (
            select(Person.name).where(both),
            select(Person.name).where(among(Person.id, ids), Person.name != ""),
            select(Enterprise.name).join(Person, Person.enterprise_id == Enterprise.id).where(among(Person.id, ids)),
        ):
            session.execute(query).all()
    session.rollback()
    assert len(statements) == 3
    with millions(system.engine) as slow:
        assert not [reason for asked in statements.values() if (reason := slow(*asked))]


def test_what_waits_to_be_written_is_read(session):
    person = make.person(make.enterprise())
    session.add(person)
    session.flush()
    person.name = "王新"
    assert [row.name for row in read_rows(session, select(Person.name).where(among(Person.id, [person.id])))] == ["王新"]
