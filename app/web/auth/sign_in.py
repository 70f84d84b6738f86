"""Where every way in ends, and where a session's right to go on ends. A method proves who is there; ``admit`` lets in.

Law: no method opens a session itself. What an account was admitted on (password, activity, roles, reach) cannot change
without ending its sessions in the same flush (``visits``); bulk statements on accounts say so themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from flask import flash, request
from flask import session as cookie
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import login_user, logout_user
from sqlalchemy import delete, event, inspect, select
from sqlalchemy.orm import InstanceState, Session

from app.accounts import challenges, passwords, sessions
from app.accounts.role_assignment import role_conflict, roles_of
from app.core import clock
from app.core.clock import office_day, office_time
from app.core.crypto.encryption import keyring
from app.core.errors import NotAllowed, Refusal, Unmet
from app.core.vocabulary import AuditAction, ChallengeKind, Registration, Role, SessionEndReason, SignInMethod
from app.db import audit
from app.models import Account, Enterprise, PastPassword
from app.web import request_context
from app.web.auth import pre_login_cookie

KEPT = ("locale",)  # what a cookie may carry across a sign-in; all else in it may have been planted
KEY = "_user_id"  # where flask-login keeps whom it asks ``load_user`` for: the key of the session
STRONG = (SignInMethod.CERTIFICATE, SignInMethod.LICENCE)  # something one holds and something one knows, at once
SECOND_WITHIN = timedelta(minutes=10)
ENDING: Mapping[SessionEndReason, tuple[str, ...]] = {  # the first that fits is why
    SessionEndReason.SWITCHED_OFF: ("active",),
    SessionEndReason.PASSWORD_CHANGED: ("password",),
    SessionEndReason.ROLE_CHANGED: ("roles",),
    SessionEndReason.ACCOUNT_CHANGED: ("region_code", "region", "enterprise_id", "enterprise", "mobile"),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of one method: the account it points at, and how that was shown."""

    account: Account
    way: SignInMethod
    shown: Mapping[str, str] = field(default_factory=dict)  # what else was shown, for the diary


class NotAdmitted(NotAllowed, Unmet):
    """Somebody proved who they are, and may not come in all the same. Carries every reason."""


def admit(session: Session, proof: Proof, *, at: datetime, address: str) -> bool:
    """Let the proved account in; False if it owes a second factor first (``second``). Raises ``NotAdmitted``.

    A lock after wrong passwords is no matter of this place: it bars guessing, not the other ways in. The caller commits.
    """
    if refusals := tuple(objections(proof.account)):
        raise NotAdmitted(refusals)
    if proof.way is SignInMethod.PASSWORD and passwords.one_time_expired(
        proof.account, request_context.current_office(), at=at
    ):
        sentence = _("This one-time password was not used in time and opens nothing any more. Please ask for a new one.")
        raise NotAdmitted([Refusal("one-time-lapsed", sentence)])
    if proof.way is SignInMethod.PASSWORD and sessions.needs_second_factor(proof.account, request_context.current_office()):
        browser, kind = pre_login_cookie.open_browser(), ChallengeKind.SECOND
        challenges.void(session, kind, browser=browser)
        given = {"account_id": proof.account.id, "evidence": {"password": password_mark(proof.account)}, "address": address}
        challenges.begin(session, kind, browser, at=at, lasts=SECOND_WITHIN, **given)
        return False
    let_in(session, proof, at=at, address=address)
    return True


def let_in(session: Session, proof: Proof, *, second: SignInMethod | None = None, at: datetime, address: str) -> None:
    """Open a fresh session and write it down, with the ``second`` factor if one was shown. Raises ``NotAdmitted``."""
    account = proof.account
    refusals = (*objections(account), *_objections_to_the_way(proof))  # once more: minutes may lie between two factors
    if refusals:
        raise NotAdmitted(refusals)
    account.login_count = (account.login_count or 0) + 1
    account.fail_login_count = 0
    account.last_login = office_time(at).replace(tzinfo=None)  # FAB's column knows no zone, and is shown as it is
    how = {"way": proof.way.value, **proof.shown} | ({"second": second.value} if second else {})
    audit.log(session, account.get_full_name(), AuditAction.SIGN_IN, account, change=how, at=at, address=address)
    strong_at = at if second is not None or proof.way in STRONG else None
    open_session(session, account, proof.way, at=at, address=address, strong_at=strong_at)


def password_mark(account: Account) -> str:
    """By which it is seen that a password has not changed since it was shown."""
    return str(keyring.digest(account.password or "", "challenge.password"))


OPERATES = Refusal(
    "operating-role",
    _(
        "Signing in by text message is for accounts that only read. Your account works on cases: please sign in with user "
        "name or digital certificate."
    ),
)


def reads_only(account: Account) -> bool:
    """Whether all that the account may do is read (R43)."""
    return {role.name for role in account.roles} & {role.value for role in Role} == {Role.VIEWER.value}


def _objections_to_the_way(proof: Proof) -> Iterator[Refusal]:
    """A code by text message is one weak factor: enough to read, and for nothing else."""
    if proof.way is SignInMethod.SMS_CODE and not reads_only(proof.account):
        yield OPERATES


