import pytest
from sqlalchemy import select

from app.accounts.access import CASE_OFFICERS, HISTORY, NOBODY, Actor, decides, reach, reaches, reaches_case, region_prefix
from app.core.office import Office
from app.core.vocabulary import (
    OLD_SYSTEM,
    TAKEN,
    ImportKind,
    Level,
    MeasureState,
    PaperKind,
    Role,
    ScoreCorrectionState,
    SignupState,
    State,
)
from app.models import (
    Application,
    Certificate,
    CertificateMeasure,
    DecisionBatch,
    EmploymentRelease,
    Enterprise,
    ExamNotice,
    ExamSignup,
    Filing,
    IdentityCorrection,
    Paper,
    Person,
    PublicNotice,
    Qualification,
    ScoreCorrection,
    SheetImport,
)
from tests import make

MODELS = (
    *(
        Application,
        Certificate,
        CertificateMeasure,
        DecisionBatch,
        EmploymentRelease,
        Enterprise,
        ExamNotice,
        ExamSignup,
        Filing,
        IdentityCorrection,
        Paper,
        Person,
    ),
    PublicNotice,
    Qualification,
    ScoreCorrection,
    SheetImport,
    *HISTORY,
)


@pytest.fixture(scope="module")
def world(shared_session):
    """Two enterprises in two prefectures with rows of every kind and state."""
    session = shared_session
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
        session.add(make.identity_correction(person))
        session.add(make.employment_release(person, neighbour))
        session.add(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=enterprise.id, enterprise_id=enterprise.id))
        for state in ScoreCorrectionState:
            asker, decider = make.plain_account(session), make.plain_account(session)
            scored = make.signup(notice, make.person(enterprise), state=SignupState.PASSED, score=80)
            session.add(make.score_correction(scored, asker, state, decider))
        for state in MeasureState:
            proposer, decider = make.plain_account(session), make.plain_account(session)
            session.add(make.measure(make.certificate(make.person(enterprise)), proposer, state, decider))
        session.add(make.decision_batch(make.plain_account(session), region_code=enterprise.region_code))
        session.add_all([make.sheet_import(kind) for kind in OLD_SYSTEM])
        session.add(make.sheet_import(ImportKind.SCORES, region_code=enterprise.region_code))
        session.add(make.sheet_import(ImportKind.ROSTER, enterprise_id=enterprise.id))
    session.commit()
    return session


def actors(session):
    enterprise = session.scalars(select(Enterprise)).first()
    yield NOBODY
    yield make.clerk(enterprise)
    for role in Role:
        for region in ("430000", "430100", "430300", ""):
            yield Actor(None, role.value, frozenset({role}), region=region)
    yield Actor(None, "both", frozenset({Role.ENTERPRISE_CLERK, Role.REVIEWER}), region="430200", enterprise_id=enterprise.id)


def test_a_batch_is_seen_by_who_made_it_the_head_of_the_region_and_the_administrator(world):
    batch = world.scalars(select(DecisionBatch).where(DecisionBatch.region_code == "430200")).one()
    for role in Role:
        own = make.officer(role, region="430200", account_id=batch.actor_id)
        other = make.officer(role, region="430200", account_id=batch.actor_id + 999)
        assert reaches(own, batch) == (role in CASE_OFFICERS or role is Role.ADMIN), role
        assert reaches(other, batch) == (role in (Role.APPROVER, Role.ADMIN)), role
        for reader in (own, other):
            found = world.scalars(select(DecisionBatch.id).where(reach(reader, DecisionBatch))).all()
            assert (batch.id in found) == reaches(reader, batch), role
        assert not reaches(make.officer(role, region="430100", account_id=batch.actor_id), batch)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__tablename__)
def test_row_check_and_sql_condition_agree(world, model):
    for actor in actors(world):
        within = set(world.scalars(select(model.id).where(reach(actor, model))))
        assert within == {row.id for row in world.scalars(select(model)) if reaches(actor, row)}, (actor, model)


