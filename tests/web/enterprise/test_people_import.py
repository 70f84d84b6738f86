"""People from a sheet: checked first, then imported, by the clerks of their enterprise."""

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


def handed_in(app, browser, *rows):
    """The page of the import of these people."""
    data = english(app, lambda: roster(*rows))
    return browser.post("/people/import/", data={"sheet": file(data, "人员.xlsx")}, follow_redirects=True)


def step(browser, page, name, **typed):
    """The page after an answer, or after the confirmation; it is checked that it offers that."""
    assert f'{page.request.path}/{name}"' in page.text
    digest = re.search(r'name="digest" value="([^"]+)"', page.text)[1]
    return browser.post(f"{page.request.path}/{name}", data={"digest": digest, **typed}, follow_redirects=True)


def test_people_come_in_once_they_are_checked_and_go_again_when_it_is_undone(app, clerk, session, ours):
    rows = [
        {"name": "张三", "id_number": make.id_number()},
        {"name": "李四", "id_number": make.id_number(), "mobile": "13800000000"},
    ]
    page = handed_in(app, clerk, *rows)
    assert (page.status_code, count(session, Person)) == (200, 0)
    assert all(row["id_number"] not in page.text for row in rows)
    done = step(clerk, page, "confirm")
    people = {person.name: person for person in session.scalars(select(Person))}
    assert {person.enterprise_id for person in people.values()} == {ours.id}
    assert (people["李四"].mobile, people["张三"].education, people["张三"].technical_title) == (
        "13800000000",
        Education.BACHELOR,
        TechnicalTitle.INTERMEDIATE,
    )
    session.rollback()
    assert "/people/list/?scans=incomplete" in done.text
    clerk.post(f"{page.request.path}/confirm", data={"digest": "twice"})
    assert count(session, Person) == 2
    assert "was undone as a whole" in clerk.post(f"{page.request.path}/undo", follow_redirects=True).text
    assert count(session, Person) == 0


def test_a_bad_cell_is_put_right_on_the_page_and_then_all_are_imported(app, clerk, session):
    rows = [{"name": "欧阳小二", "id_number": make.id_number()}, {"name": "李四", "id_number": "110105194912310021"}]
    page = handed_in(app, clerk, *rows)
    assert ("check digit is wrong" in page.text, '/confirm"' in page.text) == (True, False)
    right = make.id_number()
    answered = step(clerk, page, "answer", **{"cell:3:id_number": right, "cell:2:major": "土木"})
    assert (right in answered.text, count(session, Person)) == (False, 0)
    step(clerk, answered, "confirm")
    people = {person.name: person for person in session.scalars(select(Person))}
    assert (people["李四"].id_number, people["欧阳小二"].major) == (right, "土木")


@pytest.mark.parametrize(
    ("data", "name"), [(HTML, "人员.xlsx"), (b"", "人员.xlsx"), (jpeg(), "人员.jpg"), (b"PK\x03\x04broken", "人员.xlsx")]
)
def test_what_is_no_workbook_is_refused_with_a_sentence(clerk, session, data, name):
    answer = clerk.post("/people/import/", data={"sheet": file(data, name)})
    assert (answer.status_code, "err-sum" in answer.text, count(session, Person)) == (422, True, 0)


def test_an_import_is_that_of_its_enterprise(app, enter, clerk, session, theirs):
    page = handed_in(app, clerk, {"name": "张三", "id_number": make.id_number()})
    other = enter(Role.ENTERPRISE_CLERK, enterprise_id=theirs.id)
    digest = re.search(r'"digest" value="([^"]+)"', page.text)[1]
    for name in ("confirm", "discard", "undo", "report.xlsx"):
        assert other.post(f"{page.request.path}/{name}", data={"digest": digest}).status_code == 404
    assert (other.get(page.request.path).status_code, count(session, Person)) == (404, 0)


def test_the_template_can_be_filled_in_and_handed_back(app, clerk):
    answer = clerk.get("/people/import/template.xlsx")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    page = clerk.post("/people/import/", data={"sheet": file(answer.data, "人员.xlsx")}, follow_redirects=True)
    assert "There is no row in this sheet" in page.text
