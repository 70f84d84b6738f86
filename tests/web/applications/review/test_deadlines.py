"""到期办理: the list of due cases, its export, extensions, and the board of deadlines."""

import re
from datetime import date, timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from app.core.clock import Calendar, now, office_day
from app.core.vocabulary import AuditAction, Role, State
from app.models import Application, AuditEntry, Step
from tests import make
from tests.query_counter import queries
from tests.web.applications.case_fixture import read_scalar


def today() -> date:
    """Called by each test, as a run may cross midnight of the office."""
    return office_day(now())


OFFICERS = (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER)
STAGES = (State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW, State.AWAITING_APPROVAL)


def due(firm, state, days, **facts):
    """A case that is due in ``days``."""
    clock = {"due_on": today() + timedelta(days=days), "due_from": today() - timedelta(days=30), "due_days": 20}
    return firm.case(state, **{**clock, **facts})


@pytest.fixture
def due_cases(firm):
    return {(state, days): due(firm, state, days) for state in STAGES for days in (-3, 0, 60)}


def test_roles_that_decide_nothing_neither_list_nor_export_nor_extend(firm, due_cases, session):
    case = due_cases[State.AWAITING_REVIEW, 0]
    row = {"data": {"rowid": case.id, "reason": "x"}}
    for role in (role for role in Role if role not in OFFICERS):
        browser = firm.browser(role)
        for answer in (browser.get("/due/"), browser.post("/due/export", **row), browser.post("/due/extend", **row)):
            assert answer.status_code in (302, 403), role
            assert case.number not in answer.text, role
    assert read_scalar(session, select(Step.id)) is None


def test_only_the_approver_extends_on_every_page(firm, session):
    case = due(firm, State.AWAITING_REVIEW, 5)
    for role in (role for role in Role if role is not Role.APPROVER):
        browser = firm.browser(role)
        browser.post("/due/extend", data={"rowid": case.id, "reason": make.REASON})
        browser.post(f"/cases/{case.id}/decide", data={"decision": "extend", "reason": make.REASON})
        browser.post("/review/batch/extend", data={"rowid": case.id, "reason": make.REASON})
        assert read_scalar(session, select(Application.extended_to).where(Application.id == case.id)) is None, role


def test_another_region_is_not_counted_nor_listed(firm, due_cases):
    browser = firm.browser(Role.REVIEWER, "430200")
    assert due_cases[State.AWAITING_REVIEW, 0].number not in browser.get("/due/?state=all").text
    assert re.findall(r"<b>(\d+)</b>\s*</div>", firm.browser(Role.VIEWER, "430200").get("/limits/").text)[0] == "0"


@pytest.mark.parametrize(("role", "state"), [*zip(OFFICERS, STAGES, strict=True)])
def test_the_own_stage_comes_first_the_most_overdue_on_top_and_the_others_are_a_tab_away(firm, due_cases, role, state):
    browser = firm.browser(role)
    page = browser.get("/due/").text
    own = [due_cases[state, days].number for days in (-3, 0, 60)]
    assert [page.index(number) for number in own] == sorted(page.index(number) for number in own)
    over = Calendar().working_days_between(today() - timedelta(days=3), today())
    assert f"{over} working days overdue" in page
    others = [case.number for (stage, _days), case in due_cases.items() if stage is not state]
    assert not [number for number in others if number in page]
    every = browser.get("/due/?state=all").text
    assert all(number in every for number in others)


@pytest.mark.parametrize(
    ("code", "days"), [("overdue", [-3]), ("today", [0]), ("later", [60]), ("extended", []), ("x", [-3, 0, 60])]
)
def test_an_urgency_filter_lists_as_many_as_it_counts(firm, due_cases, code, days):
    page = firm.browser(Role.REVIEWER).get(f"/due/?urgency={code}").text
    listed = [left for (stage, left), case in due_cases.items() if stage is State.AWAITING_REVIEW and case.number in page]
    assert listed == days
    if code != "x":
        assert re.search(rf'urgency={code}|aria-current="true"', page)
        assert re.search(rf'aria-current="true">[^<]*<b>{len(days)}</b>', page)


