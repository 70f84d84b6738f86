"""A forgotten password is set anew by a code to the telephone, in the same browser, and by nobody else."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import sessionmaker
from werkzeug.security import check_password_hash

from app.accounts import challenges
from app.core.clock import now
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState
from app.core.vocabulary import ADMINISTRATORS, Role
from app.models import Account, AuditEntry, Challenge, Message
from tests.at_once import at_once
from tests.web.auth.conftest import FORGOTTEN, MOBILE, NEW, later

RESETTING = [role for role in Role if role not in ADMINISTRATORS]


def forget(browser, account, post, **form):
    """Request a code and enter it."""
    assert browser.ask(path=FORGOTTEN, username=account.username).status_code == 200
    return browser.enter(post(), path=FORGOTTEN, username=account.username, **form)


def renew(browser, plain=NEW, again=None):
    return browser.post(f"{FORGOTTEN}new", password=plain, again=again or plain)


@pytest.mark.usefixtures("unlocked_hashes")
@pytest.mark.parametrize("role", RESETTING, ids=lambda role: role.value)
def test_a_forgotten_password_is_set_anew_and_every_session_ends(browser, holder, signed_in, post, session, role):
    account = holder(role, mobile=MOBILE)
    inside = signed_in(account)
    assert inside.get("/password/").status_code == 200
    assert forget(browser, account, post).location == f"{FORGOTTEN}new"
    assert renew(browser).location == "/login/"
    assert inside.get("/password/").status_code == 302
    session.expire_all()
    kept = session.get_one(Account, account.id)
    assert not kept.must_change_password
    stored = kept.password
    session.rollback()  # SQLite has one writer
    assert check_password_hash(stored, NEW)
    lines = [entry.change for entry in session.scalars(select(AuditEntry).where(AuditEntry.table == "ab_user"))]
    assert {"password": "sms"} in lines
    told = session.scalars(select(Message.text).order_by(Message.id.desc())).first()
    assert "密码已" in told
    assert account.username in told
    assert renew(browser, "Yet-Another-Horse-9").location == FORGOTTEN  # once


@pytest.mark.parametrize("role", ADMINISTRATORS, ids=lambda role: role.value)
def test_an_administrators_password_is_not_reset_by_a_telephone(browser, holder, session, role):
    admin = holder(role, mobile=MOBILE)
    assert browser.ask(path=FORGOTTEN, username=admin.username).status_code == 200
    assert session.scalar(select(func.count()).select_from(Message)) == 0


@pytest.mark.parametrize("facts", [{"mobile": None}, {"mobile": "13900000000"}, {"mobile": MOBILE, "active": False}], ids=str)
def test_for_unknown_accounts_no_code_is_sent_and_the_answer_is_the_same(browser, holder, session, facts):
    account = holder(Role.REVIEWER, **facts)
    assert "If this number is known here" in browser.ask(path=FORGOTTEN, username=account.username).text
    assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_a_code_for_signing_in_sets_no_password_and_the_other_way_round(browser, viewer, post, session):
    browser.ask()
    code = post()
    assert browser.enter(code, path=FORGOTTEN, username=viewer.username).status_code == 401
    later(session)
    assert browser.ask(path=FORGOTTEN, username=viewer.username).status_code == 200
    assert browser.enter(post()).status_code == 401


def test_the_second_step_is_bound_to_the_browser_of_the_first(browser, another, viewer, post):
    another.get(FORGOTTEN)
    assert renew(another).location == FORGOTTEN
    assert renew(browser).location == FORGOTTEN
    forget(browser, viewer, post)
    assert renew(another).location == FORGOTTEN
    assert browser.get(f"{FORGOTTEN}new").status_code == 200


def test_naming_another_account_in_the_second_form_changes_nothing(browser, holder, viewer, post, session):
    other = holder(Role.REVIEWER, mobile="13900000000")
    assert browser.ask(path=FORGOTTEN, username=viewer.username).status_code == 200
    assert browser.enter(post(), path=FORGOTTEN, username=other.username).status_code == 303
    browser.post(f"{FORGOTTEN}new", password=NEW, again=NEW, username=other.username, account_id=other.id)
    session.expire_all()
    assert check_password_hash(session.get_one(Account, viewer.id).password, NEW)
    assert not session.get_one(Account, other.id).password


@pytest.mark.parametrize(("plain", "again"), [("short", None), ("alllowercase1234", None), (NEW, NEW + "x")])
def test_a_weak_password_is_refused_and_the_code_is_not_lost(browser, viewer, post, plain, again):
    forget(browser, viewer, post)
    assert renew(browser, plain, again).status_code == 422
    assert renew(browser).location == "/login/"


def test_the_second_step_expires(browser, viewer, post, session):
    forget(browser, viewer, post)
    session.execute(update(Challenge).values(expires_at=now() - timedelta(seconds=1)))
    session.commit()
    assert renew(browser).location == FORGOTTEN


@pytest.mark.parametrize("change", [{"mobile": "13900000000"}, {"active": False}], ids=str)
def test_what_the_administrator_changed_meanwhile_counts(browser, viewer, post, session, change):
    forget(browser, viewer, post)
    for name, value in change.items():
        setattr(session.get_one(Account, viewer.id), name, value)
    session.commit()
    assert renew(browser).status_code == 409
    session.expire_all()
    assert not session.get_one(Account, viewer.id).password


def test_of_ten_concurrent_second_steps_one_sets_the_password(browser, viewer, post, engine, session):
    forget(browser, viewer, post)
    number, digest = (
        session.scalars(select(Challenge.id).where(Challenge.kind == ChallengeKind.SMS_RESET)).one(),
        browser.digest,
    )
    session.rollback()

    def step(_n):
        with sessionmaker(engine).begin() as own:
            return challenges.advance(
                own, number, ChallengeKind.SMS_RESET, ChallengeState.CONFIRMED, ChallengeState.CONSUMED,
                at=now(), browser=digest,
            )  # fmt: skip

    assert at_once(step, range(10)).count(True) == 1
    assert renew(browser).location == FORGOTTEN
