"""Status changes by the administrator: suspension, reinstatement, revocation, withdrawal."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.certificates import status_changes
from app.core.errors import NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, CertificateStatus, Role
from app.models import CertificateEvent
from tests import make

VALID, SUSPENDED, EXPIRED = CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED
ALLOWED = {
    CertificateEventKind.SUSPENDED: {VALID: SUSPENDED},
    CertificateEventKind.REINSTATED: {SUSPENDED: VALID},
    CertificateEventKind.REVOKED: dict.fromkeys((VALID, SUSPENDED, EXPIRED), CertificateStatus.REVOKED),
    CertificateEventKind.WITHDRAWN: dict.fromkeys((VALID, SUSPENDED), CertificateStatus.WITHDRAWN),
}


@pytest.fixture
def held(session):
    def hold(**facts):
        certificate = make.certificate(make.person(make.enterprise()), **facts)
        session.add(certificate)
        session.commit()
        return certificate

    return hold


def do(session, certificate, action, actor=None, reason="发生生产安全事故", at=make.NOON):
    actor = actor or make.officer(Role.ADMIN)
    done = status_changes.change_status(session, certificate.id, action, actor, reason=reason, at=at, office=Office())
    session.commit()
    return done


@pytest.mark.parametrize("action", ALLOWED, ids=lambda action: action.value)
@pytest.mark.parametrize("status", CertificateStatus, ids=lambda status: status.name)
def test_each_action_starts_from_certain_statuses_only(session, held, action, status):
    certificate = held(status=status)
    target = ALLOWED[action].get(status)
    assert (action in status_changes.possible_actions(certificate, make.TODAY)) == (target is not None)
    if target is None:
        with pytest.raises(Stale):
            do(session, certificate, action)
        return
    assert do(session, certificate, action).status is target
    event = session.scalars(select(CertificateEvent)).one()
    assert (event.deed, event.status, event.reason) == (action, target, "发生生产安全事故")


@pytest.mark.parametrize(("late", "open_"), [(-1, True), (0, True), (1, False)])
def test_what_has_run_out_is_not_suspended(session, held, late, open_):
    certificate = held(valid_to=make.TODAY - timedelta(days=late))
    assert (CertificateEventKind.SUSPENDED in status_changes.possible_actions(certificate, make.TODAY)) is open_


def test_a_certificate_that_expired_while_suspended_is_expired(session, held):
    certificate = held(status=SUSPENDED, valid_to=make.TODAY - timedelta(days=1))
    do(session, certificate, CertificateEventKind.REINSTATED)
    assert certificate.status_on(make.TODAY) is EXPIRED


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN], ids=lambda role: role.value)
def test_only_the_administrator_does_this(session, held, role):
    actor = make.officer(role)
    with pytest.raises(NotAllowed):
        do(session, held(), CertificateEventKind.SUSPENDED, actor)
    with pytest.raises(NotAllowed):
        status_changes.by_number(session, "湘建安C1(2024)0000001", actor)


@pytest.mark.parametrize(("region", "found"), [("430000", True), ("430100", True), ("430200", False), ("", False)])
def test_an_administrator_stays_within_the_region(session, held, region, found):
    certificate, admin = held(number="湘建安C1(2024)0000777"), make.officer(Role.ADMIN, region=region)
    if found:
        assert status_changes.by_number(session, "湘建安C1（2024） 0000777", admin).id == certificate.id
        return
    with pytest.raises(NotFound):
        status_changes.by_number(session, certificate.number, admin)
    with pytest.raises(NotFound):
        do(session, certificate, CertificateEventKind.REVOKED, admin)


@pytest.mark.parametrize("reason", ["", "  \n", "长" * 501])
def test_a_reason_is_required_and_limited_in_length(session, held, reason):
    with pytest.raises(Unmet):
        do(session, held(), CertificateEventKind.REVOKED, reason=reason)
