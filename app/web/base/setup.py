"""What an application needs for our pages: globals of the templates, the switches, the error pages."""

from types import SimpleNamespace

from flask import Flask
from flask_babel.speaklater import LazyString
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.core.errors import HouseError
from app.web.base import private_urls
from app.web.base.error_pages import _csrf_lost, _house_says_no, _http_says_no, _our_fault
from app.web.base.layout import WHYS, asset, html_lang, preference, reader, route, side_menu, sight
from app.web.base.links import Link, shown, tone
from app.web.forms import control


def furnish(app: Flask) -> None:
    """Give an application the frame's globals, the switches and the error pages. What is set already is left alone."""
    app.jinja_env.finalize = _as_text
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
    app.add_url_rule("/query", "query", private_urls.ask, methods=["POST"])
    app.register_error_handler(CSRFError, _csrf_lost)
    app.register_error_handler(HouseError, _house_says_no)
    app.register_error_handler(HTTPException, _http_says_no)
    app.register_error_handler(Exception, _our_fault)


def _as_text(value: object) -> object:
    """A lazy sentence says that it is safe markup, but what people typed may stand in it: it is escaped like any other."""
    return str(value) if isinstance(value, LazyString) else value
