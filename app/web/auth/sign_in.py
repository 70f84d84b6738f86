"""Where every sign-in method ends: admitting a proved account, opening and ending its session.

No method opens a session itself. Whatever an account was admitted on (password, activity, roles, region, enterprise)
cannot change without ending its sessions in the same flush; bulk statements on accounts must do so themselves.
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
from app.core.errors import AppError, NotAllowed, Refusal, Unmet
from app.core.sign_in_vocabulary import ChallengeKind, SessionEndReason, SignInMethod
from app.core.vocabulary import AuditAction, Registration, Role
from app.db import audit
from app.models import Account, Enterprise, PastPassword
from app.web import request_context
from app.web.auth import known_browser, pre_login_cookie

KEPT = ("locale",)  # what survives a sign-in in the cookie; all else may have been planted
LAPSED_KEY = "lapsed"  # in the cookie of a session that lapsed, until somebody signs in
KEY = "_user_id"  # flask-login passes it to ``load_user``: the session key
STRONG = (SignInMethod.CERTIFICATE, SignInMethod.LICENCE)  # two factors in one
SECOND_WITHIN = timedelta(minutes=10)
ENDING: Mapping[SessionEndReason, tuple[str, ...]] = {  # the first match counts
    SessionEndReason.SWITCHED_OFF: ("active",),
    SessionEndReason.PASSWORD_CHANGED: ("password",),
    SessionEndReason.ROLE_CHANGED: ("roles",),
    SessionEndReason.ACCOUNT_CHANGED: ("region_code", "region", "enterprise_id", "enterprise", "mobile"),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of a sign-in method."""

    account: Account
    way: SignInMethod
    shown: Mapping[str, str] = field(default_factory=dict)  # further facts for the audit log


class NotAdmitted(NotAllowed, Unmet):
    """The account was proved but may not sign in; carries every reason."""


def admit(session: Session, proof: Proof, *, at: datetime, address: str) -> bool:
    """Open a session; False if a second factor is due first. Raises ``NotAdmitted``. The caller commits.

    A lock after wrong passwords does not count here: it stops guessing, not other methods.
    """
    if refusals := tuple(objections(proof.account)):
        raise NotAdmitted(refusals)
    by_password, office = proof.way is SignInMethod.PASSWORD, request_context.current_office()
    if by_password and passwords.one_time_expired(proof.account, office, at=at):
        sentence = _("This one-time password was not used in time and opens nothing any more. Please ask for a new one.")
        raise NotAdmitted([Refusal("one-time-lapsed", sentence)])
    if by_password and sessions.needs_second_factor(proof.account, office):
        browser, kind = pre_login_cookie.open_browser(), ChallengeKind.SECOND
        challenges.void(session, kind, browser=browser)
        given = {"account_id": proof.account.id, "evidence": {"password": password_mark(proof.account)}, "address": address}
        challenges.begin(session, kind, browser, at=at, lasts=SECOND_WITHIN, **given)
        return False
    let_in(session, proof, at=at, address=address)
    return True


def let_in(session: Session, proof: Proof, *, second: SignInMethod | None = None, at: datetime, address: str) -> None:
    """Open a new session and log it, with the ``second`` factor if one was shown. Raises ``NotAdmitted``."""
    account = proof.account
    refusals = [*objections(account)]  # again: minutes may lie between two factors
    if proof.way is SignInMethod.SMS_CODE and not reads_only(account):  # one weak factor, enough for reading only
        refusals.append(OPERATES)
    if refusals:
        raise NotAdmitted(refusals)
    account.login_count = (account.login_count or 0) + 1
    account.fail_login_count = 0
    account.last_login = office_time(at).replace(tzinfo=None)  # FAB's column is naive and shown unconverted
    how = {"way": proof.way.value, **proof.shown} | ({"second": second.value} if second else {})
    audit.log(session, account.get_full_name(), AuditAction.SIGN_IN, account, change=how, at=at, address=address)
    strong_at = at if second is not None or proof.way in STRONG else None
    open_session(session, account, proof.way, at=at, address=address, strong_at=strong_at)
    known_browser.remember(account.username)


def note_failure(
    session: Session, account: Account | None, error: AppError, way: SignInMethod | None = None, **what: str
) -> None:
    """Log why, without what was typed; commits. Never an unknown user name: people type passwords into that field."""
    name, row = (account.get_full_name(), account.id) if account is not None else ("unknown", "")
    how: dict[str, Any] = {"way": way.value} if way is not None else {}
    how |= {"why": [refusal.code for refusal in error.refusals], **what}
    audit.log(session, name, AuditAction.SIGN_IN_FAILED, Account, row, how, at=request_context.now())
    session.commit()


def password_mark(account: Account) -> str:
    """A digest for noticing that the password has changed since it was shown."""
    return str(keyring.digest(account.password or "", "challenge.password"))


