"""Fixtures of the exam pages: a notice open for sign-up, an enterprise, browsers of its clerk and of an exam clerk."""

import pytest

from app.core.clock import now, office_day
from app.core.vocabulary import Role
from tests import make
from tests.web.exams.exam_steps import DAY, REJECTED, SELECTED, SUBMITTED


@pytest.fixture
def notice(session):
    """Open for sign-up today."""
    at = now()
    when = {"signup_start": at - DAY, "signup_end": at + 3 * DAY, "published_at": at - DAY}
    notice = make.notice(**when, exam_on=office_day(at) + 20 * DAY)
    session.add(notice)
    session.commit()
    return notice


@pytest.fixture
def firm(session):
    firm = make.enterprise()
    session.add(firm)
    session.commit()
    return firm


@pytest.fixture
def at_work(holder, signed_in):
    """``at_work(role, …)``: a signed-in browser of somebody of this role, in English."""

    def sign_in(role, **facts):
        browser = signed_in(holder(role, **facts))
        with browser.session_transaction() as cookie:
            cookie["locale"] = "en"
        return browser

    return sign_in


@pytest.fixture
def clerk(at_work):
    """An exam clerk of the province."""
    return at_work(Role.EXAM_CLERK)


@pytest.fixture
def own(at_work, firm):
    """The clerk of ``firm``."""
    return at_work(Role.ENTERPRISE_CLERK, enterprise=firm)


@pytest.fixture
def hire(session, firm):
    """``hire(n, …)``: so many people of the firm with complete scans."""

    def hire(n=1, *, at=None, without=(), **facts):
        people = [make.person(at or firm, **{"name": f"职工{i:03d}号", **facts}) for i in range(n)]
        session.add_all(people)
        session.flush()
        session.add_all(paper for person in people for paper in make.complete_papers(person, without=without))
        session.commit()
        return people

    return hire


@pytest.fixture
def sign(session, notice, hire):
    """``sign(state, n, …)``: so many sign-ups of the firm's people."""

    def sign(state=SUBMITTED, n=1, *, on=None, at=None, names=None, **facts):
        given = {"reason": "照片背景杂乱，面部看不清楚"} if state is REJECTED else {}
        given |= {} if state is SELECTED else {"submitted_at": now()}
        people = hire(n, at=at) if names is None else [hire(name=name, at=at)[0] for name in names]
        made = [make.signup(on or notice, person, state=state, **{**given, **facts}) for person in people]
        session.add_all(made)
        session.commit()
        return made

    return sign
