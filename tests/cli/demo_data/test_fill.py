from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cli.demo_data.fill import fill
from app.cli.demo_data.people import ACCOUNTS
from app.cli.setup import fill_regions
from app.core.errors import AppError
from app.core.vocabulary import SignupState, State
from app.db.session import db
from app.files.folder_store import FolderStore
from app.models import Account, Application, Certificate, ExamSignup, Paper, Person
from tests import make


@pytest.fixture(scope="module")
def played(built, system):
    """The demonstration, played once for all that look at it: it takes six seconds."""
    with built.app_context():
        fill_regions(db.session(), system.settings)
        fill(db.session(), system.settings, at=make.NOON)
        db.session.remove()
    yield
    system.sweep()


@pytest.fixture
def demo(played, system):
    with Session(system.engine) as session:
        yield session


def test_every_state_and_every_account_is_there_to_work_with(demo, system):
    assert set(demo.scalars(select(Application.state).distinct())) == set(State)
    assert {SignupState.SELECTED, SignupState.SUBMITTED, SignupState.PASSED, SignupState.FAILED} <= set(
        demo.scalars(select(ExamSignup.state).distinct())
    )
    assert set(demo.scalars(select(Account.username))) == {username for username, _name, _role in ACCOUNTS}
    assert demo.scalar(select(func.count(Certificate.id)).where(Certificate.is_electronic)) == 4
    assert all(FolderStore(system.settings.blobs).verify(paper) for paper in _digests(demo))


def test_playing_it_again_changes_nothing(demo, system):
    before = demo.scalar(select(func.count(Person.id)))
    assert fill(demo, system.settings, at=make.NOON) is False
    assert demo.scalar(select(func.count(Person.id))) == before


def test_it_is_refused_in_production(built, system):
    with built.app_context(), pytest.raises(AppError) as no:
        fill(db.session(), replace(system.settings, production=True, simulators=False), at=make.NOON)
    assert no.value.code == "demo-in-production"


def test_a_demo_account_signs_in_and_finds_its_workbench(demo, built, system):
    client = built.test_client()
    answer = client.post("/login/", data={"username": "acceptance", "password": system.settings.demo_password})
    assert answer.status_code == 302
    page = client.get("/work/")
    assert page.status_code == 200
    assert "待受理" in page.text


def _digests(session):
    return session.scalars(select(Paper.digest).distinct())
