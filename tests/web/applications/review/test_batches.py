"""The page of a batch: its plan, its confirmation, its results, its workbook, and who may see and do what."""

from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from app.applications.decision_batches.records import KIND
from app.core.clock import now
from app.core.vocabulary import Action, AuditAction, BatchState, JobState, Role, State
from app.models import AuditEntry, DecisionBatch, Job, Parameter
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from tests.web.applications.case_fixture import UNSEEN, batch_in, confirmed, count, read_scalar

STEPS = ("confirm", "discard", "retry", "sheet")


def plan(browser, cases, action=Action.ACCEPT, **sent):
    return browser.post(f"/acceptance/batch/{action.value}", data={"rowid": [case.id for case in cases], **sent})


@pytest.fixture
def mixed(firm, acceptance):
    """A planned batch of one case that passes and one that does not; its address, the browser and the cases."""
    good, bad = firm.case(name="可受理"), firm.case(name="待核验", exam=UNSEEN)
    return batch_in(plan(acceptance, [bad, good])), good, bad


def test_a_batch_decides_nothing_before_it_is_confirmed(firm, acceptance, mixed):
    place, good, _bad = mixed
    page = acceptance.get(place).text
    assert "Of 2, 1 would pass and 1 not." in page
    assert "Accept in batch: confirm 1" in page
    assert firm.state(good) is State.AWAITING_ACCEPTANCE


def test_the_plan_groups_what_would_not_pass_by_its_reason_and_names_each(firm, acceptance):
    cases = [firm.case(exam=UNSEEN, name=f"待核验{mark}") for mark in "甲乙丙"] + [firm.case(name="可受理")]
    page = acceptance.get(batch_in(plan(acceptance, cases))).text
    assert "Would not pass: 3" in page
    assert page.count('<details class="fold"') == 2
    assert "passed in the old system: verify the originals" in page
    assert all(f"待核验{mark}" in page for mark in "甲乙丙")
    assert f'href="/cases/{cases[0].id}?next=/batches/' in page


def test_confirmed_it_does_what_the_plan_says_and_shows_the_rest(firm, acceptance, mixed):
    place, good, bad = mixed
    answer = acceptance.post(f"{place}/confirm")
    page = acceptance.get(answer.headers["Location"]).text
    assert "Carried out: 1 of 2; not carried out: 1." in page
    assert (firm.state(good), firm.state(bad)) == (State.AWAITING_REVIEW, State.AWAITING_ACCEPTANCE)
    assert "Try those not done again: 1" in page


def test_all_done_leads_back_to_the_list_with_the_names(firm, acceptance):
    planned = plan(acceptance, [firm.case(name="韩梅梅")], next="/acceptance/?category=C1")
    answer = confirmed(acceptance, planned)
    assert answer.headers["Location"] == "/acceptance/?category=C1"
    assert "Accept: done for 1 (韩梅梅)." in acceptance.get("/acceptance/?category=C1").text


def test_pressed_twice_it_is_carried_out_once_and_the_back_button_shows_the_result(firm, acceptance, session, mixed):
    place, good, bad = mixed
    for _twice in range(2):
        assert acceptance.post(f"{place}/confirm").status_code == 302
    again = plan(acceptance, [bad, good], page="other")
    assert batch_in(again) != place
    assert read_scalar(session, select(DecisionBatch.done).order_by(DecisionBatch.id)) == 1
    assert read_scalar(session, select(func.count(Job.id)).where(Job.kind == KIND)) == 1


def test_a_large_batch_runs_in_the_background_and_its_page_shows_the_progress(firm, acceptance, session, system, store):
    session.add(Parameter(name="batch_at_once", value="1", changed_at=now(), changed_by="管理员"))
    session.commit()
    cases = [firm.case() for _n in range(2)]
    place = batch_in(plan(acceptance, cases))
    assert "in the background" in acceptance.get(place).text
    acceptance.post(f"{place}/confirm")
    page = acceptance.get(place).text
    assert "Being carried out: 0 / 2" in page
    assert f'data-poll="{place}/progress"' in page
    answer = acceptance.get(f"{place}/progress").json
    assert (answer["done"], answer["total"], answer["waiting"]) == (0, 2, 2)
    assert firm.state(cases[0]) is State.AWAITING_ACCEPTANCE
    session.rollback()
    at = session.scalar(select(Job.due_at).where(Job.kind == KIND))
    session.rollback()
    assert run_due(JobContext(system.engine, None, store, lambda: at), {KIND: HANDLERS[KIND]}, most=1) == [JobState.DONE]
    page = acceptance.get(place).text
    assert "Carried out: 2 of 2; not carried out: 0." in page
    assert "data-poll=" not in page


