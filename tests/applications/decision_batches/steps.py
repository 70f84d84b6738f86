"""An officer with an account and cases that wait, and the steps of a batch."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.decision_batches import records, running
from app.applications.decision_batches.records import BatchRequest
from app.core.office import Office
from app.core.vocabulary import Action, Role, State
from app.models import Application, DecisionBatch, Person
from tests import make
from tests.workflow_fixture import Firm

UNSEEN = {"originals_verified_at": None, "originals_verified_by": ""}
_numbers = count(1)


@dataclass
class Officer:
    """An officer of a role and region, with an account, and one enterprise's cases."""

    session: Session
    role: Role = Role.ACCEPTANCE_OFFICER
    region: str = "430000"
    actor: Actor = None
    account: object = None
    firm: Firm | None = field(default=None, repr=False)

    def __post_init__(self):
        if self.actor is None:
            self.account = make.account(self.session, f"officer{next(_numbers)}", self.role, region_code=self.region)
            self.actor = make.officer(self.role, region=self.region, account_id=self.account.id)

    def case(self, state=State.AWAITING_ACCEPTANCE, **facts) -> int:
        self.firm = self.firm or Firm(self.session)
        application = self.firm.application(state, **facts)
        return application.id

    def ban(self, application_id):
        person = select(Application.person_id).where(Application.id == application_id).scalar_subquery()
        self.session.execute(
            update(Person).where(Person.id == person).values(banned_until=make.TODAY + timedelta(days=99)),
            execution_options={"synchronize_session": False},
        )
        self.session.commit()

    def state(self, application_id) -> State:
        return self.session.scalar(select(Application.state).where(Application.id == application_id))

    def states(self) -> list[State]:
        return list(self.session.scalars(select(Application.state).order_by(Application.id)))


@pytest.fixture
def officer(session, app) -> Officer:
    """An acceptance officer of the province; ``app`` has made the roles."""
    return Officer(session)


def proposed(officer, ids, page=None, action=Action.ACCEPT, reason="", at=make.NOON, office=None) -> DecisionBatch:
    wanted = BatchRequest(action, ids, reason, page or f"page {next(_numbers)}")
    batch_id = records.propose(officer.session, wanted, officer.actor, at=at, office=office or Office())
    officer.session.commit()
    return officer.session.get_one(DecisionBatch, batch_id, populate_existing=True)


def confirmed(officer, batch_id, office=None, at=make.NOON) -> DecisionBatch:
    batch = records.confirm(officer.session, batch_id, officer.actor, at=at, office=office or Office(), locale="zh")
    officer.session.commit()
    return batch


def carried_out(officer, batch_id, at=make.NOON, office=None, most=running.PORTION) -> DecisionBatch:
    """All portions, as a request or a job runs them."""
    while True:
        far = running.run_portion(officer.session, batch_id, at=at, office=office or Office(), most=most)
        officer.session.commit()
        if not far.waiting:
            return officer.session.get_one(DecisionBatch, batch_id, populate_existing=True)
