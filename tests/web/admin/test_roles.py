"""任命 in the pages: who is queued, what the form shows, and what nobody does to oneself."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.accounts import rate_limit, role_assignment
from app.core.clock import now
from app.core.errors import TooMany
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Account, AuditEntry
from app.web.auth.password_form import guess_key
from tests import make
from tests.web.applications.case_fixture import rolling_back
from tests.web.form_steps import save


@pytest.fixture
def security(session, signed_in):
    return rolling_back(signed_in(make.account(session, "secadmin", Role.SECURITY_ADMIN, region_code=None)), session, "zh")


@pytest.fixture
def newcomer(session, security) -> Account:
    made = make.account(session, "newcomer", Role.VIEWER, region_code=None, first_name="罗二审")
    made.roles = []
    session.commit()
    return made


@pytest.mark.usefixtures("unlocked_hashes")
def test_account_without_role_is_queued_and_gets_role_and_one_time_password(security, newcomer, session):
    number = newcomer.id
    assert "罗二审" in security.get("/appointments/awaiting/list/").text
    assert "待授权用户" in security.get("/work/").text
    form = {"role": "reviewer", "region_code": "430100", "mobile": "13800000001"}
    page = save(security, f"/appointments/edit/{number}", form, follow_redirects=True).text
    assert "的一次性密码" in page
    assert "罗二审" not in security.get("/appointments/awaiting/list/").text
    session.refresh(newcomer)
    assert (role_assignment.roles_of(newcomer), newcomer.region_code) == ({Role.REVIEWER}, "430100")
    assert newcomer.must_change_password
    page = save(security, f"/appointments/edit/{number}", form | {"role": "viewer"}, follow_redirects=True).text
    assert "的一次性密码" not in page
    assert security.post(f"/appointments/reset/{number}").status_code == 302


def test_form_shows_errors_and_keeps_entered_values(security, newcomer, session):
    number = newcomer.id
    page = save(security, f"/appointments/edit/{number}", {"role": "reviewer", "mobile": "13800000001"})
    assert (page.status_code, "13800000001" in page.text, "必须选择地区" in page.text) == (422, True, True)
    clerk = save(security, f"/appointments/edit/{number}", {"role": "enterprise_clerk"})
    assert clerk.status_code == 422
    session.refresh(newcomer)
    assert newcomer.roles == []


def test_security_administrator_ends_sessions_and_unlocks(security, session, signed_in, app):
    officer = make.account(session, "officer", Role.REVIEWER)
    theirs, key, at, number = rolling_back(signed_in(officer), session), guess_key("officer"), now(), officer.id
    with app.app_context():
        for _guess in range(5):
            rate_limit.attempt(db.engine, key, limit=5, rest=timedelta(minutes=15), at=at)
        with pytest.raises(TooMany):
            rate_limit.attempt(db.engine, key, limit=5, rest=timedelta(minutes=15), at=at)
        assert security.post(f"/appointments/unlock/{number}").status_code == 302
        rate_limit.attempt(db.engine, key, limit=5, rest=timedelta(minutes=15), at=at)
    assert theirs.get("/work/").status_code == 200
    assert security.post(f"/appointments/end/{number}").status_code == 302
    assert theirs.get("/work/").status_code == 302
    lines = session.scalars(
        select(AuditEntry.change).where(AuditEntry.table == "ab_user", AuditEntry.actor == "secadmin").order_by(AuditEntry.id)
    ).all()
    assert lines == [{"lock": ["there", "ended"]}, {"sessions": ["there", "ended"]}]


def test_own_account_cannot_be_changed(security, session):
    own = session.scalar(select(Account.id).where(Account.username == "secadmin"))
    assert f"/appointments/edit/{own}" not in security.get("/appointments/list/").text
    page = save(security, f"/appointments/edit/{own}", {"role": "approver", "region_code": "430000"})
    assert (page.status_code, "不能给自己授予角色" in page.text) == (422, True)
    assert security.post(f"/appointments/reset/{own}").status_code == 403


def test_the_moment_an_account_was_made_is_shown_in_office_time(security, newcomer, session):
    newcomer.created_on = datetime(2026, 2, 28, 16, 30, tzinfo=UTC).astimezone().replace(tzinfo=None)  # as FAB stores it
    session.commit()
    assert "2026-03-01 00:30" in security.get("/appointments/awaiting/list/").text
