"""Casework through its doors: filing, the queues, one case on one page, the archive and the certificate; refusals first."""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.applications.office_settings import change
from app.core.clock import Calendar, now, office_day
from app.core.office import Office
from app.core.vocabulary import DECIDED, Action, AuditAction, Category, MatterKind, PaperKind, PassSource, Role, Stage, State
from app.db.session import db
from app.files.storage import Store
from app.models import (
    Application,
    AuditEntry,
    Certificate,
    CertificateVersion,
    ExamPass,
    Filing,
    Message,
    Paper,
    Parameter,
    Person,
    PublicNotice,
    Step,
)
from app.web.applications.review.labels import moves_of
from app.workflow import MOVES
from tests import make
from tests.hostile_files import jpeg
from tests.query_counter import queries

OFFICERS = (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER)
DOORS = {Stage.ACCEPTANCE: "/acceptance/", Stage.REVIEW: "/review/", Stage.APPROVAL: "/approval/"}
OFFERED = {(move.source, move.action, move.by) for move in MOVES if MatterKind.NEW in move.matters}
STAGE_OF = {move.action: move.stage for move in MOVES if move.stage}
RECENTLY = office_day(now()) - timedelta(days=30)


class Firm:
    """An enterprise with everything in order, people who can be filed for, and a browser for everybody."""

    def __init__(
        self, session: Session, signed_in, system, name: str = "湖南湘江建设有限公司", region: str = "430100"
    ) -> None:
        self.session, self.signed_in, self.system = session, signed_in, system
        self.browsers: dict[tuple[Role, str], FlaskClient] = {}
        self.enterprise = make.enterprise(name=name, region_code=region)
        session.add(self.enterprise)
        session.flush()
        scan = make.qualification(self.enterprise)
        session.add(scan)
        session.flush()
        mine = self.enterprise.id
        session.add(make.paper(PaperKind.QUALIFICATION, qualification_id=scan.id, enterprise_id=mine))
        session.add(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=mine, enterprise_id=mine))
        session.commit()

    def passer(self, *, without=(), category=Category.C1, exam=None, **facts) -> Person:
        """Somebody who passed the exam, with real bytes behind the photo."""
        person = make.person(self.enterprise, **facts)
        self.session.add(person)
        self.session.flush()
        digest = Store(self.system.settings.blobs).put(jpeg(413, 579))
        papers = make.complete_papers(person, without=without)
        for paper in papers:
            paper.digest = digest
        given = {"passed_on": RECENTLY, **(exam or {})}
        self.session.add_all([*papers, make.exam_pass(person, category=category, **given)])
        self.session.commit()
        return person

    def case(self, state: State = State.AWAITING_ACCEPTANCE, category=Category.C1, **facts) -> Application:
        known = {name: facts.pop(name) for name in ("without", "exam", "name") if name in facts}
        person = self.passer(category=category, **known)
        if state is State.APPROVED:
            facts["certificate"] = make.certificate(person, category=category)
        application = make.application(person, state, category=category, **facts)
        self.session.add(application)
        self.session.commit()
        return application

    def browser(self, role: Role, region: str = "430000") -> FlaskClient:
        """A browser of its own for each role (and region); it reads English."""
        if (role, region) not in self.browsers:
            facts = {"enterprise_id": self.enterprise.id} if role is Role.ENTERPRISE_CLERK else {"region_code": region}
            account = make.account(self.session, f"{role.value}-{region}-{self.enterprise.id}", role, **facts)
            self.browsers[role, region] = letting_go(self.signed_in(account), self.session)
        return self.browsers[role, region]

    def state(self, application: Application) -> State:
        return look(self.session, select(Application.state).where(Application.id == application.id))


def letting_go(client: FlaskClient, session: Session, locale: str = "en") -> FlaskClient:
    """SQLite has one writer, and the test's own session must not be it."""
    with client.session_transaction() as cookie:
        cookie["locale"] = locale
    knock = client.open

    def open_after(*args, **kwargs):
        session.rollback()
        return knock(*args, **kwargs)

    client.open = open_after
    return client


def look(session: Session, query):
    session.rollback()
    found = session.scalar(query)
    session.rollback()
    return found


def count(session: Session, model) -> int:
    return look(session, select(func.count()).select_from(model))


def traces(session: Session) -> tuple[int, ...]:
    return tuple(count(session, model) for model in (Step, Message, PublicNotice, Certificate))


