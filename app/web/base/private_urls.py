"""Queries on their way through an address: what may be somebody's number travels sealed, everything else as it was typed.

Law: no ID number and no mobile stands in an address of the house, for addresses are kept by browsers, proxies and logs. A
sealed value opens for the reader who asked, and for nobody else.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from flask import current_app, redirect, request
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.core.crypto.encryption import DECRYPTION_ERRORS, keyring
from app.core.redaction import may_hold_number

SIGN = "~"
LONGEST = 100  # characters of one query field
TO = "_to"  # the field that says whose query it is
NO_PAGES = frozenset({"SignInView.login", "static", "appbuilder.static"})  # nothing to go back to
LONGEST_WISH = 2_000  # what every proxy still takes in one header
NOT_ASKED = frozenset({TO, "csrf_token"})


def encode_param(value: Any) -> Any:
    """A value as it may stand in an address."""
    if not isinstance(value, str) or not may_hold_number(value):
        return value
    return SIGN + urlsafe_b64encode(keyring.encrypt(value[:LONGEST], _whose())).decode().rstrip("=")


def decode_param(value: str) -> str:
    """What was asked for, from an address; nothing where a sealed value is not this reader's."""
    if not value.startswith(SIGN):
        return value
    try:
        return keyring.decrypt(urlsafe_b64decode(value[1:] + "=" * (-len(value[1:]) % 4)), _whose())
    except (*DECRYPTION_ERRORS, Error, ValueError):
        return ""


def ask() -> Response:
    """``POST /query``: where every query form of the house goes; it leads to the address that looks."""
    home = request.form.get(TO, "/")
    return redirect(_address(safe_local_url(home).partition("?")[0] or "/", request.form), 303)


def redirect_if_personal() -> Response | None:
    """An address that holds somebody's number leads at once to the one that does not."""
    return redirect(_address(request.path, request.args)) if has_personal_data(request.args) else None


def has_personal_data(source: MultiDict[str, str]) -> bool:
    """Whether somebody's number stands in an address: typed there by hand, or kept from an old house."""
    return any(may_hold_number(value) for value in source.values())


def safe_local_url(wish: str) -> str:
    """The path of a wished-for address, if it is a page of this house that opens by GET; else nothing."""
    # Browsers read "\\" as "/" and drop tabs and line ends, so "/\\evil" and "/\t/evil" lead away as "//evil" does.
    if len(wish) > LONGEST_WISH or any(mark < " " or mark in "\\\x7f" for mark in wish):
        return ""
    try:
        parts = urlsplit(wish)
        foreign = bool(parts.scheme or parts.netloc) and f"{parts.scheme}://{parts.netloc}/" != request.host_url
        if foreign or not parts.path.startswith("/") or parts.path.startswith("//"):
            return ""
        endpoint, _values = current_app.url_map.bind("", "/").match(unquote(parts.path), method="GET")
    except (ValueError, HTTPException):
        return ""
    return "" if endpoint in NO_PAGES else urlunsplit(("", "", *parts[2:]))


def _address(home: str, source: MultiDict[str, str]) -> str:
    given = [(name, value.strip()) for name, value in source.items(multi=True) if name not in NOT_ASKED]
    asked = [(name, encode_param(value)) for name, value in given if value]
    return f"{home}?{urlencode(asked)}" if asked else home


def _whose() -> str:
    return f"address/{current_user.get_id() if current_user else ''}"