def open_session(
    session: Session, account: Account, way: SignInMethod, *, at: datetime, address: str, strong_at: datetime | None = None
) -> None:
    """Give the browser a new cookie; nothing of the old one survives but ``KEPT``. The caller commits."""
    agent = request.user_agent.string
    key, replaced = sessions.begin(
        session,
        account,
        way,
        at=at,
        office=request_context.current_office(),
        address=address,
        agent=agent,
        strong_at=strong_at,
    )
    close_cookie()
    cookie.permanent = True  # lives for PERMANENT_SESSION_LIFETIME after the last request
    login_user(account)
    cookie[KEY] = key
    pre_login_cookie.close()
    if replaced:
        said = gettext("Your account was signed in elsewhere for the longest: that session has ended. See “My sessions”.")
        flash(said, "warning")


def end_session(session: Session, account: Account, number: int, *, at: datetime, address: str) -> None:
    """Sign out: this session ends, and a copy of its cookie with it. The caller commits."""
    audit.log(session, account.get_full_name(), AuditAction.SIGN_OUT, account, at=at, address=address)
    sessions.end(session, account.id, number, SessionEndReason.SIGNED_OUT, at=at)
    logout_user()
    close_cookie()


def close_cookie() -> None:
    kept = {name: cookie[name] for name in KEPT if name in cookie}
    cookie.clear()
    cookie.update(kept)


def objections(account: Account) -> Iterator[Refusal]:
    """What stands against letting a proved account in; nothing is consent."""
    if not account.is_active:
        yield Refusal("account-inactive", _("This account has been switched off. Please ask the system administrator."))
    held = {role.name for role in account.roles}
    if held.isdisjoint(role.value for role in Role):
        yield Refusal("no-role", _("This account has no role yet. Please ask the security administrator."))
    if (
        refusal := role_conflict(roles_of(account))
    ) is not None:  # put in by a back door: everything else refuses to store it
        yield refusal
    if Role.ENTERPRISE_CLERK.value in held:
        yield from objections_of(account.enterprise)


def objections_of(enterprise: Enterprise | None) -> Iterator[Refusal]:
    """What stands against letting anybody in for an enterprise."""
    if enterprise is None:
        yield Refusal("no-enterprise", _("This account belongs to no enterprise. Please ask the system administrator."))
    elif enterprise.registration is Registration.PENDING:
        yield Refusal(
            "registration-pending",
            _(
                "Your enterprise's registration%(since)s is still being reviewed. You are told the result by text message "
                "and can sign in once it is approved.",
                since=f" ({office_day(enterprise.registered_at)})" if enterprise.registered_at else "",
            ),
        )
    elif enterprise.registration is not Registration.APPROVED:
        yield Refusal(
            "registration-rejected",
            _(
                "Your enterprise's registration was rejected: %(reason)s. Please correct it under “Register an enterprise”, "
                "with the same user name and password, or ask the office.",
                reason=enterprise.registration_note or "—",
            ),
        )


@event.listens_for(Session, "before_flush")
def _end_sessions_of_the_changed(session: Session, *_: object) -> None:
    for thing in [*session.new, *session.dirty]:
        if isinstance(thing, Account) and _has_changed(thing, ("password",)):
            _remember_password(session, thing)
    for thing in list(session.dirty):
        if isinstance(thing, Account):
            why = next((why for why, names in ENDING.items() if _has_changed(thing, names)), None)
            if why is not None:
                sessions.end_all(session, thing.id, why, at=_moment_of(session))
        elif isinstance(thing, Enterprise) and _has_changed(thing, ("registration",)):
            sessions.end_of_enterprise(session, thing.id, SessionEndReason.ENTERPRISE, at=_moment_of(session))


def _remember_password(session: Session, account: Account) -> None:
    """Since when it has been this one, and which one it was before; whoever wrote it."""
    at, state = _moment_of(session), cast(InstanceState[Any], inspect(account))
    before = state.attrs["password"].history.deleted
    if account.id is not None and before and before[0]:
        old = PastPassword(account_id=account.id, hash=before[0], set_at=account.password_set_at or at)
        session.add(old)
        newest = select(PastPassword.id).where(PastPassword.account_id == account.id)
        newest = newest.order_by(PastPassword.set_at.desc(), PastPassword.id.desc())
        newest = newest.limit(passwords.REMEMBERED - 2)  # beside the present one, and the one that becomes a past one now
        gone = delete(PastPassword).where(PastPassword.account_id == account.id, PastPassword.id.not_in(newest))
        session.execute(gone.execution_options(synchronize_session=False))
    account.password_set_at = at


def lately(session: Session, account_id: int) -> list[str]:
    """The hashes of the passwords that an account has and lately had, the present one first."""
    present = session.scalar(select(Account.password).where(Account.id == account_id))
    kept = select(PastPassword.hash).where(PastPassword.account_id == account_id).order_by(PastPassword.set_at.desc())
    return [*filter(None, [present]), *session.scalars(kept.limit(passwords.REMEMBERED - 1))]


def _moment_of(session: Session) -> datetime:
    """As the diary has it: a job or a command that forgot to say when must not leave a session open."""
    return session.info.get("at") or clock.now()


def _has_changed(thing: Any, names: tuple[str, ...]) -> bool:
    state = inspect(thing)
    return any(state.attrs[name].history.has_changes() for name in names)
