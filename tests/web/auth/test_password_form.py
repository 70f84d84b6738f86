import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from os import cpu_count
from threading import Lock
from time import sleep

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app import create_app
from app.accounts import rate_limit
from app.accounts.passwords import QUICK_METHOD
from app.core.clock import now
from app.core.crypto.encryption import keyring
from app.core.errors import TooMany
from app.core.office import Office
from app.core.vocabulary import AuditAction, Registration, Role
from app.models import Account, AuditEntry, Parameter, RateLimitCounter, UserSession
from app.web.auth import captcha, password_form
from app.web.auth.permissions import ANONYMOUS
from app.web.auth.security_manager import landing
from tests import make
from tests.at_once import at_once
from tests.sign_in_fixture import PASSWORD, account, copied_cookie, is_inside, sign_in, sign_out, token

pytest_plugins = ("tests.sign_in_fixture",)  # its fixtures

NEW = "Other-Horse-88"


def change_own(client, old=PASSWORD, new=NEW, again=None):
    data = {"old": old, "password": new, "again": again or new, "csrf_token": token(client, "/password/")}
    return client.post("/password/", data=data)


def refusal(answer) -> str:
    return " ".join(re.findall(r'alert-danger"[^>]*>.*?<div>(.*?)</div>', answer.text, re.DOTALL))


# --- signing in and out -------------------------------------------------------------------------------------
def test_the_right_password_signs_in_and_is_logged(visitor, shop):
    account(shop)
    assert sign_in(visitor).location == "/"
    assert is_inside(visitor)
    line = shop.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN)).one()
    assert (line.actor, line.table, line.change, line.address) == ("张三", "ab_user", {"way": "password"}, "127.0.0.1")


def test_the_sign_in_page_shows_the_labels_of_the_manual_and_only_available_methods(visitor):
    page = visitor.get("/login/").text
    assert all(word in page for word in ("username", "password", 'autocomplete="current-password"'))
    assert 'role="tab"' not in page


@pytest.mark.parametrize("spelling", ["VIEWER", "Viewer", "ｖｉｅｗｅｒ", " viewer "])
def test_every_spelling_of_a_user_name_is_the_same_account(visitor, shop, spelling):
    account(shop)
    assert sign_in(visitor, spelling).status_code == 302


def test_a_second_spelling_of_a_user_name_cannot_be_stored(shop):
    account(shop, "viewer")
    with pytest.raises(IntegrityError):
        account(shop, "ＶＩＥＷＥＲ")


def test_an_email_address_is_no_user_name(visitor, shop):
    account(shop, email="someone@example.org")
    assert sign_in(visitor, "someone@example.org").status_code == 401


@pytest.mark.parametrize("typed", ["", "\0", "\0" * 8, "x" * 5000])
def test_an_account_without_a_password_cannot_sign_in_by_password(visitor, shop, typed):
    shop.execute(update(Account).where(Account.id == account(shop).id).values(password=None))
    shop.commit()
    assert sign_in(visitor, password=typed).status_code in (401, 422)


def test_a_wrong_password_keeps_the_user_name_in_the_form(visitor, shop):
    account(shop)
    answer = sign_in(visitor, password="Wrong-Horse-7")
    assert answer.status_code == 401
    assert 'value="viewer"' in answer.text
    assert "Wrong-Horse-7" not in answer.text


def test_signing_out_by_get_does_nothing(visitor, shop):
    account(shop)
    sign_in(visitor)
    assert visitor.get("/logout/").status_code == 405
    assert is_inside(visitor)


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/password/", "/scratch/touch"])
def test_a_post_without_a_csrf_token_changes_nothing(visitor, shop, path):
    account(shop, "viewer", Role.ADMIN)
    sign_in(visitor)
    assert visitor.post(path, data={"username": "viewer", "password": PASSWORD}).status_code == 400
    assert is_inside(visitor)


def test_a_get_with_a_password_in_the_address_signs_nobody_in(visitor, shop):
    account(shop)
    visitor.get(f"/login/?username=viewer&password={PASSWORD}")
    assert not is_inside(visitor)


