"""节假日: the year, single days, import of a year; only for the administrator."""

import html
import re
from datetime import date
from io import BytesIO

import pytest
from sqlalchemy import func, select

from app.applications.office_calendar import announced, seed_calendar
from app.core.vocabulary import Role
from app.models import AuditEntry, CalendarDay
from app.web.admin.calendar import months_of
from tests import make
from tests.applications.test_office_calendar import sheet
from tests.web.applications.case_fixture import Firm, read_scalar, rolling_back
from tests.web.form_steps import seen


@pytest.fixture
def admin(session, signed_in):
    return rolling_back(signed_in(make.account(session, "admin", Role.ADMIN)), session)


PLACES = (
    ("post", "/calendar/set", {"day": "2026-10-01", "kind": "off", "name": ""}),
    ("post", "/calendar/remove", {"day": "2026-10-01"}),
    ("post", "/calendar/confirm", {"ticket": "x"}),
    ("get", "/calendar/", None),
    ("get", "/calendar/sheet", None),
    ("get", "/calendar/export.xlsx", None),
)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_opens_the_calendar(session, signed_in, system, role):
    seed_calendar(session)
    session.commit()
    browser = Firm(session, signed_in, system).browser(role)
    for method, path, data in PLACES:
        assert getattr(browser, method)(path, data=data).status_code in (302, 403), path
    assert read_scalar(session, select(func.count(CalendarDay.day))) == 72


def test_a_year_shows_every_day_once(built):
    with built.test_request_context():
        months = months_of(2026, announced(2026), date(2026, 3, 2))
    cells = [cell for month in months for week in month.weeks for cell in week if cell]
    assert len(cells) == len({cell.day for cell in cells}) == 365
    assert [cell.day for cell in cells if cell.today] == [date(2026, 3, 2)]
    assert {cell.tone for cell in cells} == {"off", "on", "rest", ""}
    assert months[1].runs == [("on", "14", "春节"), ("off", "15–23", "春节"), ("on", "28", "春节")]


def test_a_day_is_picked_saved_and_removed(admin, session):
    page = admin.get("/calendar/?year=2026&day=2026-03-07").text
    assert 'value="2026-03-07"' in page
    assert re.search(r'<option[^>]*selected[^>]*value="on"', page)  # a Saturday can only be a make-up day
    admin.post("/calendar/set", data={"day": "2026-03-07", "kind": "on", "name": "调休"})
    assert read_scalar(session, select(CalendarDay.name)) == "调休"
    assert "data-confirm" in admin.get("/calendar/?year=2026&day=2026-03-07").text
    assert admin.post("/calendar/remove", data={"day": "2026-03-07"}).status_code == 422
    opened = seen(admin, "/calendar/?year=2026&day=2026-03-07")
    admin.post("/calendar/remove", data={"day": "2026-03-07"} | opened)
    assert read_scalar(session, select(func.count(CalendarDay.day))) == 0


def test_a_day_entered_by_somebody_else_is_shown_and_saved_over_only_knowingly(admin, session):
    admin.post("/calendar/set", data={"day": "2026-03-07", "kind": "on", "name": "补班"})
    mine = {"day": "2026-03-07", "kind": "on", "name": "调休"}
    answer = admin.post("/calendar/set", data=mine)
    assert (answer.status_code, "补班" in answer.text, 'value="调休"' in answer.text) == (422, True, True)
    assert read_scalar(session, select(CalendarDay.name)) == "补班"
    shown = html.unescape(re.search(r'name="seen" value="([^"]*)"', answer.text)[1])
    assert admin.post("/calendar/set", data=mine | {"seen": shown}).status_code == 302
    assert read_scalar(session, select(CalendarDay.name)) == "调休"


@pytest.mark.parametrize(
    "data", [{"day": "2026-03-03", "kind": "on", "name": "错"}, {"day": "", "kind": "off", "name": "错"}]
)
def test_an_invalid_day_is_shown_at_its_field_and_the_input_stays(admin, session, data):
    answer = admin.post("/calendar/set", data=data)
    assert answer.status_code == 422
    assert 'value="错"' in answer.text
    assert read_scalar(session, select(func.count(CalendarDay.day))) == 0


@pytest.mark.parametrize("query", ["year=x", "year=99999", "day=2026-02-31", "year=1&day=0001-01-01"])
def test_an_invalid_query_shows_some_year(admin, query):
    assert admin.get(f"/calendar/?{query}").status_code == 200


def upload(admin, *rows):
    return admin.post("/calendar/sheet", data={"sheet": (BytesIO(sheet(*rows)), "2027.xlsx")}).text


def test_a_sheet_is_previewed_and_then_imported_whole(admin, session):
    page = upload(admin, ("2027-01-01", "休", "元旦"), ("2027-02-06", "班", "春节"))
    assert "2 days are added, 0 changed, 0 removed." in page
    assert read_scalar(session, select(func.count(CalendarDay.day))) == 0
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)[1]
    admin.post("/calendar/confirm", data={"ticket": ticket})
    assert read_scalar(session, select(func.count(CalendarDay.day))) == 2
    [change] = session.scalars(select(AuditEntry.change).where(AuditEntry.table == "calendar_day"))
    session.rollback()
    assert (change["import"]["added"], len(change["import"]["sha256"])) == (2, 64)
    again = admin.post("/calendar/confirm", data={"ticket": ticket})
    assert again.status_code == 422  # the calendar has changed meanwhile
    assert admin.post("/calendar/confirm", data={"ticket": ticket[:-2]}).status_code == 422


def test_errors_of_a_sheet_are_named_by_cell_and_prevent_the_import(admin):
    page = upload(admin, ("2027-01-01", "不知道", "元旦"))
    assert "1 cells have to be put right" in page
    assert 'name="ticket"' not in page


def test_an_exported_year_can_be_imported(admin, session):
    seed_calendar(session)
    session.commit()
    answer = admin.get("/calendar/export.xlsx?year=2026")
    assert answer.data[:2] == admin.get("/calendar/template.xlsx").data[:2] == b"PK"


def test_the_dashboard_warns_while_a_year_is_missing(admin, session):
    warned = re.compile(r'tile hot" href="/calendar/')
    assert warned.search(admin.get("/work/").text)
    session.add_all(CalendarDay(day=date(year, 10, 1), working=False) for year in range(2020, 2040))
    session.commit()
    assert not warned.search(admin.get("/work/").text)


def test_days_have_the_terms_of_the_state_council(session, admin):
    seed_calendar(session)
    session.commit()
    with admin.session_transaction() as cookie:
        cookie["locale"] = "zh"
    page = admin.get("/calendar/?year=2026").text
    assert page.count("<b>休</b>") == 33
    assert page.count("<b>班</b>") == 6
