"""Encrypts personal data in URL query strings, because browsers, proxies and logs store URLs.

A value that may be an ID number or a mobile is encrypted for the user who asked; only that user's requests can decrypt it.
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
TO = "_to"  # field with the path that the query is for
NO_PAGES = frozenset({"SignInView.login", "static", "appbuilder.static"})  # no pages to return to
LONGEST_URL = 2_000  # accepted by every proxy in one header
NOT_ASKED = frozenset({TO, "csrf_token"})


def encode_param(value: Any) -> Any:
    """A value for a URL: encrypted if it may be personal data."""
    if not isinstance(value, str) or not may_hold_number(value):
        return value
    return SIGN + urlsafe_b64encode(keyring.encrypt(value[:LONGEST], _context())).decode().rstrip("=")


def decode_param(value: str) -> str:
    """The plain value; "" where it was encrypted for another user."""
    if not value.startswith(SIGN):
        return value
    try:
        return keyring.decrypt(urlsafe_b64decode(value[1:] + "=" * (-len(value[1:]) % 4)), _context())
    except (*DECRYPTION_ERRORS, Error, ValueError):
        return ""


def ask() -> Response:
    """``POST /query``: every query form posts here and is redirected to the URL with its values encrypted."""
    home = request.form.get(TO, "/")
    return redirect(_address(safe_local_url(home).partition("?")[0] or "/", request.form), 303)


def redirect_if_personal() -> Response | None:
    """A redirect to the encrypted URL if this one holds personal data."""
    return redirect(_address(request.path, request.args)) if has_personal_data(request.args) else None


def has_personal_data(source: MultiDict[str, str]) -> bool:
    """Whether query parameters hold an ID number or a mobile in plain, as in a URL typed by hand."""
    return any(may_hold_number(value) for value in source.values())


def safe_local_url(url: str) -> str:
    """The local path of a URL if it is a page of this application that opens by GET, else ""."""
    # Browsers read "\\" as "/" and drop tabs and line ends, so "/\\evil" and "/\t/evil" are as foreign as "//evil".
    if len(url) > LONGEST_URL or any(mark < " " or mark in "\\\x7f" for mark in url):
        return ""
    try:
        parts = urlsplit(url)
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


def _context() -> str:
    return f"address/{current_user.get_id() if current_user else ''}"
