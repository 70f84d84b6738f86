"""The threshold: what every request passes on its way in, and what every answer wears on its way out.

Law: of the door that was asked for two things are asked here: whether it is one for passers-by (``roles.ANONYMOUS``), all
others being shut to whoever is not signed in; and how much it may be sent, which is measured before a byte is parsed. A GET
opens its transaction for reading only. What is not declared public is kept by nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Flask, current_app, g, has_request_context, redirect, request, session, url_for
from flask_appbuilder import AppBuilder
from flask_babel import get_babel
from flask_babel import lazy_gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, SecurityError
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import get_host
from werkzeug.wrappers import Response

from app import desk
from app.clock import office_day, office_time
from app.config import BadSetting, Office, Settings
from app.db import db, reading
from app.login.roles import ANONYMOUS
from app.screens.furniture import say_no, wants_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READS = frozenset({"GET", "HEAD", "OPTIONS"})
STATIC = frozenset({"static", "appbuilder.static"})
ICON = "/favicon.ico"

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; script-src 'self'; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# A PDF is shown in a frame of our own page; browsers draw it with a viewer that brings its own styles.
PAPER_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'none'; base-uri 'none'; frame-ancestors 'self'; "
    "form-action 'none'"
)
UNUSED = (  # what a browser can do and no page of ours asks for
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
    "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock",
    "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Permissions-Policy": ", ".join(f"{what}=()" for what in UNUSED),
}

KIB, MIB = 1024, 1024 * 1024
FORM, TYPED = "application/x-www-form-urlencoded", frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
# How much may be sent to whom. What is no form (JSON of a poll, of a gateway) is small, whoever sends it.
SMALL = 64 * KIB
FORM_OF_A_READER = 4 * MIB  # ten thousand ticked rows are 300 KB
SHEET, SCANS = 12 * MIB, 64 * MIB
FILES: Mapping[str, int] = {
    "ListCheckView.check": 3 * MIB,
    "SealView.check": 5 * MIB,
    "EnrolmentView.enrol": SHEET,
    **dict.fromkeys(("RosterView.roster", "CalendarView.sheet", "MeasuresView.mass", "ScoreView.scores"), SHEET),
    "LegacyView.hand_in": 22 * MIB,
    **dict.fromkeys(("PersonScreen.add", "PersonScreen.edit", "QualificationScreen.add", "QualificationScreen.edit"), SCANS),
    **dict.fromkeys(("EnterpriseView.mine", "ClaimView.add", "ClaimView.edit", "CorrectionView.edit"), SCANS),
}
LONG_FORMS: Mapping[str, int] = dict.fromkeys(("ListCheckView.check", "ListCheckView.answer"), MIB)  # for passers-by, too
MOST_FIELDS = 100_000  # of a form without files: the largest batch and its reasons, several times over
MOST_PARTS = 5_000  # of a form with files


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
    g.came_signed_in = "_user_id" in session
    _measure()
    # What is no address at all is answered as such: 404, 405.
    known = request.endpoint is not None and request.endpoint not in ANONYMOUS
    return to_the_gate() if known and desk.actor().id is None else None


def _measure() -> None:
    """Refuse what is too large unread; what does not say how large it is, is cut off while it is read."""
    most = min(_most(), current_app.config["MAX_CONTENT_LENGTH"])
    request.max_content_length, request.max_form_parts = most, MOST_PARTS
    told = request.content_length
    if (told or 0) > most:
        raise RequestEntityTooLarge
    if request.mimetype == FORM:
        _measure_form(request.get_data(), told, most)


def _measure_form(data: bytes, told: int | None, most: int) -> None:
    """Werkzeug counts the parts of a form with files only, and takes a form that breaks off for a whole one."""
    if told is not None and len(data) < told:
        raise ClientDisconnected
    # A million fields of two bytes would take a gigabyte.
    if (told is None and len(data) >= most) or data.count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


def _most() -> int:
    if request.mimetype not in TYPED:
        return SMALL
    larger = LONG_FORMS if request.mimetype == FORM else FILES
    return larger.get(request.endpoint or "", SMALL if desk.actor().id is None else FORM_OF_A_READER)


def to_the_gate() -> Response:
    """Whoever is not signed in shows who they are first, whatever lies behind the door, if anything."""
    if wants_json():
        return say_no(401, _("Please sign in"), [_("You are not signed in, or your session has ended.")], code="sign-in")
    return redirect(url_for("SignInView.login", next=request.full_path.rstrip("?")))


# --- out ------------------------------------------------------------------------------------------------------


def _go_out(answer: Response) -> Response:
    wears = answer.headers.setdefault
    paper = answer.mimetype == "application/pdf"
    wears("Content-Security-Policy", PAPER_POLICY if paper else PAGE_POLICY + g.get("more_policy", ""))
    wears("X-Frame-Options", "SAMEORIGIN" if paper else "DENY")
    for name, value in ALWAYS.items():
        wears(name, value)
    # What other sites may read, they may embed. A scan in its sandbox, too, is another site, and its tab asks for an icon.
    others = "Access-Control-Allow-Origin" in answer.headers or request.path == ICON
    wears("Cross-Origin-Resource-Policy", "cross-origin" if others else "same-origin")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        wears("Strict-Transport-Security", "max-age=31536000")
    if "request_id" in g:
        wears("X-Request-ID", g.request_id)
    _keep(answer)
    return answer


def _keep(answer: Response) -> None:
    """Who may keep the answer, and how long: a file with a fingerprint all, a public one as its door says, a page nobody."""
    if request.endpoint in STATIC:
        # The address carries a fingerprint, so what is found there never changes.
        if "v" in request.args or request.path.startswith("/static/v-"):
            answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return
    answer.vary.add("Cookie")
    inside = "_user_id" in session
    if inside or session.modified:
        answer.headers["Cache-Control"] = "no-store"
    answer.headers.setdefault("Cache-Control", "no-store")
    if g.get("came_signed_in") and not inside:  # whoever leaves takes along what the browser still holds
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'


def _close_the_door(_error: BaseException | None) -> None:
    reading.set(False)  # the next request on this thread, or a job, asks for itself
