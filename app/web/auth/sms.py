"""Sign-in by text message (短信登录, manual R41–R43) for accounts of the authority that only read; and as a second factor.

Such a session only reads: of POSTs it may send ``security_manager.READER_POSTS``.
"""

from flask import redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app.core.errors import AppError, TooMany
from app.core.identifiers import mask_mobile
from app.core.sign_in_vocabulary import ChallengeKind, SignInMethod
from app.db.session import db
from app.models import Account
from app.web import request_context
from app.web.auth import captcha, pre_login_cookie, second_factor, sms_codes
from app.web.auth.security_manager import landing
from app.web.auth.sign_in import NotAdmitted, Proof, admit, note_failure
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import BaseView, expose, no_cache
from app.web.forms import AppForm, MobileField, Required, TextField, TextLength, place_refusals

PURPOSE = ChallengeKind.SMS_SIGN_IN
CODE_INPUT = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 12}


class SmsForm(captcha.PictureForm):
    mobile = MobileField(_("Mobile"), validators=[Required()], render_kw={"autocomplete": "tel", "maxlength": 20})
    code = TextField(_("Code by text message"), validators=[TextLength(12)], render_kw=CODE_INPUT)


class SmsView(BaseView):
    route_base = "/login/sms"
    default_view = "form"

    @expose("/", methods=["GET", "POST"])
    @no_cache
    def form(self) -> Response:
        """Without a code one is sent, with it one signs in."""
        if current_user.is_authenticated:
            return redirect(landing(_wish()))
        form = SmsForm()
        if not form.is_submitted() or captcha.another_requested():
            return self._page(form)
        try:
            if not form.validate():
                return self._page(form, status=422)
            if request.form.get("do") == "send" or not form.code.data:
                captcha.check_form(form)
                mobile = form.mobile.data or ""
                send_code(mobile, PURPOSE, reaches=bool(sms_codes.known_by(db.session(), mobile)))
                return self._page(form, sent=True)
            self._sign_in(form)
        except AppError as error:
            db.session().rollback()
            return self._page(form, error, status=error.status)
        return redirect(landing(_wish()))

    def _sign_in(self, form: SmsForm) -> None:
        session, mobile = db.session(), form.mobile.data or ""
        at, address = request_context.now(), request_context.address()
        try:
            sms_codes.right(session, db.engine, PURPOSE, mobile, pre_login_cookie.browser(), form.code.data or "", at=at)
            admit(session, Proof(sms_codes.reader_by(session, mobile), SignInMethod.SMS_CODE), at=at, address=address)
        except (sms_codes.WrongCode, NotAdmitted) as error:
            session.rollback()
            known = sms_codes.known_by(session, mobile)
            note_failure(session, known[0] if len(known) == 1 else None, error, SignInMethod.SMS_CODE)
            raise
        session.commit()

    def _page(self, form: SmsForm, error: AppError | None = None, *, sent: bool = False, status: int = 200) -> Response:
        answer = self.rendered(
            "auth/sms.html", status, title=gettext("Sign in"), form=form, sent_here="next" in request.args and status == 200,
            refusals=place_refusals(form, error), wish=_wish(), **code_parts(error, sent=sent),
        )  # fmt: skip
        return with_retry_after(answer, error)


class SecondForm(AppForm):
    code = TextField(_("Code by text message"), validators=[TextLength(12)], render_kw=CODE_INPUT)


class SmsSecondView(BaseView):
    """A code to the account's recorded mobile as the second factor."""

    route_base = "/login/second/sms"
    default_view = "form"

    @expose("/", methods=["GET", "POST"])
    @no_cache
    def form(self) -> Response:
        form, sent = SecondForm(), False
        try:
            account = second_factor.ower(db.session(), at=request_context.now())
        except second_factor.NothingOwed:
            return redirect(url_for("SecondView.choose", next=_wish() or None))
        number, mobile = account.id, account.mobile or ""
        if not mobile:
            return redirect(url_for("SecondView.choose", next=_wish() or None))
        try:
            if form.is_submitted():
                sent = self._answered(form, number, mobile)
                if not sent:
                    return redirect(landing(_wish()))
        except AppError as error:
            db.session().rollback()
            return self._page(form, mobile, error, status=error.status)
        return self._page(form, mobile, sent=sent)

    def _answered(self, form: SecondForm, number: int, mobile: str) -> bool:
        """True if a code was sent, False if the right one was entered."""
        if not form.validate():
            raise sms_codes.WrongCode
        pre_login_cookie.open_browser()
        if request.form.get("do") == "send" or not form.code.data:
            send_code(mobile, ChallengeKind.SMS_SECOND, account_id=number)
            return True
        session, at, address = db.session(), request_context.now(), request_context.address()
        kind, browser = ChallengeKind.SMS_SECOND, pre_login_cookie.browser()
        try:
            asked = sms_codes.right(session, db.engine, kind, mobile, browser, form.code.data, at=at)
        except sms_codes.WrongCode as error:
            session.rollback()
            note_failure(session, session.get_one(Account, number), error, SignInMethod.SMS_CODE)
            raise
        if asked.account_id != number:
            raise sms_codes.WrongCode
        second_factor.shown(session, session.get_one(Account, number), SignInMethod.SMS_CODE, at=at, address=address)
        session.commit()
        return False

    def _page(
        self, form: SecondForm, mobile: str, error: AppError | None = None, *, sent: bool = False, status: int = 200
    ) -> Response:
        answer = self.rendered(
            "auth/second_factor_sms.html", status, title=gettext("Second factor"), form=form, mobile=mask_mobile(mobile),
            wish=_wish(), refusals=place_refusals(form, error), sent=sent, wait=seconds_to_wait(error, sent=sent),
        )  # fmt: skip
        return with_retry_after(answer, error)


SECOND = second_factor.SecondFactorMethod(
    SignInMethod.SMS_CODE,
    _("Code by text message"),
    "device-mobile",
    "SmsSecondView.form",
    lambda account: bool(account.mobile),
)


# --- for every page that sends a code ---------------------------------------------------------------------


def send_code(mobile: str, purpose: ChallengeKind, *, account_id: int | None = None, reaches: bool = True) -> None:
    """``sms_codes.send`` for this request; commits."""
    session = db.session()
    sms_codes.send(
        session, db.engine, purpose, mobile, pre_login_cookie.browser(), account_id=account_id, reaches=reaches,
        office=request_context.current_office(), at=request_context.now(), address=request_context.address(),
    )  # fmt: skip
    session.commit()


def code_parts(error: AppError | None = None, *, sent: bool = False) -> dict[str, object]:
    """The context of ``auth/code.html``: a new captcha, whether a code was sent, seconds until the next."""
    return {"picture": captcha.captcha_for_page(), "sent": sent, "wait": seconds_to_wait(error, sent=sent)}


def seconds_to_wait(error: AppError | None = None, *, sent: bool = False) -> int:
    """Seconds until another code may be requested."""
    pause = int(sms_codes.PAUSE.total_seconds())
    return pause if sent else min(error.retry_after, pause) if isinstance(error, TooMany) else 0


def _wish() -> str:
    return request.args.get("next", "")
