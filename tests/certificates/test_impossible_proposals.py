"""A proposal whose certificate has become another one's matter: it can be refused, and closes itself at night."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.applications.nightly import close_impossible_proposals, end_suspensions
from app.certificates import impossible_proposals, status_changes
from app.certificates.status_changes import SYSTEM
from app.core.office import Office
from app.core.vocabulary import CertificateStatus, MatterKind, MeasureState
from app.eligibility.facts import of_certificates
from app.eligibility.rules import no_measure_is_proposed
from app.models import Certificate, CertificateEvent, Message
from app.outbox.sms_texts import in_province_language
from tests import make
from tests.at_once import at_once
from tests.measures import REINSTATED, REVOKED, SUSPENDED, WITHDRAWN, approver, confirm, impose, propose, reviewer

DAY = timedelta(days=1)
LAST = make.TODAY + 10 * DAY


@pytest.fixture
def held(session):
    def hold(**facts):
        certificate = make.certificate(make.person(make.enterprise(contact_mobile="13700000001")), **facts)
        session.add(certificate)
        session.commit()
        return certificate

    return hold


def night(session, on):
    for task in (end_suspensions, close_impossible_proposals):
        task(session, on, Office(), at=make.NOON + (on - make.TODAY))
    session.commit()
    session.expire_all()


def lifting_of(session, certificate):
    impose(session, certificate, last_day=LAST)
    return propose(session, certificate, REINSTATED)


@pytest.mark.parametrize(("days", "closed"), [(9, False), (10, False), (11, True), (40, True)])
def test_a_lifting_that_was_proposed_closes_itself_on_the_day_after_the_term(session, held, days, closed):
    reviewer(session, mobile="13900000001")
    measure = lifting_of(session, held())
    night(session, make.TODAY + days * DAY)
    assert measure.state is (MeasureState.RETRACTED if closed else MeasureState.PROPOSED)
    told = [message.text for message in session.scalars(select(Message)) if message.mobile == "13900000001"]
    assert len(told) == closed
    if closed:
        assert in_province_language(CertificateStatus.VALID.label) in measure.decision_reason
        assert (measure.decided_by, measure.decided_by_id) == (in_province_language(SYSTEM), measure.proposed_by_id)
        assert measure.decision_reason in told[0]


@pytest.mark.parametrize(
    ("kind", "before", "after", "closed"),
    [
        (SUSPENDED, {}, {"status": CertificateStatus.CANCELLED}, True),
        (SUSPENDED, {}, {"valid_to": make.TODAY - DAY}, True),
        (SUSPENDED, {}, {"valid_to": make.TODAY}, False),
        (WITHDRAWN, {}, {"valid_to": make.TODAY - DAY}, True),
        (WITHDRAWN, {}, {"status": CertificateStatus.TRANSFERRED_OUT}, True),
        (REVOKED, {}, {"valid_to": make.TODAY - DAY}, False),
        (REVOKED, {}, {"status": CertificateStatus.CANCELLED}, True),
        (REINSTATED, {"status": CertificateStatus.SUSPENDED}, {"status": CertificateStatus.REVOKED}, True),
        (REINSTATED, {"status": CertificateStatus.SUSPENDED}, {"valid_to": make.TODAY - DAY}, False),
    ],
)
def test_whatever_became_of_the_certificate_only_what_is_impossible_is_closed(session, held, kind, before, after, closed):
    certificate = held(**before)
    measure = propose(session, certificate, kind)
    session.execute(update(Certificate).where(Certificate.id == certificate.id).values(**after))
    session.commit()
    ids = impossible_proposals.impossible(session, make.TODAY)
    assert ids == [measure.id] * closed
    night(session, make.TODAY)
    assert (measure.state is MeasureState.RETRACTED) == closed


@pytest.mark.parametrize(("days", "closed"), [(0, False), (1, True)])
def test_a_suspension_whose_own_term_has_passed_undecided_closes_itself(session, held, days, closed):
    measure = propose(session, held(), SUSPENDED, last_day=make.TODAY)
    night(session, make.TODAY + days * DAY)
    assert (measure.state is MeasureState.RETRACTED) == closed
    assert (f"{make.TODAY}" in measure.decision_reason) == closed


def test_until_then_it_is_refused_with_what_to_do_and_can_be_refused_or_taken_back(session, held):
    for close in (
        lambda one, at: status_changes.refuse(session, [one.id], approver(session), reason="期满", at=at, office=Office()),
        lambda one, at: status_changes.retract(session, one.id, reviewer(session), at=at),
    ):
        measure, at = lifting_of(session, held()), make.NOON + 11 * DAY
        outcome = confirm(session, measure, at=at)
        ((refusal,),) = outcome.refused.values()
        assert refusal.code == "status"
        assert "Refuse the proposal, or leave it" in str(refusal.sentence)
        close(measure, at)
        session.commit()
        assert measure.state in (MeasureState.REFUSED, MeasureState.RETRACTED)


def test_once_closed_another_measure_and_a_cancellation_are_possible_again(session, held):
    certificate = held()
    lifting_of(session, certificate)
    on = make.TODAY + 11 * DAY
    case = lambda: of_certificates(  # noqa: E731
        session, certificate.enterprise_id, MatterKind.CANCELLATION, [certificate.id], reason_code="left"
    )[certificate.id]
    assert list(no_measure_is_proposed(case(), on, Office()))
    night(session, on)
    assert not list(no_measure_is_proposed(case(), on, Office()))
    assert propose(session, certificate, SUSPENDED, at=make.NOON + 11 * DAY, last_day=on + 90 * DAY)


def test_a_second_night_tells_nobody_again_and_adds_no_event(session, held):
    reviewer(session, mobile="13900000001")
    lifting_of(session, held())
    night(session, make.TODAY + 11 * DAY)
    before = [session.scalar(select(func.count()).select_from(model)) for model in (Message, CertificateEvent)]
    night(session, make.TODAY + 12 * DAY)
    assert [session.scalar(select(func.count()).select_from(model)) for model in (Message, CertificateEvent)] == before


def test_of_closing_and_refusing_at_the_same_moment_one_holds(session, system, held):
    measure = lifting_of(session, held())
    measure_id, judge, at = measure.id, approver(session), make.NOON + 11 * DAY
    session.rollback()

    def close(own):
        return impossible_proposals.close_impossible(own, [measure_id], at=at, office=Office(), send_at=at)

    def refuse(own):
        return status_changes.refuse(own, [measure_id], judge, reason="期满", at=at, office=Office()).done

    def run(deed):
        with Session(system.engine) as own:
            done = deed(own)
            own.commit()
            return done

    assert sorted(at_once(run, [close, refuse])) == [[], [measure_id]]
    session.expire_all()
    assert measure.state in (MeasureState.REFUSED, MeasureState.RETRACTED)
