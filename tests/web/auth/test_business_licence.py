"""Sign-in by business licence: page, telephone, callback; the five attacks of the 2025 USENIX study of sign-in by code."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app import create_app
from app.accounts.business_licence.simulator import SimulatedFault, SimulatedPlatform
from app.core.clock import now
from app.core.settings import Settings
from app.core.sign_in_vocabulary import ChallengeState, LicenceHolder, LicenceStanding
from app.core.vocabulary import AuditAction, Registration, Role
from app.models import Account, AuditEntry, Challenge, Enterprise
from app.web import request_context
from app.web.auth.permissions import sync_roles
from app.web.demo.licence_phone import wallet
from app.worker.providers import RemoteLicences
from tests import make
from tests.conftest import KEYS
from tests.licences import TRUST
from tests.test_docs import chinese

SAID = chinese()
LEGAL = LicenceHolder.LEGAL_REPRESENTATIVE
PAGE, CALLBACK = "/login/licence/", "/login/licence/callback"


@pytest.fixture
def clerk(session):
    """The only clerk of an enterprise."""
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    account = make.account(session, "zhou", Role.ENTERPRISE_CLERK, enterprise_id=firm.id, first_name="周经办")
    session.commit()
    return account


@pytest.fixture
def browser(app):
    return app.test_client()


@pytest.fixture
def phone(app):
    return app.test_client()


def started(browser, to: str = PAGE) -> str:
    """The URL of a new ticket's page."""
    answer = browser.post(f"{PAGE}start", query_string={"next": to} if to != PAGE else {})
    assert answer.status_code == 303
    return answer.headers["Location"].partition("?")[0]


def cid_of(page: str) -> str:
    return page.rpartition("/")[2]


def number_on(browser, page: str) -> str:
    return re.search(r"<b>(\d\d)</b>", browser.get(page).text)[1]


def licence_in(phone, name: str = "", holder=LicenceHolder.STAFF, standing=LicenceStanding.NORMAL) -> str:
    """The code of a licence in the telephone's wallet, by its texts."""
    label = re.compile(r'value="(\w{12})".*?<b>(.*?)</b>.*?· (.*?)</span>.*?<span class="tag \w+">(.*?)</span>', re.DOTALL)
    wanted = SAID[str(holder)], SAID[str(standing)]
    found = label.findall(phone.get("/phone/licence/").text)
    return next(code for code, called, who, how in found if name in called and (who, how) == wanted)


def scan(phone, page: str, licence: str, fault: SimulatedFault = SimulatedFault.NONE):
    address = f"http://127.0.0.1:8000/q/{cid_of(page)}"
    return phone.post("/phone/licence/scan", data={"ticket": address, "licence": licence, "fault": fault.value})


def confirm(phone, page: str, licence: str, number: str, fault: SimulatedFault = SimulatedFault.NONE):
    what = {"licence": licence, "number": number, "fault": fault.value}
    return phone.post(f"/phone/licence/{cid_of(page)}", data=what)


def confirmed(browser, phone, fault: SimulatedFault = SimulatedFault.NONE, licence: str = "") -> str:
    """The page of a ticket that was scanned and confirmed."""
    page, licence = started(browser), licence or licence_in(phone)
    assert scan(phone, page, licence, fault).status_code == 303
    assert confirm(phone, page, licence, number_on(browser, page), fault).status_code == 200
    return page


def state(browser, page: str) -> str:
    answer = browser.get(f"{page}/state", headers={"Accept": "application/json"})
    return answer.json["state"] if answer.status_code == 200 else str(answer.status_code)


def finish(browser, page: str, **what):
    return browser.post(f"{page}/finish", data=what)


def inside(browser) -> bool:
    return browser.get("/work/").status_code == 200


