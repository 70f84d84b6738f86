"""The page of the demonstration's clock, the banner, and that security keeps the true time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.applications.demo_clock import set_day
from app.applications.office_settings import DEMO_CLOCK
from app.core import clock
from app.core.vocabulary import Role
from app.models import AuditEntry, ExamNotice, Parameter, RateLimitCounter, UserSession
from tests import make
from tests.sign_in_fixture import PASSWORD, quickly_hashed
from tests.web.exams.exam_steps import typed

DAY = timedelta(days=1)


def later():
    return clock.office_day(clock.now()) + 20 * DAY


@pytest.fixture
def enter(session, signed_in):
    """``enter(role)``: a browser that is signed in."""

    def browser(role: Role = Role.EXAM_CLERK):
        own = {"enterprise": make.enterprise()} if role is Role.ENTERPRISE_CLERK else {}
        client = signed_in(make.account(session, f"the-{role.value}", role, **own))
        session.rollback()
        return client

    return browser


@pytest.fixture
def moved(session, system):
    set_day(session, later(), by="演示人员", base=system.settings.office, at=clock.now())
    session.commit()


def stored(session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Parameter.value).where(Parameter.name == DEMO_CLOCK)))


def test_nobody_sets_it_without_signing_in(client, session):
    for answer in (client.get("/demo-clock/"), client.post("/demo-clock/move", data={"day": later().isoformat()})):
        assert (answer.status_code, "/login/" in answer.headers["Location"]) == (302, True)
    assert stored(session) == []


def test_production_has_no_such_page_and_refuses_to_set_it(app, enter, session, monkeypatch):
    settings = app.extensions["anguan"]
    plain = replace(settings, production=True, simulators=False, office=replace(settings.office, demonstration=False))
    monkeypatch.setitem(app.extensions, "anguan", plain)
    browser = enter()
    assert browser.get("/demo-clock/").status_code == 404
    assert browser.post("/demo-clock/move", data={"day": later().isoformat()}).status_code == 404
    assert stored(session) == []
    assert "演示时钟" not in browser.get("/work/").text


@pytest.mark.usefixtures("moved")
def test_production_ignores_a_clock_that_a_demonstration_left(app, enter, monkeypatch):
    settings = app.extensions["anguan"]
    monkeypatch.setitem(app.extensions, "anguan", replace(settings, office=replace(settings.office, demonstration=False)))
    assert "demo-clock" not in enter().get("/work/").text


@pytest.mark.parametrize("role", list(Role))
def test_everybody_in_the_demonstration_sets_it_and_every_page_says_so(enter, session, role, client):
    browser = enter(role)
    answer = browser.post("/demo-clock/move", data={"day": later().isoformat()}, follow_redirects=True)
    assert answer.status_code == 200
    assert stored(session) == ["20"]
    for page in (browser.get("/work/"), client.get("/"), client.get("/login/"), client.get("/no-such-page")):
        assert f"演示时钟：{later()}" in page.text


@pytest.mark.usefixtures("moved")
def test_a_day_that_is_over_is_refused_and_the_form_kept(enter, session):
    yesterday = (later() - DAY).isoformat()
    answer = enter().post("/demo-clock/move", data={"day": yesterday})
    assert answer.status_code == 422
    assert f'value="{yesterday}"' in answer.text
    assert f"现在已是 {later()}" in answer.text
    assert stored(session) == ["20"]


def test_no_day_and_a_day_that_does_not_exist_are_refused(enter, session):
    browser = enter()
    for day in ("", "2026-02-30", "x"):
        assert browser.post("/demo-clock/move", data={"day": day}).status_code == 422
    assert stored(session) == []


@pytest.mark.usefixtures("moved")
def test_a_notice_is_published_by_the_clock_of_the_office(enter, session):
    at = clock.office_time(clock.now()) + 20 * DAY
    past = typed(signup_start=f"{at - 9 * DAY:%Y-%m-%dT%H:%M}", signup_end=f"{at - DAY:%Y-%m-%dT%H:%M}")
    browser = enter()
    assert browser.post("/exam/notices/add", data=past).status_code == 422
    good = typed(signup_end=f"{at + DAY:%Y-%m-%dT%H:%M}", exam_on=f"{at + 9 * DAY:%Y-%m-%d}")
    assert browser.post("/exam/notices/add", data=good).status_code == 302
    session.rollback()
    notice = session.scalars(select(ExamNotice)).one()
    assert clock.office_day(notice.published_at) == later()
    entry = session.scalars(select(AuditEntry).where(AuditEntry.table == "exam_notice")).one()
    assert abs(entry.at - clock.now()) < timedelta(minutes=5)
    assert entry.change["demo_clock"] == later().isoformat()


# --- security --------------------------------------------------------------------------------------------------
def test_setting_the_clock_ends_no_session_and_makes_none_older(enter, session):
    browser = enter()
    browser.post("/demo-clock/move", data={"day": later().isoformat()})
    assert browser.get("/work/").status_code == 200
    session.rollback()
    visit = session.scalars(select(UserSession)).one()
    assert visit.ended_at is None
    assert visit.seen_at <= clock.now()


def test_setting_the_clock_opens_no_locked_account(session, system, app, holder):
    account = holder(Role.ACCEPTANCE_OFFICER)
    account.password, name = quickly_hashed(PASSWORD), account.username
    session.commit()
    browser = app.test_client()
    for _try in range(system.settings.office.lock_after):
        browser.post("/login/", data={"username": name, "password": "wrong"})
    set_day(session, later(), by="x", base=system.settings.office, at=clock.now())
    session.commit()
    answer = browser.post("/login/", data={"username": name, "password": PASSWORD})
    assert answer.status_code != 302


@pytest.mark.usefixtures("moved")
def test_limits_of_attempts_are_counted_by_the_true_time(client, session):
    client.post("/lookup/", data={"name": "李靐", "number": "110101199003070011"})
    client.post("/login/", data={"username": "nobody", "password": "wrong"})
    session.rollback()
    counters = session.scalars(select(RateLimitCounter)).all()
    assert counters
    assert all(one.window <= clock.now().timestamp() for one in counters)
