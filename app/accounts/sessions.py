"""Sessions on the server: one row from sign-in to end. The cookie holds a key, the row only its digest.

Only this module ends sessions, each with a reason, by conditional UPDATEs; an ended session never becomes valid again.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Engine, Select, bindparam, delete, select, update
from sqlalchemy.orm import Session, joinedload

from app.accounts.role_assignment import roles_of
from app.core.crypto.encryption import keyring
from app.core.office import Office
from app.core.sign_in_vocabulary import SecondFactor, SessionEndReason, SignInMethod
from app.core.vocabulary import OPERATING
from app.db.session import side_connection
from app.models import Account, UserSession

TOUCH_INTERVAL = timedelta(minutes=1)  # precision of ``seen_at``
SECOND_FACTOR_VALID = timedelta(minutes=15)  # sensitive actions ask for the second factor again after this
RETENTION = timedelta(days=180)  # after the end; at least as long as the audit log
CLOCKS_DIFFER = timedelta(minutes=5)  # of two processes
LAPSED = frozenset({SessionEndReason.IDLE, SessionEndReason.TOO_OLD})  # by time alone, and perhaps unnoticed
ADDRESS, AGENT = 45, 200  # column widths


def begin(
    session: Session,
    account: Account,
    method: SignInMethod,
    *,
    at: datetime,
    office: Office,
    address: str,
    agent: str,
    strong_at: datetime | None = None,
) -> tuple[str, int]:
    """Open a session: its key for the cookie, and how many of the oldest were ended for it (``most_sessions``)."""
    session.flush()
    # Lock the account, so that concurrent sign-ins count each other's sessions.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    key = secrets.token_urlsafe(32)
    user_session = UserSession(
        key=_digest(key), account_id=account.id, way=method, strong_at=strong_at, began_at=at, seen_at=at,
        ends_at=at + timedelta(hours=office.session_hours), address=address[:ADDRESS], agent=agent[:AGENT],
    )  # fmt: skip
    session.add(user_session)
    session.flush()
    newest = select(UserSession.id).where(UserSession.account_id == account.id, UserSession.ended_at.is_(None))
    newest = newest.order_by(UserSession.began_at.desc(), UserSession.id.desc()).limit(office.most_sessions)
    return key, end_all(session, account.id, SessionEndReason.REPLACED, at=at, but=session.scalars(newest).all())


def session_of(session: Session, key: str) -> UserSession | None:
    """The session of this key, ended or not, with its account and roles."""
    return session.scalars(_by_key(), {"digest": _digest(key)}).unique().one_or_none()


def session_numbered(session: Session, number: int) -> UserSession | None:
    """The session of this row id, ended or not, with its account and roles."""
    account = joinedload(UserSession.account).joinedload(Account.roles)
    return session.scalars(select(UserSession).where(UserSession.id == number).options(account)).unique().one_or_none()


@cache
def _by_key() -> Select[UserSession]:
    """Built once: it is asked at every request."""
    account = joinedload(UserSession.account)
    return select(UserSession).where(UserSession.key == bindparam("digest")).options(account.joinedload(Account.roles))


def end_reason(user_session: UserSession, office: Office, *, at: datetime) -> SessionEndReason | None:
    """Why this session is over at ``at``: ended, too old, idle or account inactive; None while it is valid."""
    if user_session.ended_at is not None:
        return user_session.ended_why
    if not user_session.began_at - CLOCKS_DIFFER <= at < user_session.ends_at:  # begun while the clock was ahead, or over
        return SessionEndReason.TOO_OLD
    if at - user_session.seen_at > idle_limit(user_session.account, office):
        return SessionEndReason.IDLE
    return None if user_session.account.is_active else SessionEndReason.SWITCHED_OFF


def needs_second_factor(account: Account, office: Office) -> bool:
    """Whether this account must show a second factor to sign in."""
    if office.second_factor is SecondFactor.OPERATING:
        return is_operating(account)
    return office.second_factor is SecondFactor.ALWAYS


def is_operating(account: Account) -> bool:
    """Whether the account holds a role that decides or administers."""
    return not roles_of(account).isdisjoint(OPERATING)


def has_fresh_second_factor(user_session: UserSession, *, at: datetime) -> bool:
    """Whether a second factor was shown within ``SECOND_FACTOR_VALID``."""
    return user_session.strong_at is not None and at - user_session.strong_at <= SECOND_FACTOR_VALID


def idle_limit(account: Account, office: Office) -> timedelta:
    """Officers get the shorter limit, so that nobody else finds their page open."""
    shorter = min(office.idle_minutes, office.officer_idle_minutes)
    return timedelta(minutes=shorter if is_operating(account) else office.idle_minutes)


def left(user_session: UserSession, office: Office, *, at: datetime) -> timedelta:
    """How long this session lasts if it is not used."""
    return min(user_session.seen_at + idle_limit(user_session.account, office), user_session.ends_at) - at


def touch(engine: Engine, number: int, *, at: datetime) -> None:
    """Update ``seen_at``, at most once a minute, in a transaction of its own."""
    touched = update(UserSession).where(
        UserSession.id == number, UserSession.ended_at.is_(None), UserSession.seen_at <= at - TOUCH_INTERVAL
    )
    with side_connection(engine) as connection:
        connection.execute(touched.values(seen_at=at))


def mark_ended(engine: Engine, number: int, why: SessionEndReason, *, at: datetime) -> None:
    """Record that a session was found to be over, in a transaction of its own."""
    with side_connection(engine) as connection:
        ended = update(UserSession).where(UserSession.id == number, UserSession.ended_at.is_(None))
        connection.execute(ended.values(ended_at=at, ended_why=why))


def end(session: Session, account_id: int, number: int, why: SessionEndReason, *, at: datetime) -> bool:
    """End one session of this account; False if it is not open or not the account's."""
    return bool(_end(session, UserSession.account_id == account_id, UserSession.id == number, why=why, at=at))


