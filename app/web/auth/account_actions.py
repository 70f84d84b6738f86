"""Actions on an account: one-time password, unlock, end sessions. Logged and committed; ``may_reset`` decides who may.

For privileged accounts: asking the other administrator for a change.
"""

from flask import flash, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.accounts import privileged_changes, sessions
from app.accounts.privileged_changes import OneTimePassword, Wanted
from app.accounts.role_assignment import is_privileged
from app.core.sign_in_vocabulary import SessionEndReason
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db
from app.models import Account, PrivilegedChange
from app.web import request_context
from app.web.auth.password_form import forget_guesses
from app.web.auth.security_manager import set_password
from app.web.base import Link

REASON_HINT = _("Read by the other administrator, and kept in the audit log.")


def hand_out_password(account: Account, password: OneTimePassword) -> None:
    """Set and flash a one-time password, which the holder must change. The caller commits."""
    set_password(account, password.hash, must_change=True)
    flash(gettext("One-time password of %(name)s: %(word)s", name=account.username, word=password.plain), "warning")


def reset_password(account: Account, password: OneTimePassword) -> None:
    """A one-time password, and unlock; commits."""
    hand_out_password(account, password)  # which ends its sessions
    name = account.username  # before the commit: afterwards, reading would begin a writing transaction
    db.session.commit()
    forget_guesses(db.engine, name)  # the holder has probably guessed, too


def unlock(account: Account) -> None:
    """End the lock after too many wrong passwords; commits."""
    name, username = account.get_full_name(), account.username
    _note(account, "lock")
    db.session.commit()
    forget_guesses(db.engine, username)
    flash(gettext("%(name)s may try to sign in again.", name=name), "success")


def end_sessions(account: Account) -> None:
    """End all sessions of the account; commits."""
    name = account.get_full_name()
    sessions.end_all(db.session(), account.id, SessionEndReason.ENDED_BY_ADMIN, at=request_context.now())
    _note(account, "sessions")
    db.session.commit()
    flash(gettext("Every session of %(name)s has ended.", name=name), "success")


def _note(account: Account, what: str) -> None:
    """Log by hand: neither attempt counters nor sessions are audited tables."""
    change = {what: ["there", "ended"]}
    audit.log(db.session(), "", AuditAction.CHANGE, account, change=change, at=request_context.now())


def action_links(account: Account, reset: str, unlock: str, end: str) -> list[Link]:
    """The buttons for the three actions."""
    name = account.get_full_name()
    anew = gettext("Give %(name)s a new one-time password? Every session of the account ends.", name=name)
    ended = gettext("End every session of %(name)s? What was typed there and not saved is lost.", name=name)
    return [
        Link(gettext("Reset password"), reset, post=True, confirm=anew),
        Link(gettext("Unlock"), unlock, post=True),
        Link(gettext("End sessions"), end, post=True, confirm=ended),
    ]


def ask_for(account_id: int, wanted: Wanted, reason: str | None) -> PrivilegedChange:
    """Ask for a change in the name of the signed-in administrator. The caller commits."""
    return privileged_changes.ask(
        db.session(), account_id, wanted, reason or "", request_context.current_actor(), at=request_context.now(),
        office=request_context.current_office(), sends_messages=request_context.settings().sends_codes,
    )  # fmt: skip


def asked_message(change: PrivilegedChange) -> str:
    """Said after asking."""
    decider = privileged_changes.OTHER[change.asked_as].label
    until = privileged_changes.moment(change.lapses_at)
    return str(gettext("Nothing has changed yet: the %(role)s has to confirm it by %(moment)s.", role=decider, moment=until))


def change_links(account: Account) -> list[Link]:
    """The button for asking, on a row of a privileged account."""
    here = request.full_path.rstrip("?")
    url = url_for("PrivilegedChangeScreen.ask", account_id=account.id, next=here)
    return [Link(gettext("New password or mobile"), url)] if is_privileged(account) else []
