"""The second factor after the password, and again before risky actions."""

from datetime import timedelta

import pytest
from flask import request
from flask_babel import lazy_gettext
from sqlalchemy import func, select, update

from app.accounts import sessions
from app.core.clock import now
from app.core.errors import AppError
from app.core.office import Office
from app.core.sign_in_vocabulary import ChallengeState, SecondFactor, SignInMethod
from app.core.vocabulary import OPERATING, AuditAction, Role
from app.db.session import db
from app.models import Account, AuditEntry, Challenge, Parameter, UserSession
from app.web import request_context
from app.web.auth import second_factor
from app.web.auth.sign_in import NotAdmitted, Proof, admit
from tests import make
from tests.at_once import at_once
from tests.sign_in_fixture import PASSWORD, account, copied_cookie, is_inside, sign_in, token
from tests.web.form_steps import save

pytest_plugins = ("tests.sign_in_fixture",)


def ask(session, who: SecondFactor) -> None:
    session.add(Parameter(name="second_factor", value=who.value, changed_at=make.NOON, changed_by="管理员"))
    session.commit()


@pytest.fixture
def asked(shop):
    ask(shop, SecondFactor.OPERATING)


def show(client, app, number=None):
    """What a method's page does after the right code: in this browser, for this account."""
    names = ("anguan", "anguan-pre")
    cookies = "; ".join(f"{name}={client.get_cookie(name).value}" for name in names if client.get_cookie(name))
    with app.test_request_context("/", method="POST", headers={"Cookie": cookies}):
        app.preprocess_request()
        session, at = db.session(), request_context.now()
        try:
            who = session.get(Account, number) if number else second_factor.ower(session, at=at)
            second_factor.shown(session, who, SignInMethod.SMS_CODE, at=at, address=request.remote_addr or "")
        except AppError as error:
            return error.refusals[0].code
        session.commit()
        answer = app.process_response(app.make_response(""))
    for line in answer.headers.getlist("Set-Cookie"):
        name, _is, value = line.partition(";")[0].partition("=")
        client.set_cookie(name, value) if value else client.delete_cookie(name)
    return "shown"


def test_the_password_alone_opens_no_session(visitor, shop, asked):
    account(shop, "chief", Role.ADMIN)
    answer = sign_in(visitor, "chief", to="/login/?next=/scratch/")
    assert answer.location.startswith("/login/second/")
    assert not is_inside(visitor)
    assert shop.scalar(select(func.count()).select_from(UserSession)) == 0
    assert visitor.get("/login/second/").status_code == 200


def test_after_the_second_factor_the_session_is_open_and_logged(visitor, shop, asked, sign_in_app):
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    assert show(visitor, sign_in_app) == "shown"
    assert is_inside(visitor)
    shop.rollback()
    assert shop.scalars(select(UserSession.strong_at)).one() is not None
    line = shop.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN)).one()
    assert line.change == {"way": "password", "second": "sms_code"}


def another_browser(visitor, _shop, _who, app):
    return app.test_client()


def copy_of_the_main_cookie_only(visitor, _shop, _who, app):
    return copied_cookie(visitor, app)


def too_late(visitor, shop, _who, _app):
    shop.execute(update(Challenge).values(expires_at=now() - timedelta(seconds=1)))
    return visitor


def used_already(visitor, shop, _who, _app):
    shop.execute(update(Challenge).values(state=ChallengeState.CONSUMED))
    return visitor


def new_password(visitor, shop, who, _app):
    who.password = "changed meanwhile"
    return visitor


def switched_off(visitor, shop, who, _app):
    who.active = False
    return visitor


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (another_browser, "no-second-owed"), (copy_of_the_main_cookie_only, "no-second-owed"), (too_late, "no-second-owed"),
        (used_already, "no-second-owed"), (new_password, "no-second-owed"), (switched_off, "account-inactive"),
    ],
)  # fmt: skip
def test_a_misused_second_factor_signs_nobody_in(visitor, shop, asked, sign_in_app, attack, code):
    who = account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    browser = attack(visitor, shop, who, sign_in_app)
    shop.commit()
    assert show(browser, sign_in_app) == code
    assert not is_inside(browser)
    shop.rollback()
    assert shop.scalar(select(func.count()).select_from(UserSession)) == 0


def test_another_accounts_second_factor_is_refused(visitor, shop, asked, sign_in_app):
    account(shop, "chief", Role.ADMIN)
    other = account(shop, "other", Role.ADMIN)
    sign_in(visitor, "chief")
    assert show(visitor, sign_in_app, other.id) == "no-second-owed"
    assert not is_inside(visitor)


def test_of_ten_concurrent_second_factors_one_signs_in(visitor, shop, asked, sign_in_app):
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    browsers = [sign_in_app.test_client() for _browser in range(10)]
    for browser in browsers:
        browser.set_cookie("anguan-pre", visitor.get_cookie("anguan-pre").value)
    said = at_once(lambda browser: show(browser, sign_in_app), browsers)
    assert sorted(said) == ["no-second-owed"] * 9 + ["shown"]
    assert shop.scalar(select(func.count()).select_from(UserSession)) == 1