@pytest.fixture
def firm(session, signed_in, system) -> Firm:
    return Firm(session, signed_in, system)


@pytest.fixture
def other_firm(session, signed_in, system) -> Firm:
    """Another enterprise, in another city."""
    return Firm(session, signed_in, system, "株洲枫溪建工有限公司", "430200")


@pytest.fixture
def clerk(firm) -> FlaskClient:
    return firm.browser(Role.ENTERPRISE_CLERK)


@pytest.fixture
def acceptance(firm) -> FlaskClient:
    return firm.browser(Role.ACCEPTANCE_OFFICER)


def decide(client: FlaskClient, application: Application, action: Action, reason: str = "", **more):
    data = {"decision": action.value, "reason": reason, **more}
    return client.post(f"/cases/{application.id}/decide", data=data)


def in_batch(client: FlaskClient, applications, action: Action, reason: str = ""):
    door = f"{DOORS[STAGE_OF.get(action, Stage.ACCEPTANCE)]}batch/{action.value}"  # no queue has what belongs to no stage
    return client.post(door, data={"rowid": [a.id for a in applications], "reason": reason})


def forbidden(state: State) -> Iterator[tuple[Action, Role]]:
    return ((action, role) for action in Action for role in Role if (state, action, role) not in OFFERED)


# --- what is not in the table is refused through every door ------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_nothing_outside_the_table_passes_the_deciding_door(firm, session, state):
    application = firm.case(state)
    before = traces(session)
    for action, role in forbidden(state):
        answer = decide(firm.browser(role), application, action, "原因")
        assert answer.status_code in (403, 404, 409, 422), (action, role)
    assert firm.state(application) is state
    assert traces(session) == before


@pytest.mark.parametrize("state", State)
def test_nothing_outside_the_table_passes_the_batch_doors(firm, session, state):
    application = firm.case(state)
    before = traces(session)
    for action, role in forbidden(state):
        if action is Action.SUBMIT:
            answer = firm.browser(role).post("/applications/new/submit", data={"rowid": application.id})
        else:
            answer = in_batch(firm.browser(role), [application], action, "原因")
        assert answer.status_code in (403, 404, 422), (action, role)
    assert firm.state(application) is state
    assert traces(session) == before


@pytest.mark.parametrize("move", [move for move in MOVES if move.stage], ids=lambda move: move.action.name)
def test_what_stands_in_the_table_passes_both_doors(firm, move):
    alone, among = firm.case(move.source), firm.case(move.source)
    assert decide(firm.browser(move.by), alone, move.action, "原因").status_code == 302
    assert in_batch(firm.browser(move.by), [among], move.action, "原因").status_code == 302
    assert {firm.state(alone), firm.state(among)} == {move.target}


def test_a_queue_offers_only_the_decisions_of_its_stage(firm, acceptance):
    application = firm.case(State.AWAITING_REVIEW)
    assert acceptance.post("/acceptance/batch/endorse", data={"rowid": application.id}).status_code == 404
    assert acceptance.post("/acceptance/batch/nonsense", data={"rowid": application.id}).status_code == 404
    assert firm.state(application) is State.AWAITING_REVIEW


DEEDS = ("decide", "originals", "id-number")


def test_a_case_outside_the_region_does_not_exist_for_an_officer(firm, other_firm, session):
    foreign, officer = other_firm.case(), firm.browser(Role.ACCEPTANCE_OFFICER, "430100")
    before = traces(session)
    for path in ("", "/read"):
        assert officer.get(f"/cases/{foreign.id}{path}").status_code == 404
    for deed in DEEDS:
        assert officer.post(f"/cases/{foreign.id}/{deed}", data={"decision": "accept"}).status_code == 404
    assert officer.get(f"/archive/{foreign.id}").status_code == 404
    assert foreign.number not in officer.get("/acceptance/?state=all").text
    assert traces(session) == before


def test_a_forged_row_of_another_region_is_told_of_as_unknown_and_left(firm, other_firm, session):
    foreign, own = other_firm.case(name="株洲人"), firm.case(name="长沙人")
    firm.session.add(Parameter(name="acceptance_level", value="prefecture", changed_at=now(), changed_by="管理员"))
    firm.session.commit()
    answer = in_batch(firm.browser(Role.ACCEPTANCE_OFFICER, "430100"), [own, foreign], Action.ACCEPT)
    assert firm.state(own) is State.AWAITING_REVIEW
    assert firm.state(foreign) is State.AWAITING_ACCEPTANCE
    assert f"Record {foreign.id}" in answer.text
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


