"""短信登录 (manual R41–R43): mobile, picture code, code by text message; for accounts of the authority that only read.

What came in this way stays weak: it reads, and posts nothing but its own leaving (``posts_nothing``).
"""

from flask import make_response, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import no_cache
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import audit, desk
from app.db import db
from app.errors import HouseError, TooMany
from app.forms import MobileField, Required, TextField, TextLength
from app.login import codes, picture, presession
from app.login.admit import NotAdmitted, Proof, admit
from app.login.security import landing
from app.models import Account
from app.vocabulary import ChallengeKind, Deed, Way

PURPOSE = ChallengeKind.SMS_SIGN_IN
CODE_INPUT = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 12}


class SmsForm(picture.PictureForm):
    mobile = MobileField(_("Mobile"), validators=[Required()], render_kw={"autocomplete": "tel", "maxlength": 20})
    code = TextField(_("Code by text message"), validators=[TextLength(12)], render_kw=CODE_INPUT)


class SmsView(BaseView):  # type: ignore[misc]
    route_base = "/login/sms"
    default_view = "gate"

    @expose("/", methods=["GET", "POST"])  # type: ignore[untyped-decorator]
    @no_cache  # type: ignore[untyped-decorator]
    def gate(self) -> Response:
        """One form: without a code one is sent, with it one signs in. What was typed stays."""
        if current_user.is_authenticated:
            return redirect(landing(_wish()))
        form = SmsForm()
        if not form.is_submitted() or picture.asked_anew():
            return self._page(form)
        try:
            if not form.validate():
                return self._page(form, status=422)
            if request.form.get("do") == "send" or not form.code.data:
                picture.check_form(form)
                mobile = form.mobile.data or ""
                send_code(mobile, PURPOSE, reaches=bool(codes.known_by(db.session(), mobile)))
                return self._page(form, sent=True)
            self._sign_in(form)
        except HouseError as no:
            db.session().rollback()
            return self._page(form, no, status=no.status)
        return redirect(landing(_wish()))

    def _sign_in(self, form: SmsForm) -> None:
        session, at, address, mobile = db.session(), desk.moment(), desk.address(), form.mobile.data or ""
        try:
            codes.right(session, db.engine, PURPOSE, mobile, presession.browser(), form.code.data or "", at=at)
            admit(session, Proof(codes.reader_by(session, mobile), Way.SMS_CODE), at=at, address=address)
        except (codes.WrongCode, NotAdmitted) as no:
            session.rollback()
            _note_failure(session, mobile, no)
            raise
        session.commit()

    def _page(self, form: SmsForm, no: HouseError | None = None, *, sent: bool = False, status: int = 200) -> Response:
        page = self.render_template(
            "login/sms.html", title=gettext("Sign in"), form=form, sent_here="next" in request.args and status == 200,
            refusals=at_their_fields(form, no), wish=_wish(), **code_parts(no, sent=sent),
        )  # fmt: skip
        return with_patience(make_response(page, status), no)


# --- for every page that has a code sent ---------------------------------------------------------------------


def send_code(mobile: str, purpose: ChallengeKind, *, account_id: int | None = None, reaches: bool = True) -> None:
    """Have a code sent to this number; as ``codes.send``, for this request. Commits."""
    session = db.session()
    codes.send(
        session, db.engine, purpose, mobile, presession.browser(), account_id=account_id, reaches=reaches,
        office=desk.office(), at=desk.moment(), address=desk.address(),
    )  # fmt: skip
    session.commit()


def at_their_fields(form: picture.PictureForm, no: HouseError | None) -> tuple[object, ...]:
    """Put each refusal at its field; what belongs to none is told above the form."""
    refusals = no.refusals if no is not None else ()
    for refusal in refusals:
        if refusal.field in form:
            form[refusal.field].errors = [*form[refusal.field].errors, refusal.sentence]
    return tuple(refusal for refusal in refusals if refusal.field not in form)


def code_parts(no: HouseError | None = None, *, sent: bool = False) -> dict[str, object]:
    """What ``login/code.html`` needs: a fresh picture, whether a code was sent, and how many seconds to wait for another."""
    pause = int(codes.PAUSE.total_seconds())
    wait = pause if sent else min(no.retry_after, pause) if isinstance(no, TooMany) else 0
    return {"picture": picture.handed_out(), "sent": sent, "wait": wait}


def with_patience(answer: Response, no: HouseError | None) -> Response:
    if isinstance(no, TooMany):
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _wish() -> str:
    return request.args.get("next", "")


def _note_failure(session: Session, mobile: str, no: HouseError) -> None:
    """One line, with the account's name where one is known by the number; the number itself is not written down."""
    known = codes.known_by(session, mobile)
    account = known[0] if len(known) == 1 else None
    audit.note(
        session,
        account.get_full_name() if account is not None else "unknown",
        Deed.SIGN_IN_FAILED,
        Account,
        account.id if account is not None else "",
        {"way": Way.SMS_CODE.value, "why": [refusal.code for refusal in no.refusals]},
        at=desk.moment(),
        address=desk.address(),
    )
    session.commit()
