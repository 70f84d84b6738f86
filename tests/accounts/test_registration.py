"""企业注册: one enterprise for one credit code, also concurrently; no take-over; the administrator's decision."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import registration as account_registration
from app.accounts.registration import RegistrationRequest, decide, register, resubmit
from app.core.clock import now
from app.core.crypto.encryption import keyring
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import Registration, Role
from app.db.session import db
from app.files.inspect import InspectedFile
from app.models import Account, Enterprise, Message
from app.web.auth import captcha
from app.web.auth.security_manager import set_password
from app.web.auth.sign_in import objections
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import rolling_back

LICENCE = InspectedFile(b"x", "image/jpeg", "jpg", 1, 1, 1, "0" * 64, "执照.jpg")
PASSWORD, MOBILE = "Brisk-Walnut-Copper-71", "13812345678"
ADMIN = make.officer(Role.ADMIN)


def request_for(uscc: str | None = None, **facts) -> RegistrationRequest:
    given = {"name": "湖南新业建设有限公司", "region_code": "430100", "legal_representative": "周全", "contact": "李好"}
    return RegistrationRequest(uscc or make.uscc(77), **{**given, "mobile": MOBILE, **facts})


@pytest.fixture
def pending(app, session) -> Account:
    made = register(session, request_for(), LICENCE, username="xinye", at=make.NOON)
    session.commit()
    return made


def count(session, model) -> int:
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found


# --- registering ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN], ids=lambda role: role.value)
def test_only_the_system_administrator_decides(session, pending, role):
    with pytest.raises(NotAllowed):
        decide(session, pending.enterprise_id, True, "", make.officer(role), at=make.NOON, office=Office())


def test_registration_creates_enterprise_and_account_without_access(session, pending):
    enterprise = session.get_one(Enterprise, pending.enterprise_id)
    assert (enterprise.registration, enterprise.registered_at) == (Registration.PENDING, make.NOON)
    assert [role.name for role in pending.roles] == ["enterprise_clerk"]
    assert [refusal.code for refusal in objections(pending)] == ["registration-pending"]
    assert "2026-03-02" in str(next(iter(objections(pending))).sentence)


@pytest.mark.parametrize("registration", Registration, ids=lambda one: one.value)
def test_registered_enterprise_is_not_taken_over(app, session, registration):
    existing = make.enterprise(registration=registration, contact_mobile="13900000000")
    session.add(existing)
    session.commit()
    with pytest.raises(Unmet) as error:
        register(session, request_for(existing.uscc, name="别的名字"), LICENCE, username="thief", at=make.NOON)
    session.rollback()
    assert [refusal.field for refusal in error.value.refusals] == ["uscc"]
    session.refresh(existing)
    assert (existing.name, existing.contact_mobile) == ("湖南湘江建设有限公司", "13900000000")
    assert count(session, Account) == 0


def test_fifty_concurrent_registrations_of_one_code_create_one(app, session):
    code, barrier, names = make.uscc(78), Barrier(50), ("Xinye", "ＸＩＮＹＥ", "xinye", "XinYe", "ｘinye")
    session.rollback()

    def attempt(n: int) -> str:
        barrier.wait(20)
        with app.app_context(), Session(db.engine) as own:
            try:
                register(own, request_for(code), LICENCE, username=names[n % 5], at=now())
                own.commit()
            except AppError as error:
                return error.refusals[0].code
        return "made"

    with ThreadPoolExecutor(50) as pool:
        ends = [end.result(60) for end in [pool.submit(attempt, n) for n in range(50)]]
    assert ends.count("made") == 1
    assert set(ends) <= {"made", "registration-pending", "username-taken", "overtaken"}
    assert (count(session, Enterprise), count(session, Account)) == (1, 1)


def test_concurrent_registrations_of_one_user_name_create_one(app, session):
    barrier = Barrier(8)
    session.rollback()

    def attempt(n: int) -> bool:
        barrier.wait(20)
        with app.app_context(), Session(db.engine) as own:
            try:
                register(own, request_for(make.uscc(80 + n)), LICENCE, username="xinye", at=now())
                own.commit()
            except AppError:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(end.result(60) for end in [pool.submit(attempt, n) for n in range(8)]) == 1
    assert (count(session, Enterprise), count(session, Account)) == (1, 1)


# --- the decision ----------------------------------------------------------------------------------------


def test_decision_is_sent_by_text_message_and_made_once(session, pending):
    number = pending.enterprise_id
    with pytest.raises(AppError, match="reason"):
        decide(session, number, False, "  ", ADMIN, at=make.NOON, office=Office())
    session.rollback()
    decide(session, number, False, "执照不清晰", ADMIN, at=make.NOON, office=Office())
    session.commit()
    message = session.scalars(select(Message)).one()
    assert (message.mobile, "执照不清晰" in message.text) == (MOBILE, True)
    assert "执照不清晰" in str(next(iter(objections(session.get_one(Account, pending.id)))).sentence)
    with pytest.raises(Stale):
        decide(session, number, True, "", ADMIN, at=make.NOON, office=Office())


def test_rejected_registration_is_corrected_by_its_own_account_only(session, pending):
    other = make.account(session, "other", Role.ENTERPRISE_CLERK, enterprise=make.enterprise())
    with pytest.raises(Unmet):  # still waiting
        resubmit(session, request_for(), LICENCE, pending, at=make.NOON)
    decide(session, pending.enterprise_id, False, "更正名称", ADMIN, at=make.NOON, office=Office())
    session.commit()
    with pytest.raises(NotFound):
        resubmit(session, request_for(name="偷换"), LICENCE, other, at=make.NOON)
    resubmit(session, request_for(name="湖南新业建工有限公司"), LICENCE, pending, at=make.NOON)
    session.commit()
    enterprise = session.get_one(Enterprise, pending.enterprise_id)
    assert (enterprise.name, enterprise.registration, enterprise.registration_note) == (
        "湖南新业建工有限公司", Registration.PENDING, "",
    )  # fmt: skip
    decide(session, enterprise.id, True, "", ADMIN, at=make.NOON, office=Office())
    session.commit()
    assert list(objections(session.get_one(Account, pending.id))) == []


def test_same_name_is_counted_in_both_bracket_widths(session, pending):
    other = make.enterprise(name="湖南新业（长沙）有限公司")
    session.add(other)
    pending.enterprise.name = "湖南新业(长沙)有限公司"
    session.flush()
    assert account_registration.same_name_counts(session, pending.enterprise) == (1, 0)


# --- views ----------------------------------------------------------------------------------


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
    again = browser.post("/register/enterprise", data=filled(code, username="other"))
    assert (again.status_code, "请勿重复注册" in again.text) == (422, True)
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


def test_rejected_registration_cannot_be_corrected_by_others(app, browser, session, pending):
    with app.app_context():
        set_password(pending, PASSWORD, must_change=False)
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


def test_executable_as_licence_scan_is_refused(browser, session):
    ask_code(browser)
    form = filled(code_of(session)) | {"licence": (BytesIO(b"MZ\x90"), "执照.jpg")}
    answer = browser.post("/register/enterprise", data=form)
    assert (answer.status_code, count(session, Enterprise)) == (422, 0)
