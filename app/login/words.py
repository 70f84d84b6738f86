"""Words that open an account once: shown to whoever may hand them out, and changed by the holder at the first sign-in."""

from flask import flash
from flask_babel import gettext

from app import throttle
from app.db import db
from app.login.password import guess_key, one_time_password
from app.login.security import set_password
from app.models import Account
from app.screens import Link


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
    throttle.clear(db.engine, guesses)  # whoever forgot the password has guessed, too


def reset_link(account: Account, url: str) -> Link:
    sure = gettext("Give %(name)s a new one-time password? Every session of the account ends.", name=account.get_full_name())
    return Link(gettext("Reset password"), url, post=True, confirm=sure)
