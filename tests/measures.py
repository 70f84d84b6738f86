"""Measures as two officers take them: proposed by one account, confirmed by another."""

from datetime import timedelta
from itertools import count

from sqlalchemy import select

from app.accounts.access import Actor
from app.certificates import status_changes
from app.certificates.grounds import grounds_of
from app.certificates.status_changes import MeasureDocument, Proposal
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, Role
from app.models import Account, CertificateMeasure
from tests import make

SUSPENDED, REINSTATED = CertificateEventKind.SUSPENDED, CertificateEventKind.REINSTATED
REVOKED, WITHDRAWN = CertificateEventKind.REVOKED, CertificateEventKind.WITHDRAWN
DOCUMENT = MeasureDocument("d" * 64, "application/pdf", "决定.pdf")
FACTS = "2026年2月10日检查发现现场无安全防护"
_serial = count(1)


def officer(session, username: str, *roles: Role, region: str = "430000", mobile: str | None = None) -> Actor:
    """An actor with a saved account, made on first use."""
    account = session.scalars(select(Account).where(Account.username == username)).one_or_none()
    if account is None:
        account = Account(
            username=username,
            first_name=username,
            last_name="",
            email=f"{username}@officers.invalid",
            active=True,
            password="-",
            mobile=mobile,
        )
        session.add(account)
        session.commit()
    return Actor(account.id, username, frozenset(roles), region=region)


def reviewer(session, **more) -> Actor:
    return officer(session, "reviewer-who-proposes", Role.REVIEWER, **more)


def approver(session, **more) -> Actor:
    return officer(session, "approver-who-decides", Role.APPROVER, **more)


def proposal(certificate, kind=SUSPENDED, **facts) -> Proposal:
    """Complete; the term of a suspension is half a year."""
    given = {
        "ground": grounds_of(kind, certificate.category)[0],
        "facts": FACTS,
        "document_number": f"湘建罚〔2026〕{next(_serial)}号",
        "last_day": make.TODAY + timedelta(days=180) if kind is SUSPENDED else None,
        "document": DOCUMENT,
    }
    return Proposal(certificate.id, kind, **{**given, **facts})


def propose(session, certificate, kind=SUSPENDED, *, actor=None, at=make.NOON, office=None, **facts) -> CertificateMeasure:
    wanted = [proposal(certificate, kind, **facts)]
    (measure,) = status_changes.propose(session, wanted, actor or reviewer(session), at=at, office=office or Office())
    session.commit()
    return measure


def confirm(session, *measures, actor=None, at=make.NOON, office=None, reason=""):
    ids = [measure.id for measure in measures]
    outcome = status_changes.confirm(
        session, ids, actor or approver(session), reason=reason, at=at, office=office or Office()
    )
    session.commit()
    return outcome


def impose(session, certificate, kind=SUSPENDED, *, at=make.NOON, office=None, **facts) -> CertificateMeasure:
    """Proposed and confirmed."""
    measure = propose(session, certificate, kind, at=at, office=office, **facts)
    outcome = confirm(session, measure, at=at, office=office)
    assert outcome.done == [measure.id], outcome.refused
    return measure