def test_somebody_elses_person_cannot_be_filed_for(other_firm, clerk, session):
    person = other_firm.passer()
    data = {"handler_name": "韩梅梅", "handler_mobile": "13800000000", "rowid": f"{person.id}-C1"}
    assert clerk.post("/filings/add", data=data).status_code == 404
    assert count(session, Filing) == 0


def test_a_draft_is_nobodys_business_but_the_enterprises(firm):
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
def test_opening_an_address_changes_nothing(firm, clerk, acceptance, path):
    application = firm.case()
    for browser in (clerk, acceptance):
        assert browser.get(path.format(id=application.id)).status_code == 405
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


@pytest.mark.parametrize("path", [*POSTS, "/filings/add"])
def test_a_form_without_its_token_changes_nothing(strict, firm, clerk, acceptance, session, path):
    application = firm.case()
    data, before = {"decision": "accept", "rowid": application.id}, (*traces(session), count(session, AuditEntry))
    for browser in (clerk, acceptance):
        assert browser.post(path.format(id=application.id), data=data).status_code == 400
    assert firm.state(application) is State.AWAITING_ACCEPTANCE
    assert (*traces(session), count(session, AuditEntry)) == before


@pytest.mark.parametrize(
    "path", ["/applications/new/", "/acceptance/", "/closed/", "/certificates/", "/filings/add", "/cases/1"]
)
def test_a_passer_by_is_sent_to_the_gate(client, path):
    assert "/login/" in client.get(path).headers["Location"]


@pytest.mark.parametrize("forged", ["0", "-1", "abc", str(2**63), str(2**70), "1e3", "１", ""])
def test_a_forged_id_leads_nowhere(firm, acceptance, clerk, forged):
    assert acceptance.get(f"/cases/{forged}").status_code == 404
    assert acceptance.post("/acceptance/batch/accept", data={"rowid": forged}).status_code == 422
    assert clerk.get(f"/filings/{forged}/edit").status_code == 404
    assert clerk.get(f"/certificates/{forged}.pdf").status_code == 404


# --- filing --------------------------------------------------------------------------------------------------


def filed(clerk: FlaskClient, *people: Person, then: str = "", path: str = "/filings/add", **typed):
    rows = [f"{person.id}-C1" for person in people]
    data = {"handler_name": "韩梅梅", "handler_mobile": "13812345678", "rowid": rows, "then": then, **typed}
    return clerk.post(path, data=data)


def test_saving_is_not_submitting_and_the_list_says_so_loudly(firm, clerk, session):
    answer = filed(clerk, firm.passer())
    page = clerk.get(answer.headers["Location"]).text
    assert "Not submitted yet" in page
    assert "1 applications are only saved and NOT submitted yet" in page
    assert look(session, select(Application.state)) is State.DRAFT


def test_several_people_are_filed_and_submitted_in_one_go(firm, clerk, session):
    answer = filed(clerk, firm.passer(name="甲一"), firm.passer(name="乙二"), then="submit")
    assert urlsplit(answer.headers["Location"]).path == "/applications/new/"
    assert look(session, select(func.count()).where(Application.state == State.AWAITING_ACCEPTANCE)) == 2
    assert count(session, Filing) == 1


def test_what_cannot_be_submitted_stays_a_draft_and_every_gap_is_named_with_its_place(firm, clerk, session):
    lacking = firm.passer(name="缺件人", without=(PaperKind.TITLE, PaperKind.PHOTO))
    answer = filed(clerk, lacking, firm.passer(name="齐全人"), then="submit")
    page = clerk.get(answer.headers["Location"]).text
    states = {row.name: row.state for row in session.execute(select(Person.name, Application.state).join(Application.person))}
    assert states == {"缺件人": State.DRAFT, "齐全人": State.AWAITING_ACCEPTANCE}
    assert "Saved, but NOT submitted: 1" in page
    for kind in ("photo", "title"):
        assert re.search(rf'href="/people/edit/{lacking.id}\?[^"]*#paper-{kind}"', page)


def test_papers_of_the_enterprise_are_asked_for_once(firm, clerk, session):
    for paper in session.scalars(select(Paper).where(Paper.kind.in_((PaperKind.PLEDGE, PaperKind.QUALIFICATION)))):
        paper.replaced_at = make.NOON
    session.commit()
    firm.passer(), firm.passer()
    page = clerk.get("/filings/add").text
    assert page.count("The integrity pledge is missing") == 1
    assert page.count("The qualification certificate scan is missing") == 1


