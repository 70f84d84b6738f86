"""Something to be proved within minutes, once, by the browser that asked: a code, a picture, a licence, a certificate.

Law: every step is one conditional UPDATE that says from which state, within which time and after how few guesses, so of any
number of takers at once one gets through. Guesses are charged before they are looked at, in a transaction of their own.
The clock is ours; what a client says of the time is not asked.
"""

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.crypto.encryption import keyring
from app.core.errors import NotFound
from app.core.vocabulary import ChallengeKind, ChallengeState
from app.db.session import side_connection
from app.models import Challenge

RETENTION = timedelta(days=1)  # after they expire, for whoever asks what happened


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
    """A fresh challenge for this ``browser`` (``presession.browser``); of an ``answer`` only the digest is kept."""
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
    """The browser's own challenge; raises ``NotFound`` as for one that does not exist. May have expired: see ``alive``."""
    wanted = select(Challenge).where(Challenge.id == number, Challenge.kind == kind, Challenge.browser == browser)
    found = session.scalars(wanted).one_or_none() if browser else None
    if found is None:
        raise NotFound
    return found


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
    """Take a challenge from one state to the next, once; False if it stood elsewhere, was another's or was too old.

    ``browser`` None: by somebody who is not the asking browser (the telephone, the platform).
    """
    here = [Challenge.id == number, Challenge.kind == kind, Challenge.state == was, Challenge.expires_at > at]
    if browser is not None:
        here.append(Challenge.browser == browser)
    step = update(Challenge).where(*here).values(state=to, **values).execution_options(synchronize_session=False)
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
    """Whether this is the right answer, which then is used up. A wrong one is charged, and the ``most``-th was the last.

    Writes in transactions of its own: call it before the request's own transaction has begun to write.
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
    """The number of what this browser asked for last, if that is still to be answered; "" otherwise."""
    wanted = select(Challenge.id).where(
        Challenge.kind == kind, Challenge.browser == browser, Challenge.state == ChallengeState.NEW
    )
    with side_connection(engine, for_reading=True) as connection:
        return connection.scalar(wanted.order_by(Challenge.made_at.desc()).limit(1)) or ""


def use_once(engine: Engine, number: str, kind: ChallengeKind, browser: str, *, at: datetime, lasts: timedelta) -> bool:
    """Use up something that was handed out without being written down (a picture on a page); False the second time.

    Only then is there a row. Writes in a transaction of its own, as ``answered`` does.
    """
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    used = dialect.insert(Challenge).values(
        id=number, kind=kind, state=ChallengeState.CONSUMED, browser=browser, nonce="", mark="", tries=1,
        address="", made_at=at, expires_at=at + lasts,
    )  # fmt: skip
    with side_connection(engine) as connection:
        first = used.on_conflict_do_nothing(index_elements=["id"]).returning(Challenge.id)
        return connection.execute(first).first() is not None


def void(session: Session, kind: ChallengeKind, *, browser: str = "", account_id: int | None = None) -> None:
    """What was asked for before by this browser, or for this account, counts no longer: a newer one takes its place."""
    whose = Challenge.account_id == account_id if account_id is not None else Challenge.browser == browser
    session.execute(
        update(Challenge)
        .where(Challenge.kind == kind, whose, Challenge.state != ChallengeState.CONSUMED)
        .values(state=ChallengeState.REJECTED)
        .execution_options(synchronize_session=False)
    )


def sweep(session: Session, *, at: datetime) -> int:
    """Delete what expired a day ago; says how many."""
    gone = session.execute(delete(Challenge).where(Challenge.expires_at < at - RETENTION))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _mark(number: str, answer: str) -> str:
    return keyring.digest(f"{number}\0{answer}", "challenge.mark")
