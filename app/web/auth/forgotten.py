"""A forgotten password: user name and recorded mobile, a code by text message, then a new password.

Pages never disclose whether the account exists or the mobile is its own.
"""

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload
from werkzeug.wrappers import Response

from app.accounts import challenges
from app.accounts.role_assignment import roles_of
from app.core.clock import office_time
from app.core.errors import AppError, Stale
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState
from app.core.vocabulary import ADMINISTRATORS, AuditAction, NotificationKind
from app.db import audit
from app.db.session import db
from app.models import Account, Challenge
from app.outbox import notifications, sms_texts
from app.web import request_context
from app.web.auth import captcha, password_form, pre_login_cookie, sms_codes
from app.web.auth.security_manager import had_before, judge, landing, set_password
from app.web.auth.sign_in import objections
from app.web.auth.sms import SmsForm, code_parts, send_code
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import BaseView, expose, no_cache
from app.web.forms import AppForm, Required, SecretTextField, TextField, TextLength, place_refusals

PURPOSE = ChallengeKind.SMS_RESET


class ForgottenForm(SmsForm):
    username = TextField(
        _("User name"),
        validators=[Required(), TextLength(128)],
        numbers=True,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )


class NewPasswordForm(AppForm):
    password = SecretTextField(_("New password"), validators=[Required()], render_kw={"autocomplete": "new-password"})
    again = SecretTextField(_("New password once more"), validators=[Required()], render_kw={"autocomplete": "new-password"})


def may_reset(account: Account) -> bool:
    """Not for administrators: a stolen telephone must not open every account."""
    return roles_of(account).isdisjoint(ADMINISTRATORS) and not list(objections(account))


def account_for(session: Session, username: str, mobile: str) -> Account | None:
    """The account with this name and this mobile, if its password may be reset by text message."""
    named = select(Account).where(Account.username == password_form.normal(username), Account.mobile_key == mobile)
    # Always one statement, so that timing discloses nothing.
    named = named.options(joinedload(Account.roles), joinedload(Account.enterprise))
    account = session.scalars(named).unique().one_or_none()
    return account if account is not None and may_reset(account) else None


class ForgottenView(BaseView):
    route_base = "/login/forgotten"
    default_view = "form"

    @expose("/", methods=["GET", "POST"])
    @no_cache
    def form(self) -> Response:
        if current_user.is_authenticated:
            return redirect(landing(""))
        form = ForgottenForm()
        if not form.is_submitted() or captcha.another_requested():
            return self._page(form)
        try:
            if not form.validate():
                return self._page(form, status=422)
            if request.form.get("do") == "send" or not form.code.data:
                self._send(form)
                return self._page(form, sent=True)
            sms_codes.right(
                db.session(), db.engine, PURPOSE, form.mobile.data or "", pre_login_cookie.browser(), form.code.data,
                at=request_context.now(), to=ChallengeState.CONFIRMED, lasts=2 * sms_codes.LASTS,
            )  # fmt: skip
        except AppError as error:
            db.session().rollback()
            return self._page(form, error, status=error.status)
        return redirect(url_for("ForgottenView.renew"), 303)

    def _send(self, form: ForgottenForm) -> None:
        captcha.check_form(form)
        account = account_for(db.session(), form.username.data or "", form.mobile.data or "")
        account_id = account.id if account is not None else None
        send_code(form.mobile.data or "", PURPOSE, account_id=account_id, reaches=account is not None)

    def _page(self, form: ForgottenForm, error: AppError | None = None, *, sent: bool = False, status: int = 200) -> Response:
        answer = self.rendered(
            "auth/forgotten.html", status, title=gettext("Set a new password"), form=form,
            refusals=place_refusals(form, error), **code_parts(error, sent=sent),
        )  # fmt: skip
        return with_retry_after(answer, error)

    @expose("/new", methods=["GET", "POST"])
    @no_cache
    def renew(self) -> Response:
        """The second step: once, within ten minutes, for the browser that entered the code."""
        asked = sms_codes.confirmed(db.session(), PURPOSE, pre_login_cookie.browser())
        if asked is None or not challenges.is_alive(asked, request_context.now()):
            flash(gettext("Please show first that the account is yours."), "warning")
            return redirect(url_for("ForgottenView.form"), 303)
        form, account = NewPasswordForm(), db.session().get_one(Account, asked.account_id)
        if form.validate_on_submit() and not self._weak(form, account):
            self._renew(asked, account, form.password.data)
            flash(gettext("The password was set anew. Please sign in with it."), "success")
            return redirect(url_for("SignInView.login"), 303)
        status, title = 422 if form.is_submitted() else 200, gettext("Set a new password")
        return self.rendered("auth/new_password.html", status, title=title, form=form, username=account.username)

    def _weak(self, form: NewPasswordForm, account: Account) -> bool:
        judge(form, account, request_context.current_office())
        return bool(form.errors) or had_before(db.session(), account.id, form, request_context.current_office())

    def _renew(self, asked: Challenge, account: Account, plain: str) -> None:
        """Set the password, end all sessions, log, and notify by text message, in one transaction, once per challenge."""
        session, at = db.session(), request_context.now()
        number, account_id, browser, name = asked.id, account.id, pre_login_cookie.browser(), account.username
        mobile = (asked.evidence or {})["mobile"]
        session.rollback()  # hold no lock while hashing
        stored = password_form.hashed(plain)
        sms_codes.use(session, number, PURPOSE, browser, at=at)
        account = session.get_one(Account, account_id)
        if account.mobile != mobile or not may_reset(account):  # changed since the code was shown
            raise Stale
        set_password(account, stored, must_change=False)
        session.flush()  # which ends every session of the account
        audit.log(session, account.get_full_name(), AuditAction.CHANGE, account, change={"password": "sms"}, at=at)
        facts = {"username": name, "moment": f"{office_time(at):%Y-%m-%d %H:%M}"}
        recipient = sms_texts.Recipient(NotificationKind.ACCOUNT, account_id=account_id)
        office = request_context.current_office()
        message = sms_texts.system_message(sms_texts.PASSWORD_RESET, mobile, office, recipient, **facts)
        notifications.tell(session, [message], at=at)
        session.commit()
        password_form.forget_guesses(db.engine, name)  # the user has probably guessed, too
        pre_login_cookie.close()
