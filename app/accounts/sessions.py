"""Who is inside: one row for each session, from signing in to its end. The cookie holds a key, the row only its digest.

Law: a session ends here and nowhere else, and says why; what has ended never opens again, whatever cookie was saved. Each
step is one conditional UPDATE. Whether it lasts is asked of the row alone, never of what the cookie says.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, Select, delete, select, update
from sqlalchemy.orm import Session, joinedload

from app.core.crypto.encryption import keyring
from app.core.office import Office
from app.core.vocabulary import OPERATING, SecondFactor, SessionEndReason, SignInMethod
from app.db.session import side_connection
from app.models import Account, UserSession

TOUCH_INTERVAL = timedelta(minutes=1)  # how exactly it is known when somebody was last here
SECOND_FACTOR_VALID = timedelta(minutes=15)  # before the riskiest deeds the second factor is asked for again
RETENTION = timedelta(days=180)  # after the end; as long as the diary at least
ADDRESS, AGENT = 45, 200  # as their columns are wide


def begin(
    session: Session,
    account: Account,
    way: SignInMethod,
    *,
    at: datetime,
    office: Office,
    address: str,
    agent: str,
    strong_at: datetime | None = None,
) -> tuple[str, int]:
    """The key of a fresh session, for the cookie; and how many of the oldest had to end for it (``most_sessions``)."""
    session.flush()
    # The account's row is held, so that of several who come in at once each counts the others.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    key = secrets.token_urlsafe(32)
    visit = UserSession(
        key=_digest(key), account_id=account.id, way=way, strong_at=strong_at, began_at=at, seen_at=at,
        ends_at=at + timedelta(hours=office.session_hours), address=address[:ADDRESS], agent=agent[:AGENT],
    )  # fmt: skip
    session.add(visit)
    session.flush()
    kept = select(UserSession.id).where(UserSession.account_id == account.id, UserSession.ended_at.is_(None))
    kept = kept.order_by(UserSession.began_at.desc(), UserSession.id.desc()).limit(office.most_sessions)
    replaced = end_all(session, account.id, SessionEndReason.REPLACED, at=at, but=session.scalars(kept).all())
    return key, replaced


def session_query(key: str) -> Select[tuple[UserSession]]:
    """The session of this key, ended or not, with its account and roles: one query."""
    account = joinedload(UserSession.account)
    return select(UserSession).where(UserSession.key == _digest(key)).options(account.joinedload(Account.roles))


def end_reason(visit: UserSession, office: Office, *, at: datetime) -> SessionEndReason | None:
    """Why this session is over by now, if it is: because somebody ended it, or by the time it is."""
    if visit.ended_at is not None:
        return visit.ended_why
    if at >= visit.ends_at:
        return SessionEndReason.TOO_OLD
    if at - visit.seen_at > idle_limit(visit.account, office):
        return SessionEndReason.IDLE
    return None if visit.account.is_active else SessionEndReason.SWITCHED_OFF


def needs_second_factor(account: Account, office: Office) -> bool:
    """Whether a password alone does not let this account in."""
    if office.second_factor is SecondFactor.OPERATING:
        return is_operating(account)
    return office.second_factor is SecondFactor.ALWAYS


def is_operating(account: Account) -> bool:
    held = {role.name for role in account.roles}
    return not held.isdisjoint(role.value for role in OPERATING)


def has_fresh_second_factor(visit: UserSession, *, at: datetime) -> bool:
    """Whether a second factor was shown a short while ago."""
    return visit.strong_at is not None and at - visit.strong_at <= SECOND_FACTOR_VALID


def idle_limit(account: Account, office: Office) -> timedelta:
    """Whoever decides is given less time: nobody else shall find an officer's page open."""
    shorter = min(office.idle_minutes, office.officer_idle_minutes)
    return timedelta(minutes=shorter if is_operating(account) else office.idle_minutes)


def touch(engine: Engine, number: int, *, at: datetime) -> None:
    """Note that the holder is here, at most once a minute; in a transaction of its own."""
    seen = update(UserSession).where(
        UserSession.id == number, UserSession.ended_at.is_(None), UserSession.seen_at <= at - TOUCH_INTERVAL
    )
    with side_connection(engine) as connection:
        connection.execute(seen.values(seen_at=at))


def mark_ended(engine: Engine, number: int, why: SessionEndReason, *, at: datetime) -> None:
    """Write down that a session was over when its cookie came; in a transaction of its own."""
    with side_connection(engine) as connection:
        ended = update(UserSession).where(UserSession.id == number, UserSession.ended_at.is_(None))
        connection.execute(ended.values(ended_at=at, ended_why=why))


def end(session: Session, account_id: int, number: int, why: SessionEndReason, *, at: datetime) -> bool:
    """End one session of this account; False if there is none such that is still open."""
    return bool(_end(session, UserSession.account_id == account_id, UserSession.id == number, why=why, at=at))


def end_all(session: Session, account_id: int, why: SessionEndReason, *, at: datetime, but: Sequence[int] = ()) -> int:
    """End every session of this account, but these; says how many. The caller commits."""
    return _end(session, UserSession.account_id == account_id, UserSession.id.not_in(but), why=why, at=at)


def end_of_enterprise(session: Session, enterprise_id: int, why: SessionEndReason, *, at: datetime) -> int:
    """The same for everybody who acts for this enterprise."""
    its = select(Account.id).where(Account.enterprise_id == enterprise_id)
    return _end(session, UserSession.account_id.in_(its), why=why, at=at)


def record_second_factor(session: Session, number: int, *, at: datetime) -> None:
    """A second factor was shown in this session."""
    shown = update(UserSession).where(UserSession.id == number, UserSession.ended_at.is_(None)).values(strong_at=at)
    session.execute(shown)


def open_sessions(session: Session, account: Account, office: Office, *, at: datetime) -> list[UserSession]:
    """The sessions of this account that would still open something, the latest first."""
    rows = (
        select(UserSession)
        .where(UserSession.account_id == account.id, UserSession.ended_at.is_(None))
        .order_by(UserSession.seen_at.desc())
    )
    return [
        visit
        for visit in session.scalars(rows.options(joinedload(UserSession.account)))
        if not end_reason(visit, office, at=at)
    ]


def sweep(session: Session, *, at: datetime) -> int:
    """Delete what ended, or should have, long ago; says how many."""
    gone = session.execute(delete(UserSession).where(UserSession.ends_at < at - RETENTION))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _end(session: Session, *whose: object, why: SessionEndReason, at: datetime) -> int:
    ended = update(UserSession).where(UserSession.ended_at.is_(None), *whose).values(ended_at=at, ended_why=why)  # type: ignore[arg-type]
    return int(session.execute(ended.execution_options(synchronize_session="fetch")).rowcount)  # type: ignore[attr-defined]


def _digest(key: str) -> str:
    return keyring.digest(key, "visit.key")