# --- signing in -----------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("clerk")
def test_a_licence_on_the_telephone_opens_the_browser(browser, phone, session):
    assert "电子营业执照登录" in browser.get(PAGE).text
    page, licence = started(browser), licence_in(phone)
    assert "<svg" in browser.get(page).text
    assert state(browser, page) == "waiting"
    scan(phone, page, licence)
    assert state(browser, page) == "scanned"
    asked = phone.get(f"/phone/licence/{cid_of(page)}?licence={licence}").text
    assert all(word in asked for word in ("安管人员网上审批系统", "http://127.0.0.1:8000", "127.0.0.1", "模拟"))
    confirm(phone, page, licence, number_on(browser, page))
    assert state(browser, page) == "confirmed"
    answer = finish(browser, page)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert inside(browser)
    assert not inside(phone)
    (change,) = session.scalars(select(AuditEntry.change).where(AuditEntry.deed == AuditAction.SIGN_IN))
    assert (change["way"], change["holder"]) == ("licence", "staff")


@pytest.mark.usefixtures("clerk")
def test_the_page_that_was_asked_for_opens_and_none_elsewhere(browser, phone, app):
    for wish, leads in (("/people/list/", "/people/list/"), ("https://evil.example/", "/")):
        one = app.test_client()
        page = confirmed(one, phone)
        assert one.post(f"{page}/finish", query_string={"next": wish}).headers["Location"] == leads


@pytest.mark.usefixtures("clerk")
def test_finishing_before_confirmation_says_what_is_missing(browser):
    answer = finish(browser, started(browser))
    assert answer.status_code == 409
    assert "还没有收到手机上的确认" in answer.text
    assert not inside(browser)


@pytest.mark.usefixtures("clerk")
def test_a_platform_that_cannot_reach_us_is_queried(browser, phone, app):
    """The callback never came; the page's button queries the platform."""
    page, licence = started(browser), licence_in(phone)
    number = number_on(browser, page)
    with app.app_context():
        sim = request_context.licences()
        assert isinstance(sim, SimulatedPlatform)
        one = next(one for one in wallet_of(app) if one.code == licence)
        list(sim.confirm(cid_of(page), one, number, SimulatedFault.NONE, at=now()))
    assert state(browser, page) == "waiting"
    assert browser.post(f"{page}/ask").json["state"] == "confirmed"
    assert finish(browser, page).status_code == 302


def wallet_of(app):
    with app.test_request_context():
        return wallet()


def test_of_several_clerks_the_user_chooses_one_of_the_enterprise(browser, phone, session, clerk):
    make.account(session, "wu", Role.ENTERPRISE_CLERK, enterprise_id=clerk.enterprise_id, first_name="吴经办")
    make.account(session, "gone", Role.ENTERPRISE_CLERK, enterprise_id=clerk.enterprise_id, active=False)
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    stranger = make.account(session, "stranger", Role.ENTERPRISE_CLERK, enterprise_id=firm.id)
    admin = make.account(session, "boss", Role.ADMIN, enterprise_id=clerk.enterprise_id)
    session.commit()
    wanted, foreign = clerk.id, [stranger.id, admin.id, 2**31 - 1, "x", "\0"]
    session.rollback()
    page = confirmed(browser, phone)
    choice = finish(browser, page)
    assert choice.status_code == 200
    assert "周**" in choice.text
    assert "周经办" not in choice.text
    assert "gone" not in choice.text
    for other in foreign:
        assert finish(browser, page, account=other).status_code == 200, other
    assert not inside(browser)
    assert finish(browser, page, account=wanted).status_code == 302
    assert inside(browser)


def test_a_changed_enterprise_name_signs_in_and_is_reported(browser, phone, session, clerk):
    firm_id, name = clerk.enterprise_id, session.get_one(Enterprise, clerk.enterprise_id).name
    session.rollback()
    confirmed_page = confirmed(browser, phone, licence=licence_in(phone, "更名", holder=LEGAL))
    assert finish(browser, confirmed_page).status_code == 302
    for address in ("/work/", "/enterprise/"):
        told = browser.get(address).text
        assert "企业名称与营业执照不一致" in told
        assert f"{name}·更名" in told
    assert session.get_one(Enterprise, firm_id).name == name
    session.rollback()
    browser.post("/logout/")
    finish(browser, confirmed(browser, phone))  # with the name that our books know
    assert "企业名称与营业执照不一致" not in browser.get("/work/").text


