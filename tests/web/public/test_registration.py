"""企业注册 in the pages: from the form to the approval, and what others cannot do."""

import re
from io import BytesIO

import pytest
from sqlalchemy import select

from app.accounts.registration import RegistrationRequest, decide
from app.core.clock import now
from app.core.crypto.encryption import keyring
from app.core.office import Office
from app.core.vocabulary import Registration, Role
from app.models import Account, Enterprise, Message
from app.web.auth import captcha
from app.web.auth.password_form import hashed
from app.web.auth.security_manager import set_password
from tests import make
from tests.accounts.registration_steps import ADMIN, MOBILE, PASSWORD, count, request_for
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import rolling_back
from tests.web.form_steps import tickets

pytest_plugins = ("tests.accounts.registration_steps",)  # its fixtures


@pytest.fixture
def browser(app, session):
    return rolling_back(app.test_client(), session, "zh")


def code_of(session) -> str:
    session.rollback()
    return session.scalars(select(Message.code).order_by(Message.id.desc()).limit(1)).one()


def picture_of(browser) -> dict[str, str]:
    """The ticket on the first page, and the right answer to it."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', browser.get("/register/").text)[1]
    whose = keyring.digest(browser.get_cookie("anguan-pre").value, "challenge.browser")
    return {"ticket": ticket, "picture": captcha.open_ticket(ticket, whose, at=now()).answer}


def ask_code(browser, mobile: str = MOBILE):
    return browser.post("/register/", data={"mobile": mobile, **picture_of(browser)})


@pytest.mark.parametrize("wrong", [{"ticket": ""}, {"picture": ""}, {"picture": "wrong"}], ids=str)
def test_no_text_message_is_sent_without_the_right_picture_code(browser, session, wrong):
    answer = browser.post("/register/", data={"mobile": MOBILE, **picture_of(browser) | wrong})
    assert (answer.status_code, "图形验证码" in answer.text, count(session, Message)) == (422, True, 0)
    assert f'value="{MOBILE}"' in answer.text


def test_a_picture_code_sends_one_text_message(browser, session):
    given = {"mobile": MOBILE, **picture_of(browser)}
    assert [browser.post("/register/", data=given).status_code for _time in range(2)] == [200, 422]
    assert count(session, Message) == 1


def test_registration_offers_a_question_in_words(browser):
    page = browser.post("/register/", data={"mobile": MOBILE, "do": "words"}).text
    assert ("code-pic" in page, 'name="picture_kind" value="words"' in page, f'value="{MOBILE}"' in page) == (
        False,
        True,
        True,
    )


def filled(code: str, **more):
    facts = {name: getattr(request_for(), name) for name in RegistrationRequest.__dataclass_fields__}
    scan = (BytesIO(jpeg(800, 600)), "营业执照.jpg")
    return {**facts, "code": code, "username": "Xinye", "password": PASSWORD, "again": PASSWORD, "licence": scan, **more}


@pytest.mark.usefixtures("unlocked_hashes")
def test_registration_from_form_to_approval(browser, session, signed_in):
    assert "/register/" in browser.get("/login/").text
    assert "138****5678" in ask_code(browser).text
    code = code_of(session)
    wrong = browser.post("/register/enterprise", data=filled(code, again="x", uscc="91430100MA4L000151"))
    assert (wrong.status_code, "校验" in wrong.text, "湖南新业建设有限公司" in wrong.text) == (422, True, True)
    assert PASSWORD not in wrong.text
    assert browser.post("/register/enterprise", data=filled("000000" if code != "000000" else "1")).status_code == 422
    assert count(session, Enterprise) == 0
    sent = browser.post("/register/enterprise", data=filled(code))
    assert (sent.status_code, sent.headers["Location"]) == (303, "/login/")
    assert "正在审核" in browser.post("/login/", data={"username": "xinye", "password": PASSWORD}).text
    used = browser.post("/register/enterprise", data=filled(code, username="other"))
    assert (used.status_code, "短信验证码错误" in used.text) == (422, True)
    admin = rolling_back(signed_in(make.account(session, "admin", Role.ADMIN)), session, "zh")
    number = session.scalar(select(Enterprise.id))
    assert "湖南新业建设有限公司" in admin.get("/enterprises/list/?registration=pending").text
    assert "营业执照扫描件" in admin.get(f"/enterprises/show/{number}").text
    scan = admin.get(f"/enterprises/licence/{number}")
    assert (scan.status_code, scan.mimetype) == (200, "image/jpeg")
    assert admin.get(f"/enterprises/decide/{number}/yes").status_code == 405
    assert admin.post(f"/enterprises/decide/{number}/yes").status_code == 302
    assert browser.post("/login/", data={"username": "xinye", "password": PASSWORD}).status_code == 302


def test_code_of_another_browser_or_number_is_refused(app, browser, session):
    ask_code(browser)
    code = code_of(session)
    other = rolling_back(app.test_client(), session, "zh")
    for thief, form in ((other, filled(code)), (browser, filled(code, mobile="13900000001"))):
        assert thief.post("/register/enterprise", data=form).status_code == 422
    assert count(session, Enterprise) == 0


@pytest.mark.parametrize("proved", [False, True], ids=["without the code", "with it"])
def test_only_who_has_the_code_is_told_that_an_enterprise_or_user_name_is_known(browser, session, pending, proved):
    ask_code(browser, "13900000001")
    code = code_of(session)
    for known, told in (({"uscc": make.uscc(77)}, "请勿重复注册"), ({"username": "xinye"}, "用户名已被使用")):
        facts = {"uscc": make.uscc(90), "username": "another", "mobile": "13900000001", **known}
        answer = browser.post("/register/enterprise", data=filled(code if proved else "wrong", **facts))
        assert (answer.status_code, told in answer.text) == (422, proved)
    assert count(session, Enterprise) == 1


def test_a_right_code_stays_good_while_the_form_is_corrected_and_is_used_once(browser, session):
    ask_code(browser)
    code = code_of(session)
    weak = browser.post("/register/enterprise", data=filled(code, password="short", again="short"))
    assert (weak.status_code, browser.post("/register/enterprise", data=filled(code)).status_code) == (422, 303)
    other = filled(code, uscc=make.uscc(90), username="another")
    assert (browser.post("/register/enterprise", data=other).status_code, count(session, Enterprise)) == (422, 1)


def test_rejected_registration_cannot_be_corrected_by_others(app, browser, session, pending):
    with app.app_context():
        set_password(pending, hashed(PASSWORD), must_change=False)
    decide(session, pending.enterprise_id, False, "更正", ADMIN, at=make.NOON, office=Office())
    session.commit()
    ask_code(browser, "13900000001")
    form = filled(code_of(session), mobile="13900000001", uscc=make.uscc(77))
    assert browser.post("/register/enterprise", data=form | {"username": "thief"}).status_code == 422
    session.expire_all()
    assert session.scalar(select(Enterprise.contact_mobile)) == MOBILE
    form = filled(code_of(session), mobile="13900000001", uscc=make.uscc(77))
    assert browser.post("/register/enterprise", data=form).status_code == 303
    session.expire_all()
    assert session.scalar(select(Enterprise.registration)) is Registration.PENDING
    assert (count(session, Enterprise), count(session, Account)) == (1, 1)


def test_a_scan_that_was_accepted_need_not_be_chosen_again_in_this_browser(browser, session, app):
    ask_code(browser)
    form = filled(code_of(session))
    page = browser.post("/register/enterprise", data=form | {"again": "anders"}).text
    kept = tickets(page)
    assert list(kept) == ["licence-kept"]
    del form["licence"]
    thief = rolling_back(app.test_client(), session, "zh")
    ask_code(thief, "13900000009")
    stolen = form | kept | {"mobile": "13900000009", "code": code_of(session)}
    answer = thief.post("/register/enterprise", data=stolen)
    assert (answer.status_code, tickets(answer.text)) == (422, {})
    assert browser.post("/register/enterprise", data=form | kept).status_code == 303
    assert session.scalar(select(Enterprise.licence_digest))


def test_executable_as_licence_scan_is_refused(browser, session):
    ask_code(browser)
    form = filled(code_of(session)) | {"licence": (BytesIO(b"MZ\x90"), "执照.jpg")}
    answer = browser.post("/register/enterprise", data=form)
    assert (answer.status_code, count(session, Enterprise)) == (422, 0)
