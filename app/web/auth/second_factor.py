"""The second factor, required after the password and again before risky actions.

After the password there is no session, only a challenge of this browser, used once and only while the password is unchanged.
Methods register by ``offer`` and report success by ``shown``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.accounts import challenges, sessions
from app.core.errors import NotAllowed
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState, SignInMethod
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db
from app.models import Account, Challenge
from app.web import request_context
from app.web.auth import pre_login_cookie
from app.web.auth.sign_in import Proof, let_in, password_mark
from app.web.base.fab import BaseView, expose, no_cache
from app.web.base.private_urls import safe_local_url


@dataclass(frozen=True, slots=True)
class SecondFactorMethod:
    """A method: its page, and whether an account can use it."""

    way: SignInMethod
    label: object
    icon: str
    endpoint: str  # of a page that opens by GET and takes ``next``
    offered: Callable[[Account], bool]


METHODS: dict[SignInMethod, SecondFactorMethod] = {}


def offer(way: SecondFactorMethod) -> None:
    """Register a method; called where its view is registered."""
    METHODS[way.way] = way


class NothingOwed(NotAllowed):
    """No second factor is due in this browser: too late, or no password was shown."""

    code = "no-second-owed"
    sentence = _("The first step of the sign-in has expired. Please sign in with your password again.")


def ower(session: Session, *, at: datetime) -> Account:
    """The signed-in account, or the one whose password this browser has shown. Raises ``NothingOwed``."""
    if current_user.is_authenticated:
        return session.get_one(Account, current_user.id)
    owed = _owed(session, at)
    account = session.get(Account, owed.account_id) if owed is not None else None
    if owed is None or account is None or (owed.evidence or {}).get("password") != password_mark(account):
        raise NothingOwed
    return account


def shown(session: Session, account: Account, way: SignInMethod, *, at: datetime, address: str) -> None:
    """Record a shown second factor: opens the session, or renews it in an open one. The caller commits.

    Raises ``NothingOwed`` for another account than ``ower`` and for a repetition.
    """
    if ower(session, at=at).id != account.id:
        raise NothingOwed
    if current_user.is_authenticated:
        sessions.record_second_factor(session, g.visit.id, at=at)
        name = account.get_full_name()
        audit.log(session, name, AuditAction.SIGN_IN, account, change={"again": way.value}, at=at, address=address)
        return
    owed, browser = _owed(session, at), pre_login_cookie.browser()
    step = (ChallengeKind.SECOND, ChallengeState.NEW, ChallengeState.CONSUMED)
    if owed is None or not challenges.advance(session, owed.id, *step, at=at, browser=browser):
        raise NothingOwed
    let_in(session, Proof(account, SignInMethod.PASSWORD), second=way, at=at, address=address)


def _owed(session: Session, at: datetime) -> Challenge | None:
    browser = pre_login_cookie.browser()
    wanted = select(Challenge).where(
        Challenge.kind == ChallengeKind.SECOND, Challenge.browser == browser,
        Challenge.state == ChallengeState.NEW, Challenge.expires_at > at,
    )  # fmt: skip
    return session.scalars(wanted.order_by(Challenge.made_at.desc())).first() if browser else None


class SecondView(BaseView):
    """The choice between the methods."""

    route_base = "/login/second"
    default_view = "choose"

    @expose("/")
    @no_cache
    def choose(self) -> Response:
        session, wish = db.session(), safe_local_url(request.args.get("next", ""))
        try:
            account = ower(session, at=request_context.now())
        except NothingOwed:
            return redirect(url_for("SignInView.login", next=wish or None))
        ways = [way for way in METHODS.values() if way.offered(account)]
        what = {"ways": ways, "wish": wish, "inside": current_user.is_authenticated}
        return self.rendered("auth/second_factor.html", title=gettext("Second factor"), **what)
