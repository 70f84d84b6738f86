"""What an administrator does to an account at the gate: a new one-time word, no more rest, every session ended.

Law: whose account it is to do so, ``appointments.may_reset`` says; each deed stands in the diary and commits.
"""

from flask import flash
from flask_babel import gettext

from app.accounts import rate_limit, sessions
from app.accounts.passwords import one_time_password
from app.core.vocabulary import AuditAction, SessionEndReason
from app.db import audit
from app.db.session import db
from app.models import Account
from app.web import request_context
from app.web.auth.password_form import guess_key
from app.web.auth.security_manager import set_password
from app.web.base import Link


def hand_out_password(account: Account) -> None:
    """Shown once, to the administrator who hands it over; the holder must change it. The caller commits."""
    word = one_time_password()
    set_password(account, word, must_change=True)
    flash(gettext("One-time password of %(name)s: %(word)s", name=account.username, word=word), "warning")


def reset_password(account: Account) -> None:
    """A new word, no more rest after wrong guesses; commits."""
    hand_out_password(account)  # which ends its sessions
    guesses = guess_key(account.username)  # read before the commit: after it, reading would take the writer's place
    db.session.commit()
    rate_limit.clear(db.engine, guesses)  # whoever forgot the password has guessed, too


def unlock(account: Account) -> None:
    """After too many wrong passwords: it may be tried again at once; commits."""
    name, guesses = account.get_full_name(), guess_key(account.username)
    _note(account, "lock")
    db.session.commit()
    rate_limit.clear(db.engine, guesses)
    flash(gettext("%(name)s may try to sign in again.", name=name), "success")


def end_sessions(account: Account) -> None:
    """Everywhere at once; the account may sign in again; commits."""
    name = account.get_full_name()
    sessions.end_all(db.session(), account.id, SessionEndReason.ENDED_BY_ADMIN, at=request_context.now())
    _note(account, "sessions")
    db.session.commit()
    flash(gettext("Every session of %(name)s has ended.", name=name), "success")


def _note(account: Account, what: str) -> None:
    """Neither counts of wrong passwords nor sessions are rows that the diary watches."""
    change = {what: ["there", "ended"]}
    audit.log(
        db.session(),
        "",
        AuditAction.CHANGE,
        account,
        change=change,
        at=request_context.now(),
        address=request_context.address(),
    )


def deed_links(account: Account, reset: str, unlock: str, end: str) -> list[Link]:
    """The three buttons; what cannot be undone asks first."""
    name = account.get_full_name()
    anew = gettext("Give %(name)s a new one-time password? Every session of the account ends.", name=name)
    ended = gettext("End every session of %(name)s? What was typed there and not saved is lost.", name=name)
    return [
        Link(gettext("Reset password"), reset, post=True, confirm=anew),
        Link(gettext("Unlock"), unlock, post=True),
        Link(gettext("End sessions"), end, post=True, confirm=ended),
    ]
