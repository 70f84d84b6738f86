"""Middleware: headers, body limits, redirects, host names, denial by default."""

import gc
import re
from dataclasses import replace
from io import BytesIO

import pytest
from flask import request_started
from sqlalchemy import select

from app import create_app
from app.core.settings import AGENT
from app.core.vocabulary import AuditAction, Role
from app.db.session import db, reading
from app.models import AuditEntry, RateLimitCounter
from app.web import body_limits, middleware, request_context, security_headers
from tests.make import NOON, TODAY

ON_SQLITE = pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # where no statement is what is tested
BLANK = re.compile(r"<[^>]+>")


@pytest.fixture(scope="module")
def guarded(system):
    """The application as in production: behind TLS and one proxy, under one host name."""
    return create_app(replace(system.settings, https=True, trusted_proxies=1, hosts=("ag.example",)))


@ON_SQLITE
def test_nothing_is_collected_while_an_application_is_made(system):
    seen = []
    gc.callbacks.append(lambda phase, _info: seen.append(phase))
    try:
        create_app(system.settings)
    finally:
        gc.callbacks.pop()
    assert gc.isenabled()
    assert seen.count("start") <= 1  # of what was put off, at the end


# --- headers ------------------------------------------------------------------------------------------------------
PUBLIC = {  # what anybody may keep for a while
    ("/.well-known/jwks.json", "public, max-age=60"), ("/status-list", "public, max-age=60"),
    ("/verify-worker.js", "no-cache"), ("/lookup/list/template.xlsx", "no-cache"), ("/", "no-cache"),
}  # fmt: skip


def missing_headers(answer, *, inside: bool):
    """The required headers that this response lacks."""
    headers, static = answer.headers, answer.request.path.startswith("/static/")
    kept = headers.get("Cache-Control", "")
    policy = headers.get("Content-Security-Policy", "")
    yield from (name for name, value in security_headers.ALWAYS.items() if headers.get(name) != value)
    if "default-src" not in policy or "frame-ancestors" not in policy or "unsafe-eval" in policy:
        yield f"policy: {policy}"
    # Only pages that use a UKey may connect to its agent.
    allowed = {security_headers.PAGE_POLICY, f"{security_headers.PAGE_POLICY}; connect-src 'self' {AGENT}"}
    if answer.mimetype != "application/pdf" and (policy not in allowed or headers.get("X-Frame-Options") != "DENY"):
        yield f"page policy: {policy}"
    if headers.get("Cross-Origin-Resource-Policy") != (
        "cross-origin" if "Access-Control-Allow-Origin" in headers else "same-origin"
    ):
        yield "resource policy"
    if not static and answer.data.lstrip().startswith(b"<!DOCTYPE html") and answer.mimetype != "text/html":
        yield f"a page that browsers show as {answer.mimetype}"
    if not re.fullmatch(r"[0-9a-f]{16}", headers.get("X-Request-ID", "")):
        yield "number"
    if not static and "Cookie" not in headers.get("Vary", ""):
        yield "vary"
    if not static and "no-store" not in kept and (inside or (answer.request.path, kept) not in PUBLIC):
        yield f"kept: {kept}"
    if "Strict-Transport-Security" in headers or "Server" in headers or "X-Powered-By" in headers:
        yield "too much"


@ON_SQLITE
@pytest.mark.parametrize("role", [None, Role.ENTERPRISE_CLERK, Role.ADMIN])
def test_every_response_of_every_route_has_the_security_headers(strict, signed_in, holder, role):
    """By GET and by POST without a token, so that nothing changes; refusals included."""
    browser = signed_in(holder(role)) if role else strict.test_client()
    wrong, seen = [], set()
    for rule in sorted(strict.url_map.iter_rules(), key=str):
        address = BLANK.sub("ag.css" if "static" in rule.endpoint else "1", rule.rule)
        for method in sorted(rule.methods & {"GET", "POST"}):
            answer = browser.open(address, method=method)
            seen.add(answer.status_code)
            wrong += [
                f"{method} {address} {answer.status_code}: {lack}" for lack in missing_headers(answer, inside=bool(role))
            ]
            answer.close()
    assert browser.get(security_headers.ICON).headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for answer in (browser.get("/no/such/page"), browser.open("/", method="TRACE")):
        wrong += list(missing_headers(answer, inside=bool(role)))
    assert not wrong, "\n".join(wrong)
    assert {200, 302, 400} <= seen