def test_an_unknown_enterprise_is_led_to_registration(browser, phone, session):
    answer = finish(browser, confirmed(browser, phone, licence=licence_in(phone, "无名", holder=LEGAL)))
    assert answer.status_code == 403
    assert "尚未在本系统注册" in answer.text
    assert not inside(browser)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"registration": Registration.PENDING}, "审核"),
        ({"registration": Registration.REJECTED}, "未通过"),
        ({"active": False}, "没有启用的账号"),
    ],
    ids=["pending", "rejected", "switched off"],
)
def test_an_account_that_may_not_sign_in_may_not_by_licence_either(how, says, browser, phone, session, clerk):
    row = session.get_one(Enterprise, clerk.enterprise_id) if "registration" in how else session.get_one(Account, clerk.id)
    for name, value in how.items():
        setattr(row, name, value)
    session.commit()
    page = confirmed(browser, phone)
    answer = finish(browser, page)
    assert answer.status_code == 403
    assert says in answer.text
    assert not inside(browser)
    assert finish(browser, page).status_code == 409  # used up all the same


@pytest.mark.usefixtures("clerk")
@pytest.mark.parametrize("standing", [LicenceStanding.CANCELLED, LicenceStanding.ABNORMAL])
def test_a_licence_that_is_not_in_force_signs_nobody_in(standing, browser, phone, session):
    licence = licence_in(phone, standing=standing, holder=LEGAL)
    page = confirmed(browser, phone, licence=licence)
    assert state(browser, page) == "rejected"
    assert ("已注销" if standing is LicenceStanding.CANCELLED else "状态异常") in browser.get(page).text
    assert finish(browser, page).status_code == 409
    assert session.scalar(select(func.count()).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED)) == 1
    session.rollback()


# --- the attacks ----------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("clerk")
def test_attack_1_authorization_hijacking_a_code_is_useless_in_another_browser(browser, phone, app):
    """The attacker has number, code and the victim's confirmation, but not the cookie."""
    page = confirmed(browser, phone)
    for thief in (app.test_client(), started_elsewhere(app)):
        for address, method in ((page, "GET"), (f"{page}/state", "GET"), (f"{page}/ask", "POST"), (f"{page}/finish", "POST")):
            assert thief.open(address, method=method).status_code == 404, address
        assert not inside(thief)
    assert finish(browser, page).status_code == 302


def started_elsewhere(app):
    other = app.test_client()
    started(other)
    return other


@pytest.mark.usefixtures("clerk")
def test_attack_1_a_code_pushed_onto_a_victim_dies_with_the_wrong_number(browser, phone):
    page, licence = started(browser), licence_in(phone)
    scan(phone, page, licence)
    wrong = f"{(int(number_on(browser, page)) - 10 + 1) % 90 + 10}"
    confirm(phone, page, licence, wrong)
    assert state(browser, page) == "rejected"
    assert "数字与本页不一致" in browser.get(page).text
    confirm(phone, page, licence, number_on_dead(wrong))
    assert finish(browser, page).status_code == 409
    assert not inside(browser)


def number_on_dead(wrong: str) -> str:
    return f"{(int(wrong) - 10 - 1) % 90 + 10}"  # the right one, too late


@pytest.mark.usefixtures("clerk")
def test_attack_2_double_login_a_ticket_opens_one_session(browser, phone, app):
    page = confirmed(browser, phone)
    copies = [copied(browser, app) for _each in range(8)]  # as many as a process answers at once
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda one: finish(one, page).status_code, copies))
    assert sorted(answers) == [302, *[409] * 7]
    assert [inside(one) for one in copies].count(True) == 1


def copied(browser, app):
    """A copy of the browser with both cookies."""
    twin = app.test_client()
    for name in ("anguan", "anguan-pre"):
        if (cookie := browser.get_cookie(name)) is not None:
            twin.set_cookie(name, cookie.value)
    return twin


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_attack_3_brute_force_numbers_of_tickets_are_not_guessed(browser, phone):
    started(browser)
    got = [browser.get(f"{PAGE}{n:032x}/state").status_code for n in range(62)]
    assert got == [*[404] * 60, 429, 429]
    assert {browser.post(f"{PAGE}start").status_code for _each in range(29)} == {303}
    assert browser.post(f"{PAGE}start").status_code == 429


