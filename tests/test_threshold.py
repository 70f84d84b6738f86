"""What every request passes on its way in, and what every answer wears on its way out."""

import re
from dataclasses import replace

import pytest
from flask import request_started

from app import create_app, desk, threshold
from app.db import db, reading
from app.vocabulary import Role
from tests.make import NOON, TODAY


@pytest.fixture(scope="module")
def guarded(house):
    """The house as it stands in earnest: behind TLS and one proxy, under one name."""
    return create_app(replace(house.settings, https=True, trusted_proxies=1, hosts=("ag.example",)))


def test_every_answer_wears_its_armour(client):
    headers = client.get("/login/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert len(headers["X-Request-ID"]) == 16


@pytest.mark.parametrize("path", ["/login/", "/nothing/here"])
def test_what_is_meant_for_one_reader_is_kept_by_nobody(client, path):
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_a_page_for_somebody_signed_in_is_kept_by_nobody(signed_in, holder):
    assert "no-store" in signed_in(holder(Role.VIEWER)).get("/").headers["Cache-Control"]


def test_a_stranger_who_only_asks_gets_no_cookie(client):
    assert "Set-Cookie" not in client.get("/healthz").headers


def test_a_changed_file_has_a_new_address_and_may_be_kept_for_ever(client):
    address = re.search(r'href="(/static/[^"]+\?v=\w+)"', client.get("/login/").text)[1]
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert "immutable" not in client.get(address.partition("?")[0]).headers["Cache-Control"]


def test_a_paper_may_stand_in_a_frame_of_our_own_and_runs_nothing(built):
    with built.test_request_context("/"):
        answer = built.process_response(built.response_class(b"%PDF-", mimetype="application/pdf"))
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("locale", ["tlh", "", "zh_CN", "../../etc"])
def test_a_language_that_is_not_spoken_here_counts_as_none(client, locale):
    with client.session_transaction() as cookie:
        cookie["locale"] = locale
    answer = client.get("/login/")
    assert answer.status_code == 200
    assert 'lang="zh-CN"' in answer.text


def test_reading_a_page_chooses_no_language_for_the_reader(client):
    client.get("/")
    with client.session_transaction() as cookie:
        assert "locale" not in cookie


@pytest.mark.parametrize(("method", "reads"), [("GET", True), ("HEAD", True), ("OPTIONS", True), ("POST", False)])
def test_a_transaction_is_for_reading_exactly_when_the_request_is(built, method, reads):
    with built.test_request_context("/healthz", method=method):
        built.preprocess_request()
        assert reading.get() is reads


def test_after_a_request_the_next_transaction_may_write(client):
    client.get("/healthz")
    assert reading.get() is False


def test_the_diary_knows_who_acts_when_and_from_where(built, session):
    with built.test_request_context("/healthz", environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        built.preprocess_request()
        info = db.session().info
        assert (info["actor"], info["address"]) == ("", "192.0.2.7")
        assert info["at"].tzinfo is not None
        db.session.remove()


def test_only_our_own_names_are_answered_to(guarded):
    client = guarded.test_client()
    assert client.get("/healthz", headers={"Host": "ag.example"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_behind_tls_the_browser_is_told_to_stay_there(guarded, client):
    answer = guarded.test_client().get("/login/", base_url="https://ag.example")
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Set-Cookie"].startswith("__Host-")
    assert "Strict-Transport-Security" not in client.get("/login/").headers


@pytest.mark.parametrize(("proxied", "believed"), [(True, "203.0.113.9"), (False, "127.0.0.1")])
def test_a_forwarded_address_is_believed_of_our_own_proxies_only(guarded, built, proxied, believed):
    app, seen = guarded if proxied else built, []
    with request_started.connected_to(lambda _app: seen.append(desk.address()), app):
        app.test_client().get("/healthz", headers={"Host": "ag.example", "X-Forwarded-For": "10.0.0.1, 203.0.113.9"})
    assert seen == [believed]


def test_moments_and_days_are_shown_by_the_offices_clock():
    assert threshold.moment(NOON) == "2026-03-02 12:00"
    assert threshold.day(NOON.replace(hour=17)) == "2026-03-03"
    assert threshold.day(TODAY) == "2026-03-02"
    assert threshold.moment(None) == threshold.day(None) == ""


# --- deny by default --------------------------------------------------------------------------------


@pytest.fixture
def forgetful(house):
    """The house with doors that somebody hung and forgot to lock."""
    app = create_app(house.settings)
    app.config["WTF_CSRF_ENABLED"] = False
    for path, endpoint in (("/forgotten", "forgotten"), ("/api/v1/security/login", "SecurityApi.login")):
        app.add_url_rule(path, endpoint, lambda: "what nobody should read", methods=["GET", "POST", "PUT", "DELETE"])
    return app.test_client()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/forgotten", "/api/v1/security/login"])
def test_a_door_that_was_hung_without_a_lock_is_shut_to_passers_by_in_every_method(forgetful, session, path):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = forgetful.open(path, method=method)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={path}"), method
        assert "nobody should read" not in answer.text
    asked_by_a_machine = forgetful.get(path, headers={"Accept": "application/json"})
    assert (asked_by_a_machine.status_code, asked_by_a_machine.json["code"]) == (401, "sign-in")


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_is_no_address_is_answered_as_such(forgetful, session):
    assert forgetful.get("/nowhere").status_code == 404
    assert forgetful.patch("/forgotten").status_code == 405
    assert forgetful.get("/logout/").status_code == 405