OPERATES = Refusal(
    "operating-role",
    _(
        "Signing in by text message is for accounts that only read. Your account works on cases: please sign in with user "
        "name or digital certificate."
    ),
)


def reads_only(account: Account) -> bool:
    """Whether the account only reads (R43)."""
    return roles_of(account) == {Role.VIEWER}


def open_session(
    session: Session, account: Account, way: SignInMethod, *, at: datetime, address: str, strong_at: datetime | None = None
) -> None:
    """Begin a session with a new cookie, of the old one only ``KEPT`` survives. The caller commits."""
    agent, office = request.user_agent.string, request_context.current_office()
    key, replaced = sessions.begin(
        session, account, way, at=at, office=office, address=address, agent=agent, strong_at=strong_at
    )
    close_cookie()
    cookie.permanent = True  # lives for PERMANENT_SESSION_LIFETIME after the last request
    login_user(account)
    cookie[KEY] = key
    pre_login_cookie.close()
    if replaced:
        message = gettext("Your account was signed in elsewhere for the longest: that session has ended. See “My sessions”.")
        flash(message, "warning")


def end_session(session: Session, account: Account, number: int, *, at: datetime, address: str) -> None:
    """Sign out; copies of the cookie become invalid, too. The caller commits."""
    audit.log(session, account.get_full_name(), AuditAction.SIGN_OUT, account, at=at, address=address)
    sessions.end(session, account.id, number, SessionEndReason.SIGNED_OUT, at=at)
    logout_user()
    close_cookie()


def close_cookie() -> None:
    kept = {name: cookie[name] for name in KEPT if name in cookie}
    cookie.clear()
    cookie.update(kept)


def objections(account: Account) -> Iterator[Refusal]:
    """Every reason why this account may not sign in."""
    if not account.is_active:
        yield Refusal("account-inactive", _("This account has been switched off. Please ask the system administrator."))
    held = roles_of(account)
    if not held:
        yield Refusal("no-role", _("This account has no role yet. Please ask the security administrator."))
    if (refusal := role_conflict(held)) is not None:  # only by SQL: everything else refuses to store it
        yield refusal
    if Role.ENTERPRISE_CLERK in held:
        yield from objections_of(account.enterprise)


def objections_of(enterprise: Enterprise | None) -> Iterator[Refusal]:
    """Every reason why no account of this enterprise may sign in."""
    if enterprise is None:
        yield Refusal("no-enterprise", _("This account belongs to no enterprise. Please ask the system administrator."))
    elif enterprise.registration is Registration.PENDING:
        yield Refusal(
            "registration-pending",
            _(
                "Your enterprise's registration%(since)s is still being reviewed. You are told the result by text message "
                "and can sign in once it is approved.",
                since=_(" (sent on %(day)s)", day=office_day(enterprise.registered_at)) if enterprise.registered_at else "",
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
                sessions.end_all(session, thing.id, why, at=_time_of(session))
        elif isinstance(thing, Enterprise) and _has_changed(thing, ("registration",)):
            sessions.end_of_enterprise(session, thing.id, SessionEndReason.ENTERPRISE, at=_time_of(session))


def _remember_password(session: Session, account: Account) -> None:
    """Store the replaced hash as a ``PastPassword``, and since when the new one is valid."""
    at, state = _time_of(session), cast(InstanceState[Any], inspect(account))
    before = state.attrs["password"].history.deleted
    if account.id is not None and before and before[0]:
        session.add(PastPassword(account_id=account.id, hash=before[0], set_at=account.password_set_at or at))
        newest = select(PastPassword.id).where(PastPassword.account_id == account.id)
        newest = newest.order_by(PastPassword.set_at.desc(), PastPassword.id.desc())
        newest = newest.limit(passwords.REMEMBERED - 2)  # besides the present one and the one just replaced
        gone = delete(PastPassword).where(PastPassword.account_id == account.id, PastPassword.id.not_in(newest))
        session.execute(gone.execution_options(synchronize_session=False))
    account.password_set_at = at


def recent_hashes(session: Session, account_id: int) -> list[str]:
    """The hashes of the present and the remembered passwords, the present one first."""
    present = session.scalar(select(Account.password).where(Account.id == account_id))
    kept = select(PastPassword.hash).where(PastPassword.account_id == account_id).order_by(PastPassword.set_at.desc())
    return [*filter(None, [present]), *session.scalars(kept.limit(passwords.REMEMBERED - 1))]


def _time_of(session: Session) -> datetime:
    """The audit log's time; without one the clock, as a session must never stay open for lack of it."""
    return session.info.get("at") or clock.now()


def _has_changed(thing: Any, names: tuple[str, ...]) -> bool:
    return any(inspect(thing).attrs[name].history.has_changes() for name in names)
