"""People from a sheet: previewed first, then imported by the same user."""

import re
from collections.abc import Callable

import pytest
from flask_babel import force_locale
from sqlalchemy import select

from app.accounts.people_import import ROSTER_COLUMNS
from app.core.vocabulary import Education, Position, Role, TechnicalTitle
from app.files.spreadsheets import write
from app.models import Person
from tests import make
from tests.hostile_files import HTML, jpeg
from tests.web.enterprise.conftest import count, file


def roster(*rows: dict[str, object]) -> bytes:
    given = {"education": "Bachelor", "position": str(Position.SAFETY_OFFICER.value), "technical_title": "工程师"}
    return write(ROSTER_COLUMNS, [{**given, **row} for row in rows], sheet_title="人员")


def english(app, make_it: Callable[[], bytes]) -> bytes:
    """A sheet with the titles as an English reader gets them."""
    with app.test_request_context(), force_locale("en"):
        return make_it()


def ticket(page: str) -> str:
    return re.search(r'name="ticket" value="([^"]+)"', page)[1]


def test_a_sheet_is_checked_first_and_imported_afterwards(app, clerk, session, ours):
    rows = [
        {"name": "张三", "id_number": make.id_number()},
        {"name": "李四", "id_number": make.id_number(), "mobile": "13800000000"},
    ]
    page = clerk.post("/people/import/", data={"sheet": file(english(app, lambda: roster(*rows)), "人员.xlsx")})
    assert (page.status_code, count(session, Person)) == (200, 0)
    assert all(row["id_number"] not in page.text for row in rows)
    answer = clerk.post("/people/import/confirm", data={"ticket": ticket(page.text)})
    assert answer.location == "/people/list/?scans=incomplete"
    people = {person.name: person for person in session.scalars(select(Person))}
    assert {person.enterprise_id for person in people.values()} == {ours.id}
    assert (people["李四"].mobile, people["张三"].education, people["张三"].technical_title) == (
        "13800000000",
        Education.BACHELOR,
        TechnicalTitle.INTERMEDIATE,
    )
    assert "0/4" in clerk.get(answer.location).text


def test_a_sheet_with_a_bad_cell_names_it_and_offers_no_import(app, clerk, session):
    rows = [{"name": "张三", "id_number": make.id_number()}, {"name": "李四", "id_number": "110105194912310021"}]
    answer = clerk.post("/people/import/", data={"sheet": file(english(app, lambda: roster(*rows)), "人员.xlsx")})
    assert answer.status_code == 422
    assert "check digit is wrong" in answer.text
    assert "import/confirm" not in answer.text
    answer = clerk.post("/people/import/confirm", data={"ticket": ticket(answer.text)})
    assert (answer.status_code, count(session, Person)) == (422, 0)


def test_a_bad_cell_is_put_right_on_the_page_and_then_all_are_imported(app, clerk, session):
    rows = [{"name": "欧阳小二", "id_number": make.id_number()}, {"name": "李四", "id_number": "110105194912310021"}]
    page = clerk.post("/people/import/", data={"sheet": file(english(app, lambda: roster(*rows)), "人员.xlsx")}).text
    shown = clerk.post("/people/import/check", data={"ticket": ticket(page), "go": "refused::3"}).text
    assert ("李四" in shown, "欧阳小二" in shown, "cell:3:position" in shown) == (True, False, True)
    right = {"cell:3:id_number": make.id_number(), "go": "::"}
    answer = clerk.post("/people/import/check", data={"ticket": ticket(shown), **right})
    assert (answer.status_code, right["cell:3:id_number"] in answer.text) == (200, False)
    unchecked = clerk.post("/people/import/confirm", data={"ticket": ticket(answer.text), "cell:2:major": "土木"})
    assert (unchecked.status_code, "土木" in unchecked.text, count(session, Person)) == (200, True, 0)
    clerk.post("/people/import/confirm", data={"ticket": ticket(unchecked.text)})
    people = {person.name: person for person in session.scalars(select(Person))}
    assert (people["李四"].id_number, people["欧阳小二"].major) == (right["cell:3:id_number"], "土木")


@pytest.mark.parametrize(
    ("data", "name"), [(HTML, "人员.xlsx"), (b"", "人员.xlsx"), (jpeg(), "人员.jpg"), (b"PK\x03\x04broken", "人员.xlsx")]
)
def test_what_is_no_workbook_is_refused_with_a_sentence(clerk, session, data, name):
    answer = clerk.post("/people/import/", data={"sheet": file(data, name)})
    assert (answer.status_code, "err-sum" in answer.text, count(session, Person)) == (422, True, 0)


def test_a_sheet_is_imported_only_by_the_user_who_previewed_it(app, enter, clerk, session, theirs):
    data = english(app, lambda: roster({"name": "张三", "id_number": make.id_number()}))
    page = clerk.post("/people/import/", data={"sheet": file(data, "人员.xlsx")}).text
    other = enter(Role.ENTERPRISE_CLERK, enterprise_id=theirs.id)
    for forged in (ticket(page), ticket(page)[:-2] + "xx", "", "a.b.c"):
        answer = other.post("/people/import/confirm", data={"ticket": forged})
        assert (answer.status_code, "has expired" in answer.text) == (422, True)
    assert count(session, Person) == 0


def test_importing_twice_adds_nobody_twice(app, clerk, session):
    data = english(app, lambda: roster({"name": "张三", "id_number": make.id_number()}))
    page = clerk.post("/people/import/", data={"sheet": file(data, "人员.xlsx")}).text
    for _time in range(2):
        clerk.post("/people/import/confirm", data={"ticket": ticket(page)})
    assert count(session, Person) == 1


def test_the_template_can_be_filled_in_and_handed_back(app, clerk):
    answer = clerk.get("/people/import/template.xlsx")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    page = clerk.post("/people/import/", data={"sheet": file(answer.data, "人员.xlsx")})
    assert (page.status_code, "nobody in this sheet" in page.text) == (422, True)
