"""A clock that jumps: nothing final is done in it, the operator is told, and what it left ahead is put right."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from app.accounts import rate_limit, sessions
from app.applications import clock_check
from app.applications.office_settings import office_of
from app.core.clock import now
from app.core.errors import ClockInDoubt, TooMany
from app.core.office import Office
from app.core.sign_in_vocabulary import ChallengeKind, SessionEndReason, SignInMethod
from app.core.vocabulary import Action, AuditAction, CertificateEventKind, JobState, MeasureState, Role, State
from app.db import audit
from app.files.folder_store import FolderStore
from app.models import (
    Application,
    AuditEntry,
    CertificateEvent,
    CertificateMeasure,
    Challenge,
    Job,
    Message,
    NightlyDone,
    Parameter,
    RateLimitCounter,
    Worker,
)
from app.outbox import jobs
from app.worker.handlers import HANDLERS
from app.worker.process import JobConsumer, queue
from app.worker.runner import JobContext, run_due
from app.workflow import carry_out
from tests import make, measures
from tests.at_once import at_once
from tests.workflow_fixture import Firm

YEAR = timedelta(days=400)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NIGHTLY_KINDS = {"nightly", "retention", "sweep"}


class Machine:
    """A worker on a machine whose clock the test sets; ``kept``: whether a time service keeps it."""

    def __init__(self, system, engine, home) -> None:
        self.system, self.engine, self.home = system, engine, home
        self.start = self.shows = now()
        self.kept = False
        self.sessions = sessionmaker(engine)
        self.boot()

    def boot(self) -> None:
        believed = {"office": Office(), "clock_confirmed": lambda _at: self.kept}
        self.context = JobContext(self.engine, None, FolderStore(self.home), lambda: self.shows, **believed)
        self.consumer = JobConsumer(queue(replace(self.system.settings, home=self.home)), self.context)

    def look(self, shows) -> None:
        """What the worker does every two seconds, and the jobs of that moment."""
        self.shows = shows
        self.consumer.poll()
        run_due(self.context, {kind: HANDLERS[kind] for kind in NIGHTLY_KINDS}, most=9)

    def recorded(self, at) -> None:
        """The last beat of another worker, and the newest line of the audit log."""
        with self.sessions.begin() as session:
            jobs.heartbeat(session, "other", at=at)
            audit.log(session, "somebody", AuditAction.READ, Parameter, "x", {}, at=at)

    def doubts(self) -> bool:
        with self.sessions() as session:
            return clock_check.stored_doubt(session) is not None


@pytest.fixture
def machine(system, session, engine, tmp_path) -> Machine:
    return Machine(system, engine, tmp_path)


def count(session, *asked) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).where(*asked))
    session.rollback()
    return found


def nights(session) -> int:
    return count(session, Job.kind == "nightly", Job.state == JobState.DONE)


def test_a_jump_and_back_leave_no_trace(session, machine, holder):
    """The attack of the issue: 400 days ahead for some hours, then back."""
    Firm(session).certificate(valid_to=(machine.start + 300 * DAY).date())
    holder(Role.ADMIN, mobile="13700000001")
    machine.recorded(machine.start)
    for hours in (0, 1, 30):  # a night passes in the wrong time
        machine.look(machine.start + YEAR + hours * HOUR)
        assert machine.doubts()
    expired = CertificateEvent.deed == CertificateEventKind.EXPIRED
    assert (count(session, expired), count(session, NightlyDone.kind == "expired"), nights(session)) == (0, 0, 0)
    [told] = session.scalars(select(Message.text))  # once
    assert "anguan clock accept" in told
    session.rollback()
    machine.look(now())
    assert (machine.doubts(), nights(session), count(session, expired)) == (False, 1, 0)


def test_a_jump_is_noticed_after_a_start_by_what_is_recorded(session, machine):
    machine.recorded(machine.start)
    for ahead in (YEAR, -YEAR):
        machine.boot()
        machine.look(machine.start + ahead)
        assert machine.doubts(), ahead
        machine.look(now())
        assert not machine.doubts(), ahead


@pytest.mark.parametrize(("hours", "kept", "doubted"), [(72, False, False), (73, False, True), (24 * 31, True, False)])
def test_a_machine_that_was_off_goes_on_within_the_tolerance_or_if_a_time_service_keeps_its_clock(
    session, machine, hours, kept, doubted
):
    machine.recorded(machine.start - hours * HOUR)
    machine.kept = kept
    machine.look(machine.start)
    assert (machine.doubts(), nights(session)) == (doubted, 0 if doubted else 1)


def test_the_tolerance_is_a_parameter(session, machine):
    row = {"name": "clock_tolerance_hours", "value": "1000", "changed_at": machine.start, "changed_by": "x"}
    session.add(Parameter(**row))
    session.commit()
    machine.recorded(machine.start - 1000 * HOUR)
    machine.look(machine.start)
    assert not machine.doubts()


def test_the_operator_accepts_a_clock_that_is_right(session, machine):
    machine.recorded(machine.start - 40 * DAY)
    machine.look(machine.start)
    assert (machine.doubts(), nights(session)) == (True, 0)
    with machine.sessions.begin() as mine:
        assert clock_check.accept(mine, by="operator", at=machine.shows)
    machine.look(now())
    assert (machine.doubts(), nights(session)) == (False, 1)
    lines = session.scalars(select(AuditEntry.actor).where(AuditEntry.row == "clock_doubt").order_by(AuditEntry.id)).all()
    assert lines == ["anguan", "operator"]
    session.rollback()
    machine.boot()
    machine.look(now())  # and it stays accepted after a start
    assert not machine.doubts()


def test_a_clock_that_differs_from_the_database_servers_is_not_believed(system, session, engine):
    at, sessions = now() + 73 * HOUR, sessionmaker(engine)
    doubt = clock_check.examine(sessions, Office(), at=at, before=now(), confirmed=lambda _at: True)
    assert (doubt is not None) is (system.kind == "postgresql")  # SQLite has no clock of its own
    assert clock_check.examine(sessions, Office(), at=now(), confirmed=lambda _at: False) is None


def test_of_two_workers_one_tells(session, engine):
    at, sessions = now(), sessionmaker(engine)
    at_once(lambda _: clock_check.examine(sessions, Office(), at=at, before=at - YEAR, confirmed=lambda _at: False), range(8))
    assert count(session, AuditEntry.row == "clock_doubt") == 1


# --- what nobody may do meanwhile --------------------------------------------------------------------


@pytest.fixture
def doubted(session) -> Office:
    at = now()
    session.add(Parameter(name="clock_doubt", value=(at - YEAR).isoformat(), changed_at=at, changed_by="x"))
    session.commit()
    return office_of(session, Office())


def test_nothing_is_decided_while_the_clock_is_in_doubt(session, doubted):
    firm = Firm(session)
    application = firm.application()
    with pytest.raises(ClockInDoubt):
        carry_out(session, [application.id], Action.SUBMIT, firm.actor(Role.ENTERPRISE_CLERK), at=make.NOON, office=doubted)
    measure = measures.propose(session, firm.certificate(valid_to=make.TODAY + YEAR))
    with pytest.raises(ClockInDoubt):
        measures.confirm(session, measure, office=doubted)
    session.rollback()
    assert session.get_one(CertificateMeasure, measure.id).state is MeasureState.PROPOSED


@pytest.fixture
def approver(signed_in, holder):
    client = signed_in(holder(Role.APPROVER))
    with client.session_transaction() as cookie:
        cookie["locale"] = "en"
    return client


def test_an_officer_reads_why_nothing_can_be_decided(session, doubted, approver):
    application = Firm(session).application(State.AWAITING_APPROVAL)
    session.commit()
    for path, data in ((f"/cases/{application.id}/decide", {"decision": "approve"}), ("/work/", None)):
        text = (approver.post(path, data=data) if data else approver.get(path)).text
        assert "clock" in text.partition("<main")[2], path
    session.rollback()
    assert session.get_one(Application, application.id, populate_existing=True).state is State.AWAITING_APPROVAL


# --- what a wrong clock left ahead --------------------------------------------------------------------


def test_a_lock_made_while_the_clock_was_ahead_ends_with_it(session, engine):
    at, rest = now(), timedelta(minutes=15)
    rate_limit.attempt(engine, "sign-in:x", limit=1, rest=rest, at=at + YEAR)
    with pytest.raises(TooMany):
        rate_limit.attempt(engine, "sign-in:x", limit=1, rest=rest, at=at + YEAR)
    rate_limit.attempt(engine, "sign-in:x", limit=1, rest=rest, at=at)  # no refusal
    with pytest.raises(TooMany):
        rate_limit.attempt(engine, "sign-in:x", limit=1, rest=rest, at=at + rest - timedelta(seconds=1))
    rate_limit.attempt(engine, "sign-in:x", limit=1, rest=rest, at=at + rest)


def test_a_session_begun_while_the_clock_was_ahead_ends_with_it(session, holder):
    at = now()
    key, _replaced = sessions.begin(
        session, holder(Role.VIEWER), SignInMethod.PASSWORD, at=at + YEAR, office=Office(), address="", agent=""
    )
    begun = sessions.session_of(session, key)
    assert sessions.end_reason(begun, Office(), at=at + YEAR) is None
    assert sessions.end_reason(begun, Office(), at=at) is SessionEndReason.TOO_OLD


def test_what_was_written_ahead_is_put_right_when_the_clock_is_believed_again(session, engine, machine):
    machine.look(machine.start)
    machine.look(machine.start + YEAR)
    ahead = machine.shows
    rate_limit.attempt(engine, "sign-in:x", limit=1, rest=DAY, at=ahead)
    with machine.sessions.begin() as mine:
        jobs.enqueue(mine, "checks", "lies ahead", {}, at=ahead)
        code = {"kind": ChallengeKind.SMS_RESET, "state": "new", "browser": "b", "nonce": "", "mark": "", "tries": 0}
        mine.add(Challenge(id="0" * 32, **code, address="", made_at=ahead, expires_at=ahead + HOUR))
    machine.look(now())
    assert not machine.doubts()
    late = machine.shows + 2 * DAY
    assert count(session, RateLimitCounter.window > int(late.timestamp())) == 0
    assert count(session, Job.due_at > late) == count(session, Message.due_at > late) == 0
    assert count(session, Challenge.made_at > late) == count(session, Worker.seen_at > late) == 0
