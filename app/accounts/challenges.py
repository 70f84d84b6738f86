"""One-time challenges (SMS code, captcha, business licence, certificate), bound to the browser that asked for them.

Each step is one conditional UPDATE on state, expiry and number of tries, so of concurrent attempts one succeeds. Tries are
counted before an answer is compared, in a transaction of their own. Times are the server's.
"""

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, or_, select, update
from sqlalchemy.orm import Session

from app.core.crypto.encryption import keyring
from app.core.errors import NotFound
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState
from app.db.session import insert_into, side_connection
from app.models import Challenge

RETENTION = timedelta(days=1)  # after expiry, for inquiries


def begin(
    session: Session,
    kind: ChallengeKind,
    browser: str,
    *,
    at: datetime,
    lasts: timedelta,
    answer: str = "",
    account_id: int | None = None,
    evidence: Mapping[str, Any] | None = None,
    address: str = "",
) -> Challenge:
    """A new challenge for this ``browser`` (``pre_login_cookie.browser``); of ``answer`` only a digest is stored."""
    challenge = Challenge(
        id=secrets.token_hex(16), kind=kind, state=ChallengeState.NEW, browser=browser, nonce=secrets.token_hex(32), tries=0,
        account_id=account_id, evidence=dict(evidence) if evidence is not None else None, address=address[:45],
        made_at=at, expires_at=at + lasts,
    )  # fmt: skip
    challenge.mark = _mark(challenge.id, answer) if answer else ""
    session.add(challenge)
    session.flush()
    return challenge


def get_own(session: Session, number: str, kind: ChallengeKind, browser: str) -> Challenge:
    """The browser's own challenge, possibly expired (see ``is_alive``); raises ``NotFound``."""
    query = select(Challenge).where(Challenge.id == number, Challenge.kind == kind, Challenge.browser == browser)
    challenge = session.scalars(query).one_or_none() if browser else None
    if challenge is None:
        raise NotFound
    return challenge


def is_alive(challenge: Challenge, at: datetime) -> bool:
    return challenge.expires_at > at


def advance(
    session: Session,
    number: str,
    kind: ChallengeKind,
    was: ChallengeState,
    to: ChallengeState,
    *,
    at: datetime,
    browser: str | None = None,
    **values: Any,
) -> bool:
    """Move a challenge from state ``was`` to ``to``; False if it was in another state, of another browser, or expired.

    ``browser`` None: the caller is not the browser that asked (telephone, platform).
    """
    conditions = [Challenge.id == number, Challenge.kind == kind, Challenge.state == was, Challenge.expires_at > at]
    if browser is not None:
        conditions.append(Challenge.browser == browser)
    step = update(Challenge).where(*conditions).values(state=to, **values).execution_options(synchronize_session=False)
    taken: int = session.execute(step).rowcount  # type: ignore[attr-defined]
    session.expire_all()
    return taken == 1


def check_answer(
    engine: Engine,
    number: str,
    kind: ChallengeKind,
    browser: str,
    answer: str,
    *,
    most: int,
    at: datetime,
    to: ChallengeState = ChallengeState.CONSUMED,
    **values: Any,
) -> bool:
    """Whether ``answer`` is right; moves the challenge to ``to`` if so. At most ``most`` answers are compared.

    Writes in transactions of its own: call it before the request's transaction writes.
    """
    here = (Challenge.id == number, Challenge.kind == kind, Challenge.browser == browser)
    open_ = (Challenge.state == ChallengeState.NEW, Challenge.expires_at > at)
    with side_connection(engine) as connection:
        charge = update(Challenge).where(*here, *open_, Challenge.tries < most).values(tries=Challenge.tries + 1)
        mark = connection.execute(charge.returning(Challenge.mark)).scalar_one_or_none()
    if not hmac.compare_digest(mark or _mark("", ""), _mark(number, answer)):
        return False
    with side_connection(engine) as connection:
        use = update(Challenge).where(*here, *open_).values(state=to, **values)
        return connection.execute(use).rowcount == 1


def latest_open(engine: Engine, kind: ChallengeKind, browser: str) -> str:
    """The id of the browser's newest unanswered challenge of this kind; "" if none."""
    query = select(Challenge.id).where(
        Challenge.kind == kind, Challenge.browser == browser, Challenge.state == ChallengeState.NEW
    )
    with side_connection(engine, for_reading=True) as connection:
        return connection.scalar(query.order_by(Challenge.made_at.desc()).limit(1)) or ""


def use_once(engine: Engine, number: str, kind: ChallengeKind, browser: str, *, at: datetime, lasts: timedelta) -> bool:
    """Mark as used a challenge that has no row yet (a captcha is stored only when answered); False the second time.

    Writes in a transaction of its own, as ``check_answer`` does.
    """
    used = insert_into(engine, Challenge).values(
        id=number, kind=kind, state=ChallengeState.CONSUMED, browser=browser, nonce="", mark="", tries=1,
        address="", made_at=at, expires_at=at + lasts,
    )  # fmt: skip
    with side_connection(engine) as connection:
        first = used.on_conflict_do_nothing(index_elements=["id"]).returning(Challenge.id)
        return connection.execute(first).first() is not None


def void(session: Session, kind: ChallengeKind, *, browser: str = "", account_id: int | None = None) -> None:
    """Reject all unused challenges of this kind of the browser, or of the account if given."""
    whose = Challenge.account_id == account_id if account_id is not None else Challenge.browser == browser
    session.execute(
        update(Challenge)
        .where(Challenge.kind == kind, whose, Challenge.state != ChallengeState.CONSUMED)
        .values(state=ChallengeState.REJECTED)
        .execution_options(synchronize_session=False)
    )


def sweep(session: Session, *, at: datetime) -> int:
    """Delete challenges that expired over ``RETENTION`` ago, or were begun while the clock was ahead; returns how many."""
    gone = or_(Challenge.expires_at < at - RETENTION, Challenge.made_at > at + RETENTION)
    deleted = session.execute(delete(Challenge).where(gone))
    return int(deleted.rowcount)  # type: ignore[attr-defined]


def _mark(number: str, answer: str) -> str:
    return keyring.digest(f"{number}\0{answer}", "challenge.mark")
