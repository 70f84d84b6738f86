"""企业注册: the public page where an enterprise registers; the result comes by text message.

Two steps in one browser: a code by text message, then the enterprise's data. A right code stays good while the holder of
the mobile corrects the form. Registering signs nobody in.
"""

from datetime import timedelta
from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts import passwords, registration
from app.accounts.registration import RegistrationRequest
from app.core.errors import AppError, Refusal, Unmet
from app.core.identifiers import mask_mobile
from app.core.sign_in_vocabulary import ChallengeKind
from app.core.vocabulary import Registration
from app.db.session import db
from app.models import Account, Region
from app.web import request_context
from app.web.auth import captcha, password_form, pre_login_cookie, sms_codes
from app.web.auth.security_manager import set_password
from app.web.base.fab import BaseView, expose
from app.web.forms import (
    AppForm,
    ChoiceField,
    CreditCodeField,
    MobileField,
    NameField,
    Required,
    SecretTextField,
    TextField,
    TextLength,
    UploadField,
    place_refusals,
)
from app.web.scan_upload import receive_scans, taken

AN_HOUR = 20  # tries from one address
HOUR = 60 * 60
CODE_LASTS = timedelta(minutes=30)  # a right code, while the form is corrected


class MobileForm(captcha.PictureForm):
    mobile = MobileField(
        _("Mobile"), validators=[Required()], description=_("The result is sent there, and codes for a new password.")
    )


class EnrolmentForm(AppForm):
    mobile = MobileField(_("Mobile"), validators=[Required()], render_kw={"readonly": True})
    code = TextField(
        _("Code by text message"), validators=[Required(), TextLength(12)],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code"},
    )  # fmt: skip
    uscc = CreditCodeField(_("Unified social credit code"), validators=[Required()])
    name = TextField(_("Enterprise name"), validators=[Required(), TextLength(120)])
    region_code = ChoiceField(_("Region"), validators=[Required()])
    legal_representative = NameField(_("Legal representative"), validators=[Required(), TextLength(50)])
    contact = NameField(_("Contact"), validators=[Required(), TextLength(50)])
    licence = UploadField(_("Scan of the business licence"), needed=True)
    username = TextField(_("User name"), validators=[Required(), TextLength(64)], render_kw={"autocomplete": "username"})
    password = SecretTextField(_("Password"), validators=[Required()])
    again = SecretTextField(_("Password once more"), validators=[Required()])


class EnrolmentView(BaseView):
    """``/register``: the mobile; ``/register/enterprise``: everything else."""

    route_base = "/register"
    default_view = "telephone"

    @expose("/", methods=["GET"])
    def telephone(self) -> Response:
        return self._telephone(MobileForm())

    @expose("/", methods=["POST"])
    def send(self) -> Response:
        form = MobileForm()
        if captcha.another_requested():
            return self._telephone(form)
        if not form.validate():
            return self._telephone(form, status=422)
        session, mobile = db.session(), str(form.mobile.data)
        try:
            captcha.check_form(form)
            sms_codes.send(
                session, db.engine, ChallengeKind.SMS_REGISTER, mobile, pre_login_cookie.open_browser(),
                office=request_context.current_office(), at=request_context.now(), address=request_context.address(),
            )  # fmt: skip
            session.commit()
        except AppError as error:
            session.rollback()
            return self._telephone(form, place_refusals(form, error), status=error.status)
        flash(gettext("A code is on its way to %(mobile)s. It is good for five minutes.", mobile=mask_mobile(mobile)), "info")
        return self._particulars(_particulars_form(mobile))

    @expose("/enterprise", methods=["POST"])
    def enrol(self) -> Response:
        request_context.count_use("register", AN_HOUR, HOUR)
        receive_scans("licence", browser=pre_login_cookie.browser())
        form = _particulars_form()
        if not form.validate():
            return self._particulars(form, status=422)
        try:
            _enrol(form)
        except AppError as error:
            db.session().rollback()
            return self._particulars(form, place_refusals(form, error), status=error.status if error.status != 401 else 422)
        message = gettext(
            "The registration has been sent. The office looks at it; you are told the result by text message to %(mobile)s, "
            "and can sign in once it is approved.",
            mobile=mask_mobile(str(form.mobile.data)),
        )
        flash(message, "success")
        return redirect(url_for("SignInView.login"), 303)

    def _telephone(self, form: MobileForm, refusals: Any = (), *, status: int = 200) -> Response:
        return self._page(status, form=form, refusals=refusals, step=1, picture=captcha.captcha_for_page())

    def _particulars(self, form: EnrolmentForm, refusals: Any = (), *, status: int = 200) -> Response:
        form.password.description = passwords.requirements(request_context.current_office())
        return self._page(status, form=form, refusals=refusals, step=2)

    def _page(self, status: int, **what: Any) -> Response:
        return self.rendered("public/register.html", status, title=gettext("Register an enterprise"), **what)


def _particulars_form(mobile: str = "") -> EnrolmentForm:
    form = EnrolmentForm(formdata=None, mobile=mobile) if mobile else EnrolmentForm()
    form.region_code.choices = [(one.code, one.name) for one in db.session.scalars(select(Region).order_by(Region.code))]
    form.licence.limit_bytes = request_context.current_office().scan_bytes
    return form


def _enrol(form: EnrolmentForm) -> None:
    """Whether an enterprise or a user name is known is told only after the code was right, to the mobile's holder."""
    session, at, office = db.session(), request_context.now(), request_context.current_office()
    claim = RegistrationRequest(**{name: str(form[name].data) for name in RegistrationRequest.__dataclass_fields__})
    username, password = str(form.username.data), str(form.password.data)
    if password != form.again.data:
        raise Unmet.because(Refusal("password-differs", _("The two passwords differ."), "again"))
    if wrong := list(registration.faults(claim, username)):
        raise Unmet(wrong)
    licence = taken("licence")
    request_context.begin_writing()
    browser, kind = pre_login_cookie.browser(), ChallengeKind.SMS_REGISTER
    code = sms_codes.confirm(session, db.engine, kind, claim.mobile, browser, str(form.code.data), at=at, lasts=CODE_LASTS).id
    there = registration.enterprise_by_code(session, claim.uscc)
    mine, stored = None, ""
    if there is not None and there.registration is Registration.REJECTED:
        mine = _proved(claim, username, password)
    elif weak := list(passwords.weaknesses(password, username, office, also=(claim.name,))):
        raise Unmet(weak)
    else:
        session.rollback()  # hold no lock while hashing
        stored = password_form.hashed(password)
    session.info.update(actor=username[:64])
    if mine is not None:
        registration.resubmit(session, claim, licence, session.get_one(Account, mine), at=request_context.office_now())
    else:
        account = registration.register(session, claim, licence, username=username, at=request_context.office_now())
        set_password(account, stored, must_change=False)
    sms_codes.use(session, code, kind, browser, at=at)
    session.commit()


def _proved(claim: RegistrationRequest, username: str, password: str) -> int:
    """The account id of the rejected enterprise, proved by its password as at sign-in. Raises ``WrongPassword``."""
    office, at, address = request_context.current_office(), request_context.now(), request_context.address()
    db.session().rollback()  # attempts are counted on another connection
    proof = password_form.prove(db.session(), db.engine, username, password, office=office, at=at, address=address)
    enterprise = registration.enterprise_by_code(db.session(), claim.uscc)
    if enterprise is None or proof.account.enterprise_id != enterprise.id:
        raise password_form.WrongPassword(office)
    return int(proof.account.id)


def register(appbuilder: Any) -> None:
    appbuilder.add_view_no_menu(EnrolmentView)
