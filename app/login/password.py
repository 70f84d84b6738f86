"""The first way in: a user name and a password; and what a good password is.

Law: a guess is charged before it is looked at, in a transaction of its own. Unknown name, wrong password and resting account
give the same answer after the same work, so none of them can be told from the others.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app import throttle
from app.config import Office
from app.errors import HouseError, Refusal, TooMany
from app.identity import fold_user_name
from app.login.admit import Proof
from app.models import Account
from app.vocabulary import Way

GUESSES_PER_ADDRESS = 30
ADDRESS_WINDOW = 15 * 60
LONGEST = 128  # hashing what is longer would cost us more than the sender
SHORTEST_NAME = 3  # a password may well hold the user name "a"
CLASSES = 3  # of: small letters, capitals, digits, other marks
MARKS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # of one-time passwords: none that look alike


class WrongPassword(HouseError):
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
    throttle.hit(engine, _place(address), limit=GUESSES_PER_ADDRESS, seconds=ADDRESS_WINDOW, at=at)
    resting = _charge(engine, guess_key(name), office, at)
    account = find(session, name)
    stored = account.password if account is not None and not resting else None
    session.rollback()  # nobody shall wait for a lock of ours while we hash
    if not matches(stored, password):
        raise WrongPassword(office)
    throttle.clear(engine, guess_key(name))
    throttle.refund(engine, _place(address), seconds=ADDRESS_WINDOW, at=at)
    account = find(session, name)
    if account is None or account.password != stored:  # changed while we hashed
        raise WrongPassword(office)
    return Proof(account, Way.PASSWORD)


def confirm(engine: Engine, name: str, stored: str | None, password: str, *, office: Office, at: datetime) -> bool:
    """Whether somebody who is signed in knows their own password. Guesses count like those at the gate."""
    key = f"confirm:{name}"
    if _charge(engine, key, office, at) or not matches(stored, password):
        return False
    throttle.clear(engine, key)
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
    fits = check_password_hash(stored or dummy(), password[:LONGEST])
    return fits and stored is not None and bool(password.strip("\0")) and len(password) <= LONGEST


def one_time_password() -> str:
    """Sixteen characters of three classes; whoever gets it must change it at the first sign-in."""
    while True:
        word = "".join(secrets.choice(MARKS) for _place in range(16))
        if any(c.isdigit() for c in word) and any(c.islower() for c in word) and any(c.isupper() for c in word):
            return word


def dummy() -> str:
    """The hash of no password that anybody has; as much work as a real one."""
    return str(current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"])


def hashed(password: str) -> str:
    """As it may lie in the store: scrypt, unless the configuration says otherwise."""
    return generate_password_hash(password, current_app.config.get("FAB_PASSWORD_HASH_METHOD", "scrypt"))


def weaknesses(password: str, username: str, office: Office) -> Iterator[Refusal]:
    """Everything that speaks against a new password; nothing is consent."""
    if not office.password_length <= len(password) <= LONGEST:
        yield Refusal(
            "password-length",
            _("A password has %(least)s to %(most)s characters.", least=office.password_length, most=LONGEST),
            "password",
        )
    if sum(_classes(password)) < CLASSES:
        yield Refusal(
            "password-classes",
            _("Use at least three of these four: small letters, capital letters, digits, other marks."),
            "password",
        )
    if len(normal(username)) >= SHORTEST_NAME and normal(username) in normal(password):
        yield Refusal("password-holds-name", _("The password must not contain the user name."), "password")


def _classes(password: str) -> tuple[bool, ...]:
    return (
        any(mark.islower() for mark in password),
        any(mark.isupper() for mark in password),
        any(mark.isdigit() for mark in password),
        any(not mark.isalnum() for mark in password),
    )


def _place(address: str) -> str:
    return f"sign-in-from:{throttle.origin(address)}"


def _charge(engine: Engine, key: str, office: Office, at: datetime) -> bool:
    """Charge one guess; True if the account rests, so that the guess is not even looked at."""
    try:
        throttle.attempt(engine, key, limit=office.lock_after, rest=timedelta(minutes=office.lock_minutes), at=at)
    except TooMany:
        return True
    return False


@event.listens_for(Account.username, "set", retval=True)
def _one_spelling(_account: Account, value: Any, *_: object) -> Any:
    """Whoever writes a user name writes the one spelling, so that the column's UNIQUE means what it says."""
    return normal(value) if isinstance(value, str) else value
