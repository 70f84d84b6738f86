"""Imports that are large, killed, or run at once."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.applications import sheet_imports
from app.applications.legacy_import.merge import RecordMerge
from app.applications.sheet_imports import run as import_run
from app.core.vocabulary import Category
from app.models import Certificate, CertificateEvent, Enterprise, ExamPass, ImportedRow, Person
from tests import make
from tests.applications.sheet_imports.conftest import confirm, count, course, hand_in, outcomes, take
from tests.applications.sheet_imports.sheets import CERTIFICATES, PASSES, row, sheet
from tests.at_once import at_once
from tests.query_counter import queries


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(import_run, "CHUNK", 4)


def test_whoever_is_killed_in_the_middle_goes_on_without_a_double(session, means, small_chunks):
    rows = [row(PASSES) for _n in range(18)]
    import_id = hand_in(means, PASSES, sheet(PASSES, *rows, row(PASSES, name="3")))
    confirm(means, import_id)

    def dies(done, _all):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sheet_imports.take_over(replace(means, progress=dies), import_id, at=make.NOON)
    assert (count(session, ExamPass), course(means, import_id).done) == (12, 12)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    sheet_imports.take_over(means, import_id, at=make.NOON)  # a job may run twice
    assert (count(session, ExamPass), count(session, ImportedRow)) == (18, 19)
    assert outcomes(means, import_id) == ["added"] * 18 + ["refused"]
    assert course(means, import_id).counts["added"] == 18


def test_two_imports_at_once_make_each_record_once(session, means, small_chunks):
    rows = [row(CERTIFICATES) for _n in range(20)]
    ids = [hand_in(means, CERTIFICATES, sheet(CERTIFICATES, *order)) for order in (rows, rows[::-1])]
    for import_id in ids:
        confirm(means, import_id)
    at_once(lambda import_id: sheet_imports.take_over(means, import_id, at=make.NOON), [*ids, ids[0]])
    assert [count(session, model) for model in (Certificate, Person, Enterprise, CertificateEvent)] == [20, 20, 1, 20]
    assert sorted(outcomes(means, ids[0]) + outcomes(means, ids[1])) == ["added"] * 20 + ["unchanged"] * 20


def test_a_person_added_at_the_same_moment_is_found_when_the_chunk_is_tried_again(session, means, monkeypatch):
    wanted, check, tries = row(PASSES), RecordMerge.check, []

    def slow_check(self, inner, lines):
        verdicts = check(self, inner, lines)
        if not tries and inner.get_bind().dialect.name == "postgresql":
            with means.sessions.begin() as other:
                other.add(make.person(id_number=wanted["id_number"]))
        tries.append(1)
        return verdicts

    import_id = hand_in(means, PASSES, sheet(PASSES, wanted))
    confirm(means, import_id)
    monkeypatch.setattr(RecordMerge, "check", slow_check)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert (count(session, Person), count(session, ExamPass)) == (1, 1)


def test_a_chunk_asks_as_much_for_four_hundred_rows_as_for_four(system, means, app):
    for kind in (PASSES, CERTIFICATES):
        take(means, kind, row(kind))  # the enterprise is on the books
        asked = []
        for number in (4, 400):
            import_id = hand_in(means, kind, sheet(kind, *(row(kind) for _n in range(number))))
            confirm(means, import_id)
            with queries(system.engine) as seen:
                sheet_imports.take_over(means, import_id, at=make.NOON)
            asked.append(len(seen))
        assert asked[0] == asked[1] <= 28  # the hash chain of the audit log takes four at each of two commits


NAMES = st.text(
    st.characters(whitelist_categories=["Lo"], min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=6
)
DAYS = st.dates(date(1995, 1, 1), date(2025, 12, 31))
BORN = st.dates(date(1950, 1, 1), date(2000, 1, 1))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(NAMES, DAYS, st.sampled_from([*Category][:5]), BORN), min_size=1, max_size=8))
def test_what_goes_in_as_a_sheet_stands_on_the_books(means, session, rows):
    given_in = [
        row(PASSES, name=name, passed_on=day, category=category.value, id_number=make.id_number(born))
        for name, day, category, born in rows
    ]
    assert set(outcomes(means, take(means, PASSES, *given_in))) == {"added"}
    found = session.execute(
        select(Person.name, Person.id_number, ExamPass.category, ExamPass.passed_on)
        .join(Person, Person.id == ExamPass.person_id)
        .where(Person.id_number_key.in_([one["id_number"] for one in given_in]))
        .order_by(ExamPass.id)
    )
    stored = [(name, number, category.value, day) for name, number, category, day in found]
    session.rollback()
    assert stored == [(one["name"], one["id_number"], one["category"], one["passed_on"]) for one in given_in]