def test_bad_words_are_all_named_at_once_and_what_was_typed_stays(firm, clerk, session):
    person = firm.passer()
    answer = filed(clerk, person, handler_name="<b>", handler_mobile="12345")
    assert answer.status_code == 422
    assert "3 things" not in answer.text
    assert 'value="12345"' in answer.text
    assert 'value="&lt;b&gt;"' in answer.text
    assert re.search(rf'value="{person.id}-C1" checked', answer.text)
    assert count(session, Filing) == 0


def test_nobody_chosen_is_said_beside_the_other_mistakes(firm, clerk, session):
    firm.passer()
    answer = filed(clerk, handler_name="", handler_mobile="")
    assert answer.status_code == 422
    assert "Please choose at least one person." in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert count(session, Filing) == 0


@pytest.mark.parametrize("value", ["", "1", "1-Z9", "x-C1", f"{2**70}-C1", "1-C1-C1"])
def test_a_tick_that_no_box_of_ours_sent_saves_nothing(firm, clerk, session, value):
    firm.passer()
    data = {"handler_name": "韩梅梅", "handler_mobile": "13812345678", "rowid": value}
    assert clerk.post("/filings/add", data=data).status_code in (404, 422)
    assert count(session, Filing) == 0


def test_the_ready_ones_are_ticked_on_demand_without_saving(firm, clerk, session):
    ready, lacking = firm.passer(), firm.passer(without=(PaperKind.PHOTO,))
    page = filed(clerk, then="tick", handler_name="张三丰").text
    assert re.search(rf'value="{ready.id}-C1" checked', page)
    assert not re.search(rf'value="{lacking.id}-C1" checked', page)
    assert 'value="张三丰"' in page
    assert count(session, Filing) == 0


def test_the_handler_is_filled_in_as_last_time(firm, clerk):
    filed(clerk, firm.passer(), handler_name="王经办")
    page = clerk.get("/filings/add").text
    assert 'value="王经办"' in page
    assert 'value="13812345678"' in page


def test_a_draft_can_be_changed_and_its_people_stay_ticked(firm, clerk, session):
    first, second = firm.passer(name="甲一"), firm.passer(name="乙二")
    filed(clerk, first)
    path = f"/filings/{look(session, select(Filing.id))}/edit"
    assert re.search(rf'value="{first.id}-C1" checked', clerk.get(path).text)
    filed(clerk, second, path=path)
    assert look(session, select(Application.person_id)) == second.id
    assert count(session, Application) == 1


def test_a_returned_case_is_corrected_and_submitted_again(firm, clerk, acceptance):
    application = firm.case()
    decide(acceptance, application, Action.RETURN, "照片不清晰")
    assert "照片不清晰" in clerk.get(f"/cases/{application.id}/read").text
    filed(clerk, then="submit", path=f"/filings/{application.filing_id}/edit")
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_a_draft_is_deleted_and_what_was_submitted_is_not(firm, clerk, session):
    draft, sent = firm.case(State.DRAFT), firm.case(State.RETURNED)
    assert clerk.post(f"/applications/new/{draft.id}/discard").status_code == 302
    assert clerk.post(f"/applications/new/{sent.id}/discard").status_code == 422
    assert look(session, select(Application.id)) == sent.id


def test_one_row_is_submitted_by_its_own_button_whatever_else_is_ticked(firm, clerk):
    pressed, ticked = firm.case(State.DRAFT), firm.case(State.DRAFT)
    clerk.post(f"/applications/new/submit?only={pressed.id}", data={"rowid": ticked.id})
    assert firm.state(pressed) is State.AWAITING_ACCEPTANCE
    assert firm.state(ticked) is State.DRAFT


def test_a_batch_of_drafts_tells_what_became_of_each(firm, clerk):
    fit, unfit = firm.case(State.DRAFT, name="齐全人"), firm.case(State.DRAFT, name="缺件人", without=(PaperKind.PHOTO,))
    answer = clerk.post("/applications/new/submit", data={"rowid": [fit.id, unfit.id]})
    assert answer.status_code == 200
    assert "done for 1" in answer.text
    assert "缺件人: the scan “Photo” is missing" in answer.text
    assert f"/people/edit/{unfit.person_id}" in answer.text
    assert firm.state(fit) is State.AWAITING_ACCEPTANCE


