"""Certificates are bound to accounts, by a clerk or by the administrator."""

import base64
import re
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import select

from app.accounts.pki import verify
from app.core.sign_in_vocabulary import ChallengeKind
from app.core.vocabulary import Role
from app.models import ExternalIdentity
from tests.certs import YEAR, issued
from tests.sign_in_fixture import PASSWORD, quickly_hashed
from tests.web.auth.conftest import AT, PAGE, answer, begin, bound, fresh, inside

OWN = "/own-certificates/"


@pytest.fixture
def clerk(holder, session, folder, signed_in):
    account = holder(Role.ENTERPRISE_CLERK, password=quickly_hashed(PASSWORD))
    return account, signed_in(account)


def bind(browser, key, number, words, password=PASSWORD, **more):
    return answer(browser, key, number, words, path=f"{OWN}bind", password=password, **more)


def test_a_clerk_binds_a_certificate_and_signs_in_until_it_is_removed(app, client, session, clerk, authority):
    account, browser = clerk
    key = fresh("湘江建设", by=authority)
    assert bind(browser, key, *begin(browser, OWN)).status_code == 302
    assert "湘江建设" in browser.get(OWN).text
    assert answer(client, key, *begin(client)).status_code == 302
    row = session.scalars(select(ExternalIdentity.id)).one()
    session.rollback()
    assert browser.post(f"{OWN}remove", data={"rowid": row}).status_code == 302
    assert not inside(client)
    other = app.test_client()
    assert answer(other, key, *begin(other)).status_code == 401
    assert account.username


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_nothing_is_bound_without_password_own_challenge_and_own_key(
    app, client, session, clerk, holder, signed_in, authority
):
    _account, browser = clerk
    key = fresh("湘江建设", by=authority)
    assert bind(browser, key, *begin(browser, OWN), password="wrong").status_code == 422
    assert bind(browser, key, *begin(browser, PAGE)).status_code == 401  # a challenge for signing in
    other = signed_in(holder(Role.ENTERPRISE_CLERK, password=quickly_hashed(PASSWORD)))
    assert bind(browser, key, *begin(other, OWN)).status_code == 401  # another's
    number, words = begin(browser, OWN)
    assert answer(browser, key, number, words).status_code == 401  # as a sign-in
    number, words = begin(browser, OWN)
    assert bind(browser, key, number, words, signature=fresh(by=authority).sign(words)).status_code == 401
    assert bind(browser, fresh("湘江建设", by=fresh("根", ca=True)), *begin(browser, OWN)).status_code == 401
    assert not session.scalars(select(ExternalIdentity)).all()
    session.rollback()
    assert bind(browser, key, *begin(browser, OWN)).status_code == 302
    assert bind(other, key, *begin(other, OWN)).status_code == 422  # taken
    row = session.scalars(select(ExternalIdentity.id)).one()
    session.rollback()
    for forged in (row + 1, "x", "", 2**63):
        assert browser.post(f"{OWN}remove", data={"rowid": forged}).status_code == 404
    assert other.post(f"{OWN}remove", data={"rowid": row}).status_code == 404
    assert client.post(f"{OWN}start").status_code in (302, 401)
    assert len(session.scalars(select(ExternalIdentity)).all()) == 1


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_officers_may_not_bind_their_own_certificates(session, signed_in, officer):
    account, _key = officer
    browser = signed_in(account)
    assert "罗初审" in browser.get(OWN).text
    for path in ("start", "bind", "remove"):
        assert browser.post(f"{OWN}{path}").status_code == 403


SCREEN = "/certificates-of-accounts"


def upload(browser, name, data, **more):
    return browser.post(f"{SCREEN}/add", data={"username": name, "file": (BytesIO(data), "a.cer"), **more})


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_the_administrator_sees_a_certificate_before_it_is_bound(client, session, holder, signed_in, folder, authority):
    boss, officer = signed_in(holder(Role.SECURITY_ADMIN)), holder(Role.REVIEWER)
    key, name = fresh("欧审批", by=authority), officer.username
    page = upload(boss, name, key.chain[0])
    assert page.status_code == 200
    assert all(word in page.text for word in ("欧审批", "根", f"{key.serial:x}"))
    assert not session.scalars(select(ExternalIdentity)).all()
    session.rollback()
    chain = re.findall(r'name="chain" value="([^"]+)"', page.text)
    typed = {"username": name, "chain": chain, "confirm": "1"}
    assert signed_in(holder(Role.REVIEWER)).post(f"{SCREEN}/add", data=typed).status_code == 403
    assert boss.post(f"{SCREEN}/add", data=typed).status_code == 302
    assert answer(client, key, *begin(client)).status_code == 302
    assert boss.post(f"{SCREEN}/add", data=typed).status_code == 422  # taken
    rogue = base64.b64encode(fresh("欧审批", by=fresh("根", ca=True)).chain[0]).decode()
    for wrong in ({"chain": rogue}, {"chain": "§"}, {"chain": ""}, {"username": "nobody"}):
        assert boss.post(f"{SCREEN}/add", data={**typed, **wrong}).status_code == 422
    for data in (b"junk", b"-----BEGIN PRIVATE KEY-----", fresh(by=authority, eku=()).chain[0][:-9]):
        assert upload(boss, name, data).status_code == 422
    row = session.scalars(select(ExternalIdentity.id)).one()
    session.rollback()
    assert boss.post(f"{SCREEN}/delete/{row}").status_code == 302
    assert not inside(client)


def test_the_dashboard_warns_a_month_before_a_certificate_expires(session, signed_in, holder, folder, authority):
    account = holder(Role.REVIEWER)
    bound(session, account, issued("罗", by=authority, start=AT - YEAR, end=AT + timedelta(days=20)), folder)
    assert "数字证书将于" in signed_in(account).get("/work/").text
    bound(session, account, fresh("罗", by=authority), folder)
    assert "数字证书将于" not in signed_in(account).get("/work/").text


def test_the_three_kinds_of_challenge_have_different_statements():
    assert set(verify.STATEMENT_LABELS) == {
        ChallengeKind.CERTIFICATE, ChallengeKind.CERTIFICATE_SECOND, ChallengeKind.CERTIFICATE_BIND
    }  # fmt: skip
