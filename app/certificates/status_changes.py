"""Changes of status by the authority: 暂扣, its lifting, 撤销, 吊销 (domain.md 2.6).

Administrators only, always with a reason. Each adds an event to the certificate's history; none undoes an end.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor, region_prefix
from app.certificates.lifecycle import Decision, record
from app.core.clock import office_day
from app.core.errors import NotFound, Refusal, Stale, Unmet
from app.core.identifiers import fold_certificate_number
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, CertificateStatus, Role
from app.models import Certificate, Enterprise

MOST_REASON = 500  # characters
VALID, SUSPENDED, EXPIRED = CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED
# kind of event: possible statuses before (as on the day), status after
_STEPS = {
    CertificateEventKind.SUSPENDED: ((VALID,), SUSPENDED),
    CertificateEventKind.REINSTATED: ((SUSPENDED,), VALID),
    CertificateEventKind.REVOKED: ((VALID, SUSPENDED, EXPIRED), CertificateStatus.REVOKED),
    CertificateEventKind.WITHDRAWN: ((VALID, SUSPENDED), CertificateStatus.WITHDRAWN),
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


def possible_actions(certificate: Certificate, on: date) -> tuple[CertificateEventKind, ...]:
    """What can be done to a certificate now, for the screen; each function checks again."""
    return tuple(kind for kind, (sources, _target) in _STEPS.items() if certificate.status_on(on) in sources)


def suspend(session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office) -> Certificate:
    """暂扣: blocks every matter until it is lifted."""
    return _step(session, certificate_id, CertificateEventKind.SUSPENDED, actor, reason, at, office)


def reinstate(
    session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office
) -> Certificate:
    """暂扣发还: valid again, or expired if its last day has passed."""
    return _step(session, certificate_id, CertificateEventKind.REINSTATED, actor, reason, at, office)


def revoke(session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office) -> Certificate:
    """撤销: it was wrongly granted. Permanent; possible after expiry, too."""
    return _step(session, certificate_id, CertificateEventKind.REVOKED, actor, reason, at, office)


def withdraw(
    session: Session, certificate_id: int, actor: Actor, *, reason: str, at: datetime, office: Office
) -> Certificate:
    """吊销: a penalty. Permanent."""
    return _step(session, certificate_id, CertificateEventKind.WITHDRAWN, actor, reason, at, office)


# --- many at once ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusOrder:
    """One change of one certificate."""

    certificate_id: int
    kind: CertificateEventKind
    reason: str


def by_numbers(session: Session, numbers: Collection[str], actor: Actor, *, lock: bool = False) -> dict[str, Certificate]:
    """The certificates with exactly these numbers within the administrator's region, in one query."""
    actor.demand(Role.ADMIN)
    asked = (
        select(Certificate)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .where(Certificate.number.in_([fold_certificate_number(number) for number in numbers]), _within(actor))
        .order_by(Certificate.id)  # fixed order, so that concurrent sheets cannot deadlock
    )
    if lock:
        asked = asked.with_for_update(of=Certificate).execution_options(populate_existing=True)
    return {certificate.number: certificate for certificate in session.scalars(asked)}


def is_possible(certificate: Certificate, kind: CertificateEventKind, on: date) -> bool:
    """Whether the status of the certificate allows this."""
    return certificate.status_on(on) in _STEPS[kind][0]


def apply_orders(session: Session, orders: Sequence[StatusOrder], actor: Actor, *, at: datetime, office: Office) -> None:
    """Carry out orders whose certificates are locked and passed ``is_possible``, in a few statements for each kind.

    The caller logs the sheet as a whole; every certificate gets an event in its history.
    """
    actor.demand(Role.ADMIN)
    for kind, (_sources, target) in _STEPS.items():
        mine = [order for order in orders if order.kind is kind]
        if not mine:
            continue
        kept = [
            {"id": order.certificate_id, "status": target, "status_reason": "" if target is VALID else _checked(order.reason)}
            for order in mine
        ]
        session.execute(update(Certificate), kept)
        events = [{"certificate_id": order.certificate_id, "reason": _checked(order.reason)} for order in mine]
        record(Decision(session, actor, at, office), kind, target, events)
    session.expire_all()  # bulk statements went past the session's own copies


def _step(
    session: Session, certificate_id: int, kind: CertificateEventKind, actor: Actor, reason: str, at: datetime, office: Office
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
    sources, target = _STEPS[kind]
    if certificate.status_on(office_day(at)) not in sources:
        raise Stale
    certificate.status = target
    certificate.status_reason = "" if target is VALID else reason
    session.flush()
    record(Decision(session, actor, at, office), kind, target, [{"certificate_id": certificate.id, "reason": reason}])
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