@pytest.mark.parametrize("setting", SecondFactor)
def test_role_and_method_decide_who_needs_a_second_factor(shop, sign_in_app, setting):
    """Every role by every method: signed in at once or not."""
    ask(shop, setting)
    told = {}
    for role in Role:
        firm = {"enterprise": make.enterprise()} if role is Role.ENTERPRISE_CLERK else {}
        who = account(shop, role.value.replace("_", "-"), role, **firm)
        for way in SignInMethod:
            with sign_in_app.test_request_context("/", method="POST"):
                proved = db.session.get_one(Account, who.id)
                try:
                    told[role, way] = admit(db.session(), Proof(proved, way), at=request_context.now(), address="")
                except NotAdmitted:
                    told[role, way] = None
                db.session.rollback()
    owing = {SecondFactor.OFF: (), SecondFactor.OPERATING: OPERATING, SecondFactor.ALWAYS: tuple(Role)}[setting]
    expected = {(role, way): not (way is SignInMethod.PASSWORD and role in owing) for role in Role for way in SignInMethod}
    expected |= {
        (role, SignInMethod.SMS_CODE): None for role in Role if role is not Role.VIEWER
    }  # that way is the readers' (R43)
    assert told == expected


def test_an_account_without_any_method_is_told_what_to_do(visitor, shop, asked, monkeypatch):
    monkeypatch.setattr(second_factor, "METHODS", {})
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    assert "alert-warning" in visitor.get("/login/second/").text


def test_only_the_methods_of_an_account_are_offered(visitor, shop, asked, monkeypatch):
    ways = {}
    for way, has in ((SignInMethod.SMS_CODE, True), (SignInMethod.CERTIFICATE, False)):
        ways[way] = second_factor.SecondFactorMethod(
            way, lazy_gettext("Help"), "lock", "SignInView.login", lambda _who, has=has: has
        )
    monkeypatch.setattr(second_factor, "METHODS", ways)
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief", to="/login/?next=/scratch/")
    assert visitor.get("/login/second/?next=/scratch/").text.count("btn-block") == 1


def test_without_a_due_second_factor_the_page_redirects(visitor, shop, asked):
    assert visitor.get("/login/second/").location.startswith("/login/")
    account(shop)
    assert sign_in(visitor).location == "/"  # a viewer


# --- risky actions ------------------------------------------------------------------------------------
@pytest.mark.parametrize("minutes", [None, 14, 16])
def test_risky_actions_require_the_second_factor_again_after_a_quarter_of_an_hour(session, signed_in, holder, minutes):
    officer = signed_in(holder(Role.REVIEWER), strong=minutes is not None)
    if minutes is not None:
        session.execute(update(UserSession).values(strong_at=now() - timedelta(minutes=minutes)))
        session.commit()
    page = next(rule.rule for rule in officer.application.url_map.iter_rules() if rule.endpoint == "MeasuresView.mass")
    assert officer.get(page).status_code == 200  # nobody asks for a second factor yet
    ask(session, SecondFactor.OPERATING)
    answer = officer.get(page)
    assert answer.status_code == (200 if minutes == 14 else 403)
    assert ("/login/second/" in answer.text) is (minutes != 14)
    confirmed = officer.post(f"{page.rstrip('/')}/confirm", data={"ticket": ""})
    assert (confirmed.status_code == 403) is (minutes != 14)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_assigning_a_role_requires_a_second_factor(session, signed_in, holder):
    ask(session, SecondFactor.OPERATING)
    number = holder(Role.VIEWER).id
    session.rollback()
    page, form = f"/appointments/edit/{number}", {"role": "reviewer", "region_code": "430100", "mobile": ""}

    def roles():
        session.rollback()
        held = [role.name for role in session.get_one(Account, number).roles]
        session.rollback()
        return held

    assert save(signed_in(holder(Role.SECURITY_ADMIN)), page, form).status_code in (403, 422)
    assert roles() == ["viewer"]
    assert save(signed_in(holder(Role.SECURITY_ADMIN), strong=True), page, form).status_code == 302
    assert roles() == ["reviewer"]


def test_a_certificate_counts_as_strong(visitor, shop, sign_in_app):
    who = account(shop, "chief", Role.ADMIN)
    with sign_in_app.test_request_context("/", method="POST"):
        admit(
            db.session(),
            Proof(db.session.get_one(Account, who.id), SignInMethod.CERTIFICATE),
            at=request_context.now(),
            address="",
        )
        db.session.commit()
    visit = shop.scalars(select(UserSession)).one()
    assert sessions.has_fresh_second_factor(visit, at=now())
    assert sessions.needs_second_factor(who, Office(second_factor=SecondFactor.OPERATING))


def test_a_repeated_second_factor_renews_the_session(visitor, shop, asked, sign_in_app):
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    show(visitor, sign_in_app)
    shop.execute(update(UserSession).values(strong_at=now() - timedelta(hours=1)))
    shop.commit()
    assert visitor.get("/login/second/").status_code == 200
    assert show(visitor, sign_in_app) == "shown"
    shop.rollback()
    assert sessions.has_fresh_second_factor(shop.scalars(select(UserSession)).one(), at=now())
    assert is_inside(visitor)
    assert PASSWORD not in str(shop.scalars(select(AuditEntry.change)).all())
    assert token(visitor, "/password/")
