"""短信登录 and the picture code, through their pages, under attack."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.accounts.role_assignment import role_conflict
from app.core.clock import now
from app.core.errors import NotFound
from app.core.sign_in_vocabulary import SignInMethod
from app.core.vocabulary import AuditAction, Role
from app.files import captcha_image
from app.models import Account, AuditEntry, Message, Parameter
from app.outbox.sms_texts import CODE_MARK
from app.web.auth import captcha
from app.web.auth.permissions import ANONYMOUS
from app.web.auth.sign_in import NotAdmitted, Proof, admit
from tests.at_once import at_once
from tests.make import NOON
from tests.query_counter import queries
from tests.sign_in_fixture import PASSWORD, quickly_hashed
from tests.web.auth.conftest import FORGOTTEN, MOBILE, NEW, PHONE, PICTURE, SMS, Browser, later

OPERATING = [role for role in Role if role is not Role.VIEWER]


# --- the picture ------------------------------------------------------------------------------------------------
def fresh(**more):
    return captcha.new_captcha("b", at=NOON, **more)


def answers(engine, ticket, answer, *, browser="b", at=NOON):
    try:
        captcha.check(engine, ticket, answer, browser, at=at, address="203.0.113.7")
    except captcha.WrongPicture:
        return False
    return True


@pytest.mark.parametrize("typed", [str, str.lower, lambda word: f" {word[:2]} {word[2:]} "])
def test_a_picture_code_is_case_insensitive_and_counts_once(engine, typed):
    shown = fresh()
    assert answers(engine, shown.ticket, typed(shown.answer))
    assert not answers(engine, shown.ticket, shown.answer)


@pytest.mark.parametrize("wrong", ["", "XXXXX", "\0", "A" * 5000])
def test_any_answer_uses_the_picture_code_up(engine, wrong):
    shown = fresh()
    assert not answers(engine, shown.ticket, wrong)
    assert not answers(engine, shown.ticket, shown.answer)


@pytest.mark.parametrize(
    "other", [{"browser": "c"}, {"browser": ""}, {"at": NOON + captcha.LASTS}, {"at": NOON + timedelta(minutes=10)}], ids=str
)
def test_a_picture_code_is_bound_to_its_browser_and_three_minutes(engine, other):
    shown = fresh()
    assert not answers(engine, shown.ticket, shown.answer, **other)
    assert answers(engine, shown.ticket, shown.answer)


@pytest.mark.parametrize("bad", ["", "x", "AAAA", "=", "é", "A" * 300])
def test_a_forged_ticket_is_refused(engine, bad):
    assert not answers(engine, bad, "ACDE")
    with pytest.raises(NotFound):
        captcha.open_ticket(bad, "b", at=NOON)


def test_a_tampered_ticket_is_refused(engine):
    ticket = fresh().ticket
    for place in (0, 10, 40, len(ticket) // 2, len(ticket) - 6):
        forged = ticket[:place] + ("A" if ticket[place] != "A" else "B") + ticket[place + 1 :]
        assert not answers(engine, forged, "ACDE")


def test_of_twenty_concurrent_right_answers_one_counts(engine):
    shown = fresh()
    assert at_once(lambda _: answers(engine, shown.ticket, shown.answer), range(20)).count(True) == 1


def test_a_ticket_hides_the_answer_and_a_picture_is_reproducible():
    shown = fresh()
    assert shown.answer not in shown.ticket
    assert len({fresh().ticket for _n in range(20)}) == 20
    assert captcha_image.png(shown.answer, shown.number) == captcha_image.png(shown.answer, shown.number)
    assert captcha_image.png(shown.answer, shown.number) != captcha_image.png(shown.answer, "another seed")
    assert not set(captcha_image.MARKS) & set("0OQ1ILl2Z5S6G8B")


def test_a_question_in_words_replaces_the_picture(engine, browser):
    page = browser.post(SMS, mobile=MOBILE, do="words").text
    assert "code-pic" not in page
    assert f'value="{MOBILE}"' in page
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)[1]
    asked = captcha.open_ticket(ticket, browser.digest, at=now())
    assert asked.in_words
    sent = browser.post(SMS, mobile=MOBILE, ticket=ticket, picture=asked.answer.lower(), picture_kind="words", do="send")
    assert sent.status_code == 200
    assert "data-question" in sent.text  # the kind stays


def test_the_picture_is_served_to_its_browser_only_and_not_cached(browser, another):
    ticket = browser.seen()["ticket"]
    address = f"{PICTURE}drawn.png?ticket={ticket}"
    drawn = browser.get(address)
    assert drawn.data.startswith(b"\x89PNG")
    assert drawn.headers["Cache-Control"] == "no-store"
    another.get(SMS)
    assert another.get(address).status_code == 404
    assert browser.get(f"{PICTURE}drawn.png").status_code == 404


def test_another_picture_works_with_and_without_script_and_stores_nothing(browser, system):
    browser.get(SMS)
    with queries(system.engine) as statements:
        told = browser.get(PICTURE).get_json()
        page = browser.post(SMS, mobile=MOBILE, do="another").text
    assert captcha.open_ticket(told["ticket"], browser.digest, at=now()).answer
    assert f'value="{MOBILE}"' in page
    assert not [statement for statement in statements if "INSERT" in statement]


def test_picture_codes_are_limited_to_a_hundred_an_hour_per_address(browser):
    first = [browser.post(SMS, mobile=MOBILE, do="send", ticket="x", picture="x").status_code for _n in range(102)]
    assert first == [422] * 100 + [429] * 2


# --- 短信登录 ---------------------------------------------------------------------------------------------------
def test_a_viewer_signs_in_by_picture_and_code(browser, viewer, post, session):
    asked = browser.ask()
    assert asked.status_code == 200
    assert "If this number is known here" in asked.text
    assert f'value="{MOBILE}"' in asked.text
    answer = browser.enter(post())
    assert (answer.status_code, answer.location) == (302, "/")
    assert browser.inside
    line = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN)).one()
    assert line.change == {"way": "sms_code"}


def test_enter_sends_a_code_first_and_signs_in_with_it_then(browser, viewer, post):
    assert "If this number is known here" in browser.post(SMS, mobile=MOBILE, do="go", **browser.seen()).text
    assert browser.post(SMS, mobile=MOBILE, code=post(), do="go").status_code == 302


def test_signing_in_by_code_leads_to_the_page_asked_for(browser, viewer, post):
    browser.ask()
    assert browser.enter(post(), path=f"{SMS}?next=/password/").location == "/password/"


def test_signing_in_by_code_redirects_to_no_other_site(browser, viewer, post):
    browser.ask()
    assert browser.enter(post(), path=f"{SMS}?next=https://evil.example/").location == "/"


@pytest.mark.parametrize("spelling", ["+86 138-1234-5678", "１３８１２３４５６７８", "138 1234 5678"])
def test_a_number_may_be_typed_as_people_type_it(browser, viewer, post, spelling):
    assert browser.ask(spelling).status_code == 200
    assert browser.enter(post(), spelling).status_code == 302


@pytest.mark.parametrize("typed", ["", "123", "23812345678", "x' OR 1=1"])
def test_an_invalid_mobile_is_reported_at_its_field(browser, typed):
    assert browser.ask(typed).status_code == 422


def test_without_the_picture_code_nothing_is_sent(browser, viewer, session):
    browser.get(SMS)
    for form in ({}, {"ticket": "x", "picture": "ACDE"}, {**browser.seen(), "picture": "no"}):
        assert browser.post(SMS, mobile=MOBILE, do="send", **form).status_code == 422
    once = browser.seen()
    assert browser.post(SMS, mobile=MOBILE, do="send", **once).status_code == 200
    later(session)
    assert browser.post(SMS, mobile=MOBILE, do="send", **once).status_code == 422  # the same picture again
    assert session.scalar(select(func.count()).select_from(Message)) == 1


def test_a_code_is_useless_in_another_browser(browser, another, viewer, post):
    browser.ask()
    another.get(SMS)
    code = post()
    assert another.enter(code).status_code == 401
    assert browser.enter(code).status_code == 302


def test_a_code_signs_in_once(browser, viewer, post, app):
    browser.ask()
    code, cookie = post(), browser.client.get_cookie("anguan-pre").value
    assert browser.enter(code).status_code == 302
    thief = Browser(app)
    thief.client.set_cookie("anguan-pre", cookie)
    assert thief.enter(code).status_code == 401


def test_wrong_codes_are_logged_without_number_and_code(browser, viewer, post, session):
    browser.ask()
    right = post()
    wrong = f"{(int(right) + 1) % 10**6:06}"
    answer = browser.enter(wrong)
    assert answer.status_code == 401
    assert "wrong or no longer good" in answer.text
    line = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED)).one()
    assert line.change == {"way": "sms_code", "why": ["wrong-code"]}
    session.rollback()
    assert [browser.enter(wrong).status_code for _n in range(4)] == [401] * 4
    assert browser.enter(right).status_code == 401
    kept = str([(entry.actor, entry.change, entry.row) for entry in session.scalars(select(AuditEntry))])
    assert MOBILE not in kept
    assert wrong not in kept


@pytest.mark.parametrize("role", OPERATING, ids=lambda role: role.value)
def test_no_operating_role_signs_in_by_text_message(browser, holder, post, role):
    holder(role, mobile=MOBILE)
    browser.ask()
    answer = browser.enter(post())
    assert answer.status_code == 403
    assert "for accounts that only read" in answer.text
    assert not browser.inside


# The other roles cannot be combined with it (``role_conflict``).
@pytest.mark.parametrize(
    "role", [role for role in OPERATING if not role_conflict({role, Role.VIEWER})], ids=lambda role: role.value
)
def test_a_viewer_with_an_operating_role_does_not_sign_in_by_text_message(browser, holder, post, role):
    holder(role, Role.VIEWER, mobile=MOBILE)
    browser.ask()
    assert browser.enter(post()).status_code == 403


def test_admit_itself_refuses_operating_roles_by_text_message(app, session, holder):
    clerk = holder(Role.REVIEWER)
    with app.test_request_context(), pytest.raises(NotAdmitted) as error:
        admit(session, Proof(clerk, SignInMethod.SMS_CODE), at=now(), address="")
    assert [refusal.code for refusal in error.value.refusals] == ["operating-role"]


def test_of_two_accounts_with_one_number_the_viewer_signs_in(browser, holder, viewer, post, session):
    holder(Role.REVIEWER, mobile=MOBILE)
    browser.ask()
    assert browser.enter(post()).status_code == 302
    assert session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN)).one().row == str(viewer.id)


def test_two_viewers_with_one_number_are_refused_with_the_reason(browser, holder, viewer, post):
    holder(Role.VIEWER, mobile=MOBILE)
    browser.ask()
    answer = browser.enter(post())
    assert answer.status_code == 403
    assert "Several accounts" in answer.text


def test_an_inactive_account_is_refused_with_the_reason(browser, holder, post):
    holder(Role.VIEWER, mobile=MOBILE, active=False)
    browser.ask()
    assert browser.enter(post()).status_code == 403


def test_a_number_removed_from_the_account_meanwhile_signs_nobody_in(browser, viewer, post, session):
    browser.ask()
    code = post()
    session.get_one(Account, viewer.id).mobile = "13900000000"
    session.commit()
    assert browser.enter(code).status_code == 401


def scrubbed(page: str) -> str:
    """A page without what differs in every response."""
    return re.sub(r"ticket=[^\"]+|name=\"(ticket|csrf_token)\" value=\"[^\"]+\"|1[3-9]\d{9}", "", page)


@pytest.mark.parametrize("path", [SMS, FORGOTTEN])
def test_known_and_unknown_numbers_get_the_same_answer_for_the_same_work(app, viewer, system, path, session):
    told, done = [], []
    for mobile, name in ((MOBILE, viewer.username), ("13700000001", viewer.username), ("13700000002", "nobody")):
        one = Browser(app)
        seen = one.seen(path)
        with queries(system.engine) as statements:
            sent = one.post(path, mobile=mobile, username=name, do="send", **seen)
            wrong = one.enter("000000", mobile, path, username=name)
        told.append((sent.status_code, wrong.status_code, scrubbed(sent.text).replace(name, ""), len(wrong.text)))
        done.append([re.sub(r"\s+", " ", statement)[:40] for statement in statements if "INTO message" not in statement])
    assert told[0][:2] == (200, 401)
    assert {one[:3] for one in told} == {told[0][:3]}
    counted = [[line for line in one if not line.startswith("SELECT entry")] for one in done]
    assert counted[1] == counted[2]
    assert len(counted[0]) == len(counted[1])
    assert session.scalar(select(func.count()).select_from(Message)) == 1


def test_a_second_code_within_a_minute_is_refused_for_known_and_unknown_alike(app, viewer):
    for mobile in (MOBILE, "13700000001"):
        one = Browser(app)
        assert one.ask(mobile).status_code == 200
        again = one.ask(mobile)
        assert again.status_code == 429
        assert int(again.headers["Retry-After"]) <= 60
        assert "data-wait" in again.text


def test_a_signed_in_user_is_redirected(signed_in, viewer):
    assert signed_in(viewer).get(SMS).location == "/"
    assert signed_in(viewer).get(FORGOTTEN).location == "/"


def test_no_post_without_a_token(strict, browser):
    for path in (SMS, FORGOTTEN, f"{FORGOTTEN}new"):
        assert browser.post(path, mobile=MOBILE).status_code == 400


MAY_POST = {"/logout/", "/preference", "/query"}


def test_a_session_by_text_message_may_not_post(browser, viewer, post, app, session):
    """Every POST route that is not public refuses before its view runs."""
    browser.ask()
    assert browser.enter(post()).status_code == 302
    told = {}
    for rule in app.url_map.iter_rules():
        changes = rule.methods & {"POST", "PUT", "PATCH", "DELETE"}
        if changes and rule.endpoint not in ANONYMOUS and rule.rule not in MAY_POST and "/sessions/" not in rule.rule:
            address = re.sub(r"<[^>]+>", "1", rule.rule)
            told[rule.rule] = {
                browser.client.open(address, method=method, environ_overrides=browser.place).status_code for method in changes
            }
    assert len(told) > 50
    assert set().union(*told.values()) == {403}
    assert "reading only" in browser.post("/password/", old="x", password=NEW, again=NEW).text
    assert browser.inside
    assert browser.post("/logout/").status_code == 302
    assert not browser.inside


def test_the_same_account_by_password_posts_what_its_role_may(viewer, signed_in):
    assert signed_in(viewer).post("/password/", data={}).status_code == 422


def test_an_assigned_password_does_not_stop_reading_by_text_message(browser, holder, post):
    holder(Role.VIEWER, mobile=MOBILE, must_change_password=True)
    browser.ask()
    browser.enter(post())
    assert browser.get("/work/").status_code == 200


# --- what others can see -------------------------------------------------------------------------------------------
def test_the_administrators_lists_show_the_mark_and_nobody_the_code(browser, viewer, post, holder, signed_in, session):
    browser.ask()
    admin = signed_in(holder(Role.ADMIN))
    waiting = admin.get("/messages/list/").text
    code = post()
    pages = [waiting, *(admin.get(path).text for path in ("/messages/list/", "/telephone/", "/jobs/list/", "/diary/list/"))]
    assert CODE_MARK in pages[0]
    assert CODE_MARK in pages[1]
    assert all(not re.search(rf"(?<!\d){code}(?!\d)", page) for page in pages)


def test_a_code_is_not_sent_again_by_hand(browser, viewer, holder, signed_in, session):
    browser.ask()
    session.execute(update(Message).values(state="failed", code=None))
    session.commit()
    admin = signed_in(holder(Role.ADMIN))
    number = session.scalars(select(Message.id)).one()
    session.rollback()
    assert admin.post(f"/messages/again/{number}").status_code == 404


def test_the_demonstrations_telephone_shows_a_browser_its_own_code(browser, another, viewer, post):
    browser.ask()
    assert "On its way" in browser.get(PHONE).text or "正在发送" in browser.get(PHONE).text
    code = post()
    page = browser.get(PHONE)
    assert code in page.text
    assert "138****5678" in page.text
    assert MOBILE not in page.text
    another.get(SMS)
    assert another.get(PHONE).status_code == 404
    another.ask("13700000009")
    assert code not in another.get(PHONE).text


EARNEST = [{"production": True, "simulators": False}, {"sms_url": "https://sms.example"}, {"simulators": False}]


@pytest.mark.parametrize("settings", EARNEST, ids=str)
def test_production_has_no_simulated_telephone(app, browser, viewer, post, monkeypatch, settings):
    browser.ask()
    post()
    monkeypatch.setitem(app.extensions, "anguan", replace(app.extensions["anguan"], **settings))
    assert browser.get(PHONE).status_code == 404


@pytest.mark.parametrize(
    ("settings", "sends", "pretends"),
    [
        ({}, True, True),
        ({"sms_url": "https://sms.example"}, True, False),
        ({"production": True, "simulators": False, "sms_url": "https://sms.example"}, True, False),
        ({"production": True, "simulators": False}, False, False),  # no carrier: the way is not there at all
    ],
    ids=str,
)
def test_settings_decide_whether_codes_are_sent_and_shown(system, settings, sends, pretends):
    asked = replace(system.settings, **settings)
    assert (asked.sends_codes, asked.pretends_messages) == (sends, pretends)
    assert asked.shows_codes == pretends
    assert not replace(asked, simulators=False).shows_codes


# --- a second factor ----------------------------------------------------------------------------------------------
STEP = "/login/second/sms/"


@pytest.fixture
def chief(holder, session):
    """An officer with a recorded mobile who needs a second factor."""
    session.add(Parameter(name="second_factor", value="operating", changed_at=NOON, changed_by="管理员"))
    return holder(Role.APPROVER, mobile=MOBILE, password=quickly_hashed(PASSWORD))


def by_password(browser, account):
    return browser.post("/login/", username=account.username, password=PASSWORD)


def test_password_and_code_together_sign_in(browser, another, chief, post, session):
    assert by_password(browser, chief).location.startswith("/login/second/")
    assert STEP in browser.get("/login/second/").text
    assert not browser.inside
    page = browser.get(STEP)
    assert "138****5678" in page.text
    assert MOBILE not in page.text
    assert browser.post(STEP, do="send").status_code == 200
    code = post()
    another.get(SMS)
    assert another.post(STEP, code=code, do="go_on").location == "/login/second/"  # knows the code, not the password
    assert browser.post(STEP, code=code, do="go_on").location == "/"
    assert browser.inside
    line = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN)).one()
    assert line.change == {"way": "password", "second": "sms_code"}


def test_a_code_for_something_else_is_no_second_factor(browser, chief, post, session):
    browser.ask()
    code = post()
    by_password(browser, chief)
    assert browser.post(STEP, code=code, do="go_on").status_code == 401
    assert not browser.inside


def test_a_second_factor_sets_no_password_and_signs_nobody_else_in(browser, chief, viewer, post):
    by_password(browser, chief)
    browser.post(STEP, do="send")
    code = post()
    assert browser.enter(code).status_code == 401
    assert browser.enter(code, path=FORGOTTEN, username=chief.username).status_code == 401


def test_a_code_for_another_account_with_the_same_mobile_is_refused(browser, chief, holder, post, session):
    """Two accounts share a mobile."""
    other = holder(Role.REVIEWER, mobile=MOBILE, password=quickly_hashed(PASSWORD))
    by_password(browser, other)
    browser.post(STEP, do="send")
    code = post()
    by_password(browser, chief)  # in the same browser, in place of the other
    assert browser.post(STEP, code=code, do="go_on").status_code == 401
    assert not browser.inside


def test_wrong_second_factors_end_after_five(browser, chief, post, session):
    by_password(browser, chief)
    browser.post(STEP, do="send")
    code = post()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert [browser.post(STEP, code=wrong, do="go_on").status_code for _n in range(5)] == [401] * 5
    assert browser.post(STEP, code=code, do="go_on").status_code == 401
    lines = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.SIGN_IN_FAILED)).all()
    assert len(lines) == 6
    assert {line.row for line in lines} == {str(chief.id)}


def test_without_a_mobile_the_code_is_not_offered(browser, holder, chief, session):
    bare = holder(Role.REVIEWER, password=quickly_hashed(PASSWORD))
    by_password(browser, bare)
    assert STEP not in browser.get("/login/second/").text
    assert browser.get(STEP).location == "/login/second/"


def test_the_code_page_requires_the_password_first(browser):
    browser.get(SMS)
    for answer in (browser.get(STEP), browser.post(STEP, do="send")):
        assert answer.location == "/login/second/"


def test_a_second_factor_does_not_let_a_session_by_text_message_post(browser, viewer, post, session):
    browser.ask()
    browser.enter(post())
    later(session)
    browser.post(STEP, do="send")
    browser.post(STEP, code=post(), do="go_on")
    assert browser.post("/password/", old="x", password=NEW, again=NEW).status_code == 403
