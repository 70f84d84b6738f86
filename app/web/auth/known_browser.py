"""The cookie by which a browser is known from which somebody has signed in before.

Wrong passwords from such a browser are counted apart, so that a stranger who guesses locks out only other strangers; and it
waits for a hash among the known (``core.heavy_work``). It names nobody (keyed digests of user names) and admits nobody.
"""

from flask import current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.core.crypto.encryption import keyring
from app.core.identifiers import fold_user_name
from app.web import request_context

LASTS = 400 * 24 * 60 * 60  # seconds: as long as browsers keep a cookie
MOST = 8  # user names of one browser


def knows(username: str) -> bool:
    """Whether this user name has been signed in from this browser."""
    return _mark(username) in _marks()


def has_signed_in() -> bool:
    """Whether anybody has signed in from this browser. Asks no database; only pages of signing in are sent the cookie."""
    return bool(_marks())


def remember(username: str) -> None:
    """Set or prolong the cookie with this response."""
    mark = _mark(username)
    g.known_names = [mark, *(other for other in _marks() if other != mark)][:MOST]


def write(answer: Response) -> Response:
    """The ``after_request`` hook that sets the cookie."""
    if names := g.get("known_names"):
        secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
        value = str(_signer().dumps(names))
        answer.set_cookie(_name(), value, max_age=LASTS, path="/login", secure=secure, httponly=True, samesite="Lax")
    return answer


def _marks() -> list[str]:
    try:
        return list(_signer().loads(request.cookies.get(_name(), ""), max_age=LASTS))
    except BadSignature:
        return []


def _mark(username: str) -> str:
    return str(keyring.digest(fold_user_name(username), "known-browser"))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(request_context.settings().keys.session, salt="known-browser")


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-known"