STOCK_WAYS_IN = (
    *("/api/v1/security/login", "/api/v1/security/refresh", "/api/v1/menu/", "/api/v1/_openapi", "/swagger/v1"),
    *("/users/list/", "/users/userinfo/", "/roles/list/", "/register/form", "/resetpassword/form", "/lang/en", "/back"),
)


def test_only_the_declared_endpoints_are_public(sign_in_system):
    """ASVS 6.3.4: whatever sounds like a way in stands in the one list of what needs no account, with its reason."""
    app = create_app(sign_in_system.settings)
    sounds_like_one = re.compile(
        "log-?in|log-?out|log-?on|sign-?in|auth|regist|api|lang|token|saml|oidc|jwt|sso", re.IGNORECASE
    )
    ways = {rule.endpoint for rule in app.url_map.iter_rules() if sounds_like_one.search(f"{rule.rule} {rule.endpoint}")}
    assert {"SignInView.login", "SignInView.logout"} <= ways <= ANONYMOUS.keys() | {"static", "appbuilder.static"}


@pytest.mark.parametrize("path", STOCK_WAYS_IN)
def test_views_of_fab_are_not_registered(visitor, shop, path):
    account(shop, "viewer", Role.ADMIN)
    outside = {visitor.open(path, method=method).status_code for method in ("GET", "PUT", "DELETE")}
    sign_in(visitor)
    inside = {visitor.open(path, method=method).status_code for method in ("GET", "PUT", "DELETE")}
    assert outside | inside == {404}


# --- sessions that end ------------------------------------------------------------------------------
def test_signing_out_is_logged(visitor, shop):
    account(shop)
    sign_in(visitor)
    sign_out(visitor)
    assert shop.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_OUT)).one().actor == "张三"


@pytest.mark.usefixtures("unlocked_hashes")
def test_a_changed_password_ends_every_other_session_but_not_this_one(visitor, shop, sign_in_app):
    account(shop)
    sign_in(visitor)
    thief = copied_cookie(visitor, sign_in_app)
    assert change_own(visitor).status_code == 302
    assert is_inside(visitor)
    assert not is_inside(thief)


def test_an_account_deactivated_by_sql_is_signed_out(visitor, shop):
    made = account(shop)
    sign_in(visitor)
    shop.execute(update(Account.__table__).where(Account.__table__.c.id == made.id).values(active=False))
    shop.commit()
    assert not is_inside(visitor)


def test_a_new_name_ends_no_session(visitor, shop):
    named = account(shop)
    sign_in(visitor)
    named.first_name = "张三丰"
    shop.commit()
    assert is_inside(visitor)


@pytest.mark.parametrize("forged", ["", "1", "1:1", "\0", "x" * 43, "²", 1, None, ["1"], {"key": "1"}])
def test_a_cookie_without_a_session_key_opens_nothing(visitor, shop, forged):
    account(shop)
    sign_in(visitor)
    with visitor.session_transaction() as cookie:
        cookie["_user_id"] = forged
    assert not is_inside(visitor)


def test_signing_in_clears_the_cookie_except_the_language(visitor, shop):
    account(shop)
    with visitor.session_transaction() as cookie:
        cookie.update(planted="by an attacker", locale="en")
    before = token(visitor)
    visitor.post("/login/", data={"username": "viewer", "password": PASSWORD, "csrf_token": before})
    with visitor.session_transaction() as cookie:
        assert "planted" not in cookie
        assert cookie["locale"] == "en"
        assert cookie.permanent
    assert token(visitor, "/password/") != before


def test_a_planted_cookie_is_useless_after_the_victim_signs_in(visitor, shop, sign_in_app):
    account(shop)
    token(visitor)
    thief = copied_cookie(visitor, sign_in_app)
    sign_in(visitor)
    assert is_inside(visitor)
    assert not is_inside(thief)


def test_an_idle_session_ends(visitor, shop):
    account(shop)
    sign_in(visitor)
    leave_alone(shop, minutes=29)
    assert is_inside(visitor)
    leave_alone(shop, minutes=31)
    assert not is_inside(visitor)


