"""Sign-in by user name and password.

Attempts are counted before they are checked, in a transaction of their own. Unknown name, wrong password and locked account
get the same answer at the same cost.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from secrets import token_hex
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app.accounts import rate_limit
from app.accounts.passwords import MAX_LENGTH, QUICK_METHOD, normalised, one_time_password
from app.accounts.privileged_changes import OneTimePassword
from app.core.errors import AppError, TooMany
from app.core.heavy_work import HASHING
from app.core.identifiers import fold_user_name
from app.core.office import Office
from app.core.sign_in_vocabulary import SignInMethod
from app.models import Account
from app.web.auth.sign_in import Proof

GUESSES_PER_ADDRESS = 30
MOST_OFFICERS = 2_000  # whose locks are looked up at once
GUESSES_PER_NETWORK = 100  # /24, or /48
ADDRESS_WINDOW = 15 * 60
FLOOD, FLOOD_WINDOW = 1000, 5 * 60  # wrong passwords of everybody together; then a picture code is required
FAILURES_KEY = "sign-in-failed:everywhere"


class WrongPassword(AppError):
    """One sentence for unknown name, wrong password and locked account."""

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


@HASHING.taken()  # before the attempt is counted: one that is refused was no guess
def prove(
    session: Session,
    engine: Engine,
    username: str,
    password: str,
    *,
    known: bool = False,
    office: Office,
    at: datetime,
    address: str,
) -> Proof:
    """The account whose password this is; raises ``WrongPassword``, ``TooMany`` for an address with many attempts, or
    ``Busy``.

    ``known``: the browser is one from which this account has signed in, and is counted apart (``known_browser``).
    ``session`` must have no open transaction (attempts are counted on another connection); it is rolled back meanwhile.
    """
    name = normal(username)
    charge_address(engine, address, at=at)
    key = guess_key(name, known=known)
    locked = _count_attempt(engine, key, office, at)
    account = find(session, name)
    stored = account.password if account is not None and not locked else None
    session.rollback()  # hold no lock while hashing
    if not matches(stored, password):
        _count_failure(engine, at)
        raise WrongPassword(office)
    rate_limit.clear(engine, key)
    refund_address(engine, address, at=at)
    account = find(session, name)
    if account is None or account.password != stored:  # changed meanwhile
        raise WrongPassword(office)
    return Proof(account, SignInMethod.PASSWORD)


@HASHING.taken()
def confirm(engine: Engine, name: str, stored: str | None, password: str, *, office: Office, at: datetime) -> bool:
    """Whether a signed-in user knows their own password. Attempts count as at sign-in."""
    key = f"confirm:{name}"
    if _count_attempt(engine, key, office, at) or not matches(stored, password):
        return False
    rate_limit.clear(engine, key)
    return True


def guess_key(name: str, *, known: bool = False) -> str:
    """The ``rate_limit`` key of wrong passwords for a user name, from known browsers or from all others."""
    return f"{'sign-in-known' if known else 'sign-in'}:{normal(name)}"


def forget_guesses(engine: Engine, name: str) -> None:
    """End the locks of a user name."""
    for known in (False, True):
        rate_limit.clear(engine, guess_key(name, known=known))


def locked_officers(session: Session, office: Office, *, at: datetime) -> list[int]:
    """The accounts of the authority, of the first ``MOST_OFFICERS``, whose password is not asked for at the moment."""
    ours = (
        select(Account.id, Account.username).where(Account.enterprise_id.is_(None)).order_by(Account.id).limit(MOST_OFFICERS)
    )
    keys = {guess_key(row.username, known=known): row.id for row in session.execute(ours) for known in (False, True)}
    rest = timedelta(minutes=office.lock_minutes)
    return sorted({keys[key] for key in rate_limit.locked(session, keys, rest=rest, at=at)})


def normal(username: str) -> str:
    """The canonical user name: width and case do not count."""
    return fold_user_name(username)


def find(session: Session, username: str) -> Account | None:
    """By user name only; FAB would accept an e-mail address, too."""
    return session.scalars(select(Account).where(Account.username == normal(username))).one_or_none()


def matches(stored: str | None, password: str) -> bool:
    """Whether this is the password of that hash; always costs a full hash and a quick one, so that timing tells nothing."""
    plain, quick = normalised(password[:MAX_LENGTH]), stored is not None and stored.startswith(f"{QUICK_METHOD}$")
    with HASHING.taken():
        fits = check_password_hash(dummy() if quick else stored or dummy(), plain)
        fits_quick = check_password_hash(stored if quick and stored else _quick_dummy(), plain)
    return (
        (fits_quick if quick else fits) and stored is not None and bool(password.strip("\0")) and len(password) <= MAX_LENGTH
    )


@cache
def _quick_dummy() -> str:
    """As ``dummy``, as costly as the hash of a first password."""
    return generate_password_hash(token_hex(), QUICK_METHOD)


def dummy() -> str:
    """A hash that no password matches, as costly as a real one."""
    return str(current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"])


def hashed(password: str) -> str:
    """The hash to store: scrypt, unless configured otherwise. It takes some 80 ms: the caller has no transaction open."""
    return generate_password_hash(normalised(password), current_app.config.get("FAB_PASSWORD_HASH_METHOD", "scrypt"))


def new_one_time_password(session: Session) -> OneTimePassword:
    """A random password with its hash; rolls the session back, to hold no lock while hashing."""
    session.rollback()
    plain = one_time_password()
    return OneTimePassword(plain, hashed(plain))


def is_one_of(stored: Iterable[str], password: str) -> bool:
    """Whether this is the password of one of these hashes; costs a hash for each."""
    return any(matches(kept, password) for kept in stored)


def charge_address(engine: Engine, address: str, *, at: datetime) -> None:
    """Count an attempt against the address and its network, whatever the method. Raises ``TooMany``."""
    for key, limit in _address_keys(address):
        rate_limit.hit(engine, key, limit=limit, seconds=ADDRESS_WINDOW, at=at)


def refund_address(engine: Engine, address: str, *, at: datetime) -> None:
    for key, _limit in _address_keys(address):
        rate_limit.refund(engine, key, seconds=ADDRESS_WINDOW, at=at)


def too_many_failures(engine: Engine, *, at: datetime) -> bool:
    """Whether wrong passwords from everywhere are so many that a picture code is required. It locks nobody out."""
    return rate_limit.peek(engine, FAILURES_KEY, seconds=FLOOD_WINDOW, at=at) >= FLOOD


def _count_failure(engine: Engine, at: datetime) -> None:
    with suppress(TooMany):
        rate_limit.hit(engine, FAILURES_KEY, limit=FLOOD, seconds=FLOOD_WINDOW, at=at)


def _address_keys(address: str) -> tuple[tuple[str, int], ...]:
    near = f"sign-in-near:{rate_limit.provider_network(address)}"
    return (f"sign-in-from:{rate_limit.client_network(address)}", GUESSES_PER_ADDRESS), (near, GUESSES_PER_NETWORK)


def _count_attempt(engine: Engine, key: str, office: Office, at: datetime) -> bool:
    """Count an attempt; True if the account is locked, so that it is not checked."""
    try:
        rate_limit.attempt(engine, key, limit=office.lock_after, rest=timedelta(minutes=office.lock_minutes), at=at)
    except TooMany:
        return True
    return False


@event.listens_for(Account.username, "set", retval=True)
def _store_canonical(_account: Account, value: Any, *_: object) -> Any:
    """User names are stored canonically, so that UNIQUE covers every spelling."""
    return normal(value) if isinstance(value, str) else value
