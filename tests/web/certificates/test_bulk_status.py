"""Measures by sheet on screen."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from flask_babel import force_locale
from openpyxl import load_workbook

from app.core.clock import now, office_day
from app.core.vocabulary import Role
from tests import make
from tests.certificates.measure_steps import VALID, proposed, sheet, statuses
from tests.hostile_files import pdf

pytest_plugins = ("tests.certificates.measure_steps",)  # its fixtures


@pytest.fixture
def browser(session, signed_in):
    client = signed_in(make.account(session, "the-reviewer", Role.REVIEWER))
    with client.session_transaction() as cookie:
        cookie["locale"] = "en"
    session.rollback()
    return client


def ticket(page: str, path: str) -> str:
    path = "check" if path == "confirm" else path  # the same form
    return re.search(rf'action="/standing-sheet/{path}"[^>]*>.*?name="ticket" value="([^"]+)"', page, re.DOTALL)[1]


def both(data: bytes) -> dict:
    return {"sheet": (BytesIO(data), "x.xlsx"), "document": (BytesIO(pdf()), "决定.pdf")}


def hand_in(app, browser, rows) -> str:
    with app.test_request_context(), force_locale("en"):
        data = sheet(*rows, last_day=f"{office_day(now()) + timedelta(days=90)}")
    return browser.post("/standing-sheet/", data=both(data)).text


def test_checked_confirmed_and_the_result_of_every_row_taken_home(app, session, held, browser):
    first, second = held(2, holder="=1+1")
    session.rollback()
    with app.test_request_context(), force_locale("en"):
        last_day = f"{office_day(now()) + timedelta(days=90)}"
        data = sheet((first, "暂扣"), (second, "撤销"), ("无", "暂扣"), name="=1+1", last_day=last_day)
    page = browser.post("/standing-sheet/", data=both(data)).text
    assert "1 certificates end for good" in page
    page = browser.post("/standing-sheet/confirm", data={"ticket": ticket(page, "confirm")}).text
    assert "Result: 2 proposed, 1 left" in page
    given = {"results": re.search(r'name="results" value="([^"]+)"', page)[1]}
    for name, results in (("book", ["Row added", "Row added", "Row refused: No c"]), ("refused", ["Row refused: No c"])):
        answer = browser.post(f"/sheet-results/{name}.xlsx", data=given)
        rows = list(load_workbook(BytesIO(answer.data)).active.iter_rows(min_row=2))
        assert [(row[1].value, row[1].data_type, row[-1].value[:17]) for row in rows] == [
            ("=1+1", "s", result) for result in results
        ]
    assert statuses(session) == [VALID, VALID]
    assert {m.document_name for m in proposed(session)} == {"决定.pdf"}


def test_a_second_confirmation_is_reported_and_changes_nothing(app, session, held, browser):
    page = hand_in(app, browser, [(held()[0], "暂扣")])
    given = {"ticket": ticket(page, "confirm")}
    assert [browser.post("/standing-sheet/confirm", data=given).status_code for _time in range(2)] == [200, 409]
    assert len(proposed(session)) == 1


def test_a_ticket_is_for_the_user_who_had_the_sheet_checked(app, session, held, browser, signed_in):
    given = {"ticket": ticket(hand_in(app, browser, [(held()[0], "暂扣")]), "confirm")}
    other = signed_in(make.account(session, "other-reviewer", Role.REVIEWER))
    session.rollback()
    for path in ("confirm", "check"):
        assert other.post(f"/standing-sheet/{path}", data=given).status_code == 409
        assert other.post(f"/standing-sheet/{path}", data={"ticket": "x"}).status_code == 409
    assert statuses(session) == [VALID]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REVIEWER], ids=lambda role: role.value)
def test_others_do_not_get_in(session, signed_in, role):
    client = signed_in(make.account(session, f"the-{role.value}", role))
    session.rollback()
    for path in ("", "template.xlsx"):
        assert client.get(f"/standing-sheet/{path}").status_code == 403
    for path in ("", "confirm", "check"):
        assert client.post(f"/standing-sheet/{path}").status_code == 403


def test_without_the_document_the_sheet_is_asked_for_it(app, session, held, browser):
    with app.test_request_context(), force_locale("en"):
        data = sheet((held()[0], "暂扣"))
    session.rollback()
    answer = browser.post("/standing-sheet/", data={"sheet": (BytesIO(data), "x.xlsx")})
    assert (answer.status_code, "Please choose a file." in answer.text) == (422, True)
