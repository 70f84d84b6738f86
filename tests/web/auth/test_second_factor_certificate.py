"""The certificate as a second factor."""

import pytest

from app.core.vocabulary import Role
from app.models import Parameter
from tests.sign_in_fixture import PASSWORD, quickly_hashed
from tests.web.auth.conftest import AT, answer, begin, bound, fresh, inside

SECOND = "/login/second/certificate/"


@pytest.fixture
def owing(client, session, officer):
    """A browser in which the officer has shown the password, with the second factor required."""
    account, key = officer
    account.password = quickly_hashed(PASSWORD)
    session.add(Parameter(name="second_factor", value="operating", changed_at=AT, changed_by="x"))
    session.commit()
    assert client.post("/login/", data={"username": account.username, "password": PASSWORD}).location.startswith(
        "/login/second"
    )
    return client, key


def test_after_the_password_the_certificate_opens_the_account(owing):
    browser, key = owing
    assert SECOND in browser.get("/login/second/").text
    assert not inside(browser)
    assert answer(browser, key, *begin(browser, SECOND), path=SECOND).status_code == 302
    assert inside(browser)


def test_signatures_for_signing_in_and_for_the_second_factor_are_not_interchangeable(owing):
    browser, key = owing
    assert answer(browser, key, *begin(browser), path=SECOND).status_code == 401
    assert answer(browser, key, *begin(browser, SECOND)).status_code == 401
    assert not inside(browser)


def test_another_accounts_certificate_is_no_second_factor(owing, session, holder, folder, authority):
    browser, _key = owing
    other = bound(session, holder(Role.APPROVER), fresh("欧审批", by=authority), folder)
    assert answer(browser, other, *begin(browser, SECOND), path=SECOND).status_code == 401
    assert not inside(browser)


def test_before_the_password_no_second_factor_challenge_is_issued(client, officer):
    assert client.get(SECOND).location.startswith("/login/second")
    assert client.post(f"{SECOND}start").status_code == 403
