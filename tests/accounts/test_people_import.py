"""People as they come in from a sheet: cell errors, what each row does."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.accounts.people_import import ROSTER_COLUMNS, RosterCheck, RosterRow, roster_template
from app.core.office import Office
from app.core.vocabulary import Education, Position, RowOutcome, TechnicalTitle
from app.files.spreadsheets import Column, Kind, read, read_lines, write
from app.models import AuditEntry, Person
from tests import make
from tests.query_counter import queries


def sheet(*rows: dict[str, object], columns=ROSTER_COLUMNS) -> bytes:
    given = {"name": "李雷", "education": "本科", "technical_title": "工程师", "position": "安全员"}
    return write(columns, [{**given, "id_number": make.id_number(), **row} for row in rows], sheet_title="人员")


@pytest.fixture
def ours(session):
    return employer(session)


def employer(session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    return enterprise


def count(session) -> int:
    return session.scalar(select(func.count(Person.id)))


def look(session, data: bytes, enterprise, *, write=False) -> list[RosterRow]:
    """What each row does; the sound ones are written."""
    lines, roster = list(read_lines(data, ROSTER_COLUMNS).lines), RosterCheck(enterprise.id, make.TODAY, Office())
    roster.note(lines)
    rows = roster.check(session, lines)
    if write:
        roster.write(session, [row for row in rows if row.given])
    return rows


def run_import(session, data: bytes, enterprise) -> list[RosterRow]:
    return look(session, data, enterprise, write=True)


def errors(session, data: bytes, enterprise) -> list[tuple[int, str]]:
    return [(row.line.number, text) for row in look(session, data, enterprise) for text in row.preview.faults.values()]


def test_people_of_a_valid_sheet_are_added(session, ours):
    data = sheet({"name": "张三", "mobile": "13800000000", "major": "土木  工程"}, {"name": "李四", "technical_title": None})
    run_import(session, data, ours)
    session.commit()
    people = {person.name: person for person in session.scalars(select(Person))}
    assert {person.enterprise_id for person in people.values()} == {ours.id}
    assert (people["张三"].mobile, people["张三"].major, people["张三"].education) == (
        "13800000000",
        "土木 工程",
        Education.BACHELOR,
    )
    assert (people["张三"].technical_title, people["李四"].technical_title) == (TechnicalTitle.INTERMEDIATE, None)
    assert (people["李四"].mobile, people["李四"].major, people["李四"].position) == (None, "", Position.SAFETY_OFFICER)
    assert session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.table == "person")) == 2


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ({"id_number": "110105194912310021"}, "check digit"),
        ({"id_number": 110105194912310021.0}, "lost the last digits"),
        ({"id_number": None}, "Please fill this in"),
        ({"name": "张3"}, "does not belong there"),
        ({"mobile": "123"}, "A mobile number has 11 digits"),
        ({"education": "博士后站"}, "is not on the list"),
        ({"position": None}, "Please fill this in"),
        ({"technical_title": "大师"}, "is not on the list"),
        ({"major": "土" * 61}, "At most 60 characters"),
    ],
)
def test_a_bad_cell_is_named_and_its_row_adds_nobody(session, ours, cell, sentence):
    lenient = [
        Column(column.key, column.title, kind=Kind.NUMBER if isinstance(cell.get(column.key), (int, float)) else Kind.TEXT)
        for column in ROSTER_COLUMNS
    ]
    data = sheet({"name": "张三"}, cell, columns=lenient)
    found = errors(session, data, ours)
    assert [row for row, _sentence in found] == [3]
    assert sentence in found[0][1]
    assert run_import(session, data, ours)[1].given == {}
    assert count(session) == 1


def test_id_number_in_full_width_with_small_x_is_read(session, ours):
    run_import(session, sheet({"id_number": "１１０１０５１９４９１２３１００２ｘ", "name": "买买提•艾力"}), ours)
    person = session.scalars(select(Person)).one()
    assert (person.id_number, person.name) == ("11010519491231002X", "买买提·艾力")


def test_duplicate_id_number_names_the_first_row(session, ours):
    number = make.id_number()
    found = errors(session, sheet({"id_number": number}, {}, {"id_number": number}), ours)
    assert found == [(4, "This ID number stands in row 2 already.")]


def test_person_employed_elsewhere_is_an_error(session, ours):
    theirs = employer(session)
    person = make.person(theirs)
    session.add(person)
    session.commit()
    found = errors(session, sheet({"id_number": person.id_number}), ours)
    assert "another enterprise" in found[0][1]
    assert person.enterprise_id == theirs.id


def test_own_person_stays_unchanged(session, ours):
    person = make.person(ours, major="建筑学")
    session.add(person)
    session.commit()
    rows = run_import(session, sheet({"id_number": person.id_number, "major": "土木"}, {"name": "新人"}), ours)
    assert [row.preview.outcome for row in rows] == [RowOutcome.UNCHANGED, RowOutcome.ADDED]
    assert (count(session), person.major) == (2, "建筑学")


def test_known_id_number_with_another_name_is_an_error(session, ours):
    for person in (make.person(ours, name="王五"), make.person(None, name="赵六")):
        session.add(person)
        session.commit()
        found = errors(session, sheet({"id_number": person.id_number, "name": "李雷"}), ours)
        assert "another name" in found[0][1]


def test_person_without_employer_returns_and_empty_cells_change_nothing(session, ours):
    person = make.person(None, mobile="13811111111")
    session.add(person)
    session.commit()
    [row] = run_import(session, sheet({"id_number": person.id_number, "major": "土木"}), ours)
    assert (row.preview.outcome, count(session)) == (RowOutcome.UPDATED, 1)
    assert (person.enterprise_id, person.mobile, person.major) == (ours.id, "13811111111", "土木")


def test_second_import_of_the_same_sheet_adds_nobody(session, ours):
    data = sheet({}, {})
    run_import(session, data, ours)
    assert not any(row.given for row in run_import(session, data, ours))
    assert count(session) == 2


def test_template_has_every_column():
    assert read(roster_template(), ROSTER_COLUMNS).errors == []
    assert not read(roster_template(), ROSTER_COLUMNS).rows


def test_nobody_too_young_is_added(session, ours):
    [error] = errors(session, sheet({"id_number": make.id_number(date(2012, 1, 1))}), ours)
    assert "nobody under 18" in error[1]


def test_import_of_any_size_uses_the_same_number_of_queries(session, system, ours):
    query_counts = []
    for number in (2, 200):
        data = sheet(*({} for _ in range(number)))
        with queries(system.engine) as seen:
            run_import(session, data, ours)
            session.commit()
        query_counts.append(
            len([statement for statement in seen if not statement.startswith("INSERT")])
        )  # SQLite inserts one by one
    assert count(session) == 202
    assert query_counts[0] == query_counts[1] <= 6  # three of them for the audit chain


def test_every_row_is_shown_as_it_would_be_stored(session, ours):
    leaver, own = make.person(None, name="王五", major="土木"), make.person(ours, name="赵六", major="建筑学")
    session.add_all([leaver, own])
    session.commit()
    rows = [{"technical_title": "高工"}, {"name": "王五", "id_number": leaver.id_number, "major": "机械"}]
    rows += [{"name": "赵六", "id_number": own.id_number, "major": "土木"}, {"name": "3"}]
    new, back, kept, bad = (row.preview for row in look(session, sheet(*rows), ours))
    assert (new.outcome, new.stored["technical_title"], new.shown["technical_title"]) == (RowOutcome.ADDED, "Senior", "高工")
    assert (back.outcome, back.was["major"], back.stored["major"]) == (RowOutcome.UPDATED, "土木", "机械")
    assert (kept.outcome, kept.stored["major"], kept.shown["major"]) == (RowOutcome.UNCHANGED, "建筑学", "土木")
    assert (bad.outcome, list(bad.faults)) == (RowOutcome.REFUSED, ["name"])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["张三", "张3", "李四", ""]),
                "education": st.sampled_from(["本科", "博士后站"]),
                "technical_title": st.sampled_from(["高工", "大师", None]),
                "twin": st.booleans(),
            }
        ),
        min_size=1,
        max_size=6,
    )
)
def test_an_import_does_what_every_row_of_its_check_says(session, ours, cells):
    first = make.id_number()
    rows = [{**row, "id_number": first if row.pop("twin") else make.id_number()} for row in map(dict, cells)]
    data, before = sheet(*rows), count(session)
    shown = look(session, data, ours)
    assert [row.preview for row in run_import(session, data, ours)] == [row.preview for row in shown]
    session.commit()
    assert count(session) == before + sum(row.preview.outcome is RowOutcome.ADDED for row in shown)