def test_the_administrator_sets_how_long_a_session_may_be_idle(visitor, shop):
    account(shop)
    shop.add(Parameter(name="idle_minutes", value="60", changed_at=make.NOON, changed_by="管理员"))
    shop.commit()
    sign_in(visitor)
    leave_alone(shop, minutes=59)
    assert is_inside(visitor)
    leave_alone(shop, minutes=61)
    assert not is_inside(visitor)


def leave_alone(shop, *, minutes: int) -> None:
    shop.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=minutes)))
    shop.commit()


# --- guessing ---------------------------------------------------------------------------------------
def test_after_five_wrong_passwords_the_right_one_is_refused_too(visitor, shop):
    account(shop)
    wrong = [sign_in(visitor, password=f"Wrong-{n}") for n in range(5)]
    right = sign_in(visitor)
    assert {answer.status_code for answer in [*wrong, right]} == {401}
    assert not is_inside(visitor)
    assert len(shop.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED)).all()) == 6


def test_a_stranger_who_guesses_locks_out_other_strangers_only(visitor, shop, sign_in_app):
    account(shop)
    account(shop, "colleague")
    assert sign_in(visitor).status_code == 302
    sign_out(visitor)
    stranger = sign_in_app.test_client()
    stranger.set_cookie("anguan-known", "forged", path="/login")
    for n in range(6):
        sign_in(stranger, password=f"Wrong-{n}")
    assert (sign_in(stranger).status_code, sign_in(visitor).status_code) == (401, 302)
    sign_out(visitor)
    for n in range(5):
        sign_in(stranger, "colleague", f"Wrong-{n}")
    assert sign_in(visitor, "colleague").status_code == 401  # known for another name


def test_a_known_browser_is_locked_like_any_other_and_unlocked_with_them(visitor, shop, sign_in_system):
    account(shop)
    assert sign_in(visitor).status_code == 302
    sign_out(visitor)
    for n in range(5):
        sign_in(visitor, password=f"Wrong-{n}")
    assert sign_in(visitor).status_code == 401
    password_form.forget_guesses(sign_in_system.engine, "viewer")
    assert sign_in(visitor).status_code == 302


def test_the_right_password_resets_the_count_of_wrong_ones(visitor, shop):
    account(shop)
    for _round in range(2):
        for n in range(4):
            sign_in(visitor, password=f"Wrong-{n}")
        assert sign_in(visitor).status_code == 302
        sign_out(visitor)


def test_the_lock_opens_after_its_fifteen_minutes_and_not_before(sign_in_system, sign_in_app, shop):
    account(shop)

    def opens(word, minutes):
        place = f"10.0.0.{minutes}"
        given = {"office": Office(), "at": make.NOON + timedelta(minutes=minutes), "address": place}
        try:
            return password_form.prove(shop, sign_in_system.engine, "viewer", word, **given).account.username == "viewer"
        except password_form.WrongPassword:
            return False

    with sign_in_app.app_context():
        assert [opens("wrong", 0) for _ in range(5)] == [False] * 5
        assert [opens(PASSWORD, minutes) for minutes in (1, 14, 15)] == [False, False, True]


