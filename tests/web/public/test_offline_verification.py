"""Checking without us: the published files, and the page that does it in a browser."""

import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.certificates.qr import payload
from app.certificates.qr import status_list as status_lists
from app.certificates.qr.status_list import StatusMark
from app.core.clock import now, office_day
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import CodeKey, ring
from tests.certificates.qr.test_offline_check import CLAIMS, HOUR


def test_anybody_can_fetch_keys_and_list_from_anywhere_and_they_fit(client):
    published, status_list = client.get("/.well-known/jwks.json"), client.get("/status-list")
    assert (published.mimetype, status_list.mimetype) == ("application/jwk-set+json", "application/statuslist+jwt")
    for answer in (published, status_list):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert "Set-Cookie" not in answer.headers
    opened = status_lists.opened(status_list.text, signing_keys.parse_jwk_set(published.text))
    assert now() - opened.made_at < HOUR
    assert opened.expires_at - opened.made_at == 72 * HOUR
    assert '"d"' not in published.text


def test_the_page_keeps_the_strict_policy_and_its_worker_names_what_it_keeps(client):
    page, worker = client.get("/verify"), client.get("/verify-worker.js")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert worker.mimetype == "text/javascript"
    files = json.loads(worker.text.partition("FILES = ")[2].partition(";")[0])
    assert {"/verify", "/status-list", "/.well-known/jwks.json"} < set(files)
    assert all(client.get(file).status_code == 200 for file in files)


@pytest.fixture
def checking(chromium, served):
    """``checking(digits, mark, …)``: what the page says of a code, given a list. No service worker: it has its own."""
    context = chromium.new_context(base_url=served, locale="zh-CN", service_workers="block")
    page = context.new_page()

    def check(given, mark=StatusMark.VALID, *, at=None, hours=72, key=None):
        at = at or now()
        token = status_lists.sign_list(bytes([0, mark << 2, 0, 0]), key or ring.newest, uri="-", at=at, hours=hours)
        page.route("**/status-list", lambda route: route.fulfill(body=token, content_type="application/statuslist+jwt"))
        page.goto("/verify")
        page.fill("#code", given)
        page.click("button.btn-primary")
        page.wait_for_selector("#verdict:not([hidden])")
        return page.inner_text("#verdict"), page.inner_text("#list-age")

    yield check
    context.close()


def digits_until(days, **changes):
    return payload.write(replace(CLAIMS, valid_to=office_day(now()) + timedelta(days=days), **changes), ring.newest)


@pytest.mark.browser
def test_the_page_shows_the_status_of_the_list(checking):
    output, age = checking(digits_until(0), at=now() - 3 * HOUR)
    for part in ("有效", "欧阳𬭎翀", "湘建安C1(2026)0000001", "签名真实", "联网核对"):
        assert part in output
    assert age.replace(" ", "") == "状态清单：3小时前"
    assert "不再有效" in checking(digits_until(9), StatusMark.ENDED)[0]
    assert "暂扣" in checking(digits_until(9), StatusMark.SUSPENDED)[0]
    assert "已更新" in checking(digits_until(9), StatusMark.UPDATED)[0]
    assert "已过期" in checking(digits_until(-1))[0] or "失效" in checking(digits_until(-1))[0]


@pytest.mark.browser
def test_the_page_honours_the_age_of_the_list_and_believes_no_other_key(checking):
    old = now() - 80 * HOUR
    output, age = checking(digits_until(9), at=old)
    assert "清单已过期，请联网核对" in output
    assert "清单已过期" in age
    assert "不再有效" in checking(digits_until(9), StatusMark.ENDED, at=old)[0]
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    output, age = checking(digits_until(9), key=other_key)
    assert "离线无法得知状态" in output
    assert "没有状态清单" in age


@pytest.mark.browser
def test_the_page_takes_nothing_forged_for_ours(checking):
    genuine = digits_until(9)
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    for given in (
        genuine[:-1] + str((int(genuine[-1]) + 1) % 10),
        genuine[:40] + str((int(genuine[40]) + 1) % 10) + genuine[41:],
        "0" + genuine,
        genuine[:-30],
        genuine + genuine,
        payload.write(CLAIMS, other_key),
    ):
        output, _age = checking(f"https://ag.example.gov.cn/v/{given}")
        assert "此码不是本系统签发" in output
        assert "欧阳" not in output
    assert "只能联网核验" in checking("t" * 22)[0]


@pytest.mark.browser
def test_rare_names_and_the_longest_code_are_read_in_the_browser(checking):
    for name in ("𬭎𫖯𠅤𡋾𪚥𰻝𱅒", "𬭎·" * 25):
        output, _age = checking(digits_until(9, name=name, certificate_id=2**31 - 1, version=999))
        assert payload.shorten_name(name) in output


@pytest.mark.browser
def test_after_the_first_visit_the_page_works_without_the_network(page, app, session):
    page.goto("/verify")
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    page.wait_for_selector("#list-age:not(:empty)")
    page.context.set_offline(True)
    page.goto(f"/verify#{digits_until(9)}")
    page.wait_for_selector("#verdict:not([hidden])")
    assert "有效" in page.inner_text("#verdict")
    page.context.set_offline(False)


def test_a_list_of_another_library_is_read_the_same(app, client):
    token = client.get("/status-list").text
    key = jwt.PyJWK(client.get("/.well-known/jwks.json").json["keys"][0]).key
    assert jwt.decode(token, key, algorithms=["ES256"])["status_list"]["bits"] == 2