# --- the queues ------------------------------------------------------------------------------------------------


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


def test_nothing_ticked_is_said(firm, acceptance):
    answer = acceptance.post("/acceptance/batch/accept", follow_redirects=True)
    assert "Please choose at least one record first." in answer.text


@pytest.mark.parametrize("path", ["/acceptance/", "/applications/new/", "/closed/", "/certificates/"])
def test_a_list_asks_as_much_for_fifty_rows_as_for_three(firm, clerk, acceptance, system, built, path):
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


def counted(app):
    with app.app_context():
        return queries(db.engine)


def test_closed_cases_are_found_by_name_number_result_and_day(firm):
    viewer = firm.browser(Role.VIEWER)
    refused, approved = firm.case(State.REVIEW_REFUSED, name="甲一"), firm.case(State.APPROVED, name="乙二")
    number = approved.certificate.number.replace("(", "（").replace(")", "）")
    for query in (f"person.name={approved.person.name}", f"number={number}", "state=approved"):
        page = viewer.get(f"/closed/?{query}").text
        assert approved.number in page, query
        assert refused.number not in page, query
    assert approved.number not in viewer.get("/closed/?closed_at_from=2999-01-01").text


# --- one case on one page ------------------------------------------------------------------------------------------


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


def test_the_page_asks_a_bounded_number_of_questions(firm, acceptance, built):
    cases = [firm.case() for _ in range(12)]
    acceptance.get(f"/cases/{cases[0].id}")
    with counted(built) as seen:
        acceptance.get(f"/cases/{cases[0].id}?next=/acceptance/")
    assert len(seen) < 40


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
def test_the_way_on_never_leads_away(firm, acceptance, wish):
    answer = decide(acceptance, firm.case(), Action.ACCEPT, next=wish)
    assert answer.headers["Location"] == "/acceptance/"


def test_a_refusal_without_a_reason_keeps_the_form(firm, acceptance):
    application = firm.case()
    answer = decide(acceptance, application, Action.DECLINE, "  ")
    assert answer.status_code == 422
    assert "Please give the reason in detail." in answer.text
    assert re.search(r'value="decline"[^>]* checked', answer.text)
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_no_result_chosen_is_said_and_the_opinion_stays(firm, acceptance):
    answer = acceptance.post(f"/cases/{firm.case().id}/decide", data={"reason": "材料齐全"})
    assert answer.status_code == 422
    assert "Please choose a result first." in answer.text
    assert "材料齐全" in answer.text


def test_a_double_submit_is_told_who_was_quicker_and_moves_nothing(firm, acceptance, session):
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
    decide(acceptance, application, Action.RETURN, "补正")
    clerk.post("/applications/new/submit", data={"rowid": application.id})
    assert decide(acceptance, application, Action.ACCEPT, seen=seen).status_code == 409
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_the_full_number_is_shown_on_demand_and_that_is_written_down(firm, acceptance, session):
    application = firm.case()
    answer = acceptance.post(f"/cases/{application.id}/id-number", data={"reason": "写到一半", "decision": "decline"})
    assert answer.status_code == 422
    assert application.person.id_number not in answer.text
    assert "写到一半" in answer.text
    typed = {"reason": "写到一半", "decision": "decline", "why": "核对身份证"}
    answer = acceptance.post(f"/cases/{application.id}/id-number", data=typed)
    assert application.person.id_number in answer.text
    assert "写到一半" in answer.text
    line = look(session, select(AuditEntry).where(AuditEntry.deed == AuditAction.READ))
    assert (line.table, line.row, line.change) == (
        "application",
        str(application.id),
        {"shown": "id_number", "why": "核对身份证"},
    )
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


UNSEEN = {"originals_verified_at": None, "originals_verified_by": ""}
ALL_THREE = ["id_card", "education", "title"]


def test_originals_are_noted_and_then_the_case_can_be_accepted(firm, acceptance, session):
    application = firm.case(exam=UNSEEN)
    assert decide(acceptance, application, Action.ACCEPT).status_code == 422
    assert acceptance.post(f"/cases/{application.id}/originals", data={"original": ALL_THREE[:2]}).status_code == 422
    acceptance.post(f"/cases/{application.id}/originals", data={"original": ALL_THREE})
    assert look(session, select(ExamPass.originals_verified_at)) is not None
    decide(acceptance, application, Action.ACCEPT)
    assert firm.state(application) is State.AWAITING_REVIEW