def test_what_was_not_done_is_planned_anew(firm, acceptance, mixed, session):
    place, _good, bad = mixed
    acceptance.post(f"{place}/confirm")
    answer = acceptance.post(f"{place}/retry", data={"page": "p"})
    assert batch_in(acceptance.post(f"{place}/retry", data={"page": "p"})) == batch_in(answer) != place
    page = acceptance.get(batch_in(answer)).text
    assert "Of 1, 0 would pass and 1 not." in page
    assert "Nothing in this batch can be done." in page
    assert bad.number in page


def test_a_batch_that_was_given_up_stays_on_record_and_is_not_carried_out(firm, acceptance, mixed):
    place, good, _bad = mixed
    assert acceptance.post(f"{place}/discard").status_code == 302
    assert "Given up; nothing was changed." in acceptance.get(place).text
    assert acceptance.post(f"{place}/confirm").status_code == 409
    assert firm.state(good) is State.AWAITING_ACCEPTANCE


def test_the_workbook_has_every_row_with_plan_result_and_reason_and_is_logged(firm, acceptance, session, mixed):
    place, good, bad = mixed
    acceptance.post(f"{place}/confirm")
    data = acceptance.post(f"{place}/sheet").data
    lines = list(load_workbook(BytesIO(data)).active.values)
    assert [line[1] for line in lines[1:]] == [bad.number, good.number]
    assert [line[6:8] for line in lines[1:]] == [("Would not pass", "Left out by the plan"), ("Would pass", "Row done")]
    assert "verify the originals" in lines[1][8]
    assert lines[2][9] is not None
    logged = select(AuditEntry.table).where(AuditEntry.deed == AuditAction.EXPORT)
    assert read_scalar(session, logged) == "decision_batch"


# --- who may --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.ENTERPRISE_CLERK, Role.EXAM_CLERK, Role.VIEWER, Role.SECURITY_ADMIN, Role.AUDITOR])
def test_who_decides_nothing_opens_no_batch(firm, mixed, role):
    place, browser = mixed[0], firm.browser(role)
    assert [browser.get(page).status_code for page in ("/batches/", place, f"{place}/progress")] == [403] * 3
    assert [browser.post(f"{place}/{step}").status_code for step in STEPS] == [403] * 4


def test_an_officer_finds_no_batch_of_a_colleague_or_of_another_region(firm, mixed):
    place = mixed[0]
    for browser in (firm.browser(Role.REVIEWER), firm.browser(Role.ACCEPTANCE_OFFICER, "430100")):
        assert place not in browser.get("/batches/").text
        assert [browser.get(page).status_code for page in (place, f"{place}/progress")] == [404, 404]
        assert [browser.post(f"{place}/{step}").status_code for step in STEPS] == [404] * 4


def test_the_head_reads_batches_of_the_region_and_decides_none(firm, mixed, session):
    place, good, _bad = mixed
    head, away = firm.browser(Role.APPROVER), firm.browser(Role.APPROVER, "430200")
    assert place in head.get("/batches/").text
    page = head.get(place).text
    assert "可受理" in page
    assert "/confirm" not in page
    assert away.get(place).status_code == 404
    assert [head.post(f"{place}/{step}").status_code for step in STEPS[:3]] == [403] * 3
    assert firm.state(good) is State.AWAITING_ACCEPTANCE
    assert read_scalar(session, select(DecisionBatch.state)) is BatchState.PLANNED


def test_the_administrator_reads_no_name_in_filter_or_reason_either(firm, acceptance, admin):
    reason = "李秘密的考试合格日期已超过两年（《行政许可法》第三十二条）"
    sent = {"next": "/acceptance/?person.name=李秘密", "reason": reason}
    place = batch_in(plan(acceptance, [firm.case(name="李秘密")], Action.DECLINE, **sent))
    assert acceptance.get(place).text.count("李秘密") >= 3
    assert "李秘密" not in admin.get(place).text


def test_the_administrator_sees_how_far_it_is_and_no_name(firm, mixed, admin):
    place, good, bad = mixed
    assert place in admin.get("/batches/").text
    page = admin.get(place).text
    assert "Of 2, 1 would pass and 1 not." in page
    assert not any(word in page for word in ("可受理", "待核验", good.number, bad.number))
    assert [admin.post(f"{place}/{step}").status_code for step in STEPS] == [403] * 4


def test_opening_a_plan_again_changes_nothing(acceptance, mixed, session):
    before = count(session, DecisionBatch)
    for _twice in range(2):
        acceptance.get(mixed[0])
    assert count(session, DecisionBatch) == before


def test_a_number_that_is_no_batch_is_not_found(acceptance):
    for number in ("0", "99", "2147483647", "99999999999", "x"):
        assert acceptance.get(f"/batches/{number}").status_code == 404
