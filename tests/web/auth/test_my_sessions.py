"""The page on which users see and end their own sessions."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core.clock import now
from app.core.sign_in_vocabulary import SessionEndReason
from app.core.vocabulary import AuditAction, Role
from app.models import AuditEntry, UserSession
from app.web.auth import my_sessions

pytest_plugins = ("tests.sign_in_fixture",)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_users_see_and_end_their_own_sessions_only(session, signed_in, holder):
    mine, theirs = holder(Role.VIEWER), holder(Role.VIEWER)
    here, elsewhere, other = signed_in(mine), signed_in(mine), signed_in(theirs)
    numbers = list(session.scalars(select(UserSession.id).order_by(UserSession.id)))
    session.rollback()
    page = here.get("/sessions/").text
    assert [f"/sessions/{number}/end" in page for number in numbers] == [False, True, False]  # this one signs out instead
    assert here.post(f"/sessions/{numbers[2]}/end").status_code == 404
    assert other.get("/work/").status_code == 200
    assert here.post(f"/sessions/{numbers[1]}/end").status_code == 302
    assert here.post(f"/sessions/{numbers[1]}/end").status_code == 404
    assert [browser.get("/work/").status_code for browser in (here, elsewhere, other)] == [200, 302, 200]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_ending_all_other_sessions_is_logged(session, signed_in, holder):
    mine = holder(Role.VIEWER)
    here, *others = [signed_in(mine) for _browser in range(3)]
    assert here.post("/sessions/end-others").status_code == 302
    assert [browser.get("/work/").status_code for browser in (here, *others)] == [200, 302, 302]
    assert session.scalars(select(AuditEntry.change).where(AuditEntry.deed == AuditAction.SIGN_OUT)).one() == {"ended": 2}


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_page_knows_how_long_its_session_lasts_and_asking_prolongs_it(session, signed_in, holder, office):
    """The shorter limit for whom it holds, and never beyond the end of the session itself."""
    for role, minutes in ((Role.ENTERPRISE_CLERK, office.idle_minutes), (Role.REVIEWER, office.officer_idle_minutes)):
        browser = signed_in(holder(role))
        assert 60 * minutes - 60 <= browser.get("/sessions/left").json["seconds"] <= 60 * minutes
        session.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=minutes - 1)))
        session.commit()
        assert browser.get("/sessions/left").json["seconds"] > 60 * minutes - 60
        session.execute(update(UserSession).values(ends_at=now() + timedelta(seconds=90)))
        session.commit()
        assert 80 <= int(re.search(r'data-left="(\d+)"', browser.get("/sessions/").text)[1]) <= 90
        assert browser.get("/sessions/left").json["seconds"] <= 90
        session.execute(update(UserSession).values(ended_at=now(), ended_why=SessionEndReason.TOO_OLD))
        session.commit()


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_anonymous_visitor_has_no_sessions(client):
    assert client.get("/sessions/left").location.startswith("/login/")
    assert client.get("/sessions/").location.startswith("/login/")
    assert client.post("/sessions/end-others").location.startswith("/login/")


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Safari/537.36 MicroMessenger/8.0", "WeChat · Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Version/18 Safari/605", "Safari · macOS"),
    ],
)
def test_browser_names(agent, words):
    assert my_sessions.in_words(agent) == words
