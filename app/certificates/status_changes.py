"""Changes of status by the authority: 暂扣, its lifting, 撤销, 吊销 (domain.md 2.6).

Administrators only, always with a reason. Each adds an event to the certificate's history; none undoes an end.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import Select, select, update
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
    CertificateEventKind.SUSPENDED: ((VALID,), SUSPENDED),  # 暂扣: blocks every matter until it is lifted
    CertificateEventKind.REINSTATED: ((SUSPENDED,), VALID),  # 暂扣发还: or expired, if its last day has passed
    # 撤销: it was wrongly granted; permanent, possible after expiry, too
    CertificateEventKind.REVOKED: ((VALID, SUSPENDED, EXPIRED), CertificateStatus.REVOKED),
    CertificateEventKind.WITHDRAWN: ((VALID, SUSPENDED), CertificateStatus.WITHDRAWN),  # 吊销: a penalty; permanent
}


def by_number(session: Session, number: str, actor: Actor) -> Certificate:
    """The certificate with exactly this number, within the administrator's region; ``NotFound`` otherwise."""
    found = by_numbers(session, [number], actor)
    if not found:
        raise NotFound
    return found[fold_certificate_number(number)]


def possible_actions(certificate: Certificate, on: date) -> tuple[CertificateEventKind, ...]:
    """What can be done to a certificate now, for the screen; ``change_status`` checks again."""
    return tuple(kind for kind in _STEPS if is_possible(certificate, kind, on))


def change_status(
    session: Session,
    certificate_id: int,
    kind: CertificateEventKind,
    actor: Actor,
    *,
    reason: str,
    at: datetime,
    office: Office,
) -> Certificate:
    """One of ``_STEPS``; ``Stale`` if the status of the certificate does not allow it."""
    actor.demand(Role.ADMIN)
    reason = _checked(reason)
    certificate = session.scalars(_locked(_within(actor).where(Certificate.id == certificate_id))).one_or_none()
    if certificate is None:
        raise NotFound
    if not is_possible(certificate, kind, office_day(at)):
        raise Stale
    target = _STEPS[kind][1]
    certificate.status = target
    certificate.status_reason = "" if target is VALID else reason
    session.flush()
    record(Decision(session, actor, at, office), kind, target, [{"certificate_id": certificate.id, "reason": reason}])
    return certificate


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
    known = Certificate.number.in_([fold_certificate_number(number) for number in numbers])
    asked = _within(actor).where(known).order_by(Certificate.id)  # fixed order, so that concurrent sheets cannot deadlock
    return {certificate.number: certificate for certificate in session.scalars(_locked(asked) if lock else asked)}


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


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Unmet.because(Refusal("reason-missing", _("Please give the reason in detail."), field="reason"))
    if len(reason) > MOST_REASON:
        raise Unmet.because(
            Refusal("reason-too-long", _("The reason may have at most %(n)s characters.", n=MOST_REASON), field="reason")
        )
    return reason


def _within(actor: Actor) -> Select[Certificate]:
    """The certificates of the administrator's region."""
    prefix = region_prefix(actor.region) if actor.region else "-"
    theirs = select(Certificate).join(Enterprise, Enterprise.id == Certificate.enterprise_id)
    return theirs.where(Enterprise.region_code.startswith(prefix, autoescape=True))


def _locked(asked: Select[Certificate]) -> Select[Certificate]:
    return asked.with_for_update(of=Certificate).execution_options(populate_existing=True)
