"""Hints on the workbench: one for each role, closed for good by account and role."""

import pytest

from app.core.vocabulary import Role
from app.web.base.first_hints import COOKIE, HINTS, MOST, closing, open_hints


def roles_of(hints) -> list[Role]:
    return [role for role, _text in hints]


def test_every_role_has_a_hint():
    assert set(HINTS) == set(Role)


def test_what_was_closed_stays_closed_for_this_account_and_role_only():
    both = {Role.REVIEWER, Role.APPROVER}
    cookie = closing("", 7, "reviewer")
    assert roles_of(open_hints(cookie, 7, both)) == [Role.APPROVER]
    assert roles_of(open_hints(cookie, 77, both)) == [Role.REVIEWER, Role.APPROVER]
    assert closing(cookie, 7, "reviewer") == cookie
    assert closing(cookie, 7, "x" * 9000) == cookie


def test_the_cookie_stays_small_and_forgets_the_oldest():
    cookie = ""
    for account in range(MOST + 1):
        cookie = closing(cookie, account, "enterprise_clerk")
    assert len(cookie) < 4000
    assert [bool(open_hints(cookie, account, {Role.ENTERPRISE_CLERK})) for account in (0, 1, MOST)] == [True, False, False]


@pytest.mark.parametrize("forged", ["", "....", "7-", "x" * 5000, "-reviewer"])
def test_a_forged_cookie_closes_nothing(forged):
    assert open_hints(forged, 7, {Role.REVIEWER})


def test_the_workbench_shows_it_until_it_is_closed(client, signed_in, holder):
    account = holder(Role.AUDITOR)
    browser = signed_in(account)
    assert 'id="hint-auditor"' in browser.get("/work/").text
    closed = browser.post("/preference", data={"hint": "auditor", "next": "/work/"})
    assert (closed.status_code, closed.headers["Location"]) == (302, "/work/")
    assert 'id="hint-auditor"' not in browser.get("/work/").text
    again = signed_in(account)
    again.set_cookie(COOKIE, browser.get_cookie(COOKIE).value)
    assert 'id="hint-auditor"' not in again.get("/work/").text
    assert COOKIE not in client.post("/preference", data={"hint": "auditor"}).headers.get("Set-Cookie", "")