def test_originals_are_ticked_and_the_case_accepted_in_one_go(firm, acceptance, session):
    application = firm.case(exam=UNSEEN)
    decide(acceptance, application, Action.ACCEPT, original=ALL_THREE)
    assert firm.state(application) is State.AWAITING_REVIEW
    assert look(session, select(ExamPass.originals_verified_by)).startswith("acceptance_officer")


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


# --- approval, certificate, archive ------------------------------------------------------------------------------


def test_an_approval_draws_the_certificate_at_once(firm, system, session):
    application = firm.case(State.AWAITING_APPROVAL, name="李雷")
    decide(firm.browser(Role.APPROVER), application, Action.APPROVE)
    version = look(session, select(CertificateVersion))
    assert Store(system.settings.blobs).read(version.digest).startswith(b"%PDF")


def test_a_batch_that_is_approved_in_part_draws_what_was_issued(firm, session):
    fit, settled = firm.case(State.AWAITING_APPROVAL), firm.case(State.AWAITING_REVIEW, name="还早着")
    answer = in_batch(firm.browser(Role.APPROVER), [fit, settled], Action.APPROVE)
    assert "还早着: now “Awaiting review”; this can no longer be done." in answer.text
    assert look(session, select(CertificateVersion.digest)) is not None


def test_a_photo_that_is_lost_does_not_undo_an_approval(firm, session):
    application = firm.case(State.AWAITING_APPROVAL)
    for paper in session.scalars(select(Paper)):
        paper.digest = "0" * 64
    session.commit()
    assert decide(firm.browser(Role.APPROVER), application, Action.APPROVE).status_code == 302
    assert firm.state(application) is State.APPROVED
    assert look(session, select(CertificateVersion.digest)) is None


def approved(firm: Firm, **facts) -> tuple[Application, CertificateVersion]:
    application = firm.case(State.AWAITING_APPROVAL, **facts)
    in_batch(firm.browser(Role.APPROVER), [application], Action.APPROVE)
    query = select(CertificateVersion).where(CertificateVersion.application_id == application.id)
    return application, look(firm.session, query)


def test_the_certificate_is_handed_out_under_name_and_number(firm, clerk):
    _application, version = approved(firm, name="李雷")
    shown = clerk.get(f"/certificates/{version.id}.pdf")
    assert (shown.mimetype, shown.data[:4]) == ("application/pdf", b"%PDF")
    assert shown.headers["Content-Disposition"].startswith("inline")
    kept = clerk.get(f"/certificates/{version.id}.pdf?download=1").headers["Content-Disposition"]
    assert kept.startswith("attachment")
    assert "%E6%9D%8E%E9%9B%B7-%E6%B9%98%E5%BB%BA%E5%AE%89C1" in kept


def test_a_certificate_is_drawn_again_when_it_never_was_drawn(firm, clerk, session):
    _application, version = approved(firm)
    session.get_one(CertificateVersion, version.id).digest = None
    session.commit()
    assert clerk.get(f"/certificates/{version.id}.pdf").data.startswith(b"%PDF")
    assert look(session, select(CertificateVersion.digest)) == version.digest


def test_a_certificate_is_for_its_enterprise_and_the_officers_of_the_region(firm, other_firm, session):
    _application, version = approved(firm)
    path = f"/certificates/{version.id}.pdf"
    assert other_firm.browser(Role.ENTERPRISE_CLERK).get(path).status_code == 404
    assert firm.browser(Role.REVIEWER, "430200").get(path).status_code == 404
    assert firm.browser(Role.EXAM_CLERK).get(path).status_code == 403
    assert firm.browser(Role.VIEWER).get(path).status_code == 200
    assert look(session, select(AuditEntry.table).where(AuditEntry.deed == AuditAction.READ)) == "certificate_version"


def test_the_list_of_certificates_marks_what_expires_and_what_has_expired(firm, clerk, session):
    today = office_day(now())
    for days in (10, -1, 400):
        session.add(make.certificate(firm.passer(), valid_to=today + timedelta(days=days)))
    session.commit()
    page = clerk.get("/certificates/").text
    assert "expires in 10 days" in page
    assert page.count('<span class="tag ok">Valid</span>') == 2
    assert page.count('<span class="tag bad">Expired</span>') == 1


