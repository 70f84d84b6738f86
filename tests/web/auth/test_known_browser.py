"""The cookie of a browser from which somebody has signed in: what it knows, and that nobody can make one."""

import pytest

from app.web.auth import known_browser

pytest_plugins = ("tests.sign_in_fixture",)


@pytest.fixture
def cookie(sign_in_app):
    """The value that this browser would hold after these user names signed in, in this order."""

    def after(*names: str) -> str:
        value = ""
        for name in names:
            with sign_in_app.test_request_context(headers={"Cookie": f"anguan-known={value}"}):
                known_browser.remember(name)
                answer = known_browser.write(sign_in_app.make_response(""))
                value = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        return value

    return after


def known(sign_in_app, value: str, name: str) -> bool:
    with sign_in_app.test_request_context(headers={"Cookie": f"anguan-known={value}"}):
        return known_browser.knows(name)


def test_it_knows_who_signed_in_in_every_spelling_and_nobody_else(sign_in_app, cookie):
    value = cookie("viewer")
    assert [known(sign_in_app, value, name) for name in ("viewer", "ＶＩＥＷＥＲ", "admin", "")] == [True, True, False, False]
    assert "viewer" not in value


def test_it_keeps_the_last_names(sign_in_app, cookie):
    names = [f"clerk{n}" for n in range(known_browser.MOST + 1)]
    value = cookie(*names)
    assert [known(sign_in_app, value, name) for name in names] == [False] + [True] * known_browser.MOST


@pytest.mark.parametrize("value", ["", "x", "W10.aaaa.bbbb"])
def test_a_forged_cookie_knows_nobody(sign_in_app, value):
    assert not known(sign_in_app, value, "viewer")
