"""The page of the statistics: its address, what it refuses in words, and what is taken away."""

import io
import re
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from app.applications.statistics.counting import KIND, count_months
from app.core import clock
from app.core.office import Office
from app.core.vocabulary import Action, AuditAction, Role, State
from app.models import AuditEntry, Job, Step
from tests import make


@pytest.fixture
def months(session, system):
    """This month and the one before: two cases filed and one refused now, by an officer of a name."""
    now = clock.now()
    officer = make.account(session, "reviewer", Role.REVIEWER, first_name="钱审核")
    for target in (State.AWAITING_ACCEPTANCE, State.REVIEW_REFUSED):
        case = make.application(make.person(make.enterprise()), target)
        chain = [(Action.SUBMIT, State.DRAFT, State.AWAITING_ACCEPTANCE, None)]
        if target is State.REVIEW_REFUSED:
            chain += [(Action.ACCEPT, State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW, officer.id),
                      (Action.REFUSE_REVIEW, State.AWAITING_REVIEW, target, officer.id)]  # fmt: skip
        for action, source, reached, who in chain:
            session.add(Step(application=case, round=1, action=action, source=source, target=reached, actor="x", actor_id=who,
                             reason=make.REASON, at=now))  # fmt: skip
    session.commit()
    month = clock.office_day(now).replace(day=1)
    counted = [clock.add_months(month, -1), month]
    count_months(sessionmaker(system.engine), counted, Office(), at=now)
    return [f"{one:%Y-%m}" for one in counted]


def test_a_period_is_shown_by_its_address_with_a_chart_in_words_and_its_table(signed_in, holder, months):
    viewer = signed_in(holder(Role.VIEWER))
    page = viewer.get(f"/statistics/?from={months[0]}&to={months[1]}&matter=new").text
    chart = page.partition('id="t-months"')[2]
    assert re.search(r'<svg class="drawn" role="img"[^>]*><title>[^<]+</title><desc>[^<]+</desc>', chart)
    assert "viewBox" not in chart.partition("<details")[0].partition('class="drawn"')[2]  # scaled text would be too small
    row = re.search(rf'<th scope="row">{months[1]}</th>\s*((?:<td>[^<]*</td>\s*)+)', chart)[1]
    assert re.findall(r"<td>([^<]*)</td>", row) == ["2", "1", "0", "1", "0", "0", "0"]
    assert "钱审核" in page
    assert "430102" not in page
    assert "钱审核" not in signed_in(holder(Role.REVIEWER)).get("/statistics/").text
    elsewhere = signed_in(holder(Role.VIEWER, region_code="430200")).get(f"/statistics/?from={months[1]}").text
    assert re.search(rf'<th scope="row">{months[1]}</th>\s*<td>0</td>', elsewhere)


def test_what_is_no_period_is_said_and_nothing_typed_is_lost(signed_in, holder):
    viewer = signed_in(holder(Role.VIEWER))
    answer = viewer.get("/statistics/?from=2026-13&to=2026-02&matter=renewal&region=999999")
    assert answer.status_code == 422
    assert 'href="#from"' in answer.text
    assert 'href="#region"' in answer.text
    assert 'value="2026-13"' in answer.text
    usual = answer.text.partition('class="periods"')[2].partition("</nav>")[0]
    assert "matter=renewal" in usual
    assert "999999" not in usual  # these links lead to a page
    assert '<option value="renewal" selected>' in answer.text
    assert viewer.post("/statistics/export?from=2026-13").status_code == 422
    assert viewer.post("/statistics/anew?from=2026-02&to=2026-01").status_code == 422


def test_months_are_counted_anew_by_a_job_once_a_minute(signed_in, holder, session):
    viewer = signed_in(holder(Role.VIEWER))
    for _twice in range(2):
        assert viewer.post("/statistics/anew?from=2026-01&to=2026-02").status_code == 302
    jobs = session.scalars(select(Job).where(Job.kind == KIND)).all()
    assert {tuple(job.payload["months"]) for job in jobs} == {("2026-01-01", "2026-02-01")}
    assert len(jobs) <= 2  # the minute may have changed


def test_workbook_and_report_hold_the_tables_and_are_logged(signed_in, holder, session, months):
    viewer = signed_in(holder(Role.VIEWER))
    address = f"from={months[0]}&to={months[1]}"
    book = openpyxl.load_workbook(io.BytesIO(viewer.post(f"/statistics/export?{address}").data))
    rows = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    assert rows[-1][1:] == [2, 1, 0, 1, 0, 0, 0]
    assert "钱审核" in [row[0].value for row in book.worksheets[-1].iter_rows()]
    report = viewer.post(f"/statistics/report?{address}")
    assert report.data.startswith(b"%PDF")
    exports = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT).order_by(AuditEntry.id)).all()
    assert [entry.change["format"] for entry in exports] == ["xlsx", "pdf"]
    assert exports[0].change["query"] == {"from": months[0], "to": months[1]}


def test_whoever_may_not_see_figures_finds_no_page(signed_in, holder):
    for role in (Role.ENTERPRISE_CLERK, Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR):
        facts = {"region_code": None} if role in (Role.SECURITY_ADMIN, Role.AUDITOR) else {}
        facts |= {"enterprise": make.enterprise(name=role.value)} if role is Role.ENTERPRISE_CLERK else {}
        client = signed_in(holder(role, **facts))
        refused = [client.get("/statistics/"), *(client.post(f"/statistics/{deed}") for deed in ("anew", "export", "report"))]
        assert {answer.status_code for answer in refused} == {403}, role


def test_the_minute_of_counting_is_shown(signed_in, holder, months):
    page = signed_in(holder(Role.VIEWER)).get("/statistics/").text
    shown = {f"{clock.office_time(clock.now() - timedelta(minutes=n)):%Y-%m-%d %H:%M}" for n in range(3)}
    assert any(moment in page for moment in shown)
