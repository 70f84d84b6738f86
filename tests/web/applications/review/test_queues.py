"""Queues of officers and the list of closed cases."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select, update

from app.core.clock import Calendar, now, office_day
from app.core.vocabulary import Action, Category, CheckResult, ReasonStep, Role, Stage, State
from app.models import Application, Step, StockReason
from app.web.applications.review.labels import moves_of
from tests import make
from tests.query_counter import indexes_used, sorted_apart, tables_read_whole
from tests.web.applications.case_fixture import counted, in_batch


def test_a_queue_opens_with_what_is_due_first(firm, acceptance):
    today = office_day(now())
    late = firm.case(due_on=today + timedelta(days=5), submitted_at=now() - timedelta(days=5))
    early = firm.case(due_on=today + timedelta(days=1), submitted_at=now() - timedelta(days=1))
    done = firm.case(State.AWAITING_REVIEW)
    page = acceptance.get("/acceptance/").text
    assert page.index(early.number) < page.index(late.number)
    assert done.number not in page
    assert done.number in acceptance.get("/acceptance/?state=all").text
    assert done.number in acceptance.get("/acceptance/?state=awaiting_review").text


@pytest.mark.parametrize(
    ("days", "tone", "word"),
    [(3, "", ""), (2, "soon", "2 working days left"), (0, "soon", "due today"), (-1, "over", "1 working days overdue")],
)
def test_a_limit_is_marked_in_words_when_it_is_near_or_past(firm, acceptance, days, tone, word):
    today = office_day(now())
    due_on = today + timedelta(days=days)
    if days > 0:
        due_on = Calendar().add_working_days(today, days)
    while days < 0 and Calendar().working_days_between(due_on, today) < 1:  # counted in working days
        due_on -= timedelta(days=1)
    firm.case(due_on=due_on)
    page = acceptance.get("/acceptance/").text
    assert ('class="due' in page) == bool(tone)
    if tone:
        assert re.search(rf'<span class="due {tone}">[0-9-]+ <b>{word}</b>', page)


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_decides_in_batch(firm, stage):
    favourable = moves_of(stage)[0]
    cases = [firm.case(favourable.source, category=c) for c in (Category.A, Category.C1)]
    answer = in_batch(firm.browser(favourable.by), cases, favourable.action)
    assert answer.status_code == 302
    assert {firm.state(case) for case in cases} == {favourable.target}


def test_a_batch_refusal_needs_its_reason_and_gives_it_to_each(firm, acceptance, session):
    cases = [firm.case(), firm.case()]
    in_batch(acceptance, cases, Action.DECLINE)
    assert {firm.state(case) for case in cases} == {State.AWAITING_ACCEPTANCE}
    in_batch(acceptance, cases, Action.DECLINE, make.REASON)
    assert {firm.state(case) for case in cases} == {State.NOT_ACCEPTED}
    assert set(session.scalars(select(Step.reason))) == {make.REASON}


def test_a_batch_leaves_and_names_whoever_does_not_meet_the_conditions(firm, acceptance):
    fit = firm.case(name="可受理")
    unseen = firm.case(name="待核验", exam={"originals_verified_at": None, "originals_verified_by": ""})
    answer = in_batch(acceptance, [fit, unseen], Action.ACCEPT)
    assert "待核验 passed in the old system: verify the originals" in answer.text
    assert firm.state(fit) is State.AWAITING_REVIEW
    assert firm.state(unseen) is State.AWAITING_ACCEPTANCE


def test_a_batch_with_nothing_ticked_is_refused(firm, acceptance):
    answer = acceptance.post("/acceptance/batch/accept", follow_redirects=True)
    assert "Please choose at least one record first." in answer.text


def test_the_checks_are_a_column_computed_for_the_page_and_a_filter(firm, acceptance, session):
    good = firm.case()
    bad = firm.case(exam={"originals_verified_at": None, "originals_verified_by": ""})
    page = acceptance.get("/acceptance/").text
    assert (page.count("Checks passed</span>"), page.count("Checks not passed</span>")) == (1, 1)
    session.execute(update(Application).values(check_result=CheckResult.PASSES, checked_at=now()))
    session.execute(update(Application).where(Application.id == bad.id).values(check_result=CheckResult.FAILS))
    session.commit()
    page = acceptance.get("/acceptance/?check_result=fails").text
    assert bad.number in page
    assert good.number not in page


def test_the_filter_of_the_checks_reads_no_case_but_those_it_finds(firm, acceptance, session, built, system):
    """A million closed cases cost nothing: state, result and order are one index."""
    firm.case()
    session.execute(update(Application).values(check_result=CheckResult.FAILS, checked_at=now()))
    session.commit()
    with counted(built) as seen:
        acceptance.get("/acceptance/?check_result=fails")
    asked = [statement for statement in seen if "application.check_result =" in statement]
    assert len(asked) >= 3  # the tabs, the count, the page
    for statement in asked:
        assert "application" not in tables_read_whole(session, statement)
        if system.kind == "sqlite":  # PostgreSQL chooses by its statistics, which one row does not give: test_plans.py
            assert "ix_application_check_result" in indexes_used(session, statement)


@pytest.mark.parametrize("path", ["/acceptance/", "/applications/new/", "/closed/", "/certificates/"])
def test_a_list_needs_no_more_queries_for_fifty_rows_than_for_three(firm, clerk, acceptance, system, built, path):
    browser = clerk if "new" in path else acceptance
    state = State.APPROVED if path in ("/closed/", "/certificates/") else State.AWAITING_ACCEPTANCE
    asked = []
    for more in (3, 47):
        [firm.case(state) for _ in range(more)]
        browser.get(f"{path}?size=100")
        with counted(built) as seen:
            page = browser.get(f"{path}?size=100").text
        asked.append(len(seen))
    assert page.count("<tr role=") == 51
    facts = 16 if path == "/acceptance/" else 0  # of the automatic checks: as many queries for one row as for a page
    assert asked[0] == asked[1] <= 17 + facts


def test_closed_cases_are_found_by_name_number_result_and_day(firm):
    viewer = firm.browser(Role.VIEWER)
    refused, approved = firm.case(State.REVIEW_REFUSED, name="甲一"), firm.case(State.APPROVED, name="乙二")
    number = approved.certificate.number.replace("(", "（").replace(")", "）")
    approved.acceptance_number = "430000-SL-20260302-0007"
    firm.session.commit()
    slips = [f"number={typed}" for typed in ("430000-SL-20260302-0007", "20260302－0007")]
    for query in (f"person.name={approved.person.name}", f"number={number}", *slips, "state=approved"):
        page = viewer.get(f"/closed/?{query}").text
        assert approved.number in page, query
        assert refused.number not in page, query
    assert approved.number not in viewer.get("/closed/?closed_at_from=2999-01-01").text


@pytest.mark.parametrize("path", ["/acceptance/", "/review/", "/approval/", "/acceptance/?state=returned", "/due/"])
def test_a_queue_is_read_in_its_order_by_an_index(firm, session, built, path):
    role = {"/review/": Role.REVIEWER, "/approval/": Role.APPROVER}.get(path, Role.ACCEPTANCE_OFFICER)
    browser = firm.browser(role)
    for state in (State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW, State.AWAITING_APPROVAL, State.RETURNED):
        firm.case(state, due_on=make.TODAY)
    browser.get(path)
    with counted(built) as seen:
        browser.get(path)
    listed = [statement for statement in seen if "ORDER BY application.due_on" in statement]
    assert len(listed) == 1
    assert "application" not in tables_read_whole(session, listed[0])
    if path != "/due/":  # of one state: no sorting either
        assert not sorted_apart(session, listed[0])


def test_a_case_past_the_limit_for_acceptance_is_marked_and_can_only_be_accepted(firm, acceptance):
    late = firm.case(due_on=office_day(now()) - timedelta(days=1))
    assert "Accepted by lapse of time" in acceptance.get("/acceptance/").text
    for action in (Action.DECLINE, Action.RETURN):
        assert "counts as accepted" in in_batch(acceptance, [late], action, make.REASON).text
    assert firm.state(late) is State.AWAITING_ACCEPTANCE
    in_batch(acceptance, [late], Action.ACCEPT)
    assert firm.state(late) is State.AWAITING_REVIEW


def test_corrections_that_are_overdue_are_filtered_and_closed_together(firm, acceptance, clerk):
    today = office_day(now())
    over, awaited = (firm.case(State.RETURNED, due_on=today + timedelta(days=days)) for days in (-1, 3))
    page = acceptance.get("/acceptance/?state=returned").text
    assert page.index(over.number) < page.index(awaited.number)
    page = acceptance.get("/acceptance/?state=returned&correction=overdue").text
    assert (over.number in page, awaited.number in page, "/acceptance/batch/lapse" in page) == (True, False, True)
    assert "Corrections overdue" in acceptance.get("/work/").text
    assert clerk.post("/acceptance/batch/lapse", data={"rowid": over.id}).status_code in (302, 403)
    assert firm.state(over) is State.RETURNED
    answer = in_batch(acceptance, [over, awaited], Action.LAPSE)
    assert "is awaited until" in answer.text
    assert (firm.state(over), firm.state(awaited)) == (State.ABANDONED, State.RETURNED)
    assert "Corrections overdue" not in acceptance.get("/work/").text


def test_the_reasons_offered_in_a_batch_are_those_of_the_matter_asked_for(firm, acceptance, session):
    firm.case()
    own = StockReason(matter="new", step=ReasonStep.DECLINE, text="新申请的【事实】", clause="令17号")
    other = StockReason(matter="renewal", step=ReasonStep.DECLINE, text="延期的【事实】", clause="令17号")
    session.add_all([own, other])
    session.commit()
    offered = {query: acceptance.get(f"/acceptance/{query}").text for query in ("", "?matter=new")}
    session.delete(own), session.delete(other)
    session.commit()
    for query, page in offered.items():
        reasons = [reason for found in re.findall(r'data-reasons="([^"]*)"', page) for reason in json.loads(unescape(found))]
        assert any("所申报的【事项】不属于本机关职权范围" in reason for reason in reasons)
        assert ("新申请的【事实】（令17号）。" in reasons) == (query != "")
        assert "延期的【事实】（令17号）。" not in reasons