def end_all(session: Session, account_id: int, why: SessionEndReason, *, at: datetime, but: Sequence[int] = ()) -> int:
    """End every session of this account except ``but``; returns how many. The caller commits."""
    return _end(session, UserSession.account_id == account_id, UserSession.id.not_in(but), why=why, at=at)


def end_of_enterprise(session: Session, enterprise_id: int, why: SessionEndReason, *, at: datetime) -> int:
    """As ``end_all``, for all accounts of this enterprise."""
    accounts = select(Account.id).where(Account.enterprise_id == enterprise_id)
    return _end(session, UserSession.account_id.in_(accounts), why=why, at=at)


def record_second_factor(session: Session, number: int, *, at: datetime) -> None:
    """Record that a second factor was shown in this session."""
    shown = update(UserSession).where(UserSession.id == number, UserSession.ended_at.is_(None)).values(strong_at=at)
    session.execute(shown)


def open_sessions(session: Session, account: Account, office: Office, *, at: datetime) -> list[UserSession]:
    """The valid sessions of this account, latest first."""
    rows = (
        select(UserSession)
        .where(UserSession.account_id == account.id, UserSession.ended_at.is_(None))
        .order_by(UserSession.seen_at.desc())
    )
    return [
        user_session
        for user_session in session.scalars(rows.options(joinedload(UserSession.account)))
        if not end_reason(user_session, office, at=at)
    ]


def sweep(session: Session, *, at: datetime) -> int:
    """Delete sessions whose latest end was over ``RETENTION`` ago; returns how many."""
    deleted = session.execute(delete(UserSession).where(UserSession.ends_at < at - RETENTION))
    return int(deleted.rowcount)  # type: ignore[attr-defined]


def _end(session: Session, *whose: object, why: SessionEndReason, at: datetime) -> int:
    ended = update(UserSession).where(UserSession.ended_at.is_(None), *whose).values(ended_at=at, ended_why=why)  # type: ignore[arg-type]
    return int(session.execute(ended.execution_options(synchronize_session="fetch")).rowcount)  # type: ignore[attr-defined]


def _digest(key: str) -> str:
    return keyring.digest(key, "visit.key")
