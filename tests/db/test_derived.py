"""Computed columns follow their sources however a row is written; ``tests/db/test_search.py`` has the search text."""

from sqlalchemy import insert, select, update

from app.core.vocabulary import Sex
from app.db.derived import derived_columns
from app.models import AuditEntry, Certificate, Filing, Person
from tests import make
from tests.query_counter import queries


def test_a_row_of_a_bulk_insert_has_its_computed_columns(session):
    rows = [
        {"name": name, "id_number": number, "id_number_key": number, "sex": Sex.MALE, "birth_date": make.TODAY}
        for name, number in (("张三", make.id_number()), ("章三", make.id_number()))
    ]
    session.execute(insert(Person), rows)
    assert session.scalars(select(Person.name_sort).order_by(Person.id)).all() == ["zhang1张san1三", "zhang1章san1三"]


def test_names_are_listed_by_pinyin_on_both_databases(session):
    names = ["张伟", "ABC", "李四", "单雄信", "张三", "𠮷野", "阿里"]
    session.add_all(make.person(name=name) for name in names)
    session.flush()
    listed = session.scalars(select(Person.name).order_by(Person.name_sort, Person.id)).all()
    assert listed == ["阿里", "ABC", "李四", "单雄信", "张三", "张伟", "𠮷野"]


def test_an_update_that_touches_no_source_computes_nothing(system, session):
    person = make.person(name="张三")
    session.add(person)
    session.flush()
    with queries(system.engine) as seen:
        session.execute(update(Person), [{"id": person.id, "major": "土木"}])
        person.major = "建筑"
        session.flush()
    assert not [statement for statement in seen if "search" in statement]


def test_computed_columns_are_not_logged(session):
    session.add(make.person(name="张三"))
    session.flush()
    entry = session.scalars(select(AuditEntry).where(AuditEntry.table == "person")).one()
    assert not {"search", "name_sort"} & entry.change.keys()


def test_only_tables_with_names_and_numbers_have_computed_columns():
    assert [name for name, _kind in derived_columns(Certificate)] == ["holder_sort", "search"]
    assert derived_columns(Filing) == ()
