"""``anguan clock``: whether the machine's clock is believed, and that it is right after all."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.applications.office_settings import CLOCK_DOUBT
from app.cli.app import main
from app.core.clock import now
from app.core.vocabulary import AuditAction
from app.db import audit
from app.models import Parameter
from app.outbox.jobs import heartbeat

LONG_AGO = timedelta(days=31)


@pytest.fixture
def lain(home):
    """An installation that was off for a month."""
    engine = create_engine(os.environ["DATABASE_URL"])
    with Session(engine) as session:
        audit.log(session, "somebody", AuditAction.READ, Parameter, "x", {}, at=now() - LONG_AGO)
        heartbeat(session, "w", at=now() - LONG_AGO)
        session.commit()
    yield engine
    engine.dispose()


def test_a_clock_is_doubted_until_the_operator_accepts_it(lain, capsys):
    assert main(["clock"]) == 1
    assert "anguan clock accept" in capsys.readouterr().out
    assert main(["retention"]) == main(["audit", "prune", "--before", "2020-01-01", "pyproject.toml"]) == 1
    assert capsys.readouterr().err.count("clock seems to be wrong") == 2
    assert main(["clock", "accept"]) == 0
    assert "it is believed from now on" in capsys.readouterr().out
    assert (main(["clock"]), main(["retention"])) == (0, 0)
    with Session(lain) as session:
        assert session.get(Parameter, CLOCK_DOUBT) is None