def test_unknown_name_wrong_password_and_locked_account_get_the_same_answer(visitor, shop):
    account(shop)
    account(shop, "locked")
    for _ in range(5):
        sign_in(visitor, "locked", "wrong")
    answers = [sign_in(visitor, "nobody"), sign_in(visitor, "viewer", "wrong"), sign_in(visitor, "locked")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({refusal(answer) for answer in answers}) == 1
    assert refusal(answers[0])


@pytest.mark.parametrize("name", ["nobody", "viewer", "locked", "fresh"])
def test_every_refusal_costs_one_hash_and_a_quick_one(visitor, shop, monkeypatch, name):
    account(shop)
    account(shop, "fresh").password = generate_password_hash("a first password", QUICK_METHOD)
    shop.commit()
    account(shop, "locked")
    for _ in range(5):
        sign_in(visitor, "locked", "wrong")
    sign_in(visitor, "nobody", "wrong")  # makes the dummies
    computed = []
    for method in ("pbkdf2_hmac", "scrypt"):  # the full hash of the tests, and the quick one
        compute = getattr(hashlib, method)
        counted = partial(
            lambda name, compute, *given, **more: computed.append(name) or compute(*given, **more), method, compute
        )
        monkeypatch.setattr(hashlib, method, counted)
    assert sign_in(visitor, name, "wrong").status_code == 401
    assert sorted(computed) == ["pbkdf2_hmac", "scrypt"]


def test_a_first_password_opens_its_account_and_no_other(sign_in_app):
    stored = generate_password_hash("a first password", QUICK_METHOD)
    with sign_in_app.app_context():
        assert password_form.matches(stored, "a first password")
        assert not password_form.matches(stored, "another")
        assert not password_form.matches(password_form.hashed("another"), "a first password")
        assert not password_form.matches(None, "a first password")


def test_a_stored_hash_costs_as_much_as_the_dummy_hash(sign_in_app, monkeypatch):
    monkeypatch.delitem(sign_in_app.config, "FAB_PASSWORD_HASH_METHOD")
    monkeypatch.setitem(sign_in_app.config, "AUTH_DB_FAKE_PASSWORD_HASH_CHECK", sign_in_app.config["FAB_FAKE_HASH"])
    with sign_in_app.app_context():
        costs = {stored.split("$")[0] for stored in (password_form.hashed(PASSWORD), password_form.dummy())}
    assert costs == {"scrypt:32768:8:1"}


def test_of_forty_concurrent_attempts_every_one_counts(sign_in_system, sign_in_app, shop):
    account(shop)
    key, office = password_form.guess_key("viewer"), Office(lock_after=50)

    def guess(n):
        with sign_in_app.app_context(), Session(sign_in_system.engine) as session:
            given = {"office": office, "at": make.NOON, "address": f"10.0.1.{n}"}
            with pytest.raises(password_form.WrongPassword):
                password_form.prove(session, sign_in_system.engine, "viewer", f"wrong-{n}", **given)

    at_once(guess, range(40))
    assert rate_limit.peek(sign_in_system.engine, key, at=make.NOON) == 40


def test_attempts_are_limited_by_address_for_all_user_names(visitor, shop):
    account(shop)
    for n in range(30):
        assert sign_in(visitor, f"nobody-{n}").status_code == 401
    answer = sign_in(visitor)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 15 * 60
    assert "viewer" in answer.text


def test_changing_the_last_half_of_an_ipv6_address_does_not_help(visitor, shop):
    account(shop)
    for n in range(31):
        visitor.environ_base["REMOTE_ADDR"] = f"2001:db8::{n:x}"
        answer = sign_in(visitor, f"nobody-{n}")
    assert answer.status_code == 429


def test_successful_sign_ins_do_not_count_against_the_address(sign_in_system, sign_in_app, shop):
    account(shop)
    given = {"office": Office(), "at": make.NOON, "address": "10.1.1.1"}
    with sign_in_app.app_context():
        for _ in range(40):
            password_form.prove(shop, sign_in_system.engine, "viewer", PASSWORD, **given)
            shop.rollback()
        for _ in range(30):
            with pytest.raises(password_form.WrongPassword):
                password_form.prove(shop, sign_in_system.engine, "nobody", "x", **given)
        with pytest.raises(TooMany):
            password_form.prove(shop, sign_in_system.engine, "viewer", PASSWORD, **given)


def test_a_failed_sign_in_is_logged_without_what_was_typed(visitor, shop):
    account(shop)
    sign_in(visitor, "My-Password-in-the-wrong-field", "x")
    sign_in(visitor, "viewer", "another-secret")
    lines = shop.scalars(
        select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED).order_by(AuditEntry.id)
    ).all()
    assert [(line.actor, line.change) for line in lines] == [
        ("unknown", {"why": ["wrong-password"]}),
        ("张三", {"why": ["wrong-password"]}),
    ]
    assert not any("-Password-in" in bucket.key for bucket in shop.scalars(select(RateLimitCounter)))


