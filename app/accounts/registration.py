"""企业注册 (R30): an enterprise registers itself; the administrator checks its licence and approves or rejects.

Unique constraints decide between concurrent requests for one credit code or user name. An approved enterprise is never
changed here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.clock import office_day
from app.core.errors import AppError, NotFound, Refusal, Stale, Unmet
from app.core.identifiers import BadNumber, fold_enterprise_name, fold_user_name, parse_credit_code, parse_name
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import AccountSource, NotificationKind, Registration, Role
from app.files.storage import KeptScan
from app.models import Account, Certificate, Enterprise
from app.outbox.notifications import tell
from app.outbox.sms_texts import Recipient, system_message

SHORTEST, LONGEST = 3, 64  # of a user name
APPROVED = _("%(enterprise)s: the registration was approved. You can sign in now with the user name you chose.")
REJECTED = _(
    "%(enterprise)s: the registration was rejected. Reason: %(reason)s. Please correct it on the page for registering, with "
    "the same user name and password."
)


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """The data of a registration form."""

    uscc: str
    name: str
    region_code: str
    legal_representative: str
    contact: str
    mobile: str


def enterprise_by_code(session: Session, uscc: str) -> Enterprise | None:
    """The enterprise with this credit code, if registered."""
    return session.scalars(select(Enterprise).where(Enterprise.uscc == uscc)).one_or_none()


def faults(data: RegistrationRequest, username: str) -> Iterator[Refusal]:
    """What is wrong with the form by itself. Tells nothing of what is registered."""
    for field, parse in (("uscc", parse_credit_code), ("legal_representative", parse_name), ("contact", parse_name)):
        try:
            parse(getattr(data, field))
        except BadNumber as error:
            yield Refusal(error.code, error.sentence, field)
    name = fold_user_name(username)
    if not SHORTEST <= len(name) <= LONGEST or "@" in name or any(mark.isspace() for mark in name):
        yield Refusal(
            "bad-user-name",
            _(
                "A user name has %(least)s to %(most)s characters, without blanks and without @.",
                least=SHORTEST,
                most=LONGEST,
            ),
            "username",
        )


def _conflicts(session: Session, data: RegistrationRequest, username: str) -> Iterator[Refusal]:
    existing = enterprise_by_code(session, data.uscc)
    if existing is not None:
        yield _already_registered(existing)
    if session.scalar(select(Account.id).where(Account.username == fold_user_name(username))) is not None:
        yield Refusal("username-taken", _("This user name is taken."), "username")


def _already_registered(enterprise: Enterprise) -> Refusal:
    if enterprise.registration is Registration.PENDING:
        since = office_day(enterprise.registered_at).isoformat() if enterprise.registered_at else "—"
        waiting = _("A registration of this enterprise has been waiting for review since %(day)s.", day=since)
        return Refusal("registration-pending", waiting, "uscc")
    sentence = _(
        "This enterprise is on the books already. If it has an account, sign in or have the password reset; otherwise ask "
        "the office for one. Nobody can register it a second time."
    )
    return Refusal("enterprise-known", sentence, "uscc")


def register(session: Session, data: RegistrationRequest, licence: KeptScan, *, username: str, at: datetime) -> Account:
    """Create the enterprise, pending approval, and its clerk's account without a password. Raises ``Unmet``.

    Its refusals tell whether the enterprise and the user name are known: the caller has proved the mobile.
    """
    if refusals := [*faults(data, username), *_conflicts(session, data, username)]:
        raise Unmet(refusals)
    name, row = fold_user_name(username), Account.roles.property.mapper.class_
    enterprise = Enterprise(uscc=data.uscc, source=AccountSource.CLOUD)
    _fill(enterprise, data, licence, at)
    account = Account(
        username=name, first_name=data.contact, last_name="", email=f"{name}@accounts.invalid", active=True,
        mobile=data.mobile, enterprise=enterprise,
    )  # fmt: skip
    roles = session.scalars(select(row).where(row.name == Role.ENTERPRISE_CLERK.value)).all()
    try:
        with session.begin_nested():  # a savepoint: the caller's transaction goes on after a refusal
            session.add_all([enterprise, account])
            account.roles = list(roles)  # after the account is in the session, else SQLAlchemy warns
    except IntegrityError:  # a concurrent registration committed first
        overtaken = Refusal("overtaken", _("Somebody registered the same at this moment. Please check and send once more."))
        raise Unmet(list(_conflicts(session, data, username)) or [overtaken]) from None
    return account


def resubmit(session: Session, data: RegistrationRequest, licence: KeptScan, account: Account, *, at: datetime) -> Enterprise:
    """Correct a rejected registration from its own account: same enterprise, same account. The caller commits."""
    enterprise = session.scalars(
        select(Enterprise).where(Enterprise.uscc == data.uscc).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if enterprise is None or account.enterprise_id != enterprise.id:
        raise NotFound
    if enterprise.registration is not Registration.REJECTED:
        raise Unmet.because(_already_registered(enterprise))
    _fill(enterprise, data, licence, at)
    account.first_name, account.mobile = data.contact, data.mobile
    session.flush()
    return enterprise


def _fill(enterprise: Enterprise, data: RegistrationRequest, licence: KeptScan, at: datetime) -> None:
    enterprise.name, enterprise.region_code = data.name, data.region_code
    enterprise.legal_representative, enterprise.contact = parse_name(data.legal_representative), parse_name(data.contact)
    enterprise.contact_mobile = data.mobile
    enterprise.licence_digest, enterprise.licence_mime = licence.digest, licence.mime
    enterprise.registration, enterprise.registration_note, enterprise.registered_at = Registration.PENDING, "", at


# --- the administrator's decision ----------------------------------------------------------------------------


def decide(
    session: Session, enterprise_id: int, agree: bool, reason: str, actor: Actor, *, at: datetime, office: Office
) -> Enterprise:
    """Approve or reject a pending registration and queue a text message about it. The caller commits."""
    actor.demand(Role.ADMIN)
    enterprise = session.get(Enterprise, enterprise_id, with_for_update=True, populate_existing=True)
    if enterprise is None:
        raise NotFound
    if enterprise.registration is not Registration.PENDING:
        raise Stale
    if not agree and not reason.strip():
        raise AppError(_("Please give the reason; the enterprise is told it."), code="reason-missing", field="reason")
    enterprise.registration = Registration.APPROVED if agree else Registration.REJECTED
    enterprise.registration_note = "" if agree else without_numbers(reason.strip())[:200]
    values = {"enterprise": enterprise.name, "reason": enterprise.registration_note}
    sentence: object = APPROVED if agree else REJECTED
    recipient = Recipient(NotificationKind.ENTERPRISE, enterprise_id=enterprise.id)
    tell(session, [system_message(sentence, enterprise.contact_mobile, office, recipient, **values)], at=at)
    session.flush()
    return enterprise


def same_name_counts(session: Session, enterprise: Enterprise) -> tuple[int, int]:
    """How many other enterprises, and how many certificates, bear the same name."""
    others = session.execute(
        select(Enterprise.name).where(Enterprise.id != enterprise.id, _same_name(Enterprise.name, enterprise))
    )
    certificates = session.scalar(
        select(func.count(Certificate.id)).where(_same_name(Certificate.printed_enterprise, enterprise))
    )
    return len(others.all()), int(certificates or 0)


def _same_name(column: Any, enterprise: Enterprise) -> Any:
    """Full-width and half-width brackets are the same name."""
    half = fold_enterprise_name(enterprise.name)
    return column.in_({enterprise.name, half, half.replace("(", "（").replace(")", "）")})


def pending_count(session: Session) -> int:
    return int(session.scalar(select(func.count(Enterprise.id)).where(Enterprise.registration == Registration.PENDING)) or 0)