def test_the_archive_holds_form_slip_certificate_and_steps_and_its_opening_is_noted(firm, clerk, session):
    application, version = approved(firm)
    page = clerk.get(f"/archive/{application.id}").text
    for part in ("p-form", "p-cert", "p-papers", "p-steps"):
        assert f'id="{part}"' in page
    assert f'<iframe class="pdf" src="/certificates/{version.id}.pdf"' in page
    assert look(session, select(AuditEntry.change).where(AuditEntry.deed == AuditAction.READ)) == {"shown": "archive"}


def test_a_slip_tells_what_was_promised_whatever_is_set_afterwards(firm, clerk, session):
    application = firm.case()
    decide(firm.browser(Role.ACCEPTANCE_OFFICER), application, Action.ACCEPT)
    session.add(Parameter(name="decide_days", value="7", changed_at=now(), changed_by="管理员"))
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    assert "within 20 working days" in page
    assert "within 7 working days" not in page


def test_the_archive_of_a_case_that_was_not_accepted_holds_the_notice_with_its_reason(firm, clerk, acceptance):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, "申请事项不属于本机关职权范围")
    page = clerk.get(f"/archive/{application.id}").text
    assert "Notice of non-acceptance" in page
    assert "申请事项不属于本机关职权范围" in page
    assert "行政复议" in page
    assert 'id="p-cert"' not in page


def test_the_archive_shows_what_was_submitted_not_what_stands_there_today(firm, clerk, session):
    application = firm.case(State.DRAFT, name="原姓名")
    clerk.post("/applications/new/submit", data={"rowid": application.id})
    session.get_one(Person, application.person_id).name = "新姓名"
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    assert "<td>原姓名</td>" in page
    assert "<td>新姓名</td>" not in page


def test_the_viewer_gets_the_archive_without_papers(firm):
    application, _version = approved(firm)
    page = firm.browser(Role.VIEWER).get(f"/archive/{application.id}").text
    assert 'id="p-cert"' in page
    assert "p-papers" not in page
    assert application.person.id_number not in page


def test_nothing_submitted_is_nothing_archived(firm, clerk):
    assert clerk.get(f"/archive/{firm.case(State.DRAFT).id}").status_code == 404


def unpacked(answer) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_archive_is_taken_along_as_one_file_with_a_list_that_proves_each_part(firm, clerk, session):
    application, version = approved(firm, name="李雷")
    answer = clerk.get(f"/archive/{application.id}.zip")
    assert "%E6%9D%8E%E9%9B%B7" in answer.headers["Content-Disposition"]
    files = unpacked(answer)
    assert [name.split("-")[0] for name in files if "/" not in name] == ["01", "02", "03", "04", "文件清单.txt"]
    assert files[f"04-电子证书-{version.face['number']}.pdf"] == clerk.get(f"/certificates/{version.id}.pdf").data
    assert files["附件材料/01-照片.jpg"].startswith(b"\xff\xd8")
    told = dict(line.split("\t", 1) for line in files["文件清单.txt"].decode("utf-8-sig").splitlines()[1:])
    proofs = {name: f"{len(data)}\t{sha256(data).hexdigest()}" for name, data in files.items() if name in told}
    assert {name: told[name] for name in proofs} == proofs
    assert len(proofs) == 9  # the enterprise's two scans have no bytes here
    assert look(session, select(AuditEntry.change).where(AuditEntry.deed == AuditAction.EXPORT)) == {"shown": "archive"}


def test_what_the_store_has_lost_is_named_in_the_list_and_the_rest_is_handed_out(firm, clerk, system):
    application, _version = approved(firm)
    store = Store(system.settings.blobs)
    lost = look(firm.session, select(Paper.digest).where(Paper.kind == PaperKind.ID_CARD))
    kept = store.read(lost)
    store.path(lost).unlink()
    files = unpacked(clerk.get(f"/archive/{application.id}.zip"))
    store.put(kept)
    assert "附件材料/02-身份证.jpg" not in files
    assert "附件材料/02-身份证.jpg\t" in files["文件清单.txt"].decode()


def test_a_scan_whose_time_has_passed_is_told_in_the_archive_and_in_the_list_of_its_file(firm, clerk):
    application, _version = approved(firm)
    at = datetime(2030, 1, 2, 16, tzinfo=UTC)
    firm.session.execute(update(Paper).where(Paper.kind == PaperKind.ID_CARD).values(removed_at=at))
    firm.session.commit()
    told = "按保存期限规定，已于 2030-01-03 删除"
    files = unpacked(clerk.get(f"/archive/{application.id}.zip"))
    assert "附件材料/02-身份证.jpg" not in files
    listed = files["文件清单.txt"].decode().splitlines()
    assert [line for line in listed if "身份证" in line] == [f"附件材料/02-身份证.jpg\t{told}"]
    page = clerk.get(f"/archive/{application.id}").text
    removed = r'<span class="up-none">\s*<span class="doc">Removed on 2030-01-03, as its time of keeping had passed</span>'
    assert re.search(removed, page)
    assert "附件材料/01-照片.jpg" in files


