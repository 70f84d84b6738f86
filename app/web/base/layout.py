"""What every page shares: menu, switches for language and accessibility, URLs of static files and of the page before."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, g, redirect, request, session, url_for
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.web.base import first_hints, private_urls

YEAR = 365 * 24 * 3600
SIGHT = {"theme": ("light", "dark"), "size": ("large",), "contrast": ("high",)}  # the values of each besides the usual one


WHYS = (  # usual reasons to reveal a full number
    _("To compare it with the scan of the ID card"),
    _("To find the record in another system"),
    _("To answer the person's own question"),
    _("To handle a complaint or an appeal"),
)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of the side menu; ``entries`` makes it a heading."""

    name: str
    label: str
    icon: str
    url: str
    current: bool
    entries: tuple["MenuEntry", ...] = ()


def this_page() -> str:
    """The URL of this page with its query, as a ``next``."""
    return request.full_path.rstrip("?") if request.method == "GET" else request.path


def safe_next(default: str) -> str:
    """The request's ``next`` if it is a page of this site, else ``default``."""
    return private_urls.safe_local_url(request.form.get("next") or request.args.get("next") or "") or default


def optional_url(endpoint: str, **values: Any) -> str:
    """The URL of an endpoint, or "" where it is not registered."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""


def may_open(permission: str, view: str) -> bool:
    """Whether the user holds this permission, for hiding links."""
    return bool(getattr(current_app, "appbuilder").sm.has_access(permission, view))  # noqa: B009 - Flask's type does not know it


def reader() -> Any:
    """The signed-in account, or None."""
    user = g.get("user")
    return user if user is not None and user.is_authenticated else None


def html_lang() -> str:
    locale = get_locale()
    return "zh-CN" if locale is None or locale.language == "zh" else str(locale.language)


def accessibility_switch(switch: str) -> str:
    """One of its values, or "": as the system has it, from a cookie."""
    value = request.cookies.get(f"ag_{switch}", "")
    return value if value in SIGHT[switch] else ""


def side_menu() -> list[MenuEntry]:
    """FAB's menu entries that the user may open; empty headings are left out."""
    builder = getattr(current_app, "appbuilder", None)
    return _entries(builder.menu.get_list(), builder.sm) if builder and reader() else []


def _entries(items: Any, sm: Any) -> list[MenuEntry]:
    found = []
    for item in items:
        if item.name == "-" or not item.should_render() or not sm.has_access("menu_access", item.name):
            continue
        inner = tuple(_entries(item.childs, sm))
        if item.childs and not inner:
            continue
        url = "" if item.childs else item.get_url()
        icon = (item.icon or "file-text").removeprefix("fa-")
        found.append(MenuEntry(item.name, gettext(str(item.label)), icon, url, _stands_on(url), inner))
    return found


def _stands_on(url: str) -> bool:
    base = url.partition("?")[0]
    home = base[:-5] if base.endswith("/list/") else base
    return bool(base) and (request.path == base or (len(home) > 1 and home.endswith("/") and request.path.startswith(home)))


def preference() -> Response:
    """Store language, colours, large type, high contrast, closed hints; by POST, so that no link can switch them."""
    locale = request.form.get("locale", "")
    if locale in current_app.config.get("LANGUAGES", {}):
        session["locale"] = locale
    answer = redirect(safe_next("/"))
    for switch, values in SIGHT.items():
        if switch in request.form:
            value = request.form[switch] if request.form[switch] in values else ""
            answer.set_cookie(f"ag_{switch}", value, max_age=YEAR, samesite="Lax", secure=request.is_secure)
    if "hint" in request.form and (user := reader()):
        closed = first_hints.closing(request.cookies.get(first_hints.COOKIE, ""), user.id, request.form["hint"])
        answer.set_cookie(
            first_hints.COOKIE, closed, max_age=first_hints.LASTS, samesite="Lax", secure=request.is_secure, httponly=True
        )
    return answer
