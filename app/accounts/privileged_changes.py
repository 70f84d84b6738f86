"""双人控制: what opens a privileged account is changed by two administrators.

One asks with a reason, the system administrator or the security administrator; the other one of the two confirms or refuses,
never the account's own holder. Only then the account is changed. A one-time password goes to the mobile on file and to nobody
else; the holder is told of every other change there. A request that is not decided in ``office.consent_hours`` lapses.

Locks: the account, then its request, then the role (``role_assignment.keep_the_last``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import role_assignment
from app.accounts.access import Actor
from app.accounts.pki import bindings
from app.accounts.pki.verify import CertIdentity
from app.accounts.role_assignment import RoleRow, is_privileged, roles_of
from app.core.clock import office_time
from app.core.crypto.encryption import keyring
from app.core.errors import AppError, NotFound, Refusal, Stale, Unmet, reason_faults
from app.core.office import Office
from app.core.redaction import mask_numbers
from app.core.sign_in_vocabulary import PrivilegedChangeKind, PrivilegedChangeState
from app.core.vocabulary import PRIVILEGED, NotificationKind, Role
from app.models import Account, PrivilegedChange
from app.outbox.notifications import tell
from app.outbox.sms import queue_code
from app.outbox.sms_texts import ACCOUNT_CHANGED, ONE_TIME_PASSWORD, Recipient, in_province_language, system_message

ASKED = PrivilegedChangeState.ASKED
OTHER = {Role.ADMIN: Role.SECURITY_ADMIN, Role.SECURITY_ADMIN: Role.ADMIN}
BY_COMMAND = _("The operator can give a one-time password by command: anguan reset-password.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the new values of a mobile, of a role with region and mobile, or a certificate."""

    kind: PrivilegedChangeKind
    role: Role | None = None
    region: str = ""
    mobile: str | None = None
    certificate: CertIdentity | None = None


@dataclass(frozen=True, slots=True)
class OneTimePassword:
    """A password and its hash, made before anything is locked."""

    plain: str = field(repr=False)
    hash: str = field(repr=False)


def ask(
    session: Session,
    account_id: int,
    wanted: Wanted,
    reason: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
    sends_messages: bool,
) -> PrivilegedChange:
    """Ask for a change; nothing of the account changes yet. ``Unmet`` with all that stands in the way. The caller commits.

    The system administrator asks for passwords and mobiles only. ``sends_messages``: whether text messages reach anybody.
    """
    actor.demand(*OTHER)
    [asked_as] = actor.roles & OTHER.keys()
    if wanted.kind not in (PrivilegedChangeKind.PASSWORD, PrivilegedChangeKind.MOBILE):
        actor.demand(Role.SECURITY_ADMIN)
    account = _locked_account(session, account_id)
    reason = " ".join(mask_numbers(reason).split())
    faults = [*reason_faults(reason), *_faults(session, account, wanted, actor, sends_messages=sends_messages)]
    if not session.scalar(select(_holds(OTHER[asked_as], Account.id.not_in([actor.id, account.id])))):
        faults.append(_nobody_decides(OTHER[asked_as]))
    lapse(session, at=at, account_id=account.id)
    if session.scalar(select(exists().where(PrivilegedChange.account_id == account.id, PrivilegedChange.state == ASKED))):
        faults.append(Refusal("change-pending", _("A change of this account awaits its decision already.")))
    if faults:
        raise Unmet(faults)
    if wanted.kind is PrivilegedChangeKind.ROLE:
        role_assignment.keep_the_last(session, account, "role", wanted.role)
    made = PrivilegedChange(
        account_id=account.id,
        kind=wanted.kind,
        role=wanted.role,
        region_code=wanted.region or None,
        mobile=wanted.mobile or None,
        **(bindings.facts_of(wanted.certificate) if wanted.certificate else {}),
        seen=_digest(account, wanted.kind),
        reason=reason,
        asked_by_id=actor.id,
        asked_by=actor.name[:130],
        asked_as=asked_as,
        asked_at=at,
        lapses_at=at + timedelta(hours=office.consent_hours),
    )
    session.add(made)
    session.flush()
    return made