def test_the_content_policy_allows_nothing_foreign_or_inline():
    for policy in (security_headers.PAGE_POLICY, security_headers.PAPER_POLICY):
        said = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert {"base-uri", "form-action", "frame-ancestors", "default-src", "script-src"} <= said.keys()
        assert not re.search(r"https?:|\*|unsafe-eval|unsafe-hashes", policy)
        assert said["script-src"] in ("'self'", "'none'")
    assert "unsafe" not in security_headers.PAGE_POLICY


@ON_SQLITE
def test_signing_out_clears_what_the_browser_stored(client, signed_in, holder):
    browser = signed_in(holder(Role.VIEWER))
    assert "Clear-Site-Data" not in browser.get("/work/").headers
    assert browser.post("/logout/").headers["Clear-Site-Data"] == '"storage"'
    assert "Clear-Site-Data" not in browser.post("/logout/").headers
    assert "Clear-Site-Data" not in client.get("/login/").headers


@ON_SQLITE
def test_public_caching_does_not_apply_to_signed_in_users(client, signed_in, holder):
    assert client.get("/status-list").headers["Cache-Control"] == "public, max-age=60"
    assert signed_in(holder(Role.VIEWER)).get("/status-list").headers["Cache-Control"] == "no-store"


@ON_SQLITE
@pytest.mark.parametrize("cookie", ["anguan", "ag_size"])
def test_no_cookie_is_sent_along_from_another_site(client, cookie):
    answers = (client.get("/login/"), client.post("/preference", data={"size": "large", "locale": "en"}))
    made = [value for answer in answers for value in answer.headers.getlist("Set-Cookie") if value.startswith(cookie)]
    assert made
    assert all("SameSite=Lax" in value for value in made)
    assert all("HttpOnly" in value for value in made if value.startswith("anguan"))


# --- body limits -----------------------------------------------------------------------------------------
KIB, MIB = 1024, 1024 * 1024
FORM = "application/x-www-form-urlencoded"


