"""An exam clerk, an enterprise, a notice open for sign-up, and people to sign up."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from app.core.errors import AppError, Unmet
from app.core.office import Office, Positions
from app.core.vocabulary import Category, Position, Role, SignupState
from tests import make

A, B, C1, C2, C3 = Category.A, Category.B, Category.C1, Category.C2, Category.C3
SELECTED, SUBMITTED, ADMITTED, REJECTED = (
    SignupState.SELECTED,
    SignupState.SUBMITTED,
    SignupState.ADMITTED,
    SignupState.REJECTED,
)
CLERK = make.officer(Role.EXAM_CLERK)
CHANGSHA = make.officer(Role.EXAM_CLERK, region="430100")
ZHUZHOU = make.officer(Role.EXAM_CLERK, region="430200")
SECOND = timedelta(seconds=1)
ACTING = {"at": make.NOON, "office": Office()}


def codes(error: Unmet | Iterable) -> set[str]:
    return {refusal.code for refusal in (error.refusals if isinstance(error, AppError) else error)}


def fields(error: Unmet) -> set[tuple[str, str]]:
    return {(refusal.code, refusal.field) for refusal in error.refusals}


@pytest.fixture
def enterprise(session):
    enterprise = make.enterprise(contact_mobile="13900000001")
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def clerk(enterprise):
    return make.clerk(enterprise)


@pytest.fixture
def office():
    """Every position goes with every category here: which do is a test of its own."""
    anybody = Positions(Position)
    return Office(positions_a=anybody, positions_b=anybody, positions_c=anybody)


@pytest.fixture
def notice(session):
    notice = make.notice()
    session.add(notice)
    session.commit()
    return notice


@pytest.fixture
def people(session, enterprise):
    """``people(n, **facts)``: so many own people with complete scans."""

    def hire(n: int = 1, *, without=(), employer=None, **facts):
        hired = [make.person(employer or enterprise, **{"name": f"职工{i:03d}号", **facts}) for i in range(n)]
        session.add_all(hired)
        session.flush()
        session.add_all(paper for person in hired for paper in make.complete_papers(person, without=without))
        session.commit()
        return hired

    return hire


@pytest.fixture
def signups(session, notice, people):
    """``signups(state, n)``: so many sign-ups of own people in a state."""

    def sign_up(state=SUBMITTED, n: int = 1, *, on=None, **facts):
        reason = {"reason": "照片背景杂乱，面部看不清楚"} if state is REJECTED else {}
        made = [make.signup(on or notice, person, state=state, **reason, **facts) for person in people(n)]
        session.add_all(made)
        session.commit()
        return made

    return sign_up