# --- who is let in ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "roles", "registration"),
    [
        ({"active": False}, (Role.VIEWER,), None),
        ({}, (Role.ENTERPRISE_CLERK,), None),
        ({}, (Role.ENTERPRISE_CLERK,), Registration.PENDING),
        ({}, (Role.ENTERPRISE_CLERK,), Registration.REJECTED),
    ],
)
def test_the_right_password_is_refused_for_accounts_that_may_not_sign_in(visitor, shop, facts, roles, registration):
    enterprise = make.enterprise(registration=registration) if registration else None
    account(shop, "viewer", *roles, enterprise=enterprise, **facts)
    answer = sign_in(visitor)
    assert answer.status_code == 403
    assert refusal(answer)
    assert not is_inside(visitor)


def test_an_account_without_a_role_is_told_so(visitor, shop):
    account(shop).roles = []
    shop.commit()
    assert sign_in(visitor).status_code == 403


def test_a_clerk_of_an_approved_enterprise_signs_in(visitor, shop):
    account(shop, "clerk", Role.ENTERPRISE_CLERK, enterprise=make.enterprise())
    assert sign_in(visitor, "clerk").status_code == 302


# --- where one lands --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wish",
    [
        "https://evil.example/", "//evil.example/", "///evil.example/", "/\\evil.example/", "\\\\evil.example",
        "/\t/evil.example", "http:evil.example", "javascript:alert(1)", "http://localhost@evil.example/scratch/",
        "http://localhost.evil.example/scratch/", "https://[", "/nowhere", "/scratch/touch", "/logout/", "/login/",
        "scratch/",
    ],
)  # fmt: skip
def test_signing_in_redirects_to_no_other_site(visitor, shop, wish):
    account(shop)
    data = {"username": "viewer", "password": PASSWORD, "csrf_token": token(visitor)}
    assert visitor.post("/login/", query_string={"next": wish}, data=data).location == "/"


@pytest.mark.parametrize("wish", ["/scratch/", "http://localhost/scratch/", "/scratch/?name=%E5%BC%A0&page=2"])
def test_signing_in_leads_back_to_the_page_asked_for(visitor, shop, wish):
    account(shop)
    answer = sign_in(visitor, to=f"/login/?next={wish.replace('?', '%3F').replace('&', '%26')}")
    assert answer.location == wish.removeprefix("http://localhost")


def test_an_anonymous_visitor_is_redirected_to_sign_in_with_an_explanation(visitor):
    answer = visitor.get("/scratch/", follow_redirects=True)
    assert answer.request.path == "/login/"
    assert "alert-danger" not in answer.text
    assert "alert-info" in answer.text


def test_landing_accepts_only_the_own_host_name(sign_in_app):
    with sign_in_app.test_request_context("/", base_url="https://anguan.example"):
        assert landing("http://anguan.example/scratch/") == "/"
        assert landing("https://anguan.example/scratch/") == "/scratch/"


# --- one's own password -----------------------------------------------------------------------------
def test_a_password_that_somebody_else_chose_must_be_changed_before_anything_else(visitor, shop):
    account(shop, must_change_password=True)
    sign_in(visitor)
    assert visitor.get("/scratch/").location.startswith("/password/")
    assert visitor.post("/scratch/touch", data={"csrf_token": token(visitor, "/password/")}).status_code == 303
    assert change_own(visitor).status_code == 302
    assert is_inside(visitor)


def test_the_new_password_works_and_the_old_one_does_not(visitor, shop):
    account(shop)
    sign_in(visitor)
    change_own(visitor)
    sign_out(visitor)
    assert sign_in(visitor).status_code == 401
    assert sign_in(visitor, password=NEW).status_code == 302


@pytest.mark.parametrize(
    ("new", "again"),
    [
        ("Short-1", None), ("alllowercaseletters", None), ("lower-only-with-marks", None), ("12345678901234", None),
        ("My-VIEWER-2026", None), ("My-ｖｉｅｗｅｒ-2026", None), ("Aa1-" + "x" * 125, None), (NEW, "Other-Horse-89"),
        (PASSWORD, None),
    ],
)  # fmt: skip
def test_a_weak_new_password_is_refused_and_nothing_changes(visitor, shop, new, again):
    account(shop)
    sign_in(visitor)
    answer = change_own(visitor, new=new, again=again)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert new not in answer.text
    sign_out(visitor)
    assert sign_in(visitor).status_code == 302


