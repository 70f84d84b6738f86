"""What a confirmation of several measures would do, before anybody is asked to confirm it."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.certificates.confirmation_plan import plan_confirmation
from app.core.clock import add_years
from app.core.errors import NotAllowed, Unmet
from app.core.office import Office
from app.core.vocabulary import Category, CertificateStatus, MeasureGround, MeasureState, Role
from app.models import CertificateEvent, CertificateMeasure, Person
from tests import make
from tests.measures import REINSTATED, REVOKED, SUSPENDED, WITHDRAWN, approver, confirm, officer, propose, reviewer
from tests.query_counter import queries

DAY = timedelta(days=1)
DECEIT, CONCEALMENT = MeasureGround.DECEIT, MeasureGround.CONCEALMENT


@pytest.fixture
def held(session):
    def hold(person=None, **facts):
        certificate = make.certificate(person or make.person(make.enterprise()), **facts)
        session.add(certificate)
        session.commit()
        return certificate

    return hold


def planned(session, *measures, actor=None, office=None):
    ids = [measure.id for measure in measures]
    found = plan_confirmation(session, ids, actor or approver(session), at=make.NOON, office=office or Office())
    session.rollback()
    return found


def counted(plan):
    return [(one.kind, one.measures, dict(one.bans)) for one in plan.counts]


def test_each_kind_says_how_many_are_banned_and_until_when(session, held):
    measures = [
        propose(session, held(), SUSPENDED),
        *(propose(session, held(), REVOKED, ground=DECEIT) for _ in range(2)),
        propose(session, held(), REVOKED, ground=CONCEALMENT),
        propose(session, held(), REVOKED, ground=MeasureGround.OFFICIAL_FAULT),
        propose(session, held(), WITHDRAWN),
        propose(session, held(status=CertificateStatus.SUSPENDED), REINSTATED),
    ]
    three, one = add_years(make.TODAY, 3), add_years(make.TODAY, 1)
    found = planned(session, *measures)
    assert {kind: (n, bans) for kind, n, bans in counted(found)} == {
        SUSPENDED: (1, {}), REVOKED: (4, {three: 2, one: 1}), WITHDRAWN: (1, {}), REINSTATED: (1, {}),
    }  # fmt: skip
    assert found.outcome.done == [measure.id for measure in measures]


def test_the_years_are_the_offices_own(session, held):
    measure = propose(session, held(), REVOKED, ground=DECEIT)
    found = planned(session, measure, office=Office(ban_years_deceit=5))
    assert counted(found) == [(REVOKED, 1, {add_years(make.TODAY, 5): 1})]


def test_a_person_counts_once_and_a_longer_ban_stays(session, held):
    person, banned = make.person(make.enterprise()), make.person(make.enterprise())
    later = add_years(make.TODAY, 2)
    banned.banned_until, banned.banned_for = later, DECEIT
    measures = [
        propose(session, held(person, category=Category.C1), REVOKED, ground=CONCEALMENT),
        propose(session, held(person, category=Category.C2), REVOKED, ground=DECEIT),
        propose(session, held(banned), REVOKED, ground=CONCEALMENT),
    ]
    assert counted(planned(session, *measures)) == [(REVOKED, 3, {add_years(make.TODAY, 3): 1, later: 1})]
    confirm(session, *measures)
    bans = session.scalars(select(Person.banned_until).where(Person.id.in_((person.id, banned.id))))
    assert sorted(bans) == [later, add_years(make.TODAY, 3)]


def test_what_would_be_refused_is_named_and_not_counted_and_nothing_is_written(session, held):
    certificate = held()
    ended, good = propose(session, certificate, SUSPENDED), propose(session, held(), REVOKED, ground=DECEIT)
    both = officer(session, "both", Role.REVIEWER, Role.APPROVER)
    own = propose(session, held(), REVOKED, ground=DECEIT, actor=both)
    certificate.status = CertificateStatus.CANCELLED
    session.commit()
    found = planned(session, ended, good, own, actor=both)
    assert found.outcome.done == [good.id]
    assert {key: refusals[0].code for key, refusals in found.outcome.refused.items()} == {
        ended.id: "status",
        own.id: "same-person",
    }
    assert counted(found) == [(REVOKED, 1, {add_years(make.TODAY, 3): 1})]
    assert set(session.scalars(select(CertificateMeasure.state))) == {MeasureState.PROPOSED}
    assert session.scalar(select(func.count()).select_from(CertificateEvent)) == 0


def test_only_who_may_confirm_is_told_and_something_must_be_chosen(session, held):
    measure = propose(session, held(), REVOKED)
    with pytest.raises(NotAllowed):
        planned(session, measure, actor=reviewer(session))
    with pytest.raises(Unmet):
        planned(session)


def test_a_plan_of_many_needs_no_more_queries(session, held):
    few = [propose(session, held(), REVOKED) for _ in range(2)]
    many = [*few, *(propose(session, held(), REVOKED) for _ in range(6))]
    counts = []
    for measures in (few, many):
        ids, judge = [measure.id for measure in measures], approver(session)
        with queries(session.get_bind()) as asked:
            plan_confirmation(session, ids, judge, at=make.NOON, office=Office())
        session.rollback()
        counts.append(len(asked))
    assert counts[0] == counts[1]
