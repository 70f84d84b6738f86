"""What the authority does to a certificate of its own accord: 暂扣, its lifting, 撤销, 吊销 (domain.md 2.6).

Law: the administrator's alone, each with a reason, each a line of history; nothing here undoes an end.
"""

from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.certificates.lifecycle import Decision, record
from app.clock import office_day
from app.config import Office
from app.errors import NotFound, Refusal, Stale, Unmet
from app.identity import fold_certificate_number
from app.models import Certificate, Enterprise
from app.scope import Actor, region_prefix
from app.vocabulary import CertificateDeed, CertificateStatus, Role

MOST_REASON = 500  # characters
VALID, SUSPENDED, EXPIRED = CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED
# deed: from which status (as on the day), to which
_STEPS = {
    CertificateDeed.SUSPENDED: ((VALID,), SUSPENDED),
    CertificateDeed.REINSTATED: ((SUSPENDED,), VALID),
    CertificateDeed.REVOKED: ((VALID, SUSPENDED, EXPIRED), CertificateStatus.REVOKED),
    CertificateDeed.WITHDRAWN: ((VALID, SUSPENDED), CertificateStatus.WITHDRAWN),
}


def by_number(session: Session, number: str, actor: Actor) -> Certificate:
    """The certificate with exactly this number, within the administrator's region; ``NotFound`` otherwise."""
    actor.demand(Role.ADMIN)
    found = session.scalars(
        select(Certificate)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .where(Certificate.number == fold_certificate_number(number), _within(actor))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def deeds_open_to(certificate: Certificate, on: date) -> tuple[CertificateDeed, ...]:
    """What can be done to a certificate as it stands. A courtesy: the deed asks again."""
    return tuple(deed for deed, (sources, _target) in _STEPS.items() if certificate.status_on(on) in sources)


def suspend(session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office) -> Certificate:
    """暂扣: stands in the way of every matter until it is lifted."""
    return _step(session, certificate_id, CertificateDeed.SUSPENDED, actor, reason, at, office)


def reinstate(
    session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office
) -> Certificate:
    """暂扣发还: valid again, or expired, if its last day has gone by meanwhile."""
    return _step(session, certificate_id, CertificateDeed.REINSTATED, actor, reason, at, office)


def revoke(session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office) -> Certificate:
    """撤销: it was wrongly granted. Ends it for good, even if it has run out."""
    return _step(session, certificate_id, CertificateDeed.REVOKED, actor, reason, at, office)


def withdraw(
    session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office
) -> Certificate:
    """吊销: a penalty. Ends it for good."""
    return _step(session, certificate_id, CertificateDeed.WITHDRAWN, actor, reason, at, office)


def _step(
    session: Session,
    certificate_id: int,
    deed: CertificateDeed,
    actor: Actor,
    reason: str,
    at: datetime,
    office: Office,
) -> Certificate:
    actor.demand(Role.ADMIN)
    reason = _checked(reason)
    certificate = session.scalars(
        select(Certificate)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .where(Certificate.id == certificate_id, _within(actor))
        .with_for_update(of=Certificate)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if certificate is None:
        raise NotFound
    sources, target = _STEPS[deed]
    if certificate.status_on(office_day(at)) not in sources:
        raise Stale
    certificate.status = target
    certificate.status_reason = "" if target is VALID else reason
    session.flush()
    record(Decision(session, actor, at, office), deed, target, [{"certificate_id": certificate.id, "reason": reason}])
    return certificate


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Unmet.because(Refusal("reason-missing", _("Please give the reason in detail."), field="reason"))
    if len(reason) > MOST_REASON:
        raise Unmet.because(
            Refusal("reason-too-long", _("The reason may have at most %(n)s characters.", n=MOST_REASON), field="reason")
        )
    return reason


def _within(actor: Actor) -> ColumnElement[bool]:
    prefix = region_prefix(actor.region) if actor.region else "-"
    return Enterprise.region_code.startswith(prefix, autoescape=True)
