"""The region in a row is that of the enterprise it belongs to: filled for all writers, held and handed on by the database."""

from datetime import date

import pytest
from sqlalchemy import insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from app.core.vocabulary import PassSource
from app.db.row_regions import NOWHERE, OWNERS
from app.models import Certificate, CertificateMeasure, Enterprise, ExamPass, Person
from tests import make
from tests.query_counter import queries

HERE, THERE = "430100", "430200"


@pytest.fixture
def world(session):
    """A person with a certificate, a measure and a passed exam, and an enterprise elsewhere."""
    here, there = make.enterprise(), make.enterprise(region_code=THERE)
    person = make.person(here)
    held = make.certificate(person)
    session.add_all([there, held, make.exam_pass(person), make.measure(held, make.plain_account(session))])
    session.commit()
    return here, there


def regions(session) -> dict[str, set[str]]:
    session.expire_all()
    return {model.__name__: set(session.scalars(select(model.region_code))) for model in OWNERS}


def everywhere(code: str) -> dict[str, set[str]]:
    return {model.__name__: {code} for model in OWNERS}


def test_every_row_starts_with_the_region_of_its_enterprise(world, session):
    assert regions(session) == everywhere(HERE)


def test_all_rows_move_with_their_enterprise_in_the_statement_that_moves_it(world, session):
    here, _there = world
    with queries(session.get_bind()) as said:
        here.region_code = THERE
        session.flush()
    assert len([line for line in said if line.startswith("UPDATE")]) == 1
    assert regions(session) == everywhere(THERE)


def test_a_passed_exam_moves_with_the_person_and_a_measure_with_the_certificate(world, session):
    _here, there = world
    person, held = session.scalars(select(Person)).one(), session.scalars(select(Certificate)).one()
    person.enterprise = there
    session.flush()
    assert regions(session) == {**everywhere(HERE), "Person": {THERE}, "ExamPass": {THERE}}
    held.enterprise_id = there.id
    session.flush()
    assert regions(session) == everywhere(THERE)
    person.enterprise_id = None
    session.flush()
    assert regions(session) == {**everywhere(THERE), "Person": {NOWHERE}, "ExamPass": {NOWHERE}}
    session.execute(update(Person), [{"id": person.id, "enterprise_id": there.id}])
    assert regions(session) == everywhere(THERE)


def test_rows_of_a_bulk_insert_are_filled_in_one_query(world, session):
    _here, there = world
    held = session.scalars(select(Person)).one()
    numbers = [make.id_number() for _ in range(3)]
    rows = [
        {"name": "王芳", "id_number": number, "id_number_key": number, "sex": "1", "birth_date": date(1985, 6, 15),
         "enterprise_id": owner, "major": ""}
        for number, owner in zip(numbers, (held.enterprise_id, there.id, None), strict=True)
    ]  # fmt: skip
    with queries(session.get_bind()) as said:
        session.execute(insert(Person), rows)
    assert sum(line.startswith("SELECT") for line in said) == 1
    found = select(Person.region_code).where(Person.id_number_key.in_(numbers)).order_by(Person.id)
    assert session.scalars(found).all() == [HERE, THERE, NOWHERE]


@pytest.mark.parametrize("model", OWNERS, ids=lambda model: model.__tablename__)
def test_the_database_refuses_whoever_changes_the_owner_or_the_region_alone(world, session, model):
    """Whatever writes: raw SQL, a statement over many rows, a writer that is still to be written."""
    _here, there = world
    column, owner = OWNERS[model]
    other = {Enterprise: there.id}.get(owner)
    if other is None:  # a person or a certificate elsewhere
        person = make.person(there)
        session.add(person if owner is Person else make.certificate(person))
        session.commit()
        other = session.scalar(select(owner.id).where(owner.region_code == THERE))
    for change in ({"region_code": THERE}, {column: other}):
        row = session.scalar(select(model.id).where(model.region_code == HERE))
        with pytest.raises(IntegrityError):
            session.connection().execute(update(model.__table__).where(model.__table__.c.id == row).values(change))
        session.rollback()


def test_a_row_without_its_region_is_refused(world, session):
    person = session.scalar(select(Person.id))
    with pytest.raises(IntegrityError):
        session.connection().execute(
            text("INSERT INTO exam_pass (person_id, category, passed_on, source, originals_verified_by) "
                 "VALUES (:person, 'C1', '2026-01-01', :source, '')"),
            {"person": person, "source": PassSource.LEGACY.value},
        )  # fmt: skip


def test_every_table_that_repeats_an_owner_s_region_is_listed():
    keyed = {
        mapper.class_
        for mapper in Person.registry.mappers
        if any(
            "region_code" in key.column_keys and len(key.elements) == 2 for key in mapper.local_table.foreign_key_constraints
        )
    }
    assert keyed == set(OWNERS) == {Person, Certificate, ExamPass, CertificateMeasure}
    assert all(inspect(model).columns["region_code"].nullable is False for model in OWNERS)
