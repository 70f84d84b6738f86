"""The threshold: what every request passes on its way in, and what every answer wears on its way out.

Law: of the door that was asked for one thing is asked here, whether it is one for passers-by (``roles.ANONYMOUS``): all
others are shut to whoever is not signed in. A GET opens its transaction for reading only.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Flask, current_app, g, has_request_context, redirect, request, session, url_for
from flask_appbuilder import AppBuilder
from flask_babel import get_babel
from flask_babel import lazy_gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import SecurityError
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import get_host
from werkzeug.wrappers import Response

from app import desk
from app.clock import office_day, office_time
from app.config import Office, Settings
from app.db import db, reading
from app.login.roles import ANONYMOUS
from app.screens.furniture import say_no, wants_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READS = frozenset({"GET", "HEAD", "OPTIONS"})
STATIC = frozenset({"static", "appbuilder.static"})

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; script-src 'self'; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# A PDF is shown in a frame of our own page; browsers draw it with a viewer that brings its own styles.
PAPER_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'none'; frame-ancestors 'self'"


class HouseBuilder(AppBuilder):  # type: ignore[misc]
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
            return no(environ, start_response)
        return self.inner(environ, start_response)


def guard(app: Flask, settings: Settings) -> None:
    """Set up the way in and the way out. Called before anything else can hear of a request."""
    if settings.hosts:
        app.wsgi_app = OwnNames(app.wsgi_app, settings.hosts)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(_come_in)
    app.after_request(_go_out)
    app.teardown_request(_close_the_door)
    app.jinja_env.globals.update(office=LocalProxy(_office))
    app.jinja_env.filters.update(moment=moment, day=day)


def _office() -> Office:
    """The office as pages name it. Where the database is away, the page that says so has a name all the same."""
    try:
        return desk.office()
    except SQLAlchemyError:
        return desk.settings().office


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


def _come_in() -> Response | None:
    g.request_id = uuid4().hex[:16]
    reading.set(request.method in READS)
    if request.endpoint in STATIC:
        return None
    # For the diary, which is kept below the doors and may not ask for them.
    db.session().info.update(actor=desk.actor().name, at=desk.moment(), address=desk.address())
    # What is no address at all is answered as such: 404, 405.
    known = request.endpoint is not None and request.endpoint not in ANONYMOUS
    return to_the_gate() if known and desk.actor().id is None else None


def to_the_gate() -> Response:
    """Whoever is not signed in shows who they are first, whatever lies behind the door, if anything."""
    if wants_json():
        return say_no(401, _("Please sign in"), [_("You are not signed in, or your session has ended.")], code="sign-in")
    return redirect(url_for("SignInView.login", next=request.full_path.rstrip("?")))


# --- out ------------------------------------------------------------------------------------------------------


def _go_out(answer: Response) -> Response:
    wears = answer.headers.setdefault
    paper = answer.mimetype == "application/pdf"
    wears("Content-Security-Policy", PAPER_POLICY if paper else PAGE_POLICY)
    wears("X-Frame-Options", "SAMEORIGIN" if paper else "DENY")
    wears("X-Content-Type-Options", "nosniff")
    wears("Referrer-Policy", "same-origin")
    wears("Cross-Origin-Opener-Policy", "same-origin")
    wears("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        wears("Strict-Transport-Security", "max-age=31536000")
    if "request_id" in g:
        wears("X-Request-ID", g.request_id)
    if request.endpoint in STATIC:
        if "v" in request.args:  # the address carries a fingerprint, so what lies there never changes
            answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif "_user_id" in session or session.modified:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _close_the_door(_error: BaseException | None) -> None:
    reading.set(False)  # the next request on this thread, or a job, asks for itself