def multipart(*parts: tuple[str, str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    said = (
        f'--x\r\nContent-Disposition: form-data; name="{name}"'.encode() + (f'; filename="{file}"'.encode() if file else b"")
        + b"\r\n\r\n" + body + b"\r\n" for name, file, body in parts
    )  # fmt: skip
    return b"".join(said) + end


PARTS = "multipart/form-data; boundary=x"
TOO_MUCH = {
    "a form of a passer-by": (None, "/login/", FORM, b"username=" + b"x" * 64 * KIB),
    "a form of a passer-by with parts": (None, "/login/", PARTS, multipart(("a", "", b"x" * 64 * KIB))),
    "a form of a reader": (Role.ENTERPRISE_CLERK, "/applications/new/submit", FORM, b"rowid=" + b"1" * 4 * MIB),
    "a file where none belongs": (Role.ENTERPRISE_CLERK, "/filings/add", PARTS, multipart(("a", "a.jpg", b"x" * 4 * MIB))),
    "a public check": (None, "/verify-file", PARTS, multipart(("paper", "a.pdf", b"x" * 5 * MIB))),
    "a list": (None, "/lookup/list/", PARTS, multipart(("sheet", "a.csv", b"x" * 3 * MIB))),
    "a sheet": (Role.ENTERPRISE_CLERK, "/people/import/", PARTS, multipart(("sheet", "a.xlsx", b"x" * 22 * MIB))),
    "a plain form where files belong": (None, "/people/add", FORM, b"name=" + b"x" * 64 * KIB),
    "an answer": (None, "/lookup/list/answer.xlsx", FORM, b"answer=" + b"x" * MIB),
    "scans": (Role.ENTERPRISE_CLERK, "/people/add", PARTS, multipart(("a", "a", b"x" * 64 * MIB))),
    "JSON": (Role.ADMIN, "/accounts/add", "application/json", b'{"username": "' + b"x" * 64 * KIB + b'"}'),
    "plain text": (None, "/lookup", "text/plain", b"x" * 65 * KIB),
    "no kind at all": (Role.ADMIN, "/accounts/add", "", b"x" * 65 * KIB),
    "fields": (Role.ENTERPRISE_CLERK, "/applications/new/submit", FORM, b"a&" * 100_000),
    "parts": (Role.ENTERPRISE_CLERK, "/people/add", PARTS, multipart(*[("a", "", b"")] * 10_000)),
    "empty files": (Role.ENTERPRISE_CLERK, "/people/add", PARTS, multipart(*[("a", "a.jpg", b"")] * 10_000)),
}


CHUNKED = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@ON_SQLITE
@pytest.mark.parametrize("announced", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize("case", TOO_MUCH)
def test_too_large_a_body_is_refused_with_a_sentence(client, signed_in, holder, case, announced):
    role, address, kind, body = TOO_MUCH[case]
    browser = signed_in(holder(role)) if role else client
    answer = browser.post(address, content_type=kind, data=body, environ_overrides={} if announced else CHUNKED)
    if not announced and kind != FORM and "multipart" not in kind:
        assert answer.status_code in (400, 422)  # a body that nobody reads
        return
    assert (answer.status_code, "太大" in answer.text or "too large" in answer.text) == (413, True)


@ON_SQLITE
def test_too_large_a_body_is_not_read(client):
    class Flood(BytesIO):
        def read(self, *_size):
            raise AssertionError("somebody reads")

    for kind in (FORM, PARTS, "application/json", "text/plain"):
        sentence = {"CONTENT_LENGTH": str(10**12), "wsgi.input": Flood()}
        answer = client.post("/login/", data=b"x", content_type=kind, environ_overrides=sentence)
        assert answer.status_code == 413, kind


@ON_SQLITE
def test_the_largest_batch_is_accepted_with_every_field(signed_in, holder):
    rows = [str(10**9 + n) for n in range(20_000)]  # as many as the administrator may allow
    answer = signed_in(holder(Role.ENTERPRISE_CLERK)).post("/applications/new/submit", data={"rowid": rows})
    assert answer.status_code in (302, 422)


BROKEN = {
    "no boundary": ("multipart/form-data", multipart(("a", "", b"1"))),
    "another boundary": ("multipart/form-data; boundary=y", multipart(("a", "", b"1"))),
    "a boundary of 10,000 marks": (f"multipart/form-data; boundary={'x' * 10_000}", b"--" + b"x" * 10_000),
    "a boundary that is no ASCII": ("multipart/form-data; boundary=\xff", multipart(("a", "", b"1"))),
    "no end": (PARTS, multipart(("a", "a.jpg", b"1"), end=b"")),
    "no name": (PARTS, b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"),
    "headers without end": (PARTS, b"--x\r\n" + b"A: b\r\n" * 3000),
    "a header of 1 MB": (PARTS, b"--x\r\nA: " + b"b" * MIB + b"\r\n\r\n1\r\n--x--\r\n"),
    "parts that hold parts": (
        PARTS,
        multipart(('a"\r\nContent-Type: multipart/mixed; boundary="y', "", b"--y\r\n\r\n--y--")),
    ),
    "a form that says it is a file": ("application/octet-stream", b"a=1"),
    "a file that says it is a form": (FORM, b"\xff\xd8\xff\xe0" * 100),
    "an unknown character set": (f"{FORM}; charset=x-none", b"a=%ff"),
    "half a character": (FORM, b"a=%e5%bc&b=\xe5\xbc"),
    "two file fields of one name": (PARTS, multipart(("paper_photo", "a.jpg", b"1"), ("paper_photo", "b.exe", b"2"))),
    "a field that is a file": (PARTS, multipart(("name", "a.jpg", b"1"), ("name", "", b"x"))),
    "a file that is a field": (PARTS, multipart(("paper_photo", "", b"1"))),
}


@ON_SQLITE
@pytest.mark.parametrize("case", BROKEN)
def test_a_malformed_form_causes_no_server_error(signed_in, holder, client, case):
    kind, body = BROKEN[case]
    clerk = signed_in(holder(Role.ENTERPRISE_CLERK))
    for browser, address in ((clerk, "/people/add"), (clerk, "/enterprise/"), (clerk, "/people/import/"),
                             (client, "/verify-file"), (client, "/lookup/list/")):  # fmt: skip
        assert browser.post(address, data=body, content_type=kind).status_code in (302, 400, 409, 413, 422, 429), address


@ON_SQLITE
@pytest.mark.parametrize("ended", [{}, {"wsgi.input_terminated": True}], ids=["", "as gunicorn tells it"])
@pytest.mark.parametrize("kind", [FORM, PARTS])
def test_a_truncated_request_changes_nothing(session, signed_in, holder, kind, ended):
    clerk = signed_in(holder(Role.ENTERPRISE_CLERK))
    before = session.scalars(select(AuditEntry.id)).all()
    session.rollback()
    half = multipart(("name", "", "张三".encode()), ("paper_photo", "a.jpg", b"1" * 5000))[:2000]
    answer = clerk.post("/people/add", data=half, content_type=kind, environ_overrides={"CONTENT_LENGTH": "100000", **ended})
    assert answer.status_code == (422 if ended and kind == PARTS else 400)  # parts without an end are no form
    assert session.scalars(select(AuditEntry.id)).all() == before


def test_every_form_with_files_has_a_body_limit_of_its_own(built, root):
    assert body_limits.FILES.keys() <= built.view_functions.keys()
    pages = [page.read_text() for page in (root / "app/web/templates").rglob("*.html")]
    forms = [form for page in pages for form in re.findall(r"<form[^>]*multipart/form-data[^>]*>", page)]
    endpoints = {endpoint for form in forms for endpoint in re.findall(r"action=\"\{\{ url_for\('([\w.]+)'", form)}
    assert len(endpoints) > 5
    assert endpoints <= body_limits.FILES.keys()


# --- redirects ---------------------------------------------------------------------------------------------
ELSEWHERE = (
    *("https://evil.example/", "//evil.example/", "///evil.example/", "////evil.example", "http:evil.example", "https:/evil"),
    *("/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example"),
    *("\t//evil.example", " //evil.example", "\0//evil.example", "/\x7f/evil.example", "\u3000//evil.example"),
    *(
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://localhost/",
    ),
    *("http://localhost@evil.example/", "http://localhost:80@evil.example/", "http://localhost.evil.example/lookup"),
    *("http://localhost\\@evil.example/lookup", "http://[::1]/lookup", "https://[", "http://localhost:1/lookup"),
    *("https://localhost/lookup", "http:///lookup", "http://localhost//evil.example", "http://LOCALHOST.evil/lookup"),
    *("lookup", "./lookup", "../lookup", "?next=/lookup", "#/lookup", "", "/nowhere", "/logout/", "/preference", "/login/"),
    *("/%2f/evil.example", "/%5cevil.example", "/lookup/..//evil.example", "/.//evil.example", "/;@evil.example"),
    *(
        "/static/ag.css",
        "/lookup\r\nX-Evil: 1",
        "/lookup?a=" + "x" * 2_000,
        "／／evil.example",
        "/／evil.example",
        "//evil。example",
    ),
)
HERE = ("/lookup", "/lookup?name=张三&page=2", "/exam-notices/1#top", "http://localhost/lookup", "/help?next=//evil.example")


@ON_SQLITE
@pytest.mark.parametrize("path", ["/login/", "/preference"])
def test_no_redirect_leads_to_another_site(client, signed_in, holder, path):
    """``next`` of the sign-in page, for signed-in users, and of ``/preference``."""
    reader = signed_in(holder(Role.VIEWER))
    for wish in ELSEWHERE + HERE:
        asked, typed = {"query_string": {"next": wish}}, {"data": {"next": wish}}
        answers = [reader.get(path, **asked)] if path == "/login/" else [client.post(path, **how) for how in (asked, typed)]
        expected = "/" if wish in ELSEWHERE else wish.removeprefix("http://localhost").replace("张三", "%E5%BC%A0%E4%B8%89")
        for answer in answers:
            assert (answer.status_code, answer.location) == (302, expected), (path, wish)
            assert "X-Evil" not in answer.headers


# --- the rest -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/login/", "/nothing/here"])
def test_pages_are_never_cached(client, path):
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_a_get_sets_no_cookie_for_anonymous_visitors(client):
    assert "Set-Cookie" not in client.get("/healthz").headers


def test_static_files_have_a_fingerprint_and_are_cached_for_ever(client):
    address = re.search(r'href="(/static/[^"]+\?v=\w+)"', client.get("/login/").text)[1]
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert "immutable" not in client.get(address.partition("?")[0]).headers["Cache-Control"]


def test_a_pdf_may_be_framed_by_our_pages_and_runs_no_script(built):
    with built.test_request_context("/"):
        answer = built.process_response(built.response_class(b"%PDF-", mimetype="application/pdf"))
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("locale", ["tlh", "", "zh_CN", "../../etc"])
def test_an_unknown_language_counts_as_none(client, locale):
    with client.session_transaction() as cookie:
        cookie["locale"] = locale
    answer = client.get("/login/")
    assert answer.status_code == 200
    assert 'lang="zh-CN"' in answer.text


def test_a_get_does_not_choose_a_language(client):
    client.get("/")
    with client.session_transaction() as cookie:
        assert "locale" not in cookie


@pytest.mark.parametrize(("method", "reads"), [("GET", True), ("HEAD", True), ("OPTIONS", True), ("POST", False)])
def test_a_transaction_is_read_only_exactly_when_the_request_is(built, method, reads):
    with built.test_request_context("/healthz", method=method):
        built.preprocess_request()
        assert reading.get() is reads


def test_after_a_request_the_next_transaction_may_write(client):
    client.get("/healthz")
    assert reading.get() is False


def test_the_audit_log_knows_who_acts_when_and_from_where(built, session):
    with built.test_request_context("/healthz", environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        built.preprocess_request()
        info = db.session().info
        assert (info["actor"], info["address"]) == ("", "192.0.2.7")
        assert info["at"].tzinfo is not None
        db.session.remove()


def test_only_configured_host_names_are_answered(guarded):
    client = guarded.test_client()
    assert client.get("/healthz", headers={"Host": "ag.example"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_behind_tls_the_response_sets_hsts_and_secure_cookies(guarded, client):
    answer = guarded.test_client().get("/login/", base_url="https://ag.example")
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Set-Cookie"].startswith("__Host-")
    assert "Strict-Transport-Security" not in client.get("/login/").headers


@pytest.mark.parametrize(("proxied", "believed"), [(True, "203.0.113.9"), (False, "127.0.0.1")])
def test_a_forwarded_address_is_accepted_from_trusted_proxies_only(guarded, built, proxied, believed):
    app, seen = guarded if proxied else built, []
    with request_started.connected_to(lambda _app: seen.append(request_context.address()), app):
        app.test_client().get("/healthz", headers={"Host": "ag.example", "X-Forwarded-For": "10.0.0.1, 203.0.113.9"})
    assert seen == [believed]


@ON_SQLITE
@pytest.mark.parametrize(("proxied", "address"), [(True, "203.0.113.9"), (False, "127.0.0.1")])
def test_a_forged_address_changes_neither_rate_limit_nor_audit_log(guarded, app, session, proxied, address):
    """Behind one proxy only the last entry of the header counts, without a proxy none."""
    system, host = (guarded, "ag.example") if proxied else (app, "localhost")
    system.config["WTF_CSRF_ENABLED"] = False
    client = system.test_client()
    for n in range(4):
        forged = {"X-Forwarded-For": f"10.0.0.{n}, 203.0.113.9", "Forwarded": f"for=10.1.0.{n}", "X-Real-IP": f"10.2.0.{n}"}
        client.post("/login/", data={"username": "nobody", "password": "x"}, headers={"Host": host, **forged})
        client.post("/lookup", data={"name": "李雷", "number": "湘建安C1(2026)0000001"}, headers={"Host": host, **forged})
    noted = set(session.scalars(select(AuditEntry.address).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED)))
    counted = [key for key in session.scalars(select(RateLimitCounter.key)) if "10." in key]
    assert (noted, counted) == ({address}, [])


FORGED_HOSTS = {"X-Forwarded-Host": "evil.example", "X-Host": "evil.example", "Forwarded": "host=evil.example",
                "X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz", "X-Forwarded-Prefix": "/evil"}  # fmt: skip


@pytest.mark.parametrize("header", FORGED_HOSTS)
def test_a_forwarded_host_header_is_ignored(built, client, header):
    answer = client.get("/work/", headers={header: FORGED_HOSTS[header]})
    assert (answer.status_code, "evil" in answer.location) == (302, False)
    assert "evil" not in client.get("/lookup", headers={header: FORGED_HOSTS[header]}).text


@pytest.mark.parametrize(
    "host", ["evil.example", "ag.example.evil", "ag.example@evil", "ag.example:80@evil", "evil/ag.example", "", "[::1]", "..",
             "AG.EXAMPLE.", "ag.example, evil.example", "ag.example%00"],
)  # fmt: skip
def test_a_foreign_host_name_gets_no_page(guarded, host):
    for headers in ({"Host": host}, {"Host": "ag.example", "X-Forwarded-Host": host} if host else {"Host": host}):
        answer = guarded.test_client().get("/login/", headers=headers)
        assert answer.status_code == 400
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_times_and_dates_are_shown_in_office_time():
    assert middleware.moment(NOON) == "2026-03-02 12:00"
    assert middleware.day(NOON.replace(hour=17)) == "2026-03-03"
    assert middleware.day(TODAY) == "2026-03-02"
    assert middleware.moment(None) == middleware.day(None) == ""


# --- deny by default --------------------------------------------------------------------------------
@pytest.fixture
def unguarded(system):
    """An application with routes that check no permission."""
    app = create_app(system.settings)
    app.config["WTF_CSRF_ENABLED"] = False
    for path, endpoint in (("/forgotten", "forgotten"), ("/api/v1/security/login", "SecurityApi.login")):
        app.add_url_rule(path, endpoint, lambda: "what nobody should read", methods=["GET", "POST", "PUT", "DELETE"])
    return app.test_client()


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/forgotten", "/api/v1/security/login"])
def test_a_route_without_permission_check_still_requires_signing_in(unguarded, session, path):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = unguarded.open(path, method=method)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={path}"), method
        assert "nobody should read" not in answer.text
    as_json = unguarded.get(path, headers={"Accept": "application/json"})
    assert (as_json.status_code, as_json.json["code"]) == (401, "sign-in")


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_an_unknown_address_is_answered_404_or_405(unguarded, session):
    assert unguarded.get("/nowhere").status_code == 404
    assert unguarded.patch("/forgotten").status_code == 405
    assert unguarded.get("/logout/").status_code == 405


def test_a_signed_session_is_recognised_by_its_cookie_alone(built, client, signed_in, holder):
    browser = signed_in(holder(Role.VIEWER))
    cookie = browser.get_cookie(built.config["SESSION_COOKIE_NAME"])
    assert middleware.came_signed_in(built, f"a=b; {cookie.key}={cookie.value}")
    client.get("/login/")
    visitor = client.get_cookie(built.config["SESSION_COOKIE_NAME"])
    forged = cookie.value[:-4] + "AAAA"
    for value in (forged, "", *([visitor.value] if visitor else [])):
        assert not middleware.came_signed_in(built, f"{cookie.key}={value}")
