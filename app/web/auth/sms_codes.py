"""Codes by text message: six digits, good once, for five minutes and five guesses, for one purpose in one browser.

Everything is counted by purpose, so that whoever asks for codes at a public page closes no other way. A code that was sent
stays good whatever strangers guess: of a number, ten codes a day with five guesses each are all that can be guessed.
Requests and answers are counted the same whether or not the number is known, so that no answer discloses it. Codes are
stored encrypted only (``outbox.sms``).
"""

import secrets
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.accounts import challenges, rate_limit
from app.accounts.rate_limit import DAY
from app.core.errors import AppError, NotFound, Refusal, Stale, TooMany
from app.core.identifiers import fold
from app.core.office import Office
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState
from app.models import Account, Challenge
from app.outbox.sms import queue_code
from app.outbox.sms_texts import CODES
from app.web.auth.sign_in import OPERATES, NotAdmitted, reads_only

LASTS = timedelta(minutes=5)
GUESSES = 5  # at one code
PAUSE = timedelta(seconds=60)  # between two codes to one number
AN_HOUR, A_DAY = 5, 10  # to one number, for one purpose
FROM_ONE_ADDRESS = 20  # an hour
HOUR = 60 * 60
LARGEST = 2**31 - 1


class WrongCode(AppError):
    """One sentence for a mistyped, an expired and a never sent code."""

    status = 401
    code = "wrong-code"

    def __init__(self) -> None:
        super().__init__(
            _("The code by text message is wrong or no longer good. After five wrong ones, please have a new one sent."),
            field="code",
        )


def send(
    session: Session,
    engine: Engine,
    purpose: ChallengeKind,
    mobile: str,
    browser: str,
    *,
    account_id: int | None = None,
    reaches: bool = True,
    office: Office,
    at: datetime,
    address: str,
) -> None:
    """Send a code to ``mobile``, replacing any earlier one of this browser. Raises ``TooMany``.

    ``reaches`` False: the number is unknown, so all is done but the message. ``session`` is rolled back first, because
    attempts are counted on another connection; the caller commits.
    """
    session.rollback()
    _count(engine, purpose, mobile, reaches=reaches, office=office, at=at, address=address)
    code = f"{secrets.randbelow(10**6):06}"
    message, minutes = None, int(LASTS.total_seconds()) // 60
    if reaches:
        message = queue_code(
            session, CODES[purpose], mobile, code, office=office, at=at, good_until=at + LASTS, minutes=minutes
        )
    challenges.void(session, purpose, browser=browser)
    challenges.begin(
        session, purpose, browser, at=at, lasts=LASTS, answer=_answer(mobile, code), account_id=account_id,
        evidence={"message": message, "mobile": mobile}, address=address,
    )  # fmt: skip


def right(
    session: Session,
    engine: Engine,
    purpose: ChallengeKind,
    mobile: str,
    browser: str,
    code: str,
    *,
    at: datetime,
    to: ChallengeState = ChallengeState.CONSUMED,
    lasts: timedelta | None = None,
) -> Challenge:
    """The challenge that this code answers, used up by it; raises ``WrongCode``.

    ``to`` and ``lasts``: its next state and how long that lasts, if not used up. Rolls ``session`` back.
    """
    session.rollback()
    number, longer = challenges.latest_open(engine, purpose, browser), {} if lasts is None else {"expires_at": at + lasts}
    answer = _answer(mobile, fold(code))
    if not challenges.check_answer(engine, number, purpose, browser, answer, most=GUESSES, at=at, to=to, **longer):
        raise WrongCode
    return challenges.get_own(session, number, purpose, browser)


def confirm(
    session: Session,
    engine: Engine,
    purpose: ChallengeKind,
    mobile: str,
    browser: str,
    code: str,
    *,
    at: datetime,
    lasts: timedelta,
) -> Challenge:
    """As ``right``, but the code stays good in this browser, for the same mobile, for ``lasts`` until ``use``."""
    earlier = confirmed(session, purpose, browser)
    if earlier is not None and challenges.is_alive(earlier, at) and (earlier.evidence or {})["mobile"] == mobile:
        return earlier
    return right(session, engine, purpose, mobile, browser, code, at=at, to=ChallengeState.CONFIRMED, lasts=lasts)