CLAIMED = {
    "uscc": "91430100MA4L00001",
    "account": "1",
    "account_id": "1",
    "enterprise": "1",
    "name": "甲",
    "state": "confirmed",
}


@pytest.mark.usefixtures("clerk")
def test_attack_4_account_takeover_no_form_field_decides_who_signs_in(browser):
    page = started(browser)
    for address in (f"{page}/finish", f"{page}/ask"):
        answer = browser.post(address, data=CLAIMED, query_string=CLAIMED)
        assert answer.status_code in (200, 409)
    assert browser.post(CALLBACK, data=CLAIMED).status_code == 400
    assert browser.post(CALLBACK, json=CLAIMED | {"cid": cid_of(page), "event": "confirmed"}).status_code == 400
    assert state(browser, page) == "waiting"
    assert not inside(browser)


@pytest.mark.usefixtures("clerk")
def test_attack_5_privacy_abuse_the_status_is_one_word_and_a_time(browser, phone):
    page = confirmed(browser, phone)
    answer = browser.get(f"{page}/state")
    assert answer.json.keys() == {"state", "seconds"}
    assert "no-store" in answer.headers["Cache-Control"]
    for text in (browser.get(page).text, answer.text):
        assert "湘江" not in text
        assert "91430100" not in text


@pytest.mark.usefixtures("clerk")
def test_signing_in_deletes_the_pre_login_cookie_and_opens_a_new_session(browser, phone):
    page = confirmed(browser, phone)
    before = browser.get_cookie("anguan")
    finish(browser, page)
    assert browser.get_cookie("anguan-pre") is None
    assert before is None or browser.get_cookie("anguan").value != before.value
    assert state(browser, page) == "404"


@pytest.mark.usefixtures("clerk")
def test_an_expired_or_replaced_ticket_is_refused(browser, phone, session):
    late, licence = started(browser), licence_in(phone)
    session.execute(update(Challenge).values(expires_at=now() - timedelta(seconds=1)))
    session.commit()
    assert state(browser, late) == "expired"
    assert scan(phone, late, licence).status_code == 409
    confirm(phone, late, licence, number := "42")
    assert finish(browser, late).status_code == 409
    assert "刷新二维码" in browser.get(late).text
    fresh = started(browser)
    assert state(browser, late) == "rejected"
    assert state(browser, fresh) == "waiting"
    confirm(phone, late, licence, number)
    assert not inside(browser)


@pytest.mark.usefixtures("clerk")
def test_declining_on_the_telephone_ends_the_ticket(browser, phone):
    page, licence = started(browser), licence_in(phone)
    scan(phone, page, licence)
    phone.post(f"/phone/licence/{cid_of(page)}", data={"licence": licence, "decline": "1"})
    assert state(browser, page) == "rejected"
    assert "手机上已拒绝本次登录" in browser.get(page).text
    confirm(phone, page, licence, "42")
    assert finish(browser, page).status_code == 409


HARMLESS = {SimulatedFault.NONE, SimulatedFault.DUPLICATE}


@pytest.mark.usefixtures("clerk")
@pytest.mark.parametrize("fault", SimulatedFault, ids=lambda fault: fault.value)
def test_an_invalid_platform_message_signs_nobody_in(fault, browser, phone, app, session):
    earlier = app.test_client()
    finish(earlier, confirmed(earlier, phone))  # something to be replayed, and another ticket
    bystander = app.test_client()
    theirs = started(bystander)
    page = confirmed(browser, phone, fault)
    answer = finish(browser, page)
    assert inside(browser) == (fault in HARMLESS)
    assert answer.status_code == (302 if fault in HARMLESS else 503 if fault is SimulatedFault.DOWN else answer.status_code)
    assert fault in HARMLESS or answer.status_code in (400, 404, 409, 503)
    assert state(bystander, theirs) == "waiting"
    assert session.scalar(select(func.count()).where(AuditEntry.deed == AuditAction.SIGN_IN)) == (
        2 if fault in HARMLESS else 1
    )
    session.rollback()