def test_access_to_facts_equals_access_to_the_application(world):
    for actor in actors(world):
        assert all(reaches(actor, row) == reaches_case(actor, row) for row in world.scalars(select(Application)))


def test_administrator_sees_only_applications_awaiting_release(world):
    admin = make.officer(Role.ADMIN)
    states = {row.state for row in world.scalars(select(Application).where(reach(admin, Application)))}
    assert states == {State.AWAITING_RELEASE}
    for model in (Person, Paper, Certificate, CertificateMeasure, ExamSignup, Filing):
        assert world.scalars(select(model).where(reach(admin, model))).all() == []


def test_viewer_sees_decided_cases_only_and_no_papers(world):
    viewer = make.officer(Role.VIEWER)
    states = {row.state for row in world.scalars(select(Application).where(reach(viewer, Application)))}
    assert states == {State.NOT_ACCEPTED, State.REVIEW_REFUSED, State.APPROVAL_REFUSED, State.APPROVED}
    assert world.scalars(select(Paper).where(reach(viewer, Paper))).all() == []


def test_an_enterprise_and_a_viewer_see_the_measures_that_were_taken_only(world):
    enterprise = world.scalars(select(Enterprise)).first()
    for reader in (make.clerk(enterprise), make.officer(Role.VIEWER)):
        assert {row.state for row in world.scalars(select(CertificateMeasure).where(reach(reader, CertificateMeasure)))} == {
            *TAKEN
        }


def test_prefecture_officer_sees_own_prefecture_only(world):
    officer = make.officer(Role.REVIEWER, region="430200")
    regions = {row.region_code for row in world.scalars(select(Application).where(reach(officer, Application)))}
    assert regions == {"430200"}


def test_releasing_enterprise_sees_a_transfer_once_submitted(world):
    for clerk in map(make.clerk, world.scalars(select(Enterprise))):
        within = select(Application).where(reach(clerk, Application))
        asked = within.where(Application.releasing_enterprise_id == clerk.enterprise_id)
        assert {row.state for row in world.scalars(asked)} == set(State) - {State.DRAFT}


def test_officers_do_not_see_cases_not_yet_submitted_to_the_office(world):
    officer = make.officer(Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER)
    states = {row.state for row in world.scalars(select(Application).where(reach(officer, Application)))}
    assert states.isdisjoint({State.DRAFT, State.AWAITING_RELEASE, State.RELEASE_REFUSED})


def test_officers_do_not_see_drafts(world):
    officer = make.officer(Role.ACCEPTANCE_OFFICER)
    assert all(row.state is not State.DRAFT for row in world.scalars(select(Application).where(reach(officer, Application))))


@pytest.mark.parametrize(
    ("region", "decides_at"),
    [
        ("430000", set(Level)),
        ("430100", {Level.PREFECTURE}),
        ("433100", {Level.PREFECTURE}),
        ("439001", {Level.PREFECTURE}),  # a county directly under the province
        ("430102", set()),  # a district does not decide
        ("", set()),
    ],
)
def test_level_determines_which_officers_decide(region, decides_at):
    officer = make.officer(*CASE_OFFICERS, region=region)
    for level in Level:
        office = Office(acceptance_level=level, review_level=level, approval_level=level)
        assert {decides(officer, role, office) for role in CASE_OFFICERS} == {level in decides_at}


def test_each_stage_has_its_own_level():
    officer, office = make.officer(*CASE_OFFICERS, region="430100"), Office(review_level=Level.PREFECTURE)
    assert {role for role in CASE_OFFICERS if decides(officer, role, office)} == {Role.REVIEWER}


@pytest.mark.parametrize(("code", "prefix"), [("430000", "43"), ("430100", "4301"), ("430102", "430102"), ("100000", "10")])
def test_region_prefix(code, prefix):
    assert region_prefix(code) == prefix
