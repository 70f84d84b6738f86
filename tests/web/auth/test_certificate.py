"""Signing in with a certificate: success, attacks, the proxy, binding, the second factor."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

from app.accounts.pki import bindings, trust, verify
from app.core.clock import now
from app.core.vocabulary import AuditAction, ChallengeKind, Role
from app.models import Account, AuditEntry, Challenge, ExternalIdentity, Parameter
from tests.certs import YEAR, issued
from tests.sign_in_fixture import quickly_hashed

AT = now()
PAGE, SITE = "/login/certificate/", b"http://localhost"
PASSWORD = "Correct-Horse-7"
MINUTE = timedelta(minutes=1)


def fresh(words="张三", by=None, **facts):
    return issued(words, by=by, start=AT - YEAR, end=AT + YEAR, **facts)


@pytest.fixture(scope="module")
def root():
    return fresh("根", ca=True)


@pytest.fixture
def folder(system, root):
    """The PKI folder, with this root trusted and its revocation list installed."""
    folder = system.settings.ukeys
    for path in folder.glob("*/*"):
        path.unlink()
    trust.pin(folder, root.certificate.public_bytes(Encoding.PEM))
    put_list(folder, root.crl(at=AT - MINUTE))
    return folder


def put_list(folder, data):
    trust.install_list(folder, trust.check_list(data, trust.load_trust(folder, required=True), at=AT))


@pytest.fixture
def officer(holder, session, folder, root):
    """An officer, and the key bound to the account."""
    account = holder(Role.REVIEWER)
    return account, bound(session, account, fresh("罗初审", by=root), folder)


def bound(session, account, key, folder):
    known = verify.check_chain(key.chain, trust.load_trust(folder, required=True), at=AT)
    bindings.bind(session, account.id, known, by="x", at=AT)
    session.commit()
    return key


def begin(browser, path=PAGE):
    given = browser.post(f"{path}start").get_json()
    return given["number"], base64.b64decode(given["words"])


def answer(browser, key, number, words, /, *, path=PAGE, signature=None, chain=None, **more):
    text = [base64.b64encode(one).decode() for one in (chain or key.chain)]
    signed = base64.b64encode(key.sign(words) if signature is None else signature).decode()
    return browser.post(path, data={"number": number, "signature": signed, "chain": text, **more})


def inside(browser):
    return browser.get("/work/").status_code == 200


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
    assert "主管部门--使用数字证登录" in page.text
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
    "unbound": (lambda root, _key: fresh("别人", by=root), "certificate-unbound"),
    "same name and serial by a namesake": (
        lambda _root, key: fresh("罗初审", by=fresh("根", ca=True), serial=key.serial), "authority-unknown",
    ),
    "another key's signature": (lambda root, key: replace(key, key=fresh(by=root).key), "signature-wrong"),
}  # fmt: skip


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", BAD_KEYS)
def test_another_key_opens_nothing(client, session, officer, root, case):
    make, why = BAD_KEYS[case]
    key = make(root, officer[1])
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
def test_a_revoked_or_removed_certificate_or_inactive_account_opens_nothing(client, session, officer, folder, root):
    account, key = officer
    put_list(folder, root.crl(key.serial, number=2, at=AT - MINUTE))
    assert answer(client, key, *begin(client)).status_code == 401
    put_list(folder, root.crl(number=3, at=AT - MINUTE))
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


def test_a_newly_revoked_certificate_ends_the_sessions_it_opened(client, session, officer, folder, root):
    _account, key = officer
    assert answer(client, key, *begin(client)).status_code == 302
    assert inside(client)
    new = trust.check_list(root.crl(key.serial, number=2, at=AT - MINUTE), trust.load_trust(folder, required=True), at=AT)
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
def test_a_proxy_is_accepted_only_with_its_secret(proxied, client, session, officer, root):
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


# --- binding: by a clerk --------------------------------------------------------------------------------

OWN = "/own-certificates/"


@pytest.fixture
def clerk(holder, session, folder, signed_in):
    account = holder(Role.ENTERPRISE_CLERK, password=quickly_hashed(PASSWORD))
    return account, signed_in(account)


def bind(browser, key, number, words, password=PASSWORD, **more):
    return answer(browser, key, number, words, path=f"{OWN}bind", password=password, **more)


def test_a_clerk_binds_a_certificate_and_signs_in_until_it_is_removed(app, client, session, clerk, root):
    account, browser = clerk
    key = fresh("湘江建设", by=root)
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
def test_nothing_is_bound_without_password_own_challenge_and_own_key(app, client, session, clerk, holder, signed_in, root):
    _account, browser = clerk
    key = fresh("湘江建设", by=root)
    assert bind(browser, key, *begin(browser, OWN), password="wrong").status_code == 422
    assert bind(browser, key, *begin(browser, PAGE)).status_code == 401  # a challenge for signing in
    other = signed_in(holder(Role.ENTERPRISE_CLERK, password=quickly_hashed(PASSWORD)))
    assert bind(browser, key, *begin(other, OWN)).status_code == 401  # another's
    number, words = begin(browser, OWN)
    assert answer(browser, key, number, words).status_code == 401  # as a sign-in
    number, words = begin(browser, OWN)
    assert bind(browser, key, number, words, signature=fresh(by=root).sign(words)).status_code == 401
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


# --- binding: by the administrator ------------------------------------------------------------------------

SCREEN = "/certificates-of-accounts"


def upload(browser, name, data, **more):
    return browser.post(f"{SCREEN}/add", data={"username": name, "file": (BytesIO(data), "a.cer"), **more})


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_the_administrator_sees_a_certificate_before_it_is_bound(client, session, holder, signed_in, folder, root):
    boss, officer = signed_in(holder(Role.SECURITY_ADMIN)), holder(Role.APPROVER)
    key, name = fresh("欧审批", by=root), officer.username
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
    for data in (b"junk", b"-----BEGIN PRIVATE KEY-----", fresh(by=root, eku=()).chain[0][:-9]):
        assert upload(boss, name, data).status_code == 422
    row = session.scalars(select(ExternalIdentity.id)).one()
    session.rollback()
    assert boss.post(f"{SCREEN}/delete/{row}").status_code == 302
    assert not inside(client)


def test_the_dashboard_warns_a_month_before_a_certificate_expires(session, signed_in, holder, folder, root):
    account = holder(Role.REVIEWER)
    bound(session, account, issued("罗", by=root, start=AT - YEAR, end=AT + timedelta(days=20)), folder)
    assert "数字证书将于" in signed_in(account).get("/work/").text
    bound(session, account, fresh("罗", by=root), folder)
    assert "数字证书将于" not in signed_in(account).get("/work/").text


def test_the_three_kinds_of_challenge_have_different_statements():
    assert set(verify.STATEMENT_LABELS) == {
        ChallengeKind.CERTIFICATE, ChallengeKind.CERTIFICATE_SECOND, ChallengeKind.CERTIFICATE_BIND
    }  # fmt: skip


# --- as a second factor -----------------------------------------------------------------------------------

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


def test_another_accounts_certificate_is_no_second_factor(owing, session, holder, folder, root):
    browser, _key = owing
    other = bound(session, holder(Role.APPROVER), fresh("欧审批", by=root), folder)
    assert answer(browser, other, *begin(browser, SECOND), path=SECOND).status_code == 401
    assert not inside(browser)


def test_before_the_password_no_second_factor_challenge_is_issued(client, officer):
    assert client.get(SECOND).location.startswith("/login/second")
    assert client.post(f"{SECOND}start").status_code == 403