# --- the platform's callback ----------------------------------------------------------------------------------
CHUNKED = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def message(app, page: str, step: str = "scan") -> bytes:
    with app.app_context():
        sim = request_context.licences()
        return sim.scan(cid_of(page), at=now()).body if step == "scan" else sim.decline(cid_of(page), at=now()).body


def test_the_platform_callback_needs_and_gets_no_cookie_and_no_token(strict, browser, phone):
    page = f"{PAGE}{ticket_with_token(browser)}"
    body = message(strict, page)
    for _again in range(3):
        answer = phone.post(CALLBACK, data=body, content_type="application/jwt")
        assert (answer.status_code, answer.data, answer.headers.get("Set-Cookie")) == (204, b"", None)
    assert state(browser, page) == "scanned"


def ticket_with_token(browser) -> str:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(PAGE).text)[1]
    answer = browser.post(f"{PAGE}start", data={"csrf_token": token})
    return cid_of(answer.headers["Location"])


def test_every_other_post_requires_the_csrf_token(strict, browser, phone, session):
    page = f"{PAGE}{ticket_with_token(browser)}"
    for address in (f"{PAGE}start", f"{page}/ask", f"{page}/finish", "/phone/licence/scan", f"/phone/licence/{cid_of(page)}"):
        assert browser.post(address).status_code == 400, address
    assert session.scalar(select(Challenge.state)) is ChallengeState.NEW
    session.rollback()


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_unsigned_callbacks_are_refused_and_rate_limited(browser, phone, app):
    page = started(browser)
    body = message(app, page)
    for bad, status in ((b"", 400), (b"x", 400), (body[:-9], 400), (b"x" * 16_385, 413), (b"\xff" * 999, 400)):
        answer = phone.post(CALLBACK, data=bad)
        assert (answer.status_code, answer.mimetype) == (status, "application/json")
        assert "Set-Cookie" not in answer.headers
    for size, status in ((16_383, 400), (16_384, 413), (17_000, 413), (60_000, 413), (10**6, 413)):
        answer = phone.post(CALLBACK, data=b"x" * size, content_type="application/jwt", environ_overrides=CHUNKED)
        assert answer.status_code == status, size
    codes = [phone.post(CALLBACK, data=b"x").status_code for _each in range(120)]
    assert codes[-1] == 429
    assert phone.get(CALLBACK).status_code == 404


def test_a_callback_about_an_unknown_ticket_does_nothing(browser, phone, app, session):
    page = started(browser)
    body = message(app, page)
    session.execute(update(Challenge).values(nonce="0" * 64))
    session.commit()
    assert phone.post(CALLBACK, data=body).status_code == 400
    session.execute(Challenge.__table__.delete())
    session.commit()
    assert phone.post(CALLBACK, data=body).status_code == 404


# --- where it is not configured -------------------------------------------------------------------------------
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_without_configuration_there_is_no_page_no_tab_and_no_telephone(system, tmp_path):
    plain = create_app(Settings(home=system.settings.home, database_url=system.settings.database_url, keys=KEYS))
    with plain.app_context():
        sync_roles(plain.extensions["appbuilder"])
    passer_by = plain.test_client()
    for address in (PAGE, CALLBACK, "/phone/licence/", "/q/" + "a" * 32):
        assert passer_by.get(address).status_code == 404, address
    assert "licence" not in passer_by.get("/login/").text


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_with_a_real_platform_there_is_no_simulated_telephone(app, phone, monkeypatch):
    monkeypatch.setitem(app.extensions, "anguan.licences", RemoteLicences("http://127.0.0.1:9", TRUST, ""))
    assert phone.get("/phone/licence/").status_code == 404
    answer = phone.post(f"{PAGE}start")
    assert answer.status_code == 503
    assert "电子营业执照平台暂时没有应答" in answer.text
