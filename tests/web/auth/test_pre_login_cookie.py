"""The cookie before signing in: only ours is known, it is set once and ends with the sign-in."""

import pytest
from flask import Response

from app.web.auth import pre_login_cookie

NAME, OURS = "anguan-pre", "A" * 43


def asked(app, value=None):
    return app.test_request_context(headers={"Cookie": f"{NAME}={value}"} if value is not None else {})


@pytest.mark.parametrize("value", [None, "", "A" * 42, "A" * 44, "A" * 42 + "!", "A" * 42 + "Ａ"])
def test_without_a_cookie_of_our_form_a_browser_is_nobody_and_gets_a_new_one(app, value):
    with asked(app, value and value.encode().decode("latin-1")):
        assert pre_login_cookie.browser() == ""
        assert "Set-Cookie" not in pre_login_cookie.write(Response()).headers
        opened = pre_login_cookie.open_browser()
        assert opened == pre_login_cookie.browser() != ""
        cookie = pre_login_cookie.write(Response()).headers["Set-Cookie"]
    assert cookie.startswith(f"{NAME}=")
    assert all(part in cookie for part in ("Max-Age=1800", "HttpOnly", "SameSite=Lax", "Path=/"))


def test_a_known_browser_keeps_its_cookie_until_it_is_closed(app):
    with asked(app, OURS):
        known = pre_login_cookie.browser()
        assert OURS not in known
        assert pre_login_cookie.open_browser() == known
        assert f"{NAME}={OURS}" in pre_login_cookie.write(Response()).headers["Set-Cookie"]
        pre_login_cookie.close()
        assert f"{NAME}=;" in pre_login_cookie.write(Response()).headers["Set-Cookie"]
    with asked(app, "B" * 43):
        assert pre_login_cookie.browser() != known
