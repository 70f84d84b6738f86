"""Installs template globals, the routes of ``layout`` and the error handlers."""

from types import SimpleNamespace

from flask import Flask
from flask_babel.speaklater import LazyString
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.core.errors import AppError
from app.web.base import private_urls, texts
from app.web.base.error_pages import on_app_error, on_csrf_error, on_http_error, on_unhandled
from app.web.base.layout import WHYS, accessibility_switch, html_lang, optional_url, preference, reader, side_menu
from app.web.base.links import Link, shown, tone
from app.web.base.static_files import asset, inlined, send
from app.web.forms import control


def init_app(app: Flask) -> None:
    """Globals that are already set are kept."""
    app.jinja_env.finalize = _as_text
    texts.init_app(app)
    app.view_functions["static"] = send
    app.jinja_env.globals.update(shown=shown, tone=tone, control=control, Link=Link, asset=asset, inlined=inlined, whys=WHYS)
    app.jinja_env.globals.update(
        side_menu=side_menu, html_lang=html_lang, sight=accessibility_switch, reader=reader, route=optional_url
    )
    for name, default in {
        "menu_counts": dict,
        "unread_count": str,
        "office": SimpleNamespace(system_name=app.config.get("APP_NAME", ""), issuer="", province="", support=""),
        "logout_url": lambda: optional_url("AuthDBView.logout") or optional_url("AuthView.logout"),
        "password_url": lambda: optional_url("ResetMyPasswordView.this_form_get"),
    }.items():
        app.jinja_env.globals.setdefault(name, default)
    app.add_url_rule("/preference", "preference", preference, methods=["POST"])
    app.add_url_rule("/query", "query", private_urls.ask, methods=["POST"])
    app.register_error_handler(CSRFError, on_csrf_error)
    app.register_error_handler(AppError, on_app_error)
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(Exception, on_unhandled)


def _as_text(value: object) -> object:
    """Lazy strings count as safe markup but may contain user input: as ``str`` they are escaped."""
    return str(value) if isinstance(value, LazyString) else value
