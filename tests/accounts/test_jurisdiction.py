"""Which region's officers decide each stage, and the four-eyes rule, in the domain and in the views."""

from datetime import timedelta

import pytest
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select

from app.accounts.access import reaches
from app.core.clock import now, office_day
from app.core.office import Office
from app.core.vocabulary import Action, Level, MatterKind, Role, State
from app.models import Application, Enterprise, Parameter, Region
from app.workflow import MOVES, carry_out, moves_open_to
from tests import make, workflow_fixture
from tests.web.applications.case_fixture import Firm, decide, in_batch, rolling_back

DECISIONS = [move for move in MOVES if move.stage]
LEVEL = {Role.ACCEPTANCE_OFFICER: "acceptance_level", Role.REVIEWER: "review_level", Role.APPROVER: "approval_level"}
OPENED = {State.AWAITING_ACCEPTANCE: "/acceptance/", State.AWAITING_REVIEW: "/review/", State.AWAITING_APPROVAL: "/approval/"}


def office_where(role: Role, level: Level) -> Office:
    return Office(**{LEVEL[role]: level})


def do(session, application, move, region, office):
    officer = make.officer(move.by, region=region)
    planned = carry_out(session, [application.id], move.action, officer, reason=make.REASON, at=make.NOON, office=office)
    session.commit()
    return [refusal.code for refusal in planned.refused.get(application.id, ())]


@pytest.fixture
def ours(session):
    """An enterprise in 长沙, for domain calls."""
    return workflow_fixture.Firm(session)


@pytest.fixture
def bench(session, signed_in, system) -> Firm:
    """The same, for requests to the views."""
    return Firm(session, signed_in, system)


@pytest.fixture
def put(session):
    """``put(review_level="prefecture")`` sets parameters of the office."""

    def store(**values: str) -> None:
        session.rollback()
        for name, value in values.items():
            session.merge(Parameter(name=name, value=value, changed_at=now(), changed_by="管理员"))
        session.commit()

    return store


# --- levels, domain ---------------------------------------------------------------------------
@pytest.mark.parametrize("move", DECISIONS, ids=lambda move: move.action.name)
def test_prefecture_sees_but_does_not_decide_a_provincial_stage(ours, session, move):
    application = ours.application(move.source)
    office = office_where(move.by, Level.PROVINCE)
    local = make.officer(move.by, region="430100")
    assert reaches(local, application)
    assert moves_open_to(local, application, office) == []
    assert do(session, application, move, "430100", office) == ["decided-elsewhere"]
    assert do(session, application, move, "430000", office) == []


@pytest.mark.parametrize("move", DECISIONS, ids=lambda move: move.action.name)
def test_delegated_stage_is_decided_by_its_own_prefecture_only(ours, session, move):
    application = ours.application(move.source)
    office = office_where(move.by, Level.PREFECTURE)
    assert move in moves_open_to(make.officer(move.by, region="430100"), application, office)
    assert do(session, application, move, "430200", office) == ["not-found"]
    assert do(session, application, move, "430100", office) == []


def test_province_decides_delegated_stages_too(ours, session):
    for move in DECISIONS:
        application = ours.application(move.source)
        assert do(session, application, move, "430000", office_where(move.by, Level.PREFECTURE)) == []


def test_district_decides_nothing(session):
    session.add(Region(code="430102", name="芙蓉区"))
    session.commit()
    district = workflow_fixture.Firm(session, name="湖南芙蓉建设有限公司", region_code="430102")
    application = district.application(State.AWAITING_REVIEW)
    move, office = next(m for m in DECISIONS if m.action is Action.ENDORSE), office_where(Role.REVIEWER, Level.PREFECTURE)
    assert reaches(make.officer(Role.REVIEWER, region="430102"), application)
    assert do(session, application, move, "430102", office) == ["decided-elsewhere"]
    assert do(session, application, move, "430100", office) == []


def test_refusal_names_the_deciding_level(ours, session):
    application = ours.application(State.AWAITING_REVIEW)
    planned = carry_out(
        session, [application.id], Action.ENDORSE, make.officer(Role.REVIEWER, region="430100"), at=make.NOON, office=Office()
    )
    assert "officers of the province" in str(planned.refused[application.id][0].sentence)


def test_changed_level_applies_to_the_next_decision(ours, session):
    application = ours.application(State.AWAITING_ACCEPTANCE)
    accept, endorse = (next(m for m in DECISIONS if m.action is action) for action in (Action.ACCEPT, Action.ENDORSE))
    delegated = Office(acceptance_level=Level.PREFECTURE, review_level=Level.PREFECTURE)
    assert do(session, application, accept, "430100", delegated) == []
    assert do(session, application, endorse, "430100", Office()) == ["decided-elsewhere"]
    assert do(session, application, endorse, "430100", delegated) == []


