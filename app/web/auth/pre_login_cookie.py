"""The browser before anybody is signed in: a cookie of its own, to which everything that is being proved is bound.

Law: the cookie says which browser this is, never who; it ends when somebody signs in, so that nothing begun before goes on.
"""

import re
import secrets

from flask import current_app, g, request
from werkzeug.wrappers import Response

from app.core.crypto.encryption import keyring

LASTS = 30 * 60  # seconds; challenges themselves are shorter
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def browser() -> str:
    """The digest under which this browser's challenges are kept; "" for a browser that never asked for one."""
    word = g.get("presession") or request.cookies.get(_name(), "")
    return keyring.digest(word, "challenge.browser") if _FORM.fullmatch(word) else ""


def open_browser() -> str:
    """The same, and the browser gets a cookie if it has none; one that it has lasts longer from now on."""
    word = g.get("presession") or request.cookies.get(_name(), "")
    g.presession = word if _FORM.fullmatch(word) else secrets.token_urlsafe(32)
    return browser()


def close() -> None:
    """After signing in: the cookie is taken back with this answer."""
    g.presession_ends = True


def write(answer: Response) -> Response:
    """Give the cookie out or take it back, as this request decided. Registered after every request."""
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    if g.get("presession_ends"):
        answer.delete_cookie(_name(), path="/", secure=secure, httponly=True, samesite="Lax")
    elif word := g.get("presession"):
        answer.set_cookie(_name(), word, max_age=LASTS, path="/", secure=secure, httponly=True, samesite="Lax")
    return answer


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-pre"
