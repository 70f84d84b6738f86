"""The first way in: a user name and a password; and what a good password is.

Law: a guess is charged before it is looked at, in a transaction of its own. Unknown name, wrong password and resting account
give the same answer after the same work, so none of them can be told from the others.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app.accounts import rate_limit
from app.accounts.passwords import MAX_LENGTH, normalised
from app.core.errors import AppError, TooMany
from app.core.identifiers import fold_user_name
from app.core.office import Office
from app.core.vocabulary import SignInMethod
from app.models import Account
from app.web.auth.sign_in import Proof

GUESSES_PER_ADDRESS = 30
GUESSES_PER_NEIGHBOURHOOD = 100  # /24, or /48
ADDRESS_WINDOW = 15 * 60
FLOOD, FLOOD_WINDOW = 1000, 5 * 60  # wrong passwords in the whole house, from which on a picture code is asked for as well
WAIT = 10  # seconds for a free place to hash in
# Hashing takes a core for itself; a flood of sign-ins shall leave the others to whoever is at work.
_hashing = BoundedSemaphore(max(1, (os.cpu_count() or 2) - 1))
FAILURES_KEY = "sign-in-failed:everywhere"


class WrongPassword(AppError):
    """No way in. Says the same whether the name, the password or the moment is wrong."""

    status = 401
    code = "wrong-password"

    def __init__(self, office: Office) -> None:
        super().__init__(
            _(
                "Wrong user name or password. After %(n)s wrong passwords the account is locked for %(minutes)s minutes.",
                n=office.lock_after,
                minutes=office.lock_minutes,
            )
        )


def prove(
    session: Session, engine: Engine, username: str, password: str, *, office: Office, at: datetime, address: str
) -> Proof:
    """The account whose password this is; raises ``WrongPassword``, or ``TooMany`` for an address that guesses a lot.

    ``session`` must not have begun a transaction: the charges are written beside it, and it is rolled back on the way.
    """
    name = normal(username)
    charge_address(engine, address, at=at)
    resting = _charge(engine, guess_key(name), office, at)
    account = find(session, name)
    stored = account.password if account is not None and not resting else None
    session.rollback()  # nobody shall wait for a lock of ours while we hash
    if not matches(stored, password):
        _count_failure(engine, at)
        raise WrongPassword(office)
    rate_limit.clear(engine, guess_key(name))
    refund_address(engine, address, at=at)
    account = find(session, name)
    if account is None or account.password != stored:  # changed while we hashed
        raise WrongPassword(office)
    return Proof(account, SignInMethod.PASSWORD)


def confirm(engine: Engine, name: str, stored: str | None, password: str, *, office: Office, at: datetime) -> bool:
    """Whether somebody who is signed in knows their own password. Guesses count like those at the gate."""
    key = f"confirm:{name}"
    if _charge(engine, key, office, at) or not matches(stored, password):
        return False
    rate_limit.clear(engine, key)
    return True


def guess_key(name: str) -> str:
    """Under which ``throttle`` counts wrong passwords for a user name; an administrator's unlock clears it."""
    return f"sign-in:{normal(name)}"


def normal(username: str) -> str:
    """The one spelling of a user name: full-width and half-width, large and small letters are the same."""
    return fold_user_name(username)


def find(session: Session, username: str) -> Account | None:
    """By user name only: FAB would take an e-mail address, too, and so a second name for every account."""
    return session.scalars(select(Account).where(Account.username == normal(username))).one_or_none()


def matches(stored: str | None, password: str) -> bool:
    """Whether this is the password of that hash. Costs one hash in any case, so that time tells nothing."""
    if not _hashing.acquire(timeout=WAIT):
        raise TooMany(_("Very many people are signing in at the moment. Please try again in a minute."))
    try:
        fits = check_password_hash(stored or dummy(), normalised(password[:MAX_LENGTH]))
    finally:
        _hashing.release()
    return fits and stored is not None and bool(password.strip("\0")) and len(password) <= MAX_LENGTH


def dummy() -> str:
    """The hash of no password that anybody has; as much work as a real one."""
    return str(current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"])


def hashed(password: str) -> str:
    """As it may lie in the store: scrypt, unless the configuration says otherwise."""
    return generate_password_hash(normalised(password), current_app.config.get("FAB_PASSWORD_HASH_METHOD", "scrypt"))


def is_one_of(stored: Iterable[str], password: str) -> bool:
    """Whether this is the password of one of these hashes. Costs one hash for each."""
    return any(matches(one, password) for one in stored)


def charge_address(engine: Engine, address: str, *, at: datetime) -> None:
    """Every guess at the gate counts against the address and its neighbourhood, whichever way in it tries."""
    for key, limit in _places(address):
        rate_limit.hit(engine, key, limit=limit, seconds=ADDRESS_WINDOW, at=at)


def refund_address(engine: Engine, address: str, *, at: datetime) -> None:
    for key, _limit in _places(address):
        rate_limit.refund(engine, key, seconds=ADDRESS_WINDOW, at=at)


def too_many_failures(engine: Engine, *, at: datetime) -> bool:
    """Whether so many guess, from wherever, that a person must show to be one. It slows; it shuts nobody out."""
    return rate_limit.peek(engine, FAILURES_KEY, seconds=FLOOD_WINDOW, at=at) >= FLOOD


def _count_failure(engine: Engine, at: datetime) -> None:
    with suppress(TooMany):
        rate_limit.hit(engine, FAILURES_KEY, limit=FLOOD, seconds=FLOOD_WINDOW, at=at)


def _places(address: str) -> tuple[tuple[str, int], ...]:
    near = f"sign-in-near:{rate_limit.provider_network(address)}"
    return (f"sign-in-from:{rate_limit.client_network(address)}", GUESSES_PER_ADDRESS), (near, GUESSES_PER_NEIGHBOURHOOD)


def _charge(engine: Engine, key: str, office: Office, at: datetime) -> bool:
    """Charge one guess; True if the account rests, so that the guess is not even looked at."""
    try:
        rate_limit.attempt(engine, key, limit=office.lock_after, rest=timedelta(minutes=office.lock_minutes), at=at)
    except TooMany:
        return True
    return False


@event.listens_for(Account.username, "set", retval=True)
def _one_spelling(_account: Account, value: Any, *_: object) -> Any:
    """Whoever writes a user name writes the one spelling, so that the column's UNIQUE means what it says."""
    return normal(value) if isinstance(value, str) else value