def confirm(
    session: Session, change_id: int, actor: Actor, password: OneTimePassword, *, at: datetime, office: Office
) -> PrivilegedChange:
    """Change the account and tell its holder. ``Unmet`` with what stands in the way by now. The caller commits.

    ``password`` is set, and sent to the mobile on file, where the change needs one.
    """
    account, change = _to_decide(session, change_id, actor, at)
    if change.seen != _digest(account, change.kind):
        sentence = _("The account has changed since this was asked. Please refuse it; it can be asked for anew.")
        raise Unmet.because(Refusal("changed-since", sentence))
    if not session.scalar(select(_holds(change.asked_as, Account.id == change.asked_by_id))):
        sentence = _("Who asked for this is no longer an administrator. Please refuse it; it can be asked for anew.")
        raise Unmet.because(Refusal("asker-gone", sentence))
    told, trusted = account.mobile, is_privileged(account)
    _close(session, change, PrivilegedChangeState.DONE, "", actor, at)
    if change.kind is PrivilegedChangeKind.MOBILE:
        account.mobile = change.mobile
    elif change.kind is PrivilegedChangeKind.ROLE:
        role_assignment.give_role(session, account, change.role, region=change.region_code or "", mobile=change.mobile)
    elif change.kind is PrivilegedChangeKind.CERTIFICATE:
        _bind(session, change, at)
    _tell(session, account, change, told, at, office)
    if change.kind is PrivilegedChangeKind.PASSWORD or not trusted:
        _open_to_holder_only(session, account, password, at, office, keep_certificates=trusted)
    session.flush()
    return change


def refuse(session: Session, change_id: int, reason: str, actor: Actor, *, at: datetime) -> PrivilegedChange:
    """The account stays as it is. The caller commits."""
    _account, change = _to_decide(session, change_id, actor, at)
    reason = " ".join(mask_numbers(reason).split())
    if faults := list(reason_faults(reason)):
        raise Unmet(faults)
    return _close(session, change, PrivilegedChangeState.REFUSED, reason, actor, at)


def take_back(session: Session, change_id: int, actor: Actor, *, at: datetime) -> PrivilegedChange:
    """By whoever asked, while it is not decided. The caller commits."""
    actor.demand(*OTHER)
    _account, change = _locked(session, change_id)
    if change.asked_by_id != actor.id:
        raise NotFound
    return _close(session, change, PrivilegedChangeState.RETRACTED, "", actor, at)


def lapse(session: Session, *, at: datetime, account_id: int | None = None) -> int:
    """Close the requests, of one account or of all, that were not decided in time; returns how many. The caller commits."""
    late = select(PrivilegedChange).where(PrivilegedChange.state == ASKED, PrivilegedChange.lapses_at <= at)
    if account_id is not None:
        late = late.where(PrivilegedChange.account_id == account_id)
    found = session.scalars(late.order_by(PrivilegedChange.id).with_for_update(skip_locked=account_id is None)).all()
    for change in found:
        change.state, change.decided_at = PrivilegedChangeState.LAPSED, at
    session.flush()
    return len(found)


def may_decide(change: PrivilegedChange, actor: Actor, *, at: datetime) -> bool:
    """Whether this actor confirms or refuses it, and it still waits."""
    return change.state is ASKED and at < change.lapses_at and not list(_bars(change, actor))


def to_decide(session: Session, actor: Actor, *, at: datetime) -> int:
    """How many requests wait for this actor's decision."""
    if not actor.roles & OTHER.keys():
        return 0
    [mine] = actor.roles & OTHER.keys()
    waiting = (PrivilegedChange.state == ASKED, PrivilegedChange.lapses_at > at, PrivilegedChange.asked_as == OTHER[mine])
    others = (PrivilegedChange.asked_by_id != actor.id, PrivilegedChange.account_id != actor.id)
    return session.scalar(select(func.count(PrivilegedChange.id)).where(*waiting, *others)) or 0


