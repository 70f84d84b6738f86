"""What goes on: the boundaries of time, on both databases. The faults themselves are planted in ``cli.test_doctor``."""

from datetime import timedelta

import pytest

from app.core.vocabulary import JobState, MessageState
from app.models import Job, Message, Worker
from app.outbox.jobs import WORKER_TIMEOUT
from app.worker.findings import Installation, operation, services
from tests import make
from tests.pdf_text import stored_versions

SECOND = timedelta(seconds=1)


@pytest.fixture
def of(system, session) -> Installation:
    return Installation(system.settings, system.engine, make.NOON)


def codes(check, of) -> list[str]:
    return [one.code for one in check(of)]


@pytest.mark.parametrize(("ago", "found"), [(WORKER_TIMEOUT - SECOND, []), (WORKER_TIMEOUT, ["no-worker"])])
def test_a_worker_that_is_silent_for_a_minute_is_missed_though_nothing_is_due(session, of, ago, found):
    session.add(Worker(name="w", seen_at=make.NOON - ago))
    session.commit()
    assert codes(operation.worker, of) == found


def test_a_system_that_never_had_a_worker_misses_none_until_something_is_due(session, of):
    assert codes(operation.worker, of) == []
    session.add(Job(kind="x", key="k", payload={}, due_at=make.NOON - WORKER_TIMEOUT, created_at=make.NOON))
    session.commit()
    assert codes(operation.worker, of) == ["no-worker"]


@pytest.mark.parametrize(("more", "found"), [(SECOND, ["old-queue"]), (timedelta(), [])])
def test_a_job_waits_ten_minutes_at_most(session, of, more, found):
    session.add(Job(kind="x", key="k", payload={}, due_at=make.NOON - operation.QUEUE_OLD - more, created_at=make.NOON))
    session.commit()
    assert codes(operation.queue, of) == found


def test_a_batch_that_was_given_up_is_stuck_and_a_running_one_is_not(session, of):
    running = {"state": JobState.RUNNING, "lease_until": make.NOON, "token": "t"}
    dead = {"state": JobState.DEAD, "finished_at": make.NOON, "fault": "x"}
    for n, state in enumerate((running, dead)):
        at = make.NOON - timedelta(hours=1)
        session.add(Job(kind="batch", key=f"batch:{n}", payload={}, due_at=at, created_at=at, **state))
    session.commit()
    assert [(one.code, one.place) for one in operation.batches(of)] == [("stuck-batch", "1")]


def test_messages_are_missed_from_the_first_failure_on(session, of):
    later = make.NOON + timedelta(minutes=2)
    message = Message(mobile="13800000000", text="短信", due_at=make.NOON, next_try_at=later, tries=0)
    session.add(message)
    session.commit()
    assert codes(operation.unsent, of) == []
    message.tries, message.fault = 1, "HTTP Error 500"
    session.commit()
    [found] = operation.unsent(of)
    assert "HTTP Error 500. 1 wait since 2026-03-02 12:00" in found.what
    message.state, message.due_at = MessageState.FAILED, make.NOON - timedelta(days=1, seconds=1)
    session.commit()
    assert codes(operation.unsent, of) == []  # told of long ago


def test_certificates_that_were_imported_are_not_missed(session, store, of):
    stored_versions(session, store, 2, at=make.NOON - timedelta(hours=2))
    assert codes(operation.papers, of) == []
    assert not services.has_sealed(session)
