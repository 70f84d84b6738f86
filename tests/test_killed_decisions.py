"""Processes that decide are killed (SIGKILL) at random moments: no decision is lost, none is made twice, none is half made.

Every second one is a web process that answers an officer's decisions one by one; the others are workers that carry out
confirmed batches. A process is a fork of this one, with connections of its own.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import create_engine, func, select, update

from app.applications.decision_batches.records import KIND
from app.core.clock import now, office_day
from app.core.office import Office
from app.core.vocabulary import Action, Category, JobState, Role, State
from app.db.session import db
from app.eligibility.facts import of_applications
from app.models import Application, Certificate, CertificateEvent, CertificateVersion, Job, Message, PublicNotice, Step
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from tests.applications.decision_batches.steps import Officer, confirmed, proposed
from tests.workflow_fixture import Firm

PART = 4  # cases for each kill, and of a batch
LONGEST = 0.4  # seconds that a process lives: a decision takes a tenth


class Killed:
    """Cases that await approval, and processes that approve them until they are killed."""

    def __init__(self, system, app, session, officer: Officer, client, kills: int) -> None:
        self.system, self.app, self.session, self.client = system, app, session, client
        self.chance = random.Random(kills)  # noqa: S311 - to repeat it
        firm = Firm(session)
        with firm.together():
            cases = [firm.application(State.AWAITING_APPROVAL, Category.C1, exam={"passed_on": office_day(now())})
                     for _n in range(PART * kills)]  # fmt: skip
            for number, case in of_applications(session, [case.id for case in cases]).items():
                session.get_one(Application, number).snapshot = case.record()
        self.ids = [case.id for case in cases]
        half = len(self.ids) // 2
        for start in range(0, half, PART):
            batch = proposed(officer, self.ids[start : min(start + PART, half)], action=Action.APPROVE, at=now())
            confirmed(officer, batch.id, Office(batch_at_once=0), at=now())
        self.single = self.ids[half:]

    def kill(self, n: int) -> bool:
        """Start a process, kill it after a while; whether it was still at work."""
        self.session.rollback()
        if n % 2:
            open_ = select(Application.id).where(
                Application.id.in_(self.single), Application.state == State.AWAITING_APPROVAL
            )
            work = partial(self._decide, self.session.scalars(open_.order_by(Application.id)).all())
            self.session.rollback()
        else:
            work = self._work
        pid = forked(work)
        time.sleep(self.chance.uniform(0, LONGEST))
        os.kill(pid, signal.SIGKILL)
        was_at_work = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        self.session.execute(update(Job).where(Job.state == JobState.RUNNING).values(lease_until=now()))  # two minutes pass
        self.session.commit()
        return was_at_work

    def finish(self) -> None:
        """All that is left, by processes that nobody kills."""
        for _try in range(3):  # a job that lost its worker twice is due some seconds later
            self.session.execute(update(Job).where(Job.state == JobState.READY).values(due_at=now()))
            self.session.commit()
            os.waitpid(forked(self._work), 0)
        os.waitpid(forked(partial(self._decide, self.single)), 0)
        self.session.rollback()

    def _decide(self, ids: Sequence[int]) -> None:
        with self.app.app_context():
            db.engine.dispose(close=False)  # the connections are the parent's
        for number in ids:
            self.client.post(f"/cases/{number}/decide", data={"decision": Action.APPROVE.value})

    def _work(self) -> None:
        context = JobContext(create_engine(self.system.engine.url), None, None, now, chance=lambda: 0.0)
        run_due(context, {KIND: HANDLERS[KIND]}, most=len(self.ids))


def forked(work: Callable[[], None]) -> int:
    """The id of a process that does this and ends, without anything of the tests."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def faults(session, ids: Sequence[int]) -> list[str]:
    """Decisions that were lost, doubled or half made."""
    found = []
    for what, column in {
        "decided": Step.application_id,
        "issued": Certificate.id,
        "printed": CertificateVersion.application_id,
        "noted": CertificateEvent.application_id,
        "published": PublicNotice.application_id,
        "told": Message.application_id,
    }.items():
        rows = session.scalars(select(column).where(column.is_not(None))).all()
        expected = len(ids) if column is Certificate.id else set(ids)
        if len(rows) != len(ids) or (column is not Certificate.id and set(rows) != expected):
            found.append(f"{what}: {len(rows)} of {len(ids)}")
    numbers = sorted(int(number[-7:]) for number in session.scalars(select(Certificate.number)))
    if numbers != list(range(1, len(ids) + 1)):
        found.append("a number is missing or was given twice")
    states = dict(session.execute(select(Application.state, func.count()).group_by(Application.state)).all())
    if states != {State.APPROVED: len(ids)}:
        found.append(str(states))
    return found


@pytest.fixture
def killed(system, app, session, signed_in):
    """``killed(n)``: after so many kills, the faults and how many of the processes were still at work."""

    def go(kills: int) -> tuple[list[str], int]:
        officer = Officer(session, Role.APPROVER)
        run = Killed(system, app, session, officer, signed_in(officer.account, strong=True), kills)
        at_work = sum(run.kill(n) for n in range(kills))
        run.finish()
        return faults(session, run.ids), at_work

    return go


def test_killed_processes_lose_and_double_no_decision(killed):
    found, at_work = killed(12)
    assert (found, at_work >= 4) == ([], True)


@pytest.mark.proof
def test_five_hundred_kills_lose_and_double_no_decision(killed, record_property):
    found, at_work = killed(700)
    record_property("at work when killed", at_work)
    assert (found, at_work >= 500) == ([], True)
