"""A certificate as the second factor. The signed statement names this purpose, so it cannot be used to sign in."""

from flask import jsonify, make_response, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts.pki import bindings
from app.accounts.pki.verify import NotProved
from app.core.errors import AppError, TooMany
from app.core.sign_in_vocabulary import ChallengeKind, SignInMethod
from app.db.session import db
from app.models import Account
from app.web import request_context
from app.web.auth.certificate import agent_url, issue_challenge, proved
from app.web.auth.second_factor import NothingOwed, SecondFactorMethod, ower, shown
from app.web.auth.security_manager import landing
from app.web.auth.sign_in import note_failure
from app.web.base.fab import BaseView, expose, no_cache

KIND = ChallengeKind.CERTIFICATE_SECOND


class CertificateSecondView(BaseView):
    route_base = "/login/second/certificate"
    default_view = "form"

    @expose("/", methods=["GET", "POST"])
    @no_cache
    def form(self) -> Response:
        wish = request.args.get("next", "")
        try:
            owes = ower(db.session(), at=request_context.now()).id
            if request.method == "GET":
                return self._page()
            self._show(owes)
        except NothingOwed:
            db.session().rollback()
            return redirect(url_for("SecondView.choose", next=wish or None))
        except AppError as error:
            db.session().rollback()
            if not isinstance(error, TooMany):
                session = db.session()
                note_failure(session, session.get(Account, owes), error, SignInMethod.CERTIFICATE)
            return self._page(error)
        return redirect(landing(wish))

    @expose("/start", methods=["POST"])
    def start(self) -> Response:
        try:
            return issue_challenge(KIND, ower(db.session(), at=request_context.now()).id)
        except NothingOwed as error:
            return make_response(jsonify(sentence=str(error)), error.status)

    def _show(self, owes: int) -> None:
        session, at = db.session(), request_context.now()
        account = bindings.account_of(session, proved(KIND, owes))
        if account.id != owes:
            raise NotProved(_("This certificate belongs to another account."), code="certificate-of-another")
        shown(session, account, SignInMethod.CERTIFICATE, at=at, address=request_context.address())
        session.commit()

    def _page(self, error: AppError | None = None) -> Response:
        return self.rendered(
            "auth/second_factor_certificate.html", error.status if error is not None else 200, title=gettext("Second factor"),
            agent=agent_url(), refusals=error.refusals if error is not None else (), wish=request.args.get("next") or None,
        )  # fmt: skip


SECOND = SecondFactorMethod(
    SignInMethod.CERTIFICATE,
    _("Digital certificate (UKey)"),
    "key",
    "CertificateSecondView.form",
    lambda account: bool(bindings.bindings_of(db.session(), account.id)),
)
