"""The plan of a batch says what its members would meet one after the other, and nothing of it stays."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.applications.decision_batches.planning import plan_batch
from app.core.errors import NotAllowed, Unmet
from app.core.office import Office
from app.core.vocabulary import Action, Category, MatterKind, Role, State
from app.eligibility.facts import of_applications
from app.models import Application, Certificate, Job, Message, NumberSequence, PublicNotice, Step
from tests import make
from tests.query_counter import queries
from tests.test_batches import APPROVER, STEPS, WRONG, Province, approve, exclusive
from tests.workflow_fixture import Firm

C1, C3 = Category.C1, Category.C3
TABLES = (Certificate, Job, Message, NumberSequence, PublicNotice, Step)


def planned(session, ids, action=Action.APPROVE, actor=APPROVER, reason=""):
    return plan_batch(session, ids, action, actor, reason=reason, at=make.NOON, office=Office())


def codes(refused):
    return {key: [refusal.code for refusal in reasons] for key, reasons in refused.items()}


def filed(session, steps):
    """The applications of a province, each with its snapshot, in the order of the steps."""
    province = Province(session)
    ids = [province.file(*step) for step in {exclusive(step): step for step in steps}.values()]
    for number, case in of_applications(session, ids).items():
        session.get(Application, number).snapshot = case.record()
    session.commit()
    return ids


def written(session):
    session.expire_all()
    counts = [session.scalar(select(func.count()).select_from(table)) for table in TABLES]
    return counts, session.execute(select(Application.id, Application.state, Application.check_result)).all()


def plan_and_sequence(session, ids):
    """The refusals foreseen, and those that the sequence meets; everything is rolled back."""
    before = written(session)
    foreseen = planned(session, ids)
    assert written(session) == before
    met = {}
    for key in ids:
        met |= approve(session, [key]).refused
    session.rollback()
    assert {*foreseen.passes, *foreseen.refused} == set(ids)
    return codes(foreseen.refused), codes(met)


@pytest.mark.parametrize(
    "steps",
    [
        [(0, C3, 0), (0, C1, 0), (1, C1, 0)],
        [(0, "correct", 0), (1, "correct", 0), (2, MatterKind.RENEWAL, 0)],
        [(0, MatterKind.TRANSFER, 0), (0, MatterKind.TRANSFER, 1), (0, MatterKind.CANCELLATION, 0)],
    ],
    ids=["C1 after C3", "two to one ID number", "transfers of one person"],
)
def test_a_plan_foresees_what_an_earlier_member_does_to_a_later_one(session, steps):
    foreseen, met = plan_and_sequence(session, filed(session, steps))
    assert foreseen == met


def test_c1_after_c3_of_one_person_is_refused_in_the_plan(session):
    ids = filed(session, [(0, C3, 0), (0, C1, 0), (1, C1, 0)])
    foreseen = planned(session, ids)
    assert list(codes(foreseen.refused)) == [ids[1]]
    assert set(foreseen.passes) == {ids[0], ids[2]}


def search(system, session, examples):
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=2, max_size=8))
    def plan_is_sequence(steps):
        session.rollback()
        system.sweep()
        foreseen, met = plan_and_sequence(session, filed(session, steps))
        assert foreseen == met

    plan_is_sequence()


def test_a_plan_equals_the_sequence(system, session):
    search(system, session, 20)


@pytest.mark.proof
def test_500_plans_equal_the_sequences(system, session):
    search(system, session, 500)


def test_members_that_share_nobody_are_planned_without_writing_in_a_fixed_number_of_queries(session, system):
    firm, asked = Firm(session), []
    for more in (3, 17):
        for _n in range(more):
            firm.application(State.AWAITING_APPROVAL)
        ids = list(session.scalars(select(Application.id)))
        with queries(system.engine) as seen:
            assert len(planned(session, ids).passes) == len(ids)
        assert all(statement.lstrip().startswith("SELECT") for statement in seen)
        asked.append(len(seen))
    assert asked[0] == asked[1]


def test_many_people_with_two_cases_each_are_rehearsed_in_two_layers(session, system):
    """Interleaved in the list, as an enterprise files them, they would be cut into as many parts as people."""
    firm, asked = Firm(session), []
    for more in (2, 8):
        for _n in range(more):
            person = firm.person()
            for category in (Category.A, Category.B):
                firm.on(firm.certificate(person, category=category), MatterKind.CANCELLATION, State.AWAITING_APPROVAL)
        ids = list(session.scalars(select(Application.id).order_by(Application.id)))
        with queries(system.engine) as seen:
            assert len(planned(session, ids).passes) == len(ids)
        asked.append(len(seen))
    assert asked[0] == asked[1]


def test_a_plan_is_refused_as_a_batch_is(session):
    firm = Firm(session)
    waiting = firm.application(State.AWAITING_ACCEPTANCE)
    with pytest.raises(NotAllowed):
        planned(session, [waiting.id], Action.ACCEPT)
    with pytest.raises(Unmet):
        planned(session, [waiting.id], Action.DECLINE, make.officer(Role.ACCEPTANCE_OFFICER))
    away = make.officer(Role.ACCEPTANCE_OFFICER, region="430200")
    assert codes(planned(session, [waiting.id, 10**6], Action.ACCEPT, away).refused) == {
        waiting.id: ["not-found"],
        10**6: ["not-found"],
    }


def test_a_correction_is_foreseen_though_an_earlier_one_frees_its_number(session):
    """Planned alone, the second is refused: its number still belongs to the first."""
    province = Province(session)
    first, second = province.people[:2]
    number = first.id_number
    ids = [
        province.firm.on(
            province.held[who, Category.A],
            MatterKind.REPLACEMENT,
            State.AWAITING_APPROVAL,
            **WRONG,
            details={"name": person.name, "id_number": new},
        ).id
        for who, person, new in ((0, first, make.id_number()), (1, second, number))
    ]
    for key, case in of_applications(session, ids).items():
        session.get(Application, key).snapshot = case.record()
    session.commit()
    foreseen, met = plan_and_sequence(session, ids)
    assert foreseen == met == {}