def test_attempts_at_the_present_password_are_limited(visitor, shop):
    account(shop)
    sign_in(visitor)
    for n in range(5):
        assert change_own(visitor, old=f"wrong-{n}").status_code == 422
    assert change_own(visitor).status_code == 422
    sign_out(visitor)
    assert sign_in(visitor).status_code == 302


def test_changing_a_password_requires_signing_in(visitor):
    assert visitor.get("/password/").location.startswith("/login/")


def test_a_password_change_is_logged_without_the_password(visitor, shop):
    account(shop)
    sign_in(visitor)
    change_own(visitor)
    line = shop.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.CHANGE, AuditEntry.table == "ab_user")).one()
    assert line.change == {"password": ["***", "***"]}
    assert line.actor == "张三"


@pytest.mark.usefixtures("unlocked_hashes")
def test_a_reset_by_somebody_else_ends_the_sessions_and_must_be_changed(visitor, shop, sign_in_app):
    victim = account(shop)
    sign_in(visitor)
    with sign_in_app.test_request_context("/"):
        sign_in_app.appbuilder.sm.reset_password(victim.id, NEW)
    assert not is_inside(visitor)
    sign_in(visitor, password=NEW)
    assert visitor.get("/scratch/").location.startswith("/password/")


# --- permissions ----------------------------------------------------------------------------------
def test_a_request_asks_for_permissions_once_however_long_the_menu(visitor, shop, sign_in_app):
    account(shop, "viewer", Role.VIEWER, Role.REVIEWER)
    sign_in(visitor)
    asked: list[str] = []
    with sign_in_app.app_context():
        engine = sign_in_app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    page = visitor.get("/scratch/").text
    assert "/scratch/" in page
    assert len([statement for statement in asked if "ab_permission" in statement]) == 1
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 4  # the account, the office twice


def test_the_role_decides_which_views_open(visitor, shop, sign_in_app):
    account(shop, "viewer", Role.VIEWER)
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor)
    assert is_inside(visitor)
    assert visitor.post("/scratch/touch", data={"csrf_token": token(visitor, "/password/")}).status_code == 403
    chief = sign_in_app.test_client()
    sign_in(chief, "chief")
    assert chief.post("/scratch/touch", data={"csrf_token": token(chief, "/password/")}).text == "touched"


def test_an_anonymous_visitor_holds_no_permission(sign_in_app, shop):
    with sign_in_app.test_request_context("/"):
        assert not sign_in_app.appbuilder.sm.has_access("can_look", "Scratch")
        assert sign_in_app.appbuilder.sm.get_user_menu_access(["Scratch entry"]) == set()


# --- floods -----------------------------------------------------------------------------------------
def test_attempts_are_limited_by_network(visitor, shop):
    account(shop)
    for n in range(100):
        visitor.environ_base["REMOTE_ADDR"] = f"203.0.113.{n}"
        assert sign_in(visitor, f"nobody-{n}", "x").status_code == 401
    visitor.environ_base["REMOTE_ADDR"] = "203.0.113.200"
    assert sign_in(visitor).status_code == 429
    visitor.environ_base["REMOTE_ADDR"] = "203.0.114.200"
    assert sign_in(visitor).status_code == 302


def test_distributed_brute_force_gets_five_passwords_checked(sign_in_system, sign_in_app, shop, monkeypatch):
    """T10 with 300 concurrent guesses from 60 addresses in 20 networks; ``test_password_guessing`` has ten thousand."""
    stored = account(shop).password
    looked, look = [], password_form.check_password_hash
    monkeypatch.setattr(password_form, "check_password_hash", lambda kept, word: looked.append(kept) or look(kept, word))

    def guess(n):
        given = {"office": Office(), "at": make.NOON, "address": f"10.9.{n % 20}.{n % 60}"}
        with sign_in_app.app_context(), Session(sign_in_system.engine) as session:
            try:
                password_form.prove(session, sign_in_system.engine, "viewer", f"wrong-{n}", **given)
            except (password_form.WrongPassword, TooMany):
                return
        raise AssertionError

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(guess, range(300)))
    assert looked.count(stored) <= Office().lock_after
    assert len(looked) <= 2 * 300  # a full hash and a quick one


