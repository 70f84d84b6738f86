"""What stands in every room: the menu, the switches for language and sight, and the pages that say no.

Law: a page that says no also says what to do next; it never needs more than what may have just broken.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, jsonify, make_response, redirect, render_template, request, session, url_for
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.db import db
from app.errors import HouseError, TooMany
from app.forms import control
from app.places import url_of
from app.screens import refusals, shelter
from app.screens.links import Link, shown, tone

log = logging.getLogger(__name__)

YEAR = 365 * 24 * 3600
SIGHT = {"size": "large", "contrast": "high"}  # the switches, and the only value each may have besides off


WHYS = (  # the usual reasons to see a number in full
    _("To compare it with the scan of the ID card"),
    _("To find the record in another system"),
    _("To answer the person's own question"),
    _("To handle a complaint or an appeal"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the side menu; ``entries`` makes it a heading."""

    name: str
    label: str
    icon: str
    url: str
    current: bool
    entries: tuple["Entry", ...] = ()


def furnish(app: Flask) -> None:
    """Give an application the frame's globals, the switches and the error pages. What is set already is left alone."""
    app.jinja_env.finalize = _as_text
    app.add_url_rule("/static/v-<version>/<path:filename>", endpoint="static")
    app.url_value_preprocessor(_drop_version)
    app.jinja_env.globals.update(shown=shown, tone=tone, control=control, Link=Link, asset=asset, whys=WHYS)
    app.jinja_env.globals.update(side_menu=side_menu, html_lang=html_lang, sight=sight, reader=reader, route=route)
    for name, default in {
        "menu_counts": dict,
        "office": SimpleNamespace(system_name=app.config.get("APP_NAME", ""), issuer="", province="", support=""),
        "logout_url": lambda: route("AuthDBView.logout") or route("AuthView.logout"),
        "password_url": lambda: route("ResetMyPasswordView.this_form_get"),
    }.items():
        app.jinja_env.globals.setdefault(name, default)
    app.add_url_rule("/preference", "preference", preference, methods=["POST"])
    app.add_url_rule("/query", "query", shelter.ask, methods=["POST"])
    app.register_error_handler(CSRFError, _csrf_lost)
    app.register_error_handler(HouseError, _house_says_no)
    app.register_error_handler(HTTPException, _http_says_no)
    app.register_error_handler(Exception, _our_fault)


def _as_text(value: object) -> object:
    """A lazy sentence says that it is safe markup, but what people typed may stand in it: it is escaped like any other."""
    return str(value) if isinstance(value, LazyString) else value


def told_here(no: HouseError) -> None:
    """Undo what was begun and say why on the page that comes next; a no that is a page of its own goes on as it is."""
    db.session.rollback()
    if no.status != HouseError.status:
        raise no
    for refusal in no.refusals:
        flash(str(refusal.sentence), "danger")


def safe_next(default: str) -> str:
    """The request's ``next`` if it is a page of this site, else ``default``."""
    return shelter.own_page(request.form.get("next") or request.args.get("next") or "") or default


def asset(name: str) -> str:
    """A static file's address with a fingerprint, so that browsers may keep it and still see the next version."""
    folder = str(current_app.static_folder)
    if name.startswith("js/"):  # modules import one another by relative addresses, which a query would not reach
        return url_for("static", version=_fingerprint(folder, "js"), filename=name)
    return url_for("static", filename=name, v=_fingerprint(folder, name))


@lru_cache(maxsize=256)
def _fingerprint(folder: str, name: str) -> str:
    """Of a file, or of all files in a folder."""
    path = Path(folder) / name
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8] if files else ""


