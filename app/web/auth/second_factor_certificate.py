"""A certificate as the second factor, at the gate and again before the riskiest deeds.

Law: as for every second factor (``second``); what is signed here says that it is one, so that it opens nothing else.
"""

from flask import jsonify, make_response, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts.pki import bindings
from app.accounts.pki.verify import NotProved
from app.core.errors import AppError, TooMany
from app.core.vocabulary import ChallengeKind, SignInMethod
from app.db.session import db
from app.models import Account
from app.web import request_context
from app.web.auth.certificate import connects, give_out, note_failure, proved
from app.web.auth.second_factor import NothingOwed, SecondWay, ower, shown
from app.web.auth.security_manager import landing
from app.web.base.fab import BaseView, expose, no_cache

KIND = ChallengeKind.CERTIFICATE_SECOND


class CertificateSecondView(BaseView):
    route_base = "/login/second/certificate"
    default_view = "gate"

    @expose("/", methods=["GET", "POST"])
    @no_cache
    def gate(self) -> Response:
        wish = request.args.get("next", "")
        try:
            owes = ower(db.session(), at=request_context.now()).id
            if request.method == "GET":
                return self._page()
            self._show(owes)
        except NothingOwed:
            db.session().rollback()
            return redirect(url_for("SecondView.choose", next=wish or None))
        except AppError as no:
            db.session().rollback()
            if not isinstance(no, TooMany):
                note_failure(db.session().get(Account, owes), None, no)
            return self._page(no)
        return redirect(landing(wish))

    @expose("/start", methods=["POST"])
    def start(self) -> Response:
        try:
            return give_out(KIND, ower(db.session(), at=request_context.now()).id)
        except NothingOwed as no:
            return make_response(jsonify(sentence=str(no)), no.status)

    def _show(self, owes: int) -> None:
        session, at = db.session(), request_context.now()
        account = bindings.account_of(session, proved(KIND, owes))
        if account.id != owes:
            raise NotProved(_("This certificate belongs to another account."), code="certificate-of-another")
        shown(session, account, SignInMethod.CERTIFICATE, at=at, address=request_context.address())
        session.commit()

    def _page(self, no: AppError | None = None) -> Response:
        page = self.render_template(
            "auth/second_factor_certificate.html", title=gettext("Second factor"), agent=connects(),
            refusals=no.refusals if no is not None else (), wish=request.args.get("next") or None,
        )  # fmt: skip
        return make_response(page, no.status if no is not None else 200)


def _has_one(account: Account) -> bool:
    return bool(bindings.bindings_of(db.session(), account.id))


SECOND = SecondWay(SignInMethod.CERTIFICATE, _("Digital certificate (UKey)"), "key", "CertificateSecondView.gate", _has_one)