def test_the_list_needs_no_more_queries_for_more_rows(firm, due_cases, system):
    browser = firm.browser(Role.REVIEWER)

    def cost():
        browser.get("/due/?size=50")
        firm.session.rollback()
        with queries(system.engine) as seen:
            browser.get("/due/?size=50")
        return len(seen)

    few = cost()
    for _n in range(12):
        due(firm, State.AWAITING_REVIEW, 10)
    assert cost() == few


def test_the_list_is_exported_and_the_export_is_audited(firm, due_cases, session):
    browser = firm.browser(Role.REVIEWER)
    answer = browser.post("/due/export?urgency=overdue")
    rows = list(load_workbook(BytesIO(answer.data)).active.values)
    assert len(rows) == 2
    assert due_cases[State.AWAITING_REVIEW, -3].number in rows[1]
    assert not any(re.fullmatch(r"\d{17}[\dX]", str(cell)) for cell in rows[1])
    entry = read_scalar(session, select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT))
    assert entry.change == {"list": "due", "rows": 1}


def test_a_batch_extension_needs_a_reason_and_names_overdue_cases(firm, due_cases, session):
    browser = firm.browser(Role.APPROVER)
    ids = [due_cases[State.AWAITING_APPROVAL, days].id for days in (-3, 0)]
    browser.post("/due/extend", data={"rowid": ids})
    assert read_scalar(session, select(Step.id)) is None
    answer = browser.post("/due/extend", data={"rowid": ids, "reason": make.REASON})
    assert "can no longer be extended" in answer.text
    extended = session.scalars(select(Application.id).where(Application.extended_to.is_not(None))).all()
    assert extended == [ids[1]]


def test_an_extension_from_the_case_page_returns_there_and_is_shown_everywhere(firm, session):
    case = due(firm, State.AWAITING_REVIEW, 5)
    browser = firm.browser(Role.APPROVER)
    page = browser.get(f"/cases/{case.id}").text
    seen = re.search(r'id="more".*?name="seen" value="(\d*)"', page, re.DOTALL)[1]
    form = {"decision": "extend", "seen": seen}
    refused = browser.post(f"/cases/{case.id}/decide", data=form)
    assert refused.status_code == 422
    assert "#more-reason" in refused.text
    answer = browser.post(f"/cases/{case.id}/decide", data={**form, "reason": make.REASON}, follow_redirects=True)
    assert "extended" in answer.text
    assert make.REASON in answer.text
    assert 'id="more"' not in answer.text  # only one extension is possible
    clerk = firm.browser(Role.ENTERPRISE_CLERK)
    assert make.REASON in clerk.get(f"/cases/{case.id}/read").text
    assert "延长办理期限通知书" in clerk.get(f"/archive/{case.id}").text


def test_a_viewer_sees_the_backlog_of_each_stage_and_no_names(firm, due_cases):
    page = firm.browser(Role.VIEWER).get("/limits/").text
    assert len(re.findall(r'<tr role="row">\s*<td role="cell" class="head"', page)) == 3
    assert not [case for case in due_cases.values() if case.person.name in page or case.number in page]


def test_the_workbench_counts_what_the_list_shows(firm, due_cases):
    browser = firm.browser(Role.REVIEWER)
    home = browser.get("/work/").text
    for code, n in (("overdue", 1), ("today", 1)):
        tile = re.search(rf'href="([^"]*urgency={code})">\s*<span>[^<]*</span>\s*<b>(\d+)</b>', home)
        assert int(tile[2]) == n
        page = browser.get(tile[1].replace("&amp;", "&")).text
        assert page.count('name="rowid"') + page.count('class="ops-in"') >= n
    assert "/limits" in firm.browser(Role.VIEWER).get("/work/").text
