"""Checking without us: the verdict, the published files, the command, and the page that does it in a browser."""

import json
from dataclasses import replace
from datetime import date, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageOps
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.certificates.qr import offline_check, payload, symbol
from app.certificates.qr import status_list as status_lists
from app.certificates.qr.offline_check import OfflineStatus
from app.certificates.qr.payload import Claims, Forged
from app.certificates.qr.status_list import StatusList, StatusMark
from app.cli import app as cli_app
from app.core.clock import now, office_day
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import CodeKey, ring
from app.models import CertificateVersion
from tests import make

CLAIMS = Claims(7, 2, "湘建安C1(2026)0000001", "欧阳𬭎翀", date(2029, 3, 1), 5)
HOUR = timedelta(hours=1)


def listed(mark=StatusMark.VALID, *, at=make.NOON, hours=72):
    return StatusList(bytes([0, mark << 2, 0, 0]), at, at + hours * HOUR)


def stands(mark, *, at=make.NOON, made=make.NOON, claims=CLAIMS):
    status_list = None if mark is None else listed(mark, at=made)
    return offline_check.check(payload.write(claims, ring.newest), ring.public, status_list, at=at).standing


# --- the verdict ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "standing"),
    [
        (StatusMark.VALID, OfflineStatus.IN_FORCE),
        (StatusMark.SUSPENDED, OfflineStatus.SUSPENDED),
        (StatusMark.ENDED, OfflineStatus.ENDED),
        (StatusMark.UPDATED, OfflineStatus.UPDATED),
        (None, OfflineStatus.UNKNOWN),
    ],
)
def test_the_list_gives_the_status_of_the_version(mark, standing):
    assert stands(mark) is standing


@pytest.mark.parametrize(
    ("days", "standing"), [(-1, OfflineStatus.IN_FORCE), (0, OfflineStatus.IN_FORCE), (1, OfflineStatus.EXPIRED)]
)
def test_the_last_day_counts_in_full_and_needs_no_list(days, standing):
    at = make.NOON
    claims = replace(CLAIMS, valid_to=office_day(at) - timedelta(days=days))
    assert stands(StatusMark.VALID, claims=claims) is standing
    assert stands(None, claims=claims) is (OfflineStatus.EXPIRED if days > 0 else OfflineStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("mark", "standing"),
    [
        (StatusMark.VALID, OfflineStatus.LIST_TOO_OLD),
        (StatusMark.SUSPENDED, OfflineStatus.LIST_TOO_OLD),
        (StatusMark.ENDED, OfflineStatus.ENDED),
        (StatusMark.UPDATED, OfflineStatus.UPDATED),
    ],
)
def test_a_list_that_is_replayed_after_its_time_proves_ends_and_nothing_else(mark, standing):
    assert stands(mark, at=make.NOON + 72 * HOUR) is standing
    assert stands(mark, at=make.NOON + 72 * HOUR - timedelta(seconds=1)) is not OfflineStatus.LIST_TOO_OLD


def test_a_version_newer_than_the_list_is_unknown():
    for place in (16, 10**6, None):
        assert stands(StatusMark.VALID, claims=replace(CLAIMS, status_index=place)) is OfflineStatus.UNKNOWN


def test_a_other_key_s_code_gets_no_verdict():
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Forged):
        offline_check.check(payload.write(CLAIMS, other_key), ring.public, listed(), at=make.NOON)


# --- what is published ------------------------------------------------------------------------------


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


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path):
    """Keys and a list as files, as somebody without the system has them."""
    entries = bytes([0, StatusMark.VALID << 2, 0, 0])
    (tmp_path / "jwks.json").write_text(json.dumps(ring.published()))
    token = status_lists.sign_list(entries, ring.newest, uri="-", at=now(), hours=72)
    (tmp_path / "status-list.jwt").write_text(token)
    return ["--keys", str(tmp_path / "jwks.json"), "--list", str(tmp_path / "status-list.jwt")]


@pytest.fixture
def address():
    claims = replace(CLAIMS, valid_to=office_day(now()) + timedelta(days=400))
    return f"https://ag.example.gov.cn/v/{payload.write(claims, ring.newest)}"


def test_an_address_its_digits_and_a_picture_are_checked_alike(published, address, tmp_path, capsys):
    picture = tmp_path / "code.png"
    modules = symbol.matrix(address)
    dots = Image.frombytes("L", (len(modules),) * 2, bytes(255 * (not dark) for row in modules for dark in row))
    ImageOps.expand(dots, symbol.QUIET, 255).resize((500, 500), Image.Resampling.NEAREST).save(picture)
    for given in (address, payload.digits_in(address), str(picture)):
        assert cli_app.main(["verify", given, *published]) == 0
        output = capsys.readouterr().out
        assert "In force" in output
        assert "欧阳𬭎翀  湘建安C1(2026)0000001  version 2" in output


def test_without_a_list_the_command_does_not_call_it_good(published, address, capsys):
    assert cli_app.main(["verify", address, *published[:2]]) == 1
    assert "not known off line" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["code", "keys", "list", "picture"])
def test_a_failed_check_is_reported_in_one_sentence(published, address, tmp_path, capsys, wrong):
    given = {"code": address[:-1] + str((int(address[-1]) + 1) % 10)}.get(wrong, address)
    if wrong == "picture":
        given = str(tmp_path / "white.png")
        Image.new("L", (300, 300), 255).save(given)
    for n, name in ((1, "keys"), (3, "list")):
        if wrong == name:
            published[n] = str(tmp_path / "nowhere")
    assert cli_app.main(["verify", given, *published]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1


@pytest.fixture
def own_system(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'anguan.db'}")
    assert cli_app.main(["init"]) == 0
    capsys.readouterr()
    return tmp_path / "home"


def test_init_makes_the_keys_and_a_rotation_keeps_the_old_ones(own_system, capsys):
    path = own_system / "codes.json"
    assert path.stat().st_mode & 0o777 == 0o600
    first = json.loads(path.read_text())["keys"]
    assert cli_app.main(["init"]) == 0
    assert json.loads(path.read_text())["keys"] == first
    assert cli_app.main(["codes", "rotate"]) == 0
    assert json.loads(path.read_text())["keys"][:1] == first
    capsys.readouterr()
    assert cli_app.main(["codes", "status"]) == 0
    output = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in output] == ["signs", "verifies"]


def test_what_is_published_as_files_is_enough_to_check_with(own_system, tmp_path, capsys):
    ring.open(own_system / "codes.json")
    digits = payload.write(replace(CLAIMS, valid_to=office_day(now()) + timedelta(days=9)), ring.newest)
    assert cli_app.main(["codes", "publish", str(tmp_path / "out")]) == 0
    files = ["--keys", str(tmp_path / "out" / "jwks.json"), "--list", str(tmp_path / "out" / "status-list.jwt")]
    assert cli_app.main(["verify", digits, *files]) == 0
    assert cli_app.main(["verify", digits]) == 0  # by this system itself


def test_a_database_with_versions_is_not_given_other_keys(own_system, capsys, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'anguan.db'}")
    with Session(engine) as session:
        certificate = make.certificate(make.person(make.enterprise()))
        certificate.versions.append(CertificateVersion(version=1, token="t", status_index=1, face={}, issued_at=make.NOON))
        session.add(certificate)
        session.commit()
    engine.dispose()
    (own_system / "codes.json").unlink()
    assert cli_app.main(["init"]) == 1
    assert "codes.json" in capsys.readouterr().err
    assert not (own_system / "codes.json").exists()


# --- in the browser ---------------------------------------------------------------------------------


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
