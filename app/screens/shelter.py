"""Queries on their way through an address: what may be somebody's number travels sealed, everything else as it was typed.

Law: no ID number and no mobile stands in an address of the house, for addresses are kept by browsers, proxies and logs. A
sealed value opens for the reader who asked, and for nobody else.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import redirect, request
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.disclosure import personal
from app.keyring import UNOPENED, keyring

SIGN = "~"
LONGEST = 100  # characters of one query field
TO = "_to"  # the field that says whose query it is
NOT_ASKED = frozenset({TO, "csrf_token"})


def sheltered(value: Any) -> Any:
    """A value as it may stand in an address."""
    if not isinstance(value, str) or not personal(value):
        return value
    return SIGN + urlsafe_b64encode(keyring.seal(value[:LONGEST], _whose())).decode().rstrip("=")


def heard(value: str) -> str:
    """What was asked for, from an address; nothing where a sealed value is not this reader's."""
    if not value.startswith(SIGN):
        return value
    try:
        return keyring.open(urlsafe_b64decode(value[1:] + "=" * (-len(value[1:]) % 4)), _whose())
    except (*UNOPENED, Error, ValueError):
        return ""


def ask() -> Response:
    """``POST /query``: where every query form of the house goes; it leads to the address that looks."""
    home = request.form.get(TO, "/")
    if not own_path(home) or "?" in home:
        home = "/"
    return redirect(_address(home, request.form), 303)


def straightened() -> Response | None:
    """An address that holds somebody's number leads at once to the one that does not."""
    return redirect(_address(request.path, request.args)) if exposed(request.args) else None


def exposed(source: MultiDict[str, str]) -> bool:
    """Whether somebody's number stands in an address: typed there by hand, or kept from an old house."""
    return any(personal(value) for value in source.values())


def own_path(url: str) -> bool:
    """Whether an address stays on this site."""
    # Browsers read "\" as "/" and drop tabs and line ends, so "/\evil" and "/\t/evil" lead away as "//evil" does.
    if not url.startswith("/") or any(mark in url for mark in "\\\t\r\n\0"):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and not url.startswith("//")


def _address(home: str, source: MultiDict[str, str]) -> str:
    given = [(name, value.strip()) for name, value in source.items(multi=True) if name not in NOT_ASKED]
    asked = [(name, sheltered(value)) for name, value in given if value]
    return f"{home}?{urlencode(asked)}" if asked else home


def _whose() -> str:
    return f"address/{current_user.get_id() if current_user else ''}"
