"""Rosters: a sheet of people, read cell by cell, taken in as a whole or not at all."""

import pytest
from sqlalchemy import func, select

from app.accounts.access import NOBODY
from app.accounts.people_import import MOST_PEOPLE, ROSTER_COLUMNS, import_people, masked_row, read_people, roster_template
from app.core.errors import NotAllowed, Stale, Unmet
from app.core.vocabulary import Education, Position, Role, TechnicalTitle
from app.files.spreadsheets import SheetRefused, read, write
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


def take_in(session, data: bytes, actor):
    digest = read_people(session, data, actor).digest
    return import_people(session, data, actor, at=make.NOON, digest=digest)


def errors(session, data: bytes, actor) -> list[tuple[int, str]]:
    return [(error.row, str(error.sentence)) for error in read_people(session, data, actor).errors]


def test_everybody_in_a_sound_sheet_comes_onto_the_books(session, ours):
    data = sheet({"name": "张三", "mobile": "13800000000", "major": "土木  工程"}, {"name": "李四", "technical_title": None})
    take_in(session, data, make.clerk(ours))
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
        ({"id_number": 110105194912310021}, "lost the last digits"),
        ({"id_number": None}, "Please fill this in"),
        ({"name": "张3"}, "does not belong there"),
        ({"mobile": "123"}, "A mobile number has 11 digits"),
        ({"education": "博士后站"}, "is not on the list"),
        ({"position": None}, "Please fill this in"),
        ({"technical_title": "大师"}, "is not on the list"),
        ({"major": "土" * 61}, "At most 60 characters"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_holds_everybody_back(session, ours, cell, sentence):
    loose = [
        column.__class__(column.key, column.title, text=not isinstance(cell.get(column.key), int))
        for column in ROSTER_COLUMNS
    ]
    data = sheet({"name": "张三"}, cell, columns=loose)
    found = errors(session, data, make.clerk(ours))
    assert [row for row, _sentence in found] == [3]
    assert sentence in found[0][1]
    with pytest.raises(Unmet) as no:
        take_in(session, data, make.clerk(ours))
    assert [refusal.code for refusal in no.value.refusals] == ["bad-cell"]
    assert count(session) == 0


def test_full_width_digits_and_a_small_x_are_understood(session, ours):
    take_in(session, sheet({"id_number": "１１０１０５１９４９１２３１００２ｘ", "name": "买买提•艾力"}), make.clerk(ours))
    person = session.scalars(select(Person)).one()
    assert (person.id_number, person.name) == ("11010519491231002X", "买买提·艾力")


def test_the_same_id_number_twice_in_a_sheet_names_the_first_row(session, ours):
    number = make.id_number()
    found = errors(session, sheet({"id_number": number}, {}, {"id_number": number}), make.clerk(ours))
    assert found == [(4, "This ID number stands in row 2 already.")]


def test_somebody_employed_elsewhere_is_named_and_stays_there(session, ours):
    theirs = employer(session)
    person = make.person(theirs)
    session.add(person)
    session.commit()
    found = errors(session, sheet({"id_number": person.id_number}), make.clerk(ours))
    assert "another enterprise" in found[0][1]
    assert person.enterprise_id == theirs.id


def test_somebody_on_the_list_already_is_left_alone(session, ours):
    person = make.person(ours, major="建筑学")
    session.add(person)
    session.commit()
    preview = take_in(session, sheet({"id_number": person.id_number, "major": "土木"}, {"name": "新人"}), make.clerk(ours))
    assert (len(preview.kept), len(preview.people), count(session), person.major) == (1, 1, 2, "建筑学")


def test_a_known_id_number_under_another_name_is_named(session, ours):
    for person in (make.person(ours, name="王五"), make.person(None, name="赵六")):
        session.add(person)
        session.commit()
        found = errors(session, sheet({"id_number": person.id_number, "name": "李雷"}), make.clerk(ours))
        assert "another name" in found[0][1]


def test_somebody_whom_nobody_employs_comes_back_and_keeps_what_the_sheet_leaves_empty(session, ours):
    person = make.person(None, mobile="13811111111")
    session.add(person)
    session.commit()
    preview = take_in(session, sheet({"id_number": person.id_number, "major": "土木"}), make.clerk(ours))
    assert (preview.returning, count(session)) == (1, 1)
    assert (person.enterprise_id, person.mobile, person.major) == (ours.id, "13811111111", "土木")


def test_another_file_than_the_checked_one_is_not_imported(session, ours):
    digest = read_people(session, sheet({}), make.clerk(ours)).digest
    with pytest.raises(Stale):
        import_people(session, sheet({}), make.clerk(ours), at=make.NOON, digest=digest)
    assert count(session) == 0


def test_a_second_import_of_the_same_sheet_takes_nobody_in(session, ours):
    data = sheet({}, {})
    take_in(session, data, make.clerk(ours))
    assert len(take_in(session, data, make.clerk(ours)).people) == 0
    assert count(session) == 2


def test_a_missing_column_and_an_empty_sheet_are_named(session, ours):
    short = [column for column in ROSTER_COLUMNS if column.key != "position"]
    assert errors(session, sheet({}, columns=short), make.clerk(ours)) == [(1, "This column is missing.")]
    assert errors(session, roster_template(), make.clerk(ours)) == [
        (2, "There is nobody in this sheet. Please fill in one person per row.")
    ]


def test_the_template_has_every_column_and_says_which_words_fit():
    assert read(roster_template(), ROSTER_COLUMNS).errors == []
    assert not read(roster_template(), ROSTER_COLUMNS).rows


def test_what_is_no_workbook_or_far_too_long_is_refused(session, ours):
    with pytest.raises(SheetRefused):
        read_people(session, b"%PDF-1.4", make.clerk(ours))
    with pytest.raises(SheetRefused):
        read_people(session, sheet(*({"id_number": "1"} for _ in range(MOST_PEOPLE + 1))), make.clerk(ours))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_only_a_clerk_reads_and_imports(session, role):
    for actor in (make.officer(role), NOBODY):
        with pytest.raises(NotAllowed):
            read_people(session, sheet({}), actor)
        with pytest.raises(NotAllowed):
            import_people(session, sheet({}), actor, at=make.NOON, digest="")


def test_an_import_asks_as_much_for_two_hundred_people_as_for_two(session, system, ours):
    asked = []
    for number in (2, 200):
        data = sheet(*({} for _ in range(number)))
        with queries(system.engine) as seen:
            take_in(session, data, make.clerk(ours))
            session.commit()
        asked.append(len([statement for statement in seen if not statement.startswith("INSERT")]))  # SQLite's go one by one
    assert count(session) == 202
    assert asked[0] == asked[1] <= 6  # of them three for the chain of the diary


def test_a_row_is_shown_with_its_id_number_masked(session, ours):
    row = read_people(session, sheet({"id_number": "11010519491231002X"}), make.clerk(ours)).people[0]
    assert (masked_row(row)["id_number"], masked_row(row)["number"]) == ("110105********002X", 2)