def test_a_viewer_takes_along_no_papers_and_no_number_in_full(firm):
    application, _version = approved(firm)
    files = unpacked(firm.browser(Role.VIEWER).get(f"/archive/{application.id}.zip"))
    assert not [name for name in files if "/" in name]
    form = PdfReader(io.BytesIO(files[next(name for name in files if name.startswith("01"))])).pages[0].extract_text()
    assert application.person.id_number not in form
    assert application.person.id_number[:6] in form


@pytest.mark.parametrize(("action", "title"), [(Action.DECLINE, "不予受理通知书"), (Action.RETURN, "补正通知书")])
def test_a_letter_is_chinese_on_paper_and_has_the_reason_and_where_it_can_be_contested(
    firm, clerk, acceptance, action, title
):
    application = firm.case()
    decide(acceptance, application, action, "照片不符合要求\n学历证不清晰")
    part = re.search(rf"/archive/{application.id}/(letter-\d+).pdf", clerk.get(f"/archive/{application.id}").text)[1]
    text = PdfReader(io.BytesIO(clerk.get(f"/archive/{application.id}/{part}.pdf").data)).pages[0].extract_text()
    for said in (title, "照片不符合要求", "学历证不清晰", firm.enterprise.name):
        assert said in text
    assert ("行政复议" in text) is (action is Action.DECLINE)


def test_a_letter_bears_the_office_of_its_own_day_whatever_was_set_since(firm, clerk, acceptance, session):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, "照片不符合要求")
    admin, new = make.officer(Role.ADMIN), {"issuer": "湖南省住房城乡建设委员会"}
    change(session, new, {"issuer": Office().issuer}, admin, base=Office(), at=now() + timedelta(hours=1))
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    part = re.search(rf"/archive/{application.id}/(letter-\d+).pdf", page)[1]
    assert f'<p class="sign">{Office().issuer}<br>' in page
    text = PdfReader(io.BytesIO(clerk.get(f"/archive/{application.id}/{part}.pdf").data)).pages[0].extract_text()
    assert Office().issuer in text
    assert "委员会" not in text


def test_no_document_but_the_case_s_own_is_found(firm, clerk, acceptance):
    application, other = firm.case(), firm.case()
    decide(acceptance, other, Action.ACCEPT)
    step = look(firm.session, select(Step.id).where(Step.application_id == other.id))
    for part in (f"letter-{step}", "letter-0", "anything"):
        assert clerk.get(f"/archive/{application.id}/{part}.pdf").status_code == 404


# --- the whole way -------------------------------------------------------------------------------------------------


def test_an_application_goes_its_whole_way_over_the_counter(firm, clerk, session, system):
    """添加申报 → 上报 (a scan is missing) → 补齐 → 上报 → 受理 → 初审 → 发证审批 → 电子档案 → 二维码."""
    person = firm.passer(name="李雷", without=(PaperKind.TITLE,), exam={"source": PassSource.LEGACY, **UNSEEN})
    filed(clerk, person, then="submit")
    session.add(make.paper(PaperKind.TITLE, person_id=person.id, enterprise_id=firm.enterprise.id))
    session.commit()
    filed(clerk, person, then="submit", path=f"/filings/{look(session, select(Filing.id))}/edit")
    application = look(session, select(Application))
    decide(firm.browser(Role.ACCEPTANCE_OFFICER), application, Action.ACCEPT, original=ALL_THREE)
    decide(firm.browser(Role.REVIEWER), application, Action.ENDORSE)
    decide(firm.browser(Role.APPROVER), application, Action.APPROVE, "同意发证")
    assert firm.state(application) is State.APPROVED
    version = look(session, select(CertificateVersion))
    assert version.face["number"] == f"湘建安C1({office_day(now()).year})0000001"
    assert version.face["number"] in clerk.get(f"/v/{version.token}").text
    assert f"/archive/{application.id}" in firm.browser(Role.VIEWER).get("/closed/").text
    assert traces(session) == (4, 3, 3, 1)
