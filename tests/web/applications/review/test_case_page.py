"""The page of one case: what it shows, deciding, the next case, ID number and originals."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.core.clock import now, office_day
from app.core.vocabulary import Action, AuditAction, PaperKind, Role, State
from app.models import AuditEntry, ExamPass
from tests import make
from tests.web.applications.case_fixture import ALL_THREE, RECENTLY, UNSEEN, counted, decide, read_scalar, traces


def test_the_page_shows_scans_facts_checks_and_the_decision(firm, acceptance):
    application = firm.case(without=(PaperKind.REGISTRATION,))
    page = acceptance.get(f"/cases/{application.id}").text
    assert page.count("data-scan=") == 6
    assert application.person.id_number not in page
    assert "138****0000" in page
    assert f"{RECENTLY}, Old system" in page
    assert "Preliminary examination" in page
    assert "data-next-submit" in page
    assert page.count('name="decision"') == 3


def test_the_page_needs_a_bounded_number_of_queries(firm, acceptance, built):
    cases = [firm.case() for _ in range(12)]
    acceptance.get(f"/cases/{cases[0].id}")
    with counted(built) as seen:
        acceptance.get(f"/cases/{cases[0].id}?next=/acceptance/")
    assert len(seen) <= 40


def test_reading_shows_the_same_page_without_a_decision(firm, acceptance, clerk):
    application = firm.case()
    for browser in (acceptance, clerk):
        page = browser.get(f"/cases/{application.id}/read").text
        assert application.number in page
        assert 'name="decision"' not in page
    assert 'name="decision"' not in clerk.get(f"/cases/{application.id}").text


def test_a_decision_opens_the_next_case_of_the_same_list(firm, acceptance):
    cases = [firm.case(submitted_at=now() - timedelta(days=9 - n), name=f"{'甲乙丙'[n]}某") for n in range(3)]
    other = firm.case(name="不相干")
    here = "/acceptance/?person.name=某"
    page = acceptance.get(f"/cases/{cases[1].id}", query_string={"next": here}).text
    assert "Case 2 of 3" in page
    answer = decide(acceptance, cases[1], Action.ACCEPT, next=here)
    target = urlsplit(answer.headers["Location"])
    assert target.path == f"/cases/{cases[2].id}"
    assert parse_qs(target.query) == {"next": [here]}
    assert "乙某: Accept. Now “Awaiting review”." in acceptance.get(answer.headers["Location"]).text
    assert firm.state(other) is State.AWAITING_ACCEPTANCE


def test_the_last_case_leads_back_to_the_list(firm, acceptance):
    answer = decide(acceptance, firm.case(), Action.ACCEPT, next="/acceptance/")
    assert answer.headers["Location"] == "/acceptance/"


@pytest.mark.parametrize("wish", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/logout/"])
def test_a_redirect_never_leads_to_another_site(firm, acceptance, wish):
    answer = decide(acceptance, firm.case(), Action.ACCEPT, next=wish)
    assert answer.headers["Location"] == "/acceptance/"


@pytest.mark.parametrize("wish", ["//[/acceptance/", "http://["])
def test_an_address_that_is_no_url_counts_as_none(firm, acceptance, wish):
    application = firm.case()
    assert acceptance.get(f"/cases/{application.id}", query_string={"next": wish}).status_code == 200
    assert decide(acceptance, application, Action.ACCEPT, next=wish).headers["Location"] == "/acceptance/"


def test_a_refused_form_is_answered_although_the_browser_names_no_page(firm, acceptance):
    answer = acceptance.post("/cases/1000000/decide", headers={"Referer": "http://[/"})
    assert answer.status_code == 404


def test_a_refusal_without_a_reason_keeps_the_form(firm, acceptance):
    application = firm.case()
    answer = decide(acceptance, application, Action.DECLINE, "  ")
    assert answer.status_code == 422
    assert "Please give the reason in detail." in answer.text
    assert re.search(r'value="decline"[^>]* checked', answer.text)
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_a_decision_without_a_result_is_refused_and_the_opinion_stays(firm, acceptance):
    answer = acceptance.post(f"/cases/{firm.case().id}/decide", data={"reason": "材料齐全"})
    assert answer.status_code == 422
    assert "Please choose a result first." in answer.text
    assert "材料齐全" in answer.text


def test_a_double_submit_reports_who_was_faster_and_changes_nothing(firm, acceptance, session):
    application, other = firm.case(name="被抢先"), firm.case()
    decide(acceptance, application, Action.ACCEPT)
    before = traces(session)
    answer = decide(acceptance, application, Action.ACCEPT, next="/acceptance/")
    assert answer.status_code == 409
    assert re.search(r"被抢先 was moved by acceptance_officer-430000-\d+ at [0-9: -]+ \(Accept\)", answer.text)
    assert f"/cases/{other.id}" in answer.text
    assert traces(session) == before


def test_a_second_round_is_not_decided_by_the_page_of_the_first(firm, acceptance, clerk):
    application = firm.case(State.DRAFT)
    clerk.post("/applications/new/submit", data={"rowid": application.id})
    seen = re.search(r'name="seen" value="(\d*)"', acceptance.get(f"/cases/{application.id}").text)[1]
    decide(acceptance, application, Action.RETURN, make.REASON)
    clerk.post("/applications/new/submit", data={"rowid": application.id})
    assert decide(acceptance, application, Action.ACCEPT, seen=seen).status_code == 409
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_the_full_number_is_shown_on_demand_and_audited(firm, acceptance, session):
    application = firm.case()
    typed = {"reason": "写到一半", "decision": "decline"}
    answer = acceptance.post(f"/cases/{application.id}/id-number", data=typed)
    assert application.person.id_number in answer.text
    assert "写到一半" in answer.text
    line = read_scalar(session, select(AuditEntry).where(AuditEntry.deed == AuditAction.READ))
    assert (line.table, line.row, line.change) == (
        "application",
        str(application.id),
        {"shown": "id_number", "why": f"Deciding {application.number}"},
    )
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_who_does_not_decide_the_case_says_why_the_full_number_is_needed(firm, acceptance, session):
    application = firm.case()
    decide(acceptance, application, Action.ACCEPT)
    url, number = f"/cases/{application.id}/id-number", application.person.id_number
    refused = acceptance.post(url, data={"reading": "1"})
    assert (refused.status_code, number in refused.text) == (422, False)
    assert number in acceptance.post(url, data={"reading": "1", "why": "核对身份证"}).text
    line = read_scalar(session, select(AuditEntry).where(AuditEntry.deed == AuditAction.READ))
    assert line.change["why"] == "核对身份证"


def test_originals_are_noted_and_then_the_case_can_be_accepted(firm, acceptance, session):
    application = firm.case(exam=UNSEEN)
    assert decide(acceptance, application, Action.ACCEPT).status_code == 422
    answer = acceptance.post(f"/cases/{application.id}/originals", data={"original": ALL_THREE[:2]})
    assert (answer.status_code, "The originals were not noted" in answer.text) == (422, True)
    acceptance.post(f"/cases/{application.id}/originals", data={"original": ALL_THREE})
    assert read_scalar(session, select(ExamPass.originals_verified_at)) is not None
    decide(acceptance, application, Action.ACCEPT)
    assert firm.state(application) is State.AWAITING_REVIEW


def test_originals_are_ticked_and_the_case_accepted_in_one_go(firm, acceptance, session):
    application = firm.case(exam=UNSEEN)
    decide(acceptance, application, Action.ACCEPT, original=ALL_THREE)
    assert firm.state(application) is State.AWAITING_REVIEW
    assert read_scalar(session, select(ExamPass.originals_verified_by)).startswith("acceptance_officer")


def test_after_acceptance_by_lapse_of_time_originals_are_noted_and_the_review_goes_on(firm, acceptance):
    today = office_day(now())
    late = {"due_on": today - timedelta(days=1), "due_from": today - timedelta(days=9), "due_days": 5}
    application = firm.case(exam=UNSEEN, **late)
    decide(acceptance, application, Action.ACCEPT)
    assert firm.state(application) is State.AWAITING_REVIEW
    reviewer = firm.browser(Role.REVIEWER)
    assert decide(reviewer, application, Action.ENDORSE).status_code == 422
    assert "Note as verified" not in reviewer.get(f"/cases/{application.id}").text
    assert "Note as verified" in acceptance.get(f"/cases/{application.id}/read").text
    acceptance.post(f"/cases/{application.id}/originals", data={"original": ALL_THREE})
    assert "Note as verified" not in acceptance.get(f"/cases/{application.id}/read").text
    decide(reviewer, application, Action.ENDORSE)
    assert firm.state(application) is State.AWAITING_APPROVAL


def test_originals_are_not_asked_of_those_who_passed_here(firm, acceptance, session):
    application = firm.case()
    session.get_one(ExamPass, session.scalar(select(ExamPass.id))).originals_verified_at = make.NOON
    session.commit()
    assert "Note as verified" not in acceptance.get(f"/cases/{application.id}").text


def test_only_acceptance_officers_verify_originals(firm):
    application = firm.case(exam=UNSEEN)
    for role in Role:
        if role is not Role.ACCEPTANCE_OFFICER:
            answer = firm.browser(role).post(f"/cases/{application.id}/originals", data={"original": ALL_THREE})
            assert answer.status_code == 403, role