def pending(session: Session, account_id: int, *, at: datetime) -> PrivilegedChange | None:
    """The request for this account that waits for a decision."""
    waiting = (PrivilegedChange.state == ASKED, PrivilegedChange.lapses_at > at)
    return session.scalars(select(PrivilegedChange).where(PrivilegedChange.account_id == account_id, *waiting)).one_or_none()


# --- what stands in the way ---------------------------------------------------------------------------


def _faults(session: Session, account: Account, wanted: Wanted, actor: Actor, *, sends_messages: bool) -> Iterator[Refusal]:
    kind, promoted = wanted.kind, not is_privileged(account)
    if promoted and not (kind is PrivilegedChangeKind.ROLE and wanted.role in PRIVILEGED):
        yield Refusal("not-privileged", _("This account is not privileged: one administrator changes it alone."))
    if kind is PrivilegedChangeKind.ROLE:
        yield from role_assignment.role_faults(account, wanted.role, wanted.region, actor)
        if _role_values(account) == (wanted.role, wanted.region, wanted.mobile or None):
            yield Refusal("nothing-changed", _("Role, region and mobile are on record like this already."), "role")
    if kind is PrivilegedChangeKind.MOBILE and (wanted.mobile or None) == account.mobile:
        yield Refusal("nothing-changed", _("This is the mobile on record."), "mobile")
    if kind is PrivilegedChangeKind.PASSWORD and account.id == actor.id:
        yield Refusal("own-password", _("You change your own password yourself, in the menu of your account."))
    if wanted.certificate is not None and bindings.find_binding(session, wanted.certificate) is not None:
        yield Refusal("certificate-taken", bindings.TAKEN, "file")
    if kind is PrivilegedChangeKind.PASSWORD or promoted:
        yield from _cannot_be_sent(wanted.mobile if kind is PrivilegedChangeKind.ROLE else account.mobile, sends_messages)


def _cannot_be_sent(mobile: str | None, sends_messages: bool) -> Iterator[Refusal]:
    if not sends_messages:
        sentence = _(
            "This system sends no text messages, so no one-time password can be sent. %(command)s", command=BY_COMMAND
        )
        yield Refusal("no-messages", sentence)
    elif not mobile:
        sentence = _(
            "There is no mobile on file to which the one-time password could be sent. Please ask for a mobile first; that, "
            "too, is confirmed by the other administrator. %(command)s",
            command=BY_COMMAND,
        )
        yield Refusal("no-mobile", sentence, "mobile")


def _nobody_decides(role: Role) -> Refusal:
    sentence = _(
        "There is nobody to confirm this: no other %(role)s may sign in besides the holder of the account. %(command)s",
        role=role.label,
        command=BY_COMMAND,
    )
    return Refusal("nobody-decides", sentence)


