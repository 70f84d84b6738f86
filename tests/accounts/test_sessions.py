"""Sessions end on the server whatever cookie was saved."""

from datetime import timedelta

import pytest
from flask_babel import gettext
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from app.accounts import sessions as user_sessions
from app.core.clock import now
from app.core.office import Office
from app.core.sign_in_vocabulary import SessionEndReason, SignInMethod
from app.core.vocabulary import Registration, Role
from app.db.session import reading
from app.models import Account, Enterprise, Parameter, UserSession
from tests import make
from tests.at_once import at_once
from tests.sign_in_fixture import PASSWORD, account, copied_cookie, is_inside, sign_in, sign_out, token

pytest_plugins = ("tests.sign_in_fixture",)
NEW = "Other-Horse-88"


def set_to(**facts):
    def change(_visitor, shop, who, _app):
        for name, value in facts.items():
            setattr(who, name, value)
        shop.commit()

    return change


def signs_out(visitor, _shop, _who, _app):
    assert sign_out(visitor).status_code == 302


def chooses_another_password(visitor, _shop, _who, _app):
    form = {"old": PASSWORD, "password": NEW, "again": NEW, "csrf_token": token(visitor, "/password/")}
    assert visitor.post("/password/", data=form).status_code == 302
    assert is_inside(visitor)  # in a session of its own


def gets_another_password(_visitor, _shop, who, app):
    with app.test_request_context("/"):
        app.appbuilder.sm.reset_password(who.id, NEW)


def loses_a_role(_visitor, shop, who, _app):
    who.roles = []
    shop.commit()


def another_enterprise(_visitor, shop, who, _app):
    who.enterprise = make.enterprise()
    shop.commit()


def enterprise_is_rejected(_visitor, shop, who, _app):
    shop.get_one(Enterprise, who.enterprise_id).registration = Registration.REJECTED
    shop.commit()


def is_left_alone(_visitor, shop, _who, _app):
    shop.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=31)))
    shop.commit()


def is_never_left(_visitor, shop, _who, _app):
    shop.execute(update(UserSession).values(ends_at=now() - timedelta(seconds=1)))
    shop.commit()


def ended_by(why):
    def end(_visitor, shop, who, _app):
        number = shop.scalars(select(UserSession.id)).one()
        assert user_sessions.end(shop, who.id, number, why, at=now())
        shop.commit()

    return end


def signs_in_elsewhere_too_often(_visitor, _shop, _who, app):
    for _browser in range(3):
        assert sign_in(app.test_client()).status_code == 302


EVENTS = {  # security.md T13: what ends a session, and the reason shown
    "logout": (signs_out, SessionEndReason.SIGNED_OUT),
    "own password": (chooses_another_password, SessionEndReason.PASSWORD_CHANGED),
    "reset by somebody else": (gets_another_password, SessionEndReason.PASSWORD_CHANGED),
    "password set on the row": (set_to(password="x"), SessionEndReason.PASSWORD_CHANGED),
    "switched off": (set_to(active=False), SessionEndReason.SWITCHED_OFF),
    "role": (loses_a_role, SessionEndReason.ROLE_CHANGED),
    "region": (set_to(region_code="430200"), SessionEndReason.ACCOUNT_CHANGED),
    "another enterprise": (another_enterprise, SessionEndReason.ACCOUNT_CHANGED),
    "mobile": (set_to(mobile="13800000001"), SessionEndReason.ACCOUNT_CHANGED),
    "enterprise rejected": (enterprise_is_rejected, SessionEndReason.ENTERPRISE),
    "idle": (is_left_alone, SessionEndReason.IDLE),
    "too old": (is_never_left, SessionEndReason.TOO_OLD),
    "ended in the list": (ended_by(SessionEndReason.ENDED_BY_SELF), SessionEndReason.ENDED_BY_SELF),
    "ended by the administrator": (ended_by(SessionEndReason.ENDED_BY_ADMIN), SessionEndReason.ENDED_BY_ADMIN),
    "too many": (signs_in_elsewhere_too_often, SessionEndReason.REPLACED),
}


def end_message(why, app) -> str:
    with app.test_request_context("/"):
        return str(gettext("Your last session has ended: %(why)s. Please sign in again.", why=why))


@pytest.mark.parametrize("happens", EVENTS)
def test_saved_cookie_is_refused_after(happens, visitor, shop, sign_in_app):
    event_, why = EVENTS[happens]
    firm = {"enterprise": make.enterprise()} if happens == "enterprise rejected" else {}
    roles = (Role.ENTERPRISE_CLERK,) if firm else (Role.VIEWER,)
    who = account(shop, "viewer", *roles, **firm)
    sign_in(visitor)
    thief = copied_cookie(visitor, sign_in_app)
    assert is_inside(thief)
    event_(visitor, shop, who, sign_in_app)
    shop.rollback()
    answers = [thief.get("/scratch/") for _request in range(3)]
    assert {answer.status_code for answer in answers} == {302}
    assert all(answer.location.startswith("/login/") for answer in answers)
    shop.rollback()
    assert shop.scalars(select(UserSession.ended_why).order_by(UserSession.id)).first() is why
    messages = [end_message(why, sign_in_app) in thief.get("/login/").text for _request in range(2)]
    assert messages == [why is not SessionEndReason.SIGNED_OUT, False]  # once, and not after signing out


def test_signing_out_keeps_the_session_of_another_browser(visitor, shop, sign_in_app):
    account(shop)
    other = sign_in_app.test_client()
    sign_in(visitor)
    sign_in(other)
    answer = visitor.post("/logout/", data={"csrf_token": token(visitor, "/password/")}, follow_redirects=True)
    assert "alert-warning" in answer.text
    assert not is_inside(visitor)
    assert is_inside(other)