def test_transfer_is_decided_in_the_region_of_the_new_enterprise(session):
    old = workflow_fixture.Firm(session, name="长沙旧东家建设有限公司", region_code="430100")
    new = workflow_fixture.Firm(session, name="株洲新东家建设有限公司", region_code="430200")
    new._old = old
    application = new.application(State.AWAITING_ACCEPTANCE, matter=MatterKind.TRANSFER)
    assert session.get_one(Enterprise, application.releasing_enterprise_id).region_code == "430100"
    office = office_where(Role.ACCEPTANCE_OFFICER, Level.PREFECTURE)
    move = next(m for m in DECISIONS if m.action is Action.ACCEPT)
    assert do(session, application, move, "430100", office) == ["not-found"]
    assert do(session, application, move, "430200", office) == []


# --- levels, views -----------------------------------------------------------------------
@pytest.mark.parametrize("move", [m for m in DECISIONS if m.agreed], ids=lambda move: move.action.name)
def test_queue_of_a_non_deciding_prefecture_has_no_buttons(bench, move):
    application, local = bench.case(move.source), bench.browser(move.by, "430100")
    queue = local.get(OPENED[move.source]).text
    assert application.number in queue
    assert "This stage is decided by officers of the province; you may read what your region has filed." in queue
    assert f"batch/{move.action.value}" not in queue
    assert f'href="/cases/{application.id}?' not in queue
    page = local.get(f"/cases/{application.id}")
    assert (page.status_code, 'id="decide"' in page.text) == (200, False)


@pytest.mark.parametrize("move", [m for m in DECISIONS if m.agreed], ids=lambda move: move.action.name)
def test_forged_decision_is_refused_in_both_views_until_the_stage_is_delegated(bench, put, move):
    application, other = bench.case(move.source), bench.case(move.source, name="韩梅梅")
    local = bench.browser(move.by, "430100")
    alone, among = decide(local, application, move.action), in_batch(local, [other], move.action)
    for answer, status in ((alone, 422), (among, 200)):  # the plan of a batch says so
        assert answer.status_code == status
        assert "this is decided by officers of the province; you may read it." in answer.text
    put(**{LEVEL[move.by]: "prefecture"})
    assert f"batch/{move.action.value}" in local.get(OPENED[move.source]).text
    assert decide(local, application, move.action).status_code == 302
    assert in_batch(local, [other], move.action).status_code == 302
    assert {bench.state(application), bench.state(other)} == {move.target}


def test_transfer_is_queued_in_the_prefecture_of_the_new_enterprise(bench, session, signed_in, system, put):
    put(acceptance_level="prefecture")
    new = Firm(session, signed_in, system, "株洲枫溪建工有限公司", "430200")
    holder = bench.passer(name="李雷")
    held = make.certificate(holder, valid_to=office_day(now()) + timedelta(days=60))
    application = make.transfer(holder, new.enterprise, State.AWAITING_ACCEPTANCE, certificate=held)
    session.add(application)
    session.commit()
    number, its_id = application.number, application.id
    assert number in new.browser(Role.ACCEPTANCE_OFFICER, "430200").get("/acceptance/").text
    assert number not in bench.browser(Role.ACCEPTANCE_OFFICER, "430100").get("/acceptance/").text
    assert bench.browser(Role.ACCEPTANCE_OFFICER, "430100").get(f"/cases/{its_id}").status_code == 404


# --- four-eyes rule -----------------------------------------------------------------------------
@pytest.fixture
def both(bench, session, signed_in):
    """The browser of an officer who may accept and review."""
    account = make.account(session, "both", Role.ACCEPTANCE_OFFICER)
    account.roles.append(session.scalars(select(RoleRow).where(RoleRow.name == Role.REVIEWER.value)).one())
    session.commit()
    return rolling_back(signed_in(account), session)


def accepted_by(client, bench, name) -> Application:
    application = bench.case(name=name)
    assert decide(client, application, Action.ACCEPT).status_code == 302
    return application


def test_officer_who_accepted_cannot_review_in_either_view(bench, both):
    application = accepted_by(both, bench, "李雷")
    sentence = "you decided the stage before; the next one needs a second pair of eyes."
    assert sentence in both.get(f"/cases/{application.id}").text
    alone, among = decide(both, application, Action.ENDORSE), in_batch(both, [application], Action.ENDORSE)
    for answer, status in ((alone, 422), (among, 200)):  # the plan of a batch says so
        assert (answer.status_code, sentence in answer.text) == (status, True)
    assert bench.state(application) is State.AWAITING_REVIEW
    assert decide(bench.browser(Role.REVIEWER), application, Action.ENDORSE).status_code == 302


def test_four_eyes_rule_can_be_switched_off(bench, both, put):
    alone, among = accepted_by(both, bench, "李雷"), accepted_by(both, bench, "韩梅梅")
    put(two_pairs_of_eyes="0")
    assert "second pair of eyes" not in both.get(f"/cases/{alone.id}").text
    assert decide(both, alone, Action.ENDORSE).status_code == 302
    assert in_batch(both, [among], Action.ENDORSE).status_code == 302
    assert {bench.state(alone), bench.state(among)} == {State.AWAITING_APPROVAL}
