"""Signing in with a certificate: success, attacks, the proxy, binding, the second factor."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

from app.accounts.pki import bindings, trust
from app.core.vocabulary import AuditAction
from app.models import Account, AuditEntry, Challenge, ExternalIdentity, Parameter
from tests.web.auth.conftest import AT, MINUTE, PAGE, SITE, answer, begin, fresh, inside, put_list


def whys(session):
    lines = session.scalars(
        select(AuditEntry.change).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED).order_by(AuditEntry.id)
    ).all()
    session.rollback()
    return [line["why"][0] for line in lines]


# --- success ---------------------------------------------------------------------------------------
def test_a_signature_opens_the_account_the_certificate_is_bound_to(client, session, officer):
    account, key = officer
    got = answer(client, key, *begin(client))
    assert (got.status_code, got.location) == (302, "/")
    assert inside(client)
    line = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN)).one()
    assert (line.row, line.change["way"]) == (str(account.id), "certificate")


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_the_page_offers_both_buttons_and_may_reach_the_agent_and_nothing_else(client, officer):
    page = client.get(PAGE)
    assert page.text.count("data-ukey-start") == 2
    assert "主管部门数字证书登录" in page.text
    assert page.headers["Content-Security-Policy"].endswith("connect-src 'self' http://127.0.0.1:18765")
    assert "connect-src" not in client.get("/login/").headers["Content-Security-Policy"]
    assert client.get(f"{PAGE}driver").status_code == 200


# --- attacks --------------------------------------------------------------------------------------------
def statement(number, words, /, *, kind=b"anguan-cert-login", site=SITE, **parts):
    """The statement of a challenge, altered."""
    own = words.split(b"\0")
    own[0], own[2] = kind, site
    for place, value in parts.items():
        own[{"number": 3, "nonce": 4, "until": 5}[place]] = value
    return b"\0".join(own)


SIGNED_WRONG = {
    "other site": {"site": b"https://evil.example"},
    "as a second factor": {"kind": b"anguan-cert-second"},
    "as a binding": {"kind": b"anguan-cert-bind"},
    "other challenge": {"number": b"0" * 32},
    "other nonce": {"nonce": b"0" * 64},
    "other end": {"until": b"9999999999"},
}


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_signature_of_another_statement_opens_nothing(client, session, officer):
    _account, key = officer
    for case, changed in SIGNED_WRONG.items():
        number, words = begin(client)
        forged = statement(number, words, **changed)
        got = answer(client, key, number, forged, words=base64.b64encode(forged).decode())
        assert got.status_code == 401, case
    assert whys(session) == ["signature-wrong"] * len(SIGNED_WRONG)
    assert not inside(client)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_challenge_is_good_once_for_the_browser_that_asked_and_for_ninety_seconds(app, client, session, officer):
    _account, key = officer
    number, words = begin(client)
    stranger = app.test_client()
    assert answer(stranger, key, number, words).status_code == 401  # no cookie of its own
    begin(stranger)
    assert answer(stranger, key, number, words).status_code == 401  # another browser's
    assert answer(client, key, "0" * 32, words).status_code == 401
    assert answer(client, key, number, words).status_code == 302
    client.post("/logout/")
    begin(client)
    assert answer(client, key, number, words).status_code == 401  # used
    number, words = begin(client)
    session.execute(update(Challenge).where(Challenge.id == number).values(expires_at=AT - MINUTE))
    session.commit()
    assert answer(client, key, number, words).status_code == 401  # over
    assert set(whys(session)) == {"challenge-over"}
    assert not inside(client)
    assert not inside(stranger)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_failed_answer_uses_the_challenge_up(client, officer):
    _account, key = officer
    number, words = begin(client)
    assert answer(client, key, number, words, signature=b"x").status_code == 401
    assert answer(client, key, number, words).status_code == 401


def test_of_fifty_concurrent_answers_one_signs_in(app, client, session, officer):
    account, key = officer
    number, words = begin(client)
    cookies = {name: client.get_cookie(name).value for name in ("anguan", "anguan-pre") if client.get_cookie(name)}
    session.rollback()

    def try_it(_n):
        browser = app.test_client()
        for name, value in cookies.items():
            browser.set_cookie(name, value)
        return answer(browser, key, number, words).status_code

    with ThreadPoolExecutor(10) as pool:
        got = sorted(pool.map(try_it, range(50)))
    assert got == [302] + [401] * 49
    assert session.get_one(Account, account.id, populate_existing=True).login_count == 1


BAD_KEYS = {
    "unbound": (lambda authority, _key: fresh("别人", by=authority), "certificate-unbound"),
    "same name and serial by a namesake": (
        lambda _root, key: fresh("罗初审", by=fresh("根", ca=True), serial=key.serial), "authority-unknown",
    ),
    "another key's signature": (lambda authority, key: replace(key, key=fresh(by=authority).key), "signature-wrong"),
}  # fmt: skip


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", BAD_KEYS)
def test_another_key_opens_nothing(client, session, officer, authority, case):
    make, why = BAD_KEYS[case]
    key = make(authority, officer[1])
    assert answer(client, key, *begin(client)).status_code == 401
    assert whys(session) == [why]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_an_unreadable_certificate_is_refused_with_a_page(client, session, officer):
    _account, key = officer
    for chain in (key.chain * 4, [b"\x30" * 20_000], [b"junk"], [b""]):
        assert answer(client, key, *begin(client), chain=chain).status_code == 401
    number, _words = begin(client)
    assert client.post(PAGE, data={"number": number, "signature": "§", "chain": "§"}).status_code == 401
    assert client.post(PAGE, data={}).status_code == 401
    assert client.post(PAGE, data={"number": "\0" * 40}).status_code == 401
    assert set(whys(session)) == {"chain-size", "certificate-unreadable", "challenge-over"}


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_revoked_or_removed_certificate_or_inactive_account_opens_nothing(client, session, officer, folder, authority):
    account, key = officer
    put_list(folder, authority.crl(key.serial, number=2, at=AT - MINUTE))
    assert answer(client, key, *begin(client)).status_code == 401
    put_list(folder, authority.crl(number=3, at=AT - MINUTE))
    session.execute(update(Account).where(Account.id == account.id).values(active=False))
    session.commit()
    assert answer(client, key, *begin(client)).status_code == 403
    session.execute(update(Account).where(Account.id == account.id).values(active=True))
    session.delete(session.scalars(select(ExternalIdentity)).one())
    session.commit()
    assert answer(client, key, *begin(client)).status_code == 401
    assert whys(session) == ["certificate-revoked", "account-inactive", "certificate-unbound"]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_without_a_revocation_list_nobody_signs_in_unless_the_office_allows_it(client, session, officer, folder):
    _account, key = officer
    for path in (folder / "lists").iterdir():
        path.unlink()
    assert answer(client, key, *begin(client)).status_code == 401
    session.add(Parameter(name="crl_required", value="0", changed_at=AT, changed_by="x"))
    session.commit()
    assert answer(client, key, *begin(client)).status_code == 302


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_challenges_are_rate_limited_by_address(client, officer):
    got = [client.post(f"{PAGE}start") for _n in range(121)]  # a window may end meanwhile
    assert got[-1].status_code == 429 or got[-60].status_code == 429
    refused = next(one for one in got if one.status_code == 429)
    assert refused.get_json()["sentence"]
    assert client.post(PAGE, data={}).status_code == 429


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_without_a_csrf_token_nothing_is_started_or_answered(strict, client, officer):
    for path in (PAGE, f"{PAGE}start", f"{PAGE}tls"):
        assert client.post(path).status_code == 400


def test_a_newly_revoked_certificate_ends_the_sessions_it_opened(client, session, officer, folder, authority):
    _account, key = officer
    assert answer(client, key, *begin(client)).status_code == 302
    assert inside(client)
    trusted = trust.load_trust(folder, required=True)
    new = trust.check_list(authority.crl(key.serial, number=2, at=AT - MINUTE), trusted, at=AT)
    assert bindings.end_sessions_of(session, new.authority, {1, 2}, at=AT) == 0
    assert bindings.end_sessions_of(session, new.authority, new.newly, at=AT) == 1
    session.commit()
    assert not inside(client)


# --- by the proxy ---------------------------------------------------------------------------------------
@pytest.fixture
def proxied(app):
    """The application behind a proxy that passes certificates on."""
    plain = app.extensions["anguan"]
    app.extensions["anguan"] = replace(plain, ukey_tls_secret="between us", trusted_proxies=1)
    yield app
    app.extensions["anguan"] = plain


def by_proxy(browser, key, **headers):
    pem = quote(key.certificate.public_bytes(Encoding.PEM).decode())
    given = {"X-SSL-Client-Cert": pem, "X-UKey-Proxy-Secret": "between us", **headers}
    return browser.post(f"{PAGE}tls", headers=given)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_proxy_is_accepted_only_with_its_secret(proxied, client, session, officer, authority):
    _account, key = officer
    for forged in ({"X-UKey-Proxy-Secret": ""}, {"X-UKey-Proxy-Secret": "guessed"}, {"X-SSL-Client-Cert": ""},
                   {"X-SSL-Client-Cert": "-----BEGIN CERTIFICATE-----"}):  # fmt: skip
        assert by_proxy(client, key, **forged).status_code == 401
    assert by_proxy(client, fresh("罗初审", by=fresh("根", ca=True))).status_code == 401
    settings = proxied.extensions["anguan"]
    for less in ({"ukey_tls_secret": ""}, {"trusted_proxies": 0}):
        proxied.extensions["anguan"] = replace(settings, **less)
        assert by_proxy(client, key, **({"X-UKey-Proxy-Secret": ""} if "ukey_tls_secret" in less else {})).status_code == 401
    proxied.extensions["anguan"] = settings
    assert not inside(client)
    assert by_proxy(client, key).status_code == 302
    assert inside(client)