def confirmed(session: Session, purpose: ChallengeKind, browser: str) -> Challenge | None:
    """The unused challenge for which this browser has entered the code; it may have expired."""
    wanted = select(Challenge).where(
        Challenge.kind == purpose, Challenge.state == ChallengeState.CONFIRMED, Challenge.browser == browser
    )
    return session.scalars(wanted.order_by(Challenge.made_at.desc()).limit(1)).one_or_none() if browser else None


def use(session: Session, number: str, purpose: ChallengeKind, browser: str, *, at: datetime) -> None:
    """Use up a confirmed code in the caller's transaction; raises ``Stale`` if that was done already."""
    confirmed_state, used = ChallengeState.CONFIRMED, ChallengeState.CONSUMED
    if not challenges.advance(session, number, purpose, confirmed_state, used, at=at, browser=browser):
        session.rollback()
        raise Stale


def sent_to(session: Session, browser: str) -> int | None:
    """The id of the message with this browser's newest code, None if none was sent. For the demonstration's telephone."""
    wanted = select(Challenge).where(Challenge.browser == browser, Challenge.kind.in_(CODES))
    newest = session.scalars(wanted.order_by(Challenge.made_at.desc()).limit(1)).one_or_none() if browser else None
    if newest is None or newest.evidence is None:
        raise NotFound
    message: int | None = newest.evidence["message"]
    return message


def known_by(session: Session, mobile: str) -> list[Account]:
    """The accounts with this recorded mobile."""
    return list(session.scalars(select(Account).where(Account.mobile_key == mobile).order_by(Account.id)))


def reader_by(session: Session, mobile: str) -> Account:
    """The one account with this number that only reads (R43). Raises ``NotAdmitted``.

    To be called after the code was right, so that only the telephone's holder learns why.
    """
    known = known_by(session, mobile)
    readers = [account for account in known if reads_only(account)]
    readers = [account for account in readers if account.is_active] or readers
    if len(readers) == 1:
        return readers[0]
    if readers:
        why = _("Several accounts are known by this number. Please sign in another way, or ask the system administrator.")
        raise NotAdmitted([Refusal("mobile-shared", why)])
    if known:
        raise NotAdmitted([OPERATES])
    raise WrongCode  # removed from the account since the code was sent


def _answer(mobile: str, code: str) -> str:
    """With the number, so that a code sent to one number proves nothing about another."""
    return f"{mobile}:{code}"


def _count(
    engine: Engine, purpose: ChallengeKind, mobile: str, *, reaches: bool, office: Office, at: datetime, address: str
) -> None:
    number, budget = f"{purpose.value}:{mobile}", f"codes:{purpose.value}"
    rate_limit.hit(engine, f"codes-from:{rate_limit.client_network(address)}", limit=FROM_ONE_ADDRESS, seconds=HOUR, at=at)
    if rate_limit.peek(engine, budget, at=at) >= office.codes_per_day:
        raise TooMany(_("No more codes can be sent today. Please sign in another way, or ask the system administrator."))
    try:
        rate_limit.attempt(engine, f"code-pause:{number}", limit=1, rest=PAUSE, at=at)
    except TooMany as error:
        sentence = _("A code was asked for this number a moment ago. Please wait %(n)s seconds.", n=error.retry_after)
        raise TooMany(sentence, retry_after=error.retry_after) from None
    rate_limit.hit(engine, f"codes-an-hour:{number}", limit=AN_HOUR, seconds=HOUR, at=at)
    rate_limit.hit(engine, f"codes-a-day:{number}", limit=A_DAY, seconds=DAY, at=at)
    if reaches:
        rate_limit.hit(engine, budget, limit=office.codes_per_day, seconds=DAY, at=at)
    else:  # no cost and no limit, but as slow
        rate_limit.hit(engine, "codes:unsent", limit=LARGEST, seconds=DAY, at=at)
