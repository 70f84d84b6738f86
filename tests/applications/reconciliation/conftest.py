"""A comparison of what a test has stored."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from app.applications.reconciliation.run import compare
from app.core.discrepancy_vocabulary import DiscrepancyState
from app.core.office import Office
from app.models import Discrepancy
from tests import make


@pytest.fixture
def compared(system, session):
    """``compared(hours)`` compares so many hours after noon; each discrepancy by kind and holder. It told how many."""

    def run(hours: int = 0) -> dict[tuple[str, str], Discrepancy]:
        session.commit()
        at = make.NOON + timedelta(hours=hours)
        told = compare(sessionmaker(system.engine), Office(), on=make.TODAY, at=at, progress=lambda _done, _total: None)
        session.expire_all()
        found = session.scalars(select(Discrepancy)).all()
        assert told == sum(row.state is not DiscrepancyState.GONE for row in found)
        return {(row.kind.value, row.holder): row for row in found}

    return run
