"""Queues of officers and the list of closed cases."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import Calendar, now, office_day
from app.core.vocabulary import Action, Category, Role, Stage, State
from app.models import Step
from app.web.applications.review.labels import moves_of
from tests.web.applications.case_fixture import counted, in_batch


def test_a_queue_opens_with_what_waits_the_oldest_first(firm, acceptance):
    late = firm.case(submitted_at=now() - timedelta(days=1))
    early = firm.case(submitted_at=now() - timedelta(days=5))
    done = firm.case(State.AWAITING_REVIEW)
    page = acceptance.get("/acceptance/").text
    assert page.index(early.number) < page.index(late.number)
    assert done.number not in page
    assert done.number in acceptance.get("/acceptance/?state=all").text
    assert done.number in acceptance.get("/acceptance/?state=awaiting_review").text


@pytest.mark.parametrize(
    ("days", "tone", "word"),
    [(3, "", ""), (2, "soon", "2 working days left"), (0, "soon", "due today"), (-1, "over", "1 days overdue")],
)
def test_a_limit_is_marked_in_words_when_it_is_near_or_past(firm, acceptance, days, tone, word):
    today = office_day(now())
    firm.case(due_on=Calendar().add_working_days(today, days) if days > 0 else today + timedelta(days=days))
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
    in_batch(acceptance, cases, Action.DECLINE, "申请事项不属于本机关职权范围")
    assert {firm.state(case) for case in cases} == {State.NOT_ACCEPTED}
    assert set(session.scalars(select(Step.reason))) == {"申请事项不属于本机关职权范围"}


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
    assert asked[0] == asked[1] <= 15


def test_closed_cases_are_found_by_name_number_result_and_day(firm):
    viewer = firm.browser(Role.VIEWER)
    refused, approved = firm.case(State.REVIEW_REFUSED, name="甲一"), firm.case(State.APPROVED, name="乙二")
    number = approved.certificate.number.replace("(", "（").replace(")", "）")
    for query in (f"person.name={approved.person.name}", f"number={number}", "state=approved"):
        page = viewer.get(f"/closed/?{query}").text
        assert approved.number in page, query
        assert refused.number not in page, query
    assert approved.number not in viewer.get("/closed/?closed_at_from=2999-01-01").text