def _drop_version(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """The version in the address of a module is for browsers; the file is the same without it."""
    if endpoint == "static" and values:
        values.pop("version", None)


def route(endpoint: str, **values: Any) -> str:
    """The address of an endpoint, or nothing where the house is built without it."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""


def may_open(permission: str, view: str) -> bool:
    """Whether the reader holds this permission: a link that leads to a no is not shown."""
    return bool(getattr(current_app, "appbuilder").sm.has_access(permission, view))  # noqa: B009 - Flask's type does not know it


def reader() -> Any:
    """The account that is logged in, or None."""
    user = g.get("user")
    return user if user is not None and user.is_authenticated else None


def html_lang() -> str:
    locale = get_locale()
    return "zh-CN" if locale is None or locale.language == "zh" else str(locale.language)


def sight(switch: str) -> str:
    """``large``, ``high`` or nothing, from the reader's cookie."""
    value = request.cookies.get(f"ag_{switch}", "")
    return value if value == SIGHT[switch] else ""


def side_menu() -> list[Entry]:
    """FAB's menu as far as the reader may see it; headings without entries are left out."""
    builder = getattr(current_app, "appbuilder", None)
    return _entries(builder.menu.get_list(), builder.sm) if builder and reader() else []


def _entries(items: Any, sm: Any) -> list[Entry]:
    found = []
    for item in items:
        if item.name == "-" or not item.should_render() or not sm.has_access("menu_access", item.name):
            continue
        inner = tuple(_entries(item.childs, sm))
        if item.childs and not inner:
            continue
        url = "" if item.childs else item.get_url()
        icon = (item.icon or "file-text").removeprefix("fa-")
        found.append(Entry(item.name, gettext(str(item.label)), icon, url, _stands_on(url), inner))
    return found


def _stands_on(url: str) -> bool:
    base = url.partition("?")[0]
    home = base[:-5] if base.endswith("/list/") else base
    return bool(base) and (request.path == base or (len(home) > 1 and home.endswith("/") and request.path.startswith(home)))


def preference() -> Response:
    """Language, large type, high contrast: kept for the reader, by POST so that no link can switch them."""
    locale = request.form.get("locale", "")
    if locale in current_app.config.get("LANGUAGES", {}):
        session["locale"] = locale
    answer = redirect(safe_next("/"))
    for switch, on in SIGHT.items():
        if switch in request.form:
            value = on if request.form[switch] == on else ""
            answer.set_cookie(f"ag_{switch}", value, max_age=YEAR, samesite="Lax", secure=request.is_secure)
    return answer


# --- the pages that say no ---------------------------------------------------------------------------------

SAYINGS: dict[int, tuple[object, object]] = {
    400: (_("The request could not be understood"), _("Please go back, check what you entered, and try again.")),
    403: (
        _("You may not open this page"),
        _("Your account lacks the permission. If your work needs it, ask the system administrator to grant it."),
    ),
    404: (
        _("There is nothing here"),
        _("The record may have been deleted, or lies outside your area. Check the address, or start again from the menu."),
    ),
    405: (_("This cannot be done by opening an address"), _("Please go back and use the button on the page.")),
    413: (
        _("What you sent is too large"),
        _("Go back, choose smaller files (scan at 200 dpi, or save the picture as JPG) or fewer rows, and send again."),
    ),
    429: (_("Too many attempts"), _("Please wait a few minutes, then try again.")),
    500: (
        _("Something went wrong on our side"),
        _("Nothing was saved. Please try again in a few minutes; if it happens again, tell the administrator the number."),
    ),
}


def wants_json() -> bool:
    """Whether a machine is asking that would rather not read a page."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def say_no(
    status: int, title: object, sentences: list[object], *, code: str = "", back: bool = True, cure: str = ""
) -> Response:
    """The page of a refusal, in the frame of whoever reads it; JSON for machines that ask for it."""
    if wants_json():
        said = [str(sentence) for sentence in sentences]
        answer = jsonify(code=code or str(status), sentences=said, request=g.get("request_id", ""))
        answer.status_code = status
        return answer
    layout = "frame.html" if reader() else "gate.html"
    page = render_template("error.html", layout=layout, status=status, title=title, sentences=sentences, back=back, cure=cure)
    return make_response(page, status)


def _csrf_lost(_error: CSRFError) -> Response:
    sentences: list[object] = [
        _("The page was open for too long, or you logged in again in the meantime, so nothing was saved."),
        _("Go back: what you typed is still in the form. Reload only if saving fails once more."),
    ]
    return say_no(400, _("This page has expired"), sentences, code="csrf")


def _house_says_no(no: HouseError) -> Response:
    _undo()
    refusals.keep(no.status)
    title = SAYINGS.get(no.status, (_("This cannot be done"), ""))[0]
    here = request.full_path.rstrip("?") if request.method == "GET" else urlsplit(request.referrer or "").path
    cure = next(filter(None, (url_of(refusal.place, back=shelter.own_page(here)) for refusal in no.refusals)), "")
    answer = say_no(no.status, title, [refusal.sentence for refusal in no.refusals], code=no.code, cure=cure)
    if isinstance(no, TooMany):
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _http_says_no(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error  # a redirect, or an answer that somebody made on purpose
    refusals.keep(status)
    title, sentence = SAYINGS.get(status, SAYINGS[500 if status >= 500 else 400])
    answer = say_no(status, title, [sentence])
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _our_fault(error: Exception) -> Response:
    log.error("unforeseen: %s %r (%s)", request.method, request.path, g.get("request_id", ""), exc_info=error)
    _undo()
    title, sentence = SAYINGS[500]
    try:
        return say_no(500, title, [sentence])
    except Exception:
        log.exception("the page that says no failed, too")
        return make_response(render_template("error_bare.html", title=title, sentence=sentence), 500)


def _undo() -> None:
    """Leave nothing half done behind: the frame's own questions need a working transaction."""
    builder = getattr(current_app, "appbuilder", None)
    if builder is not None:
        builder.session.rollback()