def test_at_most_one_hash_per_spare_core_is_computed_at_once(sign_in_app, monkeypatch):
    inside, most, lock = [], [], Lock()

    def hashing(_kept, _word):
        with lock:
            inside.append(1)
            most.append(len(inside))
        sleep(0.005)
        with lock:
            inside.pop()
        return False

    monkeypatch.setattr(password_form, "check_password_hash", hashing)
    with ThreadPoolExecutor(20) as crowd:
        list(crowd.map(lambda _n: password_form.matches("x", "y"), range(40)))
    assert max(most) <= max(1, (cpu_count() or 2) - 1)


@pytest.fixture
def flood(sign_in_system, shop):
    """Very many wrong passwords from everywhere, in this window and in the next."""
    for at in (now(), now() + timedelta(seconds=password_form.FLOOD_WINDOW)):
        rate_limit.hit(sign_in_system.engine, password_form.FAILURES_KEY, seconds=password_form.FLOOD_WINDOW, limit=9, at=at)
    shop.execute(update(RateLimitCounter).values(count=password_form.FLOOD))
    shop.commit()


@pytest.fixture
def hashes(monkeypatch):
    """The stored hashes that passwords were compared with."""
    compared, compare = [], password_form.check_password_hash
    monkeypatch.setattr(password_form, "check_password_hash", lambda kept, word: compared.append(kept) or compare(kept, word))
    return compared


def picture_of(visitor, page) -> dict[str, str]:
    """The ticket on a page, and the right answer to it."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)[1]
    browser = keyring.digest(visitor.get_cookie("anguan-pre").value, "challenge.browser")
    return {"ticket": ticket, "picture": captcha.open_ticket(ticket, browser, at=now()).answer}


def enter(visitor, **given):
    data = {"username": "viewer", "password": PASSWORD, "csrf_token": token(visitor), **given}
    return visitor.post("/login/", data=data)


def test_the_password_form_shows_no_picture_code_on_an_ordinary_day(visitor):
    assert 'name="picture"' not in visitor.get("/login/").text


def test_during_a_flood_of_wrong_passwords_the_right_picture_code_lets_in(visitor, shop, flood):
    account(shop)
    assert enter(visitor, **picture_of(visitor, visitor.get("/login/").text)).status_code == 302
    assert is_inside(visitor)


@pytest.mark.parametrize("typed", [{}, {"ticket": "x", "picture": "ACDE"}, {"picture": ""}, {"picture": "wrong"}])
def test_during_a_flood_no_hash_is_computed_without_the_right_picture_code(visitor, shop, flood, hashes, typed):
    account(shop)
    given = picture_of(visitor, visitor.get("/login/").text) if typed else {}
    answer = enter(visitor, **given | typed)
    assert (answer.status_code, hashes, is_inside(visitor)) == (422, [], False)
    assert "图形验证码错误或已过期，请按新的验证码重新填写。" in answer.text
    assert 'value="viewer"' in answer.text


def test_during_a_flood_a_picture_code_counts_once(visitor, shop, flood, hashes):
    account(shop)
    used = picture_of(visitor, visitor.get("/login/").text)
    assert sign_in(visitor, password="wrong").status_code == 422  # without a picture code
    assert (
        visitor.post(
            "/login/", data={"username": "viewer", "password": "x", "csrf_token": token(visitor), **used}
        ).status_code
        == 401
    )
    assert len(hashes) == 2  # a full one and a quick one
    assert (enter(visitor, **used).status_code, len(hashes)) == (422, 2)


def test_during_a_flood_a_question_in_words_can_be_answered_instead(visitor, shop, flood):
    account(shop)
    page = visitor.post("/login/", data={"username": "viewer", "do": "words", "csrf_token": token(visitor)}).text
    assert "code-pic" not in page
    assert 'value="viewer"' in page
    assert enter(visitor, picture_kind="words", **picture_of(visitor, page)).status_code == 302


def test_a_flood_of_wrong_passwords_is_over_after_its_window(sign_in_system, flood):
    ends = now() + timedelta(seconds=2 * password_form.FLOOD_WINDOW)
    assert password_form.too_many_failures(sign_in_system.engine, at=now())
    assert not password_form.too_many_failures(sign_in_system.engine, at=ends)
