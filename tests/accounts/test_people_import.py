"""Import of people from a workbook: cell errors, preview, all or nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.accounts.access import NOBODY
from app.accounts.people_import import MOST_PEOPLE, ROSTER_COLUMNS, import_people, read_people, roster_template
from app.core.errors import NotAllowed, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import Education, Position, Role, RowOutcome, TechnicalTitle
from app.files.spreadsheets import Column, Kind, SheetRefused, read, write
from app.models import AuditEntry, Person
from tests import make
from tests.query_counter import queries

TODAY = {"on": make.TODAY, "office": Office()}


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


def run_import(session, data: bytes, actor):
    digest = read_people(session, data, actor, **TODAY).digest
    return import_people(session, data, actor, at=make.NOON, office=Office(), digest=digest)


def errors(session, data: bytes, actor) -> list[tuple[int, str]]:
    return [(error.row, str(error.sentence)) for error in read_people(session, data, actor, **TODAY).errors]


def test_people_of_a_valid_sheet_are_added(session, ours):
    data = sheet({"name": "张三", "mobile": "13800000000", "major": "土木  工程"}, {"name": "李四", "technical_title": None})
    run_import(session, data, make.clerk(ours))
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
    assert (
        session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.table == "person")) == 3
    )  # each of them, and the sheet


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
def test_one_bad_cell_prevents_the_whole_import(session, ours, cell, sentence):
    lenient = [
        Column(column.key, column.title, kind=Kind.NUMBER if isinstance(cell.get(column.key), (int, float)) else Kind.TEXT)
        for column in ROSTER_COLUMNS
    ]
    data = sheet({"name": "张三"}, cell, columns=lenient)
    found = errors(session, data, make.clerk(ours))
    assert [row for row, _sentence in found] == [3]
    assert sentence in found[0][1]
    with pytest.raises(Unmet) as error:
        run_import(session, data, make.clerk(ours))
    assert [refusal.code for refusal in error.value.refusals] == ["bad-cell"]
    assert count(session) == 0


def test_id_number_in_full_width_with_small_x_is_read(session, ours):
    run_import(session, sheet({"id_number": "１１０１０５１９４９１２３１００２ｘ", "name": "买买提•艾力"}), make.clerk(ours))
    person = session.scalars(select(Person)).one()
    assert (person.id_number, person.name) == ("11010519491231002X", "买买提·艾力")


def test_duplicate_id_number_names_the_first_row(session, ours):
    number = make.id_number()
    found = errors(session, sheet({"id_number": number}, {}, {"id_number": number}), make.clerk(ours))
    assert found == [(4, "This ID number stands in row 2 already.")]


def test_person_employed_elsewhere_is_an_error(session, ours):
    theirs = employer(session)
    person = make.person(theirs)
    session.add(person)
    session.commit()
    found = errors(session, sheet({"id_number": person.id_number}), make.clerk(ours))
    assert "another enterprise" in found[0][1]
    assert person.enterprise_id == theirs.id


def test_own_person_stays_unchanged(session, ours):
    person = make.person(ours, major="建筑学")
    session.add(person)
    session.commit()
    preview = run_import(session, sheet({"id_number": person.id_number, "major": "土木"}, {"name": "新人"}), make.clerk(ours))
    assert (len(preview.kept), len(preview.people), count(session), person.major) == (1, 1, 2, "建筑学")


def test_known_id_number_with_another_name_is_an_error(session, ours):
    for person in (make.person(ours, name="王五"), make.person(None, name="赵六")):
        session.add(person)
        session.commit()
        found = errors(session, sheet({"id_number": person.id_number, "name": "李雷"}), make.clerk(ours))
        assert "another name" in found[0][1]


def test_person_without_employer_returns_and_empty_cells_change_nothing(session, ours):
    person = make.person(None, mobile="13811111111")
    session.add(person)
    session.commit()
    preview = run_import(session, sheet({"id_number": person.id_number, "major": "土木"}), make.clerk(ours))
    assert (preview.returning, count(session)) == (1, 1)
    assert (person.enterprise_id, person.mobile, person.major) == (ours.id, "13811111111", "土木")


def test_file_other_than_the_previewed_is_refused(session, ours):
    digest = read_people(session, sheet({}), make.clerk(ours), **TODAY).digest
    with pytest.raises(Stale):
        import_people(session, sheet({}), make.clerk(ours), at=make.NOON, office=Office(), digest=digest)
    assert count(session) == 0


def test_second_import_of_the_same_sheet_adds_nobody(session, ours):
    data = sheet({}, {})
    run_import(session, data, make.clerk(ours))
    assert len(run_import(session, data, make.clerk(ours)).people) == 0
    assert count(session) == 2


def test_missing_column_and_empty_sheet_are_errors(session, ours):
    short = [column for column in ROSTER_COLUMNS if column.key != "position"]
    assert errors(session, sheet({}, columns=short), make.clerk(ours)) == [
        (
            1,
            "This column is missing. Titles found in row 1 of “人员”: "
            + "、".join(str(column.title) for column in short)
            + ".",
        )
    ]
    assert errors(session, roster_template(), make.clerk(ours)) == [
        (2, "There is nobody in this sheet. Please fill in one person per row.")
    ]


def test_template_has_every_column():
    assert read(roster_template(), ROSTER_COLUMNS).errors == []
    assert not read(roster_template(), ROSTER_COLUMNS).rows


def test_invalid_or_too_long_workbook_is_refused(session, ours):
    with pytest.raises(SheetRefused):
        read_people(session, b"%PDF-1.4", make.clerk(ours), **TODAY)
    with pytest.raises(SheetRefused):
        read_people(
            session,
            sheet(*({"id_number": "1"} for _ in range(MOST_PEOPLE + 1))),
            make.clerk(ours),
            on=make.TODAY,
            office=Office(),
        )


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_only_enterprise_clerks_import(session, role):
    for actor in (make.officer(role), NOBODY):
        with pytest.raises(NotAllowed):
            read_people(session, sheet({}), actor, **TODAY)
        with pytest.raises(NotAllowed):
            import_people(session, sheet({}), actor, at=make.NOON, office=Office(), digest="")


def test_import_of_any_size_uses_the_same_number_of_queries(session, system, ours):
    query_counts = []
    for number in (2, 200):
        data = sheet(*({} for _ in range(number)))
        with queries(system.engine) as seen:
            run_import(session, data, make.clerk(ours))
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
    new, back, kept, bad = read_people(session, sheet(*rows), make.clerk(ours), **TODAY).rows
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
def test_an_import_does_what_every_row_of_its_preview_says(session, ours, cells):
    first = make.id_number()
    rows = [{**row, "id_number": first if row.pop("twin") else make.id_number()} for row in map(dict, cells)]
    data, actor, before = sheet(*rows), make.clerk(ours), count(session)
    preview = read_people(session, data, actor, **TODAY)
    bad = [row for row in preview.rows if row.outcome is RowOutcome.REFUSED]
    assert bool(bad) == bool(preview.errors)
    given = {"at": make.NOON, "office": Office(), "digest": preview.digest}
    if bad:
        with pytest.raises(Unmet) as error:
            import_people(session, data, actor, **given)
        assert {int(refusal.field.removeprefix("row-")) for refusal in error.value.refusals} == {row.number for row in bad}
        session.rollback()
    else:
        import_people(session, data, actor, **given)
        session.commit()
    added = [row for row in preview.rows if row.outcome is RowOutcome.ADDED] if not bad else []
    assert count(session) == before + len(added)
