"""The cookie that identifies a browser before sign-in; challenges are bound to it.

It names no account and ends at sign-in, so that nothing begun before can be continued.
"""

import re
import secrets

from flask import current_app, g, request
from werkzeug.wrappers import Response

from app.core.crypto.encryption import keyring

LASTS = 30 * 60  # seconds; challenges themselves are shorter
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def browser() -> str:
    """The digest that this browser's challenges are stored under; "" without a cookie."""
    value = g.get("presession") or request.cookies.get(_name(), "")
    return keyring.digest(value, "challenge.browser") if _FORM.fullmatch(value) else ""


def open_browser() -> str:
    """As ``browser``, after setting the cookie or prolonging it."""
    value = g.get("presession") or request.cookies.get(_name(), "")
    g.presession = value if _FORM.fullmatch(value) else secrets.token_urlsafe(32)
    return browser()


def close() -> None:
    """Delete the cookie with this response."""
    g.presession_ends = True


def write(answer: Response) -> Response:
    """The ``after_request`` hook that sets or deletes the cookie."""
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    if g.get("presession_ends"):
        answer.delete_cookie(_name(), path="/", secure=secure, httponly=True, samesite="Lax")
    elif value := g.get("presession"):
        answer.set_cookie(_name(), value, max_age=LASTS, path="/", secure=secure, httponly=True, samesite="Lax")
    return answer


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-pre"
