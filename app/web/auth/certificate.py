"""Sign-in by digital certificate (数字证书登录): a signed challenge, from a local agent or by TLS at the proxy.

A challenge is used up before its answer is checked. The PIN goes from the page to the agent, never to this server.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import timedelta
from hmac import compare_digest
from ssl import PEM_cert_to_DER_cert
from urllib.parse import unquote, urlsplit

from flask import g, jsonify, make_response, redirect, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app.accounts import challenges
from app.accounts.pki import bindings, verify
from app.accounts.pki.trust import PkiTrust, load_trust
from app.accounts.pki.verify import CertIdentity, NotProved
from app.core.errors import AppError, NotFound, TooMany
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState, SignInMethod
from app.db.session import db
from app.web import request_context
from app.web.auth import pre_login_cookie
from app.web.auth.security_manager import landing
from app.web.auth.sign_in import Proof, admit, note_failure
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import BaseView, expose

LASTS = timedelta(seconds=90)  # the PIN has been typed when it begins
TRIES, WINDOW = 60, 15 * 60  # challenges and answers of one address; a sign-in takes two
SECRET_HEADER = "X-UKey-Proxy-Secret"  # noqa: S105 - a header's name


# --- one signature ------------------------------------------------------------------------------------------


def issue_challenge(kind: ChallengeKind, account_id: int | None = None) -> Response:
    """A new challenge as JSON: its ``number``, and in ``words`` the statement to sign, base64. Commits."""
    session, at = db.session(), request_context.now()
    try:
        request_context.count_use("certificate-from", TRIES, WINDOW)
    except TooMany as error:
        return make_response(jsonify(sentence=str(error)), error.status)
    browser = pre_login_cookie.open_browser()
    made = challenges.begin(
        session, kind, browser, at=at, lasts=LASTS, account_id=account_id, address=request_context.address()
    )
    words = verify.statement(kind, _site(), made.id, made.nonce, made.expires_at)
    answer = jsonify(number=made.id, words=b64encode(words).decode())
    session.commit()
    return answer


def proved(kind: ChallengeKind, account_id: int | None = None) -> CertIdentity:
    """Who signed the posted challenge, which is used up and committed in any case. Raises ``NotProved``."""
    session, at, browser = db.session(), request_context.now(), pre_login_cookie.browser()
    request_context.count_use("certificate-from", TRIES, WINDOW)
    number = request.form.get("number", "")[:32]
    over = NotProved(_("The time for signing is over. Please press the button again."), code="challenge-over")
    try:
        challenge = challenges.get_own(session, number, kind, browser)
    except NotFound:
        raise over from None
    words, whose = verify.statement(kind, _site(), number, challenge.nonce, challenge.expires_at), challenge.account_id
    session.rollback()
    taken = challenges.advance(session, number, kind, ChallengeState.NEW, ChallengeState.CONSUMED, at=at, browser=browser)
    session.commit()
    if not taken or whose != account_id:
        raise over
    signature, chain = _decoded(request.form.get("signature", "")), map(_decoded, request.form.getlist("chain"))
    return verify.verify(words, signature, list(chain), trust(), at=at)


def shown_by_proxy() -> CertIdentity:
    """The certificate that the proxy verified by TLS; requires the secret shared with it."""
    request_context.count_use("certificate-from", TRIES, WINDOW)
    return verify.check_chain(_from_proxy(), trust(), at=request_context.now())


def by_proxy() -> bool:
    """Whether a proxy is configured to pass certificates on."""
    return bool(request_context.settings().ukey_tls_secret and request_context.settings().trusted_proxies)


def trust() -> PkiTrust:
    return load_trust(request_context.settings().ukeys, required=request_context.current_office().crl_required)


def agent_url() -> str:
    """The agent's URL, which the content policy of this response then allows."""
    agent = request_context.settings().ukey_agent
    g.more_policy = f"; connect-src 'self' {agent}"
    return agent


def _site() -> str:
    parts = urlsplit(request.host_url)
    return f"{parts.scheme}://{parts.netloc}"


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise NotProved(_("The certificate cannot be read."), code="certificate-unreadable") from None


def _from_proxy() -> Sequence[bytes]:
    settings = request_context.settings()
    secret, certificate = request.headers.get(SECRET_HEADER, ""), request.headers.get(settings.ukey_tls_header, "")
    none = NotProved(_("The proxy has seen no certificate of yours."), code="no-certificate")
    if not by_proxy() or not compare_digest(secret.encode(), settings.ukey_tls_secret.encode()):
        raise none
    try:
        return [PEM_cert_to_DER_cert(unquote(certificate).strip())]
    except ValueError:
        raise none from None


# --- views -----------------------------------------------------------------------------------------------


class CertificateView(BaseView):
    """The signature comes back as an ordinary form, so a refusal is an ordinary page."""

    route_base = "/login/certificate"
    default_view = "form"

    @expose("/", methods=["GET", "POST"])
    def form(self) -> Response:
        if request.method == "POST":
            return self._respond(lambda: proved(ChallengeKind.CERTIFICATE))
        return redirect(landing(request.args.get("next", ""))) if current_user.is_authenticated else self._page()

    @expose("/start", methods=["POST"])
    def start(self) -> Response:
        return issue_challenge(ChallengeKind.CERTIFICATE)

    @expose("/tls", methods=["POST"])
    def tls(self) -> Response:
        return self._respond(shown_by_proxy)

    @expose("/driver", methods=["GET"])
    def driver(self) -> Response:
        settings = request_context.settings()
        return self.rendered(
            "auth/ukey_help.html", title=gettext("How to sign in with a certificate"),
            driver=settings.ukey_driver_url, agent=settings.ukey_agent,
        )  # fmt: skip

    def _respond(self, shown: Callable[[], CertIdentity]) -> Response:
        try:
            self._sign_in(shown)
        except AppError as error:
            return self._page(error, status=error.status)
        return redirect(landing(request.args.get("next", "")))

    def _sign_in(self, shown: Callable[[], CertIdentity]) -> None:
        session, at, address = db.session(), request_context.now(), request_context.address()
        account, known = None, None
        try:
            known = shown()
            account = bindings.account_of(session, known)
            admit(session, Proof(account, SignInMethod.CERTIFICATE), at=at, address=address)
        except AppError as error:
            session.rollback()
            if not isinstance(error, TooMany):
                shown_one = {"certificate": f"{known.issuer[:16]}:{known.subject}"} if known is not None else {}
                note_failure(session, account, error, SignInMethod.CERTIFICATE, **shown_one)
            raise
        session.commit()

    def _page(self, error: AppError | None = None, *, status: int = 200) -> Response:
        answer = self.rendered(
            "auth/certificate.html",
            status,
            title=gettext("Sign in"),
            refusals=error.refusals if error is not None else (),
            sent_here="next" in request.args and request.method == "GET",
            agent=agent_url(), driver=request_context.settings().ukey_driver_url, by_proxy=by_proxy(),
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        return with_retry_after(answer, error)
