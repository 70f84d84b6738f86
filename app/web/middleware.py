"""The threshold: what every request passes on its way in, and what every answer wears on its way out.

Law: of the door that was asked for two things are asked here: whether it is one for passers-by (``roles.ANONYMOUS``), all
others being shut to whoever is not signed in; and how much it may be sent, which is measured before a byte is parsed. A GET
opens its transaction for reading only. What is not declared public is kept by nobody.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Flask, current_app, g, has_request_context, redirect, request, session, url_for
from flask_appbuilder import AppBuilder as FabAppBuilder
from flask_babel import get_babel
from flask_babel import lazy_gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import SecurityError
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import get_host
from werkzeug.wrappers import Response

from app.core.clock import office_day, office_time
from app.core.office import Office
from app.core.settings import BadSetting, Settings
from app.db.session import db, reading
from app.web import request_context
from app.web.auth.permissions import ANONYMOUS
from app.web.base.error_pages import error_page, wants_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
from app.web.body_limits import check_body_size
from app.web.security_headers import ALWAYS, PAGE_POLICY, STATIC, after_request

READS = frozenset({"GET", "HEAD", "OPTIONS"})


class AppBuilder(FabAppBuilder):  # type: ignore[misc]
    """Flask-AppBuilder without its own landing page and without its doors that change the session by GET."""

    def _add_admin_views(self) -> None:
        get_babel().locale_selector = locale
        self.sm.register_views()

    @property
    def get_url_for_index(self) -> str:
        return "/"


class OwnNames:
    """Answers to our own host names only. Flask's ``TRUSTED_HOSTS`` refuses where no page can be drawn yet: 500."""

    def __init__(self, inner: "WSGIApplication", names: Sequence[str]) -> None:
        self.inner = inner
        self.names = names

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            get_host(environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), trusted_hosts=self.names)
        except SecurityError as no:
            answer = no.get_response(environ)
            answer.headers.update({**ALWAYS, "Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})
            return answer(environ, start_response)
        return self.inner(environ, start_response)


def fit_to_serve(settings: Settings) -> Settings:
    """The settings, unless nobody may be let in under them."""
    if settings.production and not settings.hosts:
        raise BadSetting("Production answers to its own names only: set ANGUAN_HOSTS to them, with commas between.")
    return settings


def guard(app: Flask, settings: Settings) -> None:
    """Set up the way in and the way out. Called before anything else can hear of a request."""
    if settings.hosts:
        app.wsgi_app = OwnNames(app.wsgi_app, settings.hosts)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(before_request)
    app.after_request(after_request)
    app.teardown_request(teardown)
    app.jinja_env.globals.update(office=LocalProxy(_office))
    app.jinja_env.filters.update(moment=moment, day=day)


def _office() -> Office:
    """The office as pages name it. Where the database is away, the page that says so has a name all the same."""
    try:
        return request_context.current_office()
    except SQLAlchemyError:
        return request_context.settings().office


def locale() -> str:
    """The reader's language. One that is not spoken here (an old cookie) counts as none: FAB would answer 500."""
    chosen = str(session.get("locale")) if has_request_context() else ""
    return chosen if chosen in current_app.config["LANGUAGES"] else str(current_app.config["BABEL_DEFAULT_LOCALE"])


def moment(at: datetime | None) -> str:
    """``2026-03-02 12:00`` by the office's clock; nothing for nothing."""
    return f"{office_time(at):%Y-%m-%d %H:%M}" if at else ""


def day(on: date | datetime | None) -> str:
    """``2026-03-02``; a moment falls on the office's day."""
    return (office_day(on) if isinstance(on, datetime) else on).isoformat() if on else ""


# --- in -------------------------------------------------------------------------------------------------------


def before_request() -> Response | None:
    g.request_id = uuid4().hex[:16]
    reading.set(request.method in READS)
    if request.endpoint in STATIC:
        return None
    # For the diary, which is kept below the doors and may not ask for them.
    db.session().info.update(
        actor=request_context.current_actor().name, at=request_context.now(), address=request_context.address()
    )
    g.came_signed_in = "_user_id" in session
    check_body_size()
    # What is no address at all is answered as such: 404, 405.
    known = request.endpoint is not None and request.endpoint not in ANONYMOUS
    return redirect_to_login() if known and request_context.current_actor().id is None else None


def redirect_to_login() -> Response:
    """Whoever is not signed in shows who they are first, whatever lies behind the door, if anything."""
    if wants_json():
        return error_page(401, _("Please sign in"), [_("You are not signed in, or your session has ended.")], code="sign-in")
    return redirect(url_for("SignInView.login", next=request.full_path.rstrip("?")))


def teardown(_error: BaseException | None) -> None:
    reading.set(False)  # the next request on this thread, or a job, asks for itself
