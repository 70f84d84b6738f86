"""What happens before and after every request, and the application's own WSGI layers.

Without a session only the endpoints of ``permissions.ANONYMOUS`` are served. Bodies are measured before they are parsed. A
transaction that writes begins after the whole body has come.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Flask, current_app, g, has_request_context, redirect, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_appbuilder import AppBuilder as FabAppBuilder
from flask_babel import get_babel
from flask_babel import lazy_gettext as _
from itsdangerous import BadSignature
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import SecurityError
from werkzeug.http import parse_cookie
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import get_host
from werkzeug.wrappers import Response

from app.core import clock, logs
from app.core.clock import office_day, office_time
from app.core.heavy_work import Asker, asker
from app.core.office import Office
from app.core.settings import BadSetting, Settings
from app.db.session import db, reading
from app.web import request_context
from app.web.auth import interrupted, known_browser
from app.web.auth.permissions import ANONYMOUS
from app.web.base.error_pages import error_page, wants_json
from app.web.body_limits import FILES, check_body_size, most_at_once, receive_body
from app.web.compression import compress
from app.web.security_headers import ALWAYS, PAGE_POLICY, STATIC, after_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READS = frozenset({"GET", "HEAD", "OPTIONS"})
# They, and every view named ``export``, read until the bytes are there, which may take half a minute; then
# ``request_context.note_export`` begins to write.
EXPORTS = frozenset(
    {"BatchScreen.sheet", "SheetResultView.book", "SheetResultView.refused", "StatisticsView.report"}
    | {"ImportView.report", "ImportView.refused", "ImportView.passwords"}
)


class AppBuilder(FabAppBuilder):  # type: ignore[misc]
    """Flask-AppBuilder without its landing page and without its views that change the session by GET."""

    def _add_admin_views(self) -> None:
        get_babel().locale_selector = locale
        self.sm.register_views()

    @property
    def get_url_for_index(self) -> str:
        return "/"


class KnownHosts:
    """400 for any other host name. Flask's ``TRUSTED_HOSTS`` raises where no error page can be rendered yet: 500."""

    def __init__(self, inner: "WSGIApplication", names: Sequence[str]) -> None:
        self.inner = inner
        self.names = names

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            get_host(environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), trusted_hosts=self.names)
        except SecurityError as error:
            answer = error.get_response(environ)
            answer.headers.update({**ALWAYS, "Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})
            return answer(environ, start_response)
        return self.inner(environ, start_response)


def check_settings(settings: Settings) -> Settings:
    """Returns the settings, or raises ``BadSetting`` where a server must not start with them."""
    if settings.production and not settings.hosts:
        raise BadSetting("Production answers to its own names only: set ANGUAN_HOSTS to them, with commas between.")
    return settings


def guard(app: Flask, settings: Settings) -> None:
    """Install the hooks and WSGI layers. Must be called before any other ``before_request`` is registered."""
    if settings.hosts:
        app.wsgi_app = KnownHosts(app.wsgi_app, settings.hosts)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(before_request)
    app.after_request(compress)
    app.after_request(after_request)
    app.teardown_request(teardown)
    app.jinja_env.globals.update(office=LocalProxy(_office), office_today=request_context.today, most_at_once=most_at_once)
    app.jinja_env.filters.update(moment=moment, day=day)


def came_signed_in(app: Flask, cookies: str) -> bool:
    """Whether this Cookie header bears a session that we signed for somebody, be it an ended one. Asks no database."""
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None  # noqa: S101 - there is a key
    try:
        return "_user_id" in signer.loads(parse_cookie(cookies).get(app.config["SESSION_COOKIE_NAME"], ""))
    except BadSignature:
        return False


def _office() -> Office:
    """The office for templates; without a database the one of the settings, so that the error page can be rendered."""
    try:
        return request_context.current_office()
    except SQLAlchemyError:
        return request_context.settings().office


def locale() -> str:
    """The user's language. An unknown one (from an old cookie) counts as none: FAB would answer 500."""
    chosen = str(session.get("locale")) if has_request_context() else ""
    return chosen if chosen in current_app.config["LANGUAGES"] else str(current_app.config["BABEL_DEFAULT_LOCALE"])


def moment(at: datetime | None) -> str:
    """``2026-03-02 12:00`` in office time; "" for None."""
    return f"{office_time(at):%Y-%m-%d %H:%M}" if at else ""


def day(on: date | datetime | None) -> str:
    """``2026-03-02``, for a moment in office time; "" for None."""
    return (office_day(on) if isinstance(on, datetime) else on).isoformat() if on else ""


# --- hooks -------------------------------------------------------------------------------------------------------


def before_request() -> Response | None:
    g.request_id, g.begun = uuid4().hex[:16], perf_counter()
    logs.number.set(g.request_id)
    reading.set(True)
    asker.set(Asker.STRANGER)
    clock.set_days_ahead(0)  # what an earlier request on this thread left
    if request.endpoint in STATIC:
        return None
    # For the audit log, which is below the web layer and cannot ask for them.
    db.session().info.update(
        actor=request_context.current_actor().name, at=request_context.now(), address=request_context.address()
    )
    if request_context.settings().office.demonstration and not str(request.endpoint).startswith("ops."):
        request_context.current_office()  # sets the clock, before anything is read or logged
    g.came_signed_in = "_user_id" in session
    if g.came_signed_in or known_browser.has_signed_in():
        asker.set(Asker.KNOWN)
    check_body_size()
    # An unknown address is left to Flask: 404, 405.
    known = request.endpoint is not None and request.endpoint not in ANONYMOUS
    if known and request_context.current_actor().id is None:
        return redirect_to_login()
    if request.method not in READS:
        receive_body()
        late = request.endpoint in EXPORTS or request.endpoint in FILES or (request.endpoint or "").endswith(".export")
        if not late:  # files are checked, and sheets drawn, before anything is written
            request_context.begin_writing()
    return None


def redirect_to_login() -> Response:
    """Sign in first, whether the endpoint exists or not; 401 for JSON."""
    if wants_json():
        return error_page(401, _("Please sign in"), [_("You are not signed in, or your session has ended.")], code="sign-in")
    return redirect(interrupted.login_url())


def teardown(_error: BaseException | None) -> None:
    logs.number.set("")
    clock.set_days_ahead(0)
    asker.set(None)
    reading.set(False)  # for the next request, or a job, on this thread