def test_database_holds_no_usable_session_key(visitor, shop, sign_in_app):
    account(shop)
    sign_in(visitor)
    with visitor.session_transaction() as cookie:
        key = cookie["_user_id"]
    user_session = shop.scalars(select(UserSession)).one()
    assert len(key) == 43
    assert key not in (user_session.key, user_session.agent, user_session.address)
    with visitor.session_transaction() as cookie:
        cookie["_user_id"] = user_session.key
    assert not is_inside(visitor)


def test_sign_in_does_not_adopt_a_planted_session(visitor, shop, sign_in_app):
    """Session fixation."""
    account(shop)
    account(shop, "attacker")
    attacker = sign_in_app.test_client()
    sign_in(attacker, "attacker")
    planted = attacker.get_cookie("anguan")
    sign_out(attacker)
    visitor.set_cookie("anguan", planted.value)
    sign_in(visitor)
    assert is_inside(visitor)
    attacker.set_cookie("anguan", planted.value)
    assert not is_inside(attacker)
    assert visitor.get_cookie("anguan").value != planted.value


def test_request_after_loss_of_a_role_is_refused(visitor, shop):
    who = account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    ticket = token(visitor, "/password/")
    assert visitor.post("/scratch/touch", data={"csrf_token": ticket}).text == "touched"
    who.roles = list(account(shop, "viewer").roles)
    shop.commit()
    answer = visitor.post("/scratch/touch", data={"csrf_token": ticket})
    assert (answer.status_code, "touched" in answer.text) == (302, False)
    sign_in(visitor, "chief")
    assert visitor.post("/scratch/touch", data={"csrf_token": token(visitor, "/password/")}).status_code == 403


def test_officers_have_a_shorter_idle_limit(visitor, shop):
    account(shop, "chief", Role.ADMIN)
    sign_in(visitor, "chief")
    shop.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=16)))
    shop.commit()
    assert not is_inside(visitor)


def test_newest_sign_in_ends_the_oldest_with_a_message(visitor, shop, sign_in_app):
    account(shop)
    shop.add(Parameter(name="most_sessions", value="1", changed_at=make.NOON, changed_by="管理员"))
    shop.commit()
    sign_in(visitor)
    newer = sign_in_app.test_client()
    sign_in(newer)
    assert (is_inside(visitor), is_inside(newer)) == (False, True)
    assert end_message(SessionEndReason.REPLACED, sign_in_app) in visitor.get("/login/").text


def test_of_twenty_concurrent_sign_ins_three_sessions_remain(sign_in_system, sign_in_app, shop):
    who, at = account(shop), now()

    def enter(n):
        with Session(sign_in_system.engine) as session:
            session.get_one(Account, who.id).login_count = n
            user_sessions.begin(
                session, session.get_one(Account, who.id), SignInMethod.PASSWORD, at=at, office=Office(), address="", agent=""
            )
            session.commit()

    at_once(enter, range(20))
    assert shop.scalar(select(func.count()).where(UserSession.ended_at.is_(None))) == Office().most_sessions


def statements(sign_in_app, kind):
    found = []
    with sign_in_app.app_context():
        engine = sign_in_app.extensions["sqlalchemy"].engine

    def watch(*call):
        if call[2].startswith(kind):
            found.append((call[2], reading.get()))

    event.listen(engine, "before_cursor_execute", watch)
    return found, lambda: event.remove(engine, "before_cursor_execute", watch)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_last_seen_is_updated_once_a_minute(visitor, shop, sign_in_app, method):
    account(shop, "viewer", Role.VIEWER, Role.EXAM_CLERK)
    sign_in(visitor)
    ago = now() - timedelta(minutes=5)
    shop.execute(update(UserSession).values(seen_at=ago))
    shop.commit()
    found, stop = statements(sign_in_app, "UPDATE visit")
    for _click in range(3):
        visitor.open("/scratch/", method=method)
    stop()
    shop.rollback()
    assert len(found) == 1
    assert shop.scalars(select(UserSession.seen_at)).one() > ago


def test_ended_session_is_not_revived_by_a_concurrent_request(sign_in_system, shop):
    """The request was admitted, then the session ended, then ``touch`` runs: it stays ended."""
    who = account(shop)
    user_sessions.begin(
        shop, who, SignInMethod.PASSWORD, at=now() - timedelta(minutes=9), office=Office(), address="", agent=""
    )
    user_sessions.end_all(shop, who.id, SessionEndReason.ENDED_BY_ADMIN, at=now())
    shop.commit()
    number = shop.scalars(select(UserSession.id)).one()
    shop.rollback()
    user_sessions.touch(sign_in_system.engine, number, at=now())
    user_sessions.mark_ended(sign_in_system.engine, number, SessionEndReason.IDLE, at=now())
    shop.rollback()
    user_session = shop.scalars(select(UserSession)).one()
    assert (user_session.ended_why, now() - user_session.seen_at > timedelta(minutes=8)) == (
        SessionEndReason.ENDED_BY_ADMIN,
        True,
    )


def test_sweep_deletes_sessions_that_ended_long_ago(shop):
    who, at = account(shop), now()
    for days in (1, 179, 182):
        user_sessions.begin(
            shop, who, SignInMethod.PASSWORD, at=at - timedelta(days=days), office=Office(), address="", agent=""
        )
    assert user_sessions.sweep(shop, at=at) == 1
