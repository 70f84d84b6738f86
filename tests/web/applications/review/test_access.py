"""Access to applications by role, enterprise and region; forged ids and missing tokens."""

import pytest

from app.core.clock import now
from app.core.vocabulary import DECIDED, Action, Role, State
from app.models import AuditEntry, Filing, Parameter
from tests.web.applications.case_fixture import OFFICERS, count, in_batch, traces

POSTS_OF_A_CASE = ("decide", "originals", "id-number")


def test_a_case_outside_the_region_does_not_exist_for_an_officer(firm, other_firm, session):
    foreign, officer = other_firm.case(), firm.browser(Role.ACCEPTANCE_OFFICER, "430100")
    before = traces(session)
    for path in ("", "/read"):
        assert officer.get(f"/cases/{foreign.id}{path}").status_code == 404
    for action in POSTS_OF_A_CASE:
        assert officer.post(f"/cases/{foreign.id}/{action}", data={"decision": "accept"}).status_code == 404
    assert officer.get(f"/archive/{foreign.id}").status_code == 404
    assert foreign.number not in officer.get("/acceptance/?state=all").text
    assert traces(session) == before


def test_a_forged_row_of_another_region_is_reported_as_unknown_and_skipped(firm, other_firm, session):
    foreign, own = other_firm.case(name="株洲人"), firm.case(name="长沙人")
    firm.session.add(Parameter(name="acceptance_level", value="prefecture", changed_at=now(), changed_by="管理员"))
    firm.session.commit()
    answer = in_batch(firm.browser(Role.ACCEPTANCE_OFFICER, "430100"), [own, foreign], Action.ACCEPT)
    assert firm.state(own) is State.AWAITING_REVIEW
    assert firm.state(foreign) is State.AWAITING_ACCEPTANCE
    assert "No. 2 of the list" in answer.text
    assert "株洲人" not in answer.text
    assert foreign.number not in answer.text


def test_what_another_enterprise_filed_does_not_exist(firm, other_firm, clerk, session):
    foreign = other_firm.case(State.DRAFT)
    paths = [
        f"/cases/{foreign.id}",
        f"/cases/{foreign.id}/read",
        f"/archive/{foreign.id}",
        f"/filings/{foreign.filing_id}/edit",
    ]
    assert [clerk.get(path).status_code for path in paths] == [404] * 4
    assert clerk.post(f"/filings/{foreign.filing_id}/edit", data={"handler_name": "韩梅梅"}).status_code == 404
    assert clerk.post(f"/applications/new/{foreign.id}/discard").status_code == 404
    assert clerk.post("/applications/new/submit", data={"rowid": foreign.id}).status_code == 422
    assert firm.state(foreign) is State.DRAFT


def test_a_person_of_another_enterprise_cannot_be_filed_for(other_firm, clerk, session):
    person = other_firm.passer()
    data = {"handler_name": "韩梅梅", "handler_mobile": "13800000000", "rowid": f"{person.id}-C1"}
    assert clerk.post("/filings/add", data=data).status_code == 404
    assert count(session, Filing) == 0


def test_a_draft_is_visible_to_its_enterprise_only(firm):
    draft = firm.case(State.DRAFT)
    for role in (*OFFICERS, Role.VIEWER):
        assert firm.browser(role).get(f"/cases/{draft.id}/read").status_code == 404


def test_the_viewer_sees_closed_cases_only_and_no_papers(firm):
    viewer = firm.browser(Role.VIEWER)
    for state in State:
        application = firm.case(state)
        page = viewer.get(f"/cases/{application.id}/read")
        assert page.status_code == (200 if state in DECIDED else 404), state
        assert (application.number in viewer.get("/closed/").text) == (state in DECIDED)
        assert "/papers/" not in page.text
        assert viewer.post(f"/cases/{application.id}/id-number").status_code == 403


POSTS = (
    "/cases/{id}/decide",
    "/cases/{id}/originals",
    "/cases/{id}/id-number",
    "/acceptance/batch/accept",
    "/applications/new/submit",
    "/applications/new/{id}/discard",
)


@pytest.mark.parametrize("path", POSTS)
def test_a_get_request_changes_nothing(firm, clerk, acceptance, path):
    application = firm.case()
    for browser in (clerk, acceptance):
        assert browser.get(path.format(id=application.id)).status_code == 405
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


@pytest.mark.parametrize("path", [*POSTS, "/filings/add"])
def test_a_post_without_csrf_token_changes_nothing(strict, firm, clerk, acceptance, session, path):
    application = firm.case()
    data, before = {"decision": "accept", "rowid": application.id}, (*traces(session), count(session, AuditEntry))
    for browser in (clerk, acceptance):
        assert browser.post(path.format(id=application.id), data=data).status_code == 400
    assert firm.state(application) is State.AWAITING_ACCEPTANCE
    assert (*traces(session), count(session, AuditEntry)) == before


@pytest.mark.parametrize(
    "path", ["/applications/new/", "/acceptance/", "/closed/", "/certificates/", "/filings/add", "/cases/1"]
)
def test_an_anonymous_visitor_is_sent_to_sign_in(client, path):
    assert "/login/" in client.get(path).headers["Location"]


@pytest.mark.parametrize("forged", ["0", "-1", "abc", str(2**63), str(2**70), "1e3", "１", ""])
def test_a_forged_id_is_refused(firm, acceptance, clerk, forged):
    assert acceptance.get(f"/cases/{forged}").status_code == 404
    assert acceptance.post("/acceptance/batch/accept", data={"rowid": forged}).status_code == 422
    assert clerk.get(f"/filings/{forged}/edit").status_code == 404
    assert clerk.get(f"/certificates/{forged}.pdf").status_code == 404
