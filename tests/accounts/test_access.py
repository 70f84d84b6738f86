import pytest
from sqlalchemy import select

from app.accounts.access import CASE_OFFICERS, NOBODY, Actor, decides, reach, reaches, reaches_case, region_prefix
from app.core.office import Office
from app.core.vocabulary import Level, PaperKind, Role, SignupState, State
from app.models import Application, Certificate, Enterprise, ExamNotice, ExamSignup, Filing, Paper, Person, Qualification
from tests import make

MODELS = (Application, Certificate, Enterprise, ExamNotice, ExamSignup, Filing, Paper, Person, Qualification)


@pytest.fixture
def world(session):
    """Two enterprises in two prefectures with a bit of everything, in many states."""
    notice = make.notice()
    enterprises = [make.enterprise(region_code=region) for region in ("430100", "430200")]
    for enterprise, neighbour in zip(enterprises, reversed(enterprises), strict=True):
        session.add(enterprise)
        for state in State:
            person = make.person(enterprise)
            certificate = {"certificate": make.certificate(person)} if state is State.APPROVED else {}
            session.add(make.application(person, state, **certificate))
            session.add(make.transfer(make.person(enterprise), neighbour, state))
        for state in (SignupState.SELECTED, SignupState.SUBMITTED):
            session.add(make.signup(notice, make.person(enterprise), state=state))
        session.add_all([make.qualification(enterprise), make.person(None)])
        session.flush()
        session.add(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=enterprise.id, enterprise_id=enterprise.id))
    session.commit()
    return session


def actors(session):
    one = session.scalars(select(Enterprise)).first()
    yield NOBODY
    yield make.clerk(one)
    for role in Role:
        for region in ("430000", "430100", "430300", ""):
            yield Actor(None, role.value, frozenset({role}), region=region)
    yield Actor(None, "both", frozenset({Role.ENTERPRISE_CLERK, Role.REVIEWER}), region="430200", enterprise_id=one.id)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__tablename__)
def test_the_question_and_the_query_always_agree(world, model):
    for actor in actors(world):
        within = set(world.scalars(select(model.id).where(reach(actor, model))))
        assert within == {row.id for row in world.scalars(select(model)) if reaches(actor, row)}, (actor, model)


def test_what_holds_for_an_application_holds_for_its_facts(world):
    for actor in actors(world):
        assert all(reaches(actor, row) == reaches_case(actor, row) for row in world.scalars(select(Application)))


def test_an_administrator_reaches_what_awaits_a_release_and_no_person(world):
    admin = make.officer(Role.ADMIN)
    states = {row.state for row in world.scalars(select(Application).where(reach(admin, Application)))}
    assert states == {State.AWAITING_RELEASE}
    for model in (Person, Paper, Certificate, ExamSignup, Filing):
        assert world.scalars(select(model).where(reach(admin, model))).all() == []


def test_a_viewer_sees_closed_cases_only_and_no_papers(world):
    viewer = make.officer(Role.VIEWER)
    states = {row.state for row in world.scalars(select(Application).where(reach(viewer, Application)))}
    assert states == {State.NOT_ACCEPTED, State.REVIEW_REFUSED, State.APPROVAL_REFUSED, State.APPROVED}
    assert world.scalars(select(Paper).where(reach(viewer, Paper))).all() == []


def test_an_officer_of_a_prefecture_stays_within_it(world):
    officer = make.officer(Role.REVIEWER, region="430200")
    regions = {row.region_code for row in world.scalars(select(Application).where(reach(officer, Application)))}
    assert regions == {"430200"}


def test_the_old_enterprise_reaches_a_transfer_once_it_was_submitted(world):
    for clerk in map(make.clerk, world.scalars(select(Enterprise))):
        within = select(Application).where(reach(clerk, Application))
        asked = within.where(Application.releasing_enterprise_id == clerk.enterprise_id)
        assert {row.state for row in world.scalars(asked)} == set(State) - {State.DRAFT}


def test_what_lies_between_two_enterprises_is_not_the_officers_business(world):
    officer = make.officer(Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER)
    states = {row.state for row in world.scalars(select(Application).where(reach(officer, Application)))}
    assert states.isdisjoint({State.DRAFT, State.AWAITING_RELEASE, State.RELEASE_REFUSED})


def test_a_draft_is_nobody_s_business_but_the_enterprise_s(world):
    officer = make.officer(Role.ACCEPTANCE_OFFICER)
    assert all(row.state is not State.DRAFT for row in world.scalars(select(Application).where(reach(officer, Application))))


@pytest.mark.parametrize(
    ("region", "decides_at"),
    [
        ("430000", set(Level)),
        ("430100", {Level.PREFECTURE}),
        ("433100", {Level.PREFECTURE}),
        ("439001", {Level.PREFECTURE}),  # a county directly under the province
        ("430102", set()),  # a district reads; it is its prefecture that decides
        ("", set()),
    ],
)
def test_a_level_says_whose_officers_decide(region, decides_at):
    officer = make.officer(*CASE_OFFICERS, region=region)
    for level in Level:
        office = Office(acceptance_level=level, review_level=level, approval_level=level)
        assert {decides(officer, role, office) for role in CASE_OFFICERS} == {level in decides_at}


def test_each_stage_has_a_level_of_its_own():
    officer, office = make.officer(*CASE_OFFICERS, region="430100"), Office(review_level=Level.PREFECTURE)
    assert {role for role in CASE_OFFICERS if decides(officer, role, office)} == {Role.REVIEWER}


@pytest.mark.parametrize(("code", "prefix"), [("430000", "43"), ("430100", "4301"), ("430102", "430102"), ("100000", "10")])
def test_regions_nest_by_their_code(code, prefix):
    assert region_prefix(code) == prefix