def _holds(role: Role, whose: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL condition: one of these accounts is active and holds the role."""
    return exists().where(Account.active.is_(True), Account.roles.any(RoleRow.name == role.value), whose)


def _bars(change: PrivilegedChange, actor: Actor) -> Iterator[Refusal]:
    """Why this actor may not decide, whatever the request."""
    if OTHER[change.asked_as] not in actor.roles or actor.id is None:
        yield Refusal("other-administrator", _("The %(role)s decides on this.", role=OTHER[change.asked_as].label))
    if actor.id == change.asked_by_id:
        yield Refusal("same-person", _("You asked for this yourself; the other administrator has to decide."))
    if actor.id == change.account_id:
        yield Refusal("own-account", _("This is your own account; another administrator has to decide."))


# --- parts --------------------------------------------------------------------------------------------


def _role_values(account: Account) -> tuple[Role | None, str, str | None]:
    held = sorted(roles_of(account), key=list(Role).index)
    return (held[0] if len(held) == 1 else None), account.region_code or "", account.mobile


def _digest(account: Account, kind: PrivilegedChangeKind) -> str:
    """Of what the request was made for: if it has changed, the request no longer fits."""
    parts = [account.username, account.active, sorted(role.value for role in roles_of(account)), account.region_code]
    parts += [account.mobile, account.password if kind is PrivilegedChangeKind.PASSWORD else ""]
    return str(keyring.digest(repr(parts), "privileged_change.seen"))


def _locked_account(session: Session, account_id: int) -> Account:
    """An account of the authority, locked; ``NotFound`` for an enterprise's."""
    # Not FOR UPDATE: two who decide on each other's account also refer to each other's row.
    account = session.get(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)
    if account is None or account.enterprise_id is not None:
        raise NotFound
    return account


def _locked(session: Session, change_id: int) -> tuple[Account, PrivilegedChange]:
    """A request that is not decided, and its account, both locked; ``Stale`` if it is decided."""
    found = session.get(PrivilegedChange, change_id)
    if found is None:
        raise NotFound
    account = _locked_account(session, found.account_id)
    session.refresh(found, with_for_update=True)
    if found.state is not ASKED:
        raise Stale
    return account, found


def _to_decide(session: Session, change_id: int, actor: Actor, at: datetime) -> tuple[Account, PrivilegedChange]:
    actor.demand(*OTHER)
    account, change = _locked(session, change_id)
    if refusals := list(_bars(change, actor)):
        raise Unmet(refusals)
    if at >= change.lapses_at:
        sentence = _("This request has lapsed: it was to be decided by %(moment)s.", moment=moment(change.lapses_at))
        raise Unmet.because(Refusal("change-lapsed", sentence))
    return account, change


def moment(at: datetime) -> str:
    """``2026-03-02 12:00`` by the office's time zone."""
    return f"{office_time(at):%Y-%m-%d %H:%M}"


def _close(
    session: Session, change: PrivilegedChange, state: PrivilegedChangeState, reason: str, actor: Actor, at: datetime
) -> PrivilegedChange:
    change.state, change.decision_reason = state, reason
    change.decided_at, change.decided_by, change.decided_by_id = at, actor.name[:130], actor.id
    session.flush()
    return change


def _bind(session: Session, change: PrivilegedChange, at: datetime) -> None:
    facts = {name: getattr(change, name) for name in ("issuer", "subject", "label", "not_after")}
    try:
        bindings.add(session, change.account_id, facts, by=f"{change.asked_by}、{change.decided_by}", at=at)
    except IntegrityError:  # bound to an account meanwhile
        raise AppError(bindings.TAKEN, code="certificate-taken") from None


def _tell(
    session: Session, account: Account, change: PrivilegedChange, mobile: str | None, at: datetime, office: Office
) -> None:
    """Tell the holder, at the mobile that was on file before the change."""
    facts = {
        "username": account.username,
        "moment": moment(at),
        "what": in_province_language(change.kind.label),
        "asked_by": change.asked_by,
        "decided_by": change.decided_by,
    }
    recipient = Recipient(NotificationKind.ACCOUNT, account_id=account.id)
    tell(session, [system_message(ACCOUNT_CHANGED, mobile, office, recipient, **facts)], at=at)


def _open_to_holder_only(
    session: Session, account: Account, password: OneTimePassword, at: datetime, office: Office, *, keep_certificates: bool
) -> None:
    """A new password, sent to the holder. Of a newly privileged account, what one administrator has set opens it no more."""
    if not is_privileged(account):
        return  # the change took its role
    if not keep_certificates:
        for binding in bindings.bindings_of(session, account.id):
            session.delete(binding)
    account.password, account.must_change_password = password.hash, True
    assert account.mobile is not None  # noqa: S101 - asked for, and unchanged since
    until = at + timedelta(days=office.one_time_days)
    facts = {"username": account.username, "days": office.one_time_days}
    queue_code(session, ONE_TIME_PASSWORD, account.mobile, password.plain, office=office, at=at, good_until=until, **facts)
