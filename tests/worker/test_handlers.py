"""Jobs: enqueued with their transaction, run once, safe to run twice, never lost."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import models
from app.accounts import rate_limit, sessions
from app.accounts.interrupted_forms import SentForm, keep
from app.accounts.pki import bindings, trust, verify
from app.applications import legacy_import, sheet_imports
from app.backup.last_backup import last_backup
from app.certificates.pdf import render_jobs
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.discrepancy_vocabulary import DiscrepancyKind
from app.core.errors import NotAllowed, NotFound
from app.core.office import Office
from app.core.sign_in_vocabulary import SessionEndReason, SignInMethod
from app.core.vocabulary import (
    Action,
    AuditAction,
    ChainFault,
    CheckResult,
    ImportKind,
    ImportPhase,
    JobState,
    MessageState,
    Role,
    State,
)
from app.db.audit import checkpoints
from app.files.folder_store import FolderStore
from app.files.spreadsheets import write
from app.outbox import jobs
from app.outbox.jobs import LEASE, MAX_ATTEMPTS, RETENTION, WORKER_LOST, LeaseLost, claim, due_jobs, enqueue, release_lost
from app.outbox.sms import queue_messages
from app.outbox.sms_texts import OutgoingMessage
from app.worker import handlers, process, runner, schedule
from app.worker.findings import SystemFinding
from app.worker.providers import Operators
from app.worker.runner import JobContext, retry, run_due, run_one
from app.worker.schedule import enqueue_due
from app.workflow import carry_out
from tests import make
from tests.applications.decision_batches.steps import Officer, confirmed, proposed
from tests.at_once import at_once
from tests.backup.conftest import PG_BIN, PUBLIC
from tests.backup.test_making import with_files
from tests.certs import issued
from tests.pdf_text import stored_versions
from tests.raw_sql import tampering
from tests.seals import embedded
from tests.workflow_fixture import Firm

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class Clock:
    """A clock set by the test."""

    at: datetime = make.NOON

    def __call__(self) -> datetime:
        return self.at


@dataclass
class FakeGateway:
    sent_ids: list[int] = field(default_factory=list)
    fails: int = 0
    lock: Lock = field(default_factory=Lock)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        assert mobile
        assert text
        with self.lock:
            if self.fails:
                self.fails -= 1
                raise ConnectionError("no route")
            self.sent_ids.append(message_id)
        return f"p-{message_id}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(system, session, clock, gateway, tmp_path) -> JobContext:
    return JobContext(
        system.engine,
        gateway,
        FolderStore(tmp_path / "blobs"),
        clock,
        chance=lambda: 1.0,
        seal=EmbeddedSeal(system.settings.seals),
    )


@pytest.fixture
def add_job(session):
    """``add_job()`` stores a job of kind "test"; returns its id."""

    def one(key: str = "k", kind: str = "test", **given) -> int:
        assert enqueue(session, kind, key, {"n": 1}, at=make.NOON, **given)
        job_id = session.scalar(select(models.Job.id).where(models.Job.key == key))
        session.commit()
        return job_id

    return one


@pytest.fixture
def stored_job(context):
    """``stored_job()`` reads the only job."""

    def look() -> models.Job:
        with context.sessions() as session:
            return session.scalars(select(models.Job)).one()

    return look


def succeed(_run) -> None:
    """A handler that does nothing."""


def fail(_run) -> None:
    raise ValueError("no good\nparameters: 13812345678")


def test_a_job_is_rolled_back_with_its_transaction(session):
    session.add(make.enterprise())
    assert enqueue(session, "test", "k", {}, at=make.NOON)
    session.rollback()
    assert session.scalar(select(func.count(models.Job.id))) == 0


def test_the_same_key_enqueues_no_second_job(session, add_job, context):
    add_job()
    assert not enqueue(session, "test", "k", {"n": 2}, at=make.NOON)
    session.commit()
    run_due(context, {"test": succeed}, most=9)
    assert not enqueue(session, "test", "k", {"n": 3}, at=make.NOON + HOUR)
    assert session.scalar(select(func.count(models.Job.id))) == 1


def test_the_payload_is_stored_encrypted(session):
    enqueue(session, "test", "k", {"mobile": "13812345678"}, at=make.NOON)
    assert b"13812345678" not in bytes(session.execute(text("SELECT payload FROM job")).scalar_one())


IMPOSSIBLE = [
    {"state": "running"}, {"state": "done"}, {"state": "dead", "finished_at": make.NOON}, {"finished_at": make.NOON},
    {"token": "x"}, {"lease_until": make.NOON, "token": "x"}, {"state": "asleep"}, {"done": 2, "total": 1},
    {"attempts": -1},
]  # fmt: skip


@pytest.mark.parametrize("values", IMPOSSIBLE, ids=str)
def test_the_table_refuses_inconsistent_jobs(session, add_job, values):
    job_id = add_job()
    with pytest.raises(IntegrityError):
        session.execute(update(models.Job).where(models.Job.id == job_id).values(**values))
    session.rollback()


def test_a_job_runs_once_with_its_payload(add_job, context, stored_job):
    seen = []
    add_job()
    assert run_due(context, {"test": lambda run: seen.append(run.payload)}, most=9) == [JobState.DONE]
    assert run_due(context, {"test": lambda run: seen.append(run.payload)}, most=9) == []
    assert seen == [{"n": 1}]
    assert (stored_job().state, stored_job().finished_at, stored_job().attempts) == (JobState.DONE, make.NOON, 1)


def test_jobs_not_yet_due_wait_and_the_oldest_runs_first(session, add_job, context):
    done = []
    late, second, first = (add_job(str(wait), due_at=make.NOON + wait) for wait in (HOUR, -MINUTE, -HOUR))
    run_due(context, {"test": lambda run: done.append(run.lease.id)}, most=9)
    assert done == [first, second]
    assert due_jobs(session, at=make.NOON + HOUR, most=9) == [late]


def test_a_call_runs_at_most_its_limit(add_job, context):
    for n in range(3):
        add_job(f"k{n}")
    assert len(run_due(context, {"test": succeed}, most=2)) == 2


def test_a_job_without_a_handler_here_is_left_to_other_workers(add_job, context, stored_job):
    add_job()
    assert run_due(context, {"other": fail}, most=9) == []
    assert (stored_job().state, stored_job().attempts) == (JobState.READY, 0)


def test_concurrent_workers_claim_each_job_once(add_job, context):
    done = []
    asked = [add_job(f"k{n}") for n in range(40)]

    def work(_n: int) -> None:
        run_due(context, {"test": lambda run: done.append(run.lease.id)}, most=40)

    at_once(work, range(4))
    assert sorted(done) == asked


def test_threads_told_of_the_same_job_run_it_once(add_job, context):
    job_id, done = add_job(), []

    def work(_n: int) -> JobState | None:
        return run_one(context, {"test": lambda run: done.append(run.payload["n"])}, job_id)

    ends = at_once(work, range(6))
    assert done == [1]
    assert ends.count(JobState.DONE) == 1
    assert ends.count(None) == 5


def test_no_transaction_is_open_while_a_handler_works(session, add_job, context, system):
    add_job()
    session.close()
    open_before, seen = system.engine.pool.checkedout(), []
    run_due(context, {"test": lambda _run: seen.append(system.engine.pool.checkedout())}, most=1)
    assert seen == [open_before]


def test_a_job_that_fails_waits_longer_each_time_and_is_given_up_after_the_last(add_job, context, stored_job, clock):
    add_job()
    waits = []
    for _attempt in range(MAX_ATTEMPTS):
        (became,) = run_due(context, {"test": fail}, most=1)
        if became is JobState.READY:
            waits.append((stored_job().due_at - clock.at).total_seconds())
            clock.at = stored_job().due_at
    assert waits == [2, 4, 8, 16, 32, 64, 128]
    assert (stored_job().state, stored_job().fault) == (JobState.DEAD, "ValueError: no good")
    clock.at += DAY
    assert run_due(context, {"test": fail}, most=1) == []


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 1), (0.5, 1.5)])
def test_chance_spreads_second_attempts_over_the_second_half_of_the_wait(add_job, context, stored_job, chance, seconds):
    add_job()
    run_due(replace(context, chance=lambda: chance), {"test": fail}, most=1)
    assert (stored_job().due_at - make.NOON).total_seconds() == seconds


def test_a_failed_job_does_not_stop_the_next(add_job, context):
    add_job("bad", kind="bad")
    add_job("good")
    assert run_due(context, {"bad": fail, "test": succeed}, most=2) == [JobState.READY, JobState.DONE]


class Killed(BaseException):
    """Stands for a killed worker: nothing after it runs."""


def die(_run) -> None:
    raise Killed


def test_a_job_whose_worker_was_killed_runs_again_after_its_lease(add_job, context, stored_job, clock):
    add_job()
    with pytest.raises(Killed):
        run_due(context, {"test": die}, most=1)
    clock.at += LEASE - timedelta(seconds=1)
    assert run_due(context, {"test": succeed}, most=1) == []
    clock.at += timedelta(seconds=1)
    assert run_due(context, {"test": succeed}, most=1) == [JobState.DONE]
    assert stored_job().attempts == 2


def lose_worker(context, clock, handler, kind: str = "test") -> None:
    """Run a job whose handler is killed, and wait until it is due again."""
    with pytest.raises(Killed):
        run_due(context, {kind: handler}, most=1)
    clock.at += LEASE
    with context.sessions.begin() as session:
        release_lost(session, at=clock.at, chance=context.chance)
        clock.at = max(clock.at, session.scalars(select(func.min(models.Job.due_at))).one())


def test_a_job_that_kills_every_worker_is_dead(add_job, context, stored_job, clock):
    add_job()
    for _attempt in range(MAX_ATTEMPTS):
        lose_worker(context, clock, die)
    assert run_due(context, {"test": die}, most=1) == []
    assert (stored_job().state, stored_job().fault) == (JobState.DEAD, WORKER_LOST)


def test_after_the_second_lost_worker_in_a_row_a_job_waits(add_job, context, stored_job, clock):
    add_job()
    lose_worker(context, clock, die)
    assert (stored_job().fault, stored_job().due_at) == (WORKER_LOST, clock.at)
    before = clock.at + LEASE
    lose_worker(context, clock, die)
    assert (stored_job().due_at - before).total_seconds() == 4


def further(done: int):
    """A handler that does one more of a thousand than ``done``, and is killed."""

    def handler(run) -> None:
        run.progress(done + 1, 1000)
        raise Killed

    return handler


def test_kills_between_which_a_job_gets_further_use_up_no_attempt(add_job, context, stored_job, clock):
    add_job()
    for done in range(3 * MAX_ATTEMPTS):
        lose_worker(context, clock, further(done))
    assert run_due(context, {"test": succeed}, most=1) == [JobState.DONE]


def test_doing_the_same_part_again_is_no_progress(add_job, context, stored_job, clock):
    add_job()
    for _attempt in range(MAX_ATTEMPTS):
        lose_worker(context, clock, further(7))
    assert (stored_job().state, stored_job().attempts, stored_job().furthest) == (JobState.DEAD, MAX_ATTEMPTS, 8)


def test_a_handler_that_fails_is_given_up_at_last_although_it_made_progress_once(add_job, context, stored_job, clock):
    def stuck(run) -> None:
        run.progress(3, 5)
        raise ValueError("no good")

    add_job()
    states = []
    while not states or states[-1] is JobState.READY:
        states += run_due(context, {"test": stuck}, most=1)
        clock.at = stored_job().due_at
    assert states == [JobState.READY] * (MAX_ATTEMPTS - 1) + [JobState.DEAD]


def test_a_job_that_outruns_its_lease_twice_is_taken_for_hung(add_job, context, clock):
    seen = []

    def slow(run) -> None:
        for passed in (LEASE, LEASE, timedelta(seconds=1)):
            clock.at += passed
            seen.append(runner.hung(context))

    add_job()
    run_due(context, {"test": slow}, most=1)
    assert seen == [False, False, True]
    assert not runner.hung(context)


def test_progress_shows_that_a_job_does_not_hang(add_job, context, clock):
    def long(run) -> None:
        for n in range(5):
            clock.at += LEASE
            run.progress(n + 1)
            assert not runner.hung(context)

    add_job()
    assert run_due(context, {"test": long}, most=1) == [JobState.DONE]


def test_a_long_job_that_reports_progress_keeps_its_lease(add_job, context, stored_job, clock):
    def long(run) -> None:
        for n in range(5):
            clock.at += LEASE - timedelta(seconds=1)
            assert run_due(context, {"test": fail}, most=1) == []
            run.progress(n + 1, 5)

    add_job()
    assert run_due(context, {"test": long}, most=1) == [JobState.DONE]
    assert stored_job().progress == "5 / 5"


def test_a_handler_that_lost_its_lease_writes_nothing(add_job, context, stored_job, clock):
    def slow(run) -> None:
        clock.at += LEASE
        assert run_due(context, {"test": succeed}, most=1) == [JobState.DONE]
        with pytest.raises(LeaseLost):
            run.progress(1)
        run.progress(2)

    add_job()
    assert run_due(context, {"test": slow}, most=1) == [None]
    assert (stored_job().state, stored_job().done) == (JobState.DONE, 0)


def test_a_result_that_comes_after_the_lease_was_lost_is_not_written(add_job, context, stored_job, clock, session):
    def late(run) -> None:
        clock.at += LEASE
        with context.sessions.begin() as other:
            release_lost(other, at=clock.at, chance=context.chance)
            assert claim(other, {"test": 1}, at=clock.at) is not None

    add_job()
    assert run_due(context, {"test": late}, most=1) == [None]
    assert stored_job().state is JobState.RUNNING


@pytest.fixture
def dead(session, add_job, context) -> int:
    job_id = add_job()
    given_up = {"state": JobState.DEAD, "finished_at": make.NOON, "fault": "worker lost", "attempts": MAX_ATTEMPTS}
    session.execute(update(models.Job).where(models.Job.id == job_id).values(**given_up))
    session.commit()
    return job_id


def test_a_dead_job_is_retried_and_the_audit_log_names_the_administrator(session, dead, context):
    retry(session, dead, make.officer(Role.ADMIN), at=make.NOON)
    session.commit()
    assert run_due(context, {"test": succeed}, most=1) == [JobState.DONE]
    assert session.scalars(select(models.AuditEntry).where(models.AuditEntry.table == "job")).one().actor == "工作人员"


def test_only_an_administrator_may_retry_and_only_dead_jobs(session, dead, add_job):
    with pytest.raises(NotAllowed):
        retry(session, dead, make.officer(Role.APPROVER), at=make.NOON)
    for job_id in (add_job("alive"), 999):
        with pytest.raises(NotFound):
            retry(session, job_id, make.officer(Role.ADMIN), at=make.NOON)


@pytest.mark.usefixtures("entries")
def test_ten_concurrent_schedulers_enqueue_one_job_per_period(session, context):
    queue_messages(session, [OutgoingMessage("13812345678", "字")], at=make.NOON)
    session.commit()

    def one(_n: int) -> int:
        with context.sessions.begin() as own:
            return enqueue_due(own, at=make.NOON)

    assert sum(at_once(one, range(10))) == 8  # messages, watch, checkpoint and five nightly jobs
    assert set(session.scalars(select(models.Job.key))) == {
        *("messages:2026-03-02T04:00", "watch:2026-03-02T04:00", "checkpoint:2026-03-02T04"),
        *("sweep:2026-03-02", "nightly:2026-03-02", "diary:2026-03-02", "retention:2026-03-02"),
        "statistics:2026-03-02",
    }


@pytest.mark.usefixtures("entries")
def test_without_a_due_message_no_message_job_is_enqueued(session):
    enqueue_due(session, at=make.NOON)
    nightly = {"sweep", "nightly", "diary", "retention", "statistics"}
    assert set(session.scalars(select(models.Job.kind))) == {"checkpoint", "watch", *nightly}


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        ("2026-03-01T17:59:59+00:00", "sweep:2026-03-01"),
        ("2026-03-01T18:00:00+00:00", "sweep:2026-03-02"),
        ("2026-03-02T17:59:59+00:00", "sweep:2026-03-02"),
    ],
)
def test_the_night_begins_at_two_in_the_morning_of_the_office(session, moment, key):
    enqueue_due(session, at=datetime.fromisoformat(moment))
    assert key in set(session.scalars(select(models.Job.key)))


def twice(session: Session, context: JobContext, kind: str, payload=None) -> Iterator[None]:
    """Run the handler, kill its worker before the job is marked done, run it again. Yields after each run."""
    enqueue(session, kind, "k", payload or {}, at=context.now())
    session.commit()
    handler = handlers.HANDLERS[kind]

    def dies_after_the_work(run) -> None:
        handler(run)
        raise Killed

    with pytest.raises(Killed):
        run_due(context, {kind: dies_after_the_work}, most=1)
    yield
    context.now.at += LEASE
    assert run_due(context, handlers.HANDLERS, most=1) == [JobState.DONE]
    yield


def old_sheet(session: Session, context: JobContext, kind: ImportKind, **cells) -> int:
    """An uploaded sheet of the old system, not yet checked."""
    data, admin = write(legacy_import.COLUMNS[kind], [cells], sheet_title="x"), make.officer(Role.ADMIN)
    stored = sheet_imports.keep(context.store, data, "x.xlsx")
    course = sheet_imports.receive(session, kind, stored, admin, at=make.NOON, office=Office())
    session.commit()
    return course.id


def read_row(session: Session, *columns) -> tuple:
    found = tuple(session.execute(select(*columns)).one())
    session.rollback()
    return found


PASS = {"name": "李雷", "category": "C1", "passed_on": "2025-10-01"}


def test_run_twice_legacy_check__a_sheet_is_checked_once(session, context):
    number = old_sheet(session, context, ImportKind.PASSES, id_number=make.id_number(), **PASS)
    for _time in twice(session, context, "legacy_check", {"import": number, "locale": "zh"}):
        assert read_row(session, models.SheetImport.phase, models.SheetImport.total) == (ImportPhase.CHECKED, 1)


def test_run_twice_legacy_import__a_row_is_imported_once(session, context):
    number = old_sheet(session, context, ImportKind.PASSES, id_number=make.id_number(), **PASS)
    sheet_imports.check(
        sheet_imports.ImportContext(context.sessions, context.store, lambda *_: None, Office()), number, at=make.NOON
    )
    digest = f"{read_row(session, models.SheetImport.sha256)[0]}:0"
    sheet_imports.confirm(session, number, digest, make.officer(Role.ADMIN), at=make.NOON)
    for _time in twice(session, context, "legacy_import", {"import": number, "locale": "zh"}):
        assert read_row(session, func.count(models.ExamPass.id)) == (1,)
        assert read_row(session, models.SheetImport.phase, models.SheetImport.done) == (ImportPhase.DONE, 1)


def test_run_twice_legacy_undo__an_import_is_undone_once(session, context):
    number = old_sheet(session, context, ImportKind.PASSES, id_number=make.id_number(), **PASS)
    means = sheet_imports.ImportContext(context.sessions, context.store, lambda *_: None, Office())
    sheet_imports.check(means, number, at=make.NOON)
    digest, admin = f"{read_row(session, models.SheetImport.sha256)[0]}:0", make.officer(Role.ADMIN)
    sheet_imports.confirm(session, number, digest, admin, at=make.NOON)
    session.commit()
    sheet_imports.take_over(means, number, at=make.NOON)
    sheet_imports.ask_undo(session, number, admin, at=make.NOON)
    for _time in twice(session, context, "legacy_undo", {"import": number, "locale": "zh"}):
        assert read_row(session, func.count(models.ExamPass.id)) == (0,)
        assert read_row(session, models.SheetImport.phase) == (ImportPhase.UNDONE,)


def test_run_twice_reconcile__each_discrepancy_is_found_once(session, context):
    session.add(make.certificate(make.person(make.enterprise()), valid_to=make.TODAY.replace(year=2040)))
    session.commit()
    for _time in twice(session, context, "reconcile"):
        assert read_row(session, models.Discrepancy.kind, models.Discrepancy.revision) == (DiscrepancyKind.TERM, 0)


def test_run_twice_legacy_passwords__the_first_sheet_is_the_one_that_counts(session, context, app):
    number = old_sheet(session, context, ImportKind.ACCOUNTS, enterprise="湘江公司", uscc=make.uscc())
    means = sheet_imports.ImportContext(context.sessions, context.store, lambda *_: None, Office())
    sheet_imports.check(means, number, at=make.NOON)
    sheet_imports.confirm(
        session, number, f"{read_row(session, models.SheetImport.sha256)[0]}:0", make.officer(Role.ADMIN), at=make.NOON
    )
    session.commit()
    sheet_imports.take_over(means, number, at=make.NOON)
    words = iter([("Word", "hash"), ("Other", "another")])
    busy = replace(context, fresh_password=lambda: next(words))
    payload = {"import": number, "locale": "zh", "asked_at": make.NOON.isoformat()}
    for _time in twice(session, busy, "legacy_passwords", payload):
        assert read_row(session, models.Account.password) == ("hash",)


def test_run_twice_revocations__sessions_of_newly_revoked_certificates_end_once(session, context, tmp_path, holder):
    root = issued("根", ca=True)
    key, account = issued("张三", by=root), holder(Role.REVIEWER)
    trust.pin(tmp_path, root.chain[0])
    believed = trust.load_trust(tmp_path, required=False)
    bindings.bind(session, account.id, verify.check_chain(key.chain, believed, at=make.NOON), by="x", at=make.NOON)
    sessions.begin(session, account, SignInMethod.CERTIFICATE, at=make.NOON, office=Office(), address="", agent="")
    session.commit()

    def away() -> bytes:
        raise OSError

    busy = replace(context, ukeys=tmp_path, revocation_lists={"a": lambda: root.crl(key.serial)})
    for _time in twice(session, busy, "revocations"):
        assert read_row(session, models.UserSession.ended_why) == (SessionEndReason.REVOKED,)
    both = replace(busy, revocation_lists={"b": away, "c": lambda: b"junk", "a": lambda: root.crl(key.serial, 7, number=2)})
    enqueue(session, "revocations", "again", {}, at=context.now())
    session.commit()
    assert run_due(both, handlers.HANDLERS, most=1) == [JobState.READY]  # to be retried for the failed lists
    (listed,) = trust.load_trust(tmp_path, required=True).lists.values()
    assert listed.get_revoked_certificate_by_serial_number(7)


def test_run_twice_backup__each_run_stores_only_what_is_new(session, context, system, tmp_path):
    place = tmp_path / "backups"
    settings = replace(system.settings, backup_place=place, backup_keys=(PUBLIC,), pg_bin=PG_BIN)
    with_files(session, FolderStore(settings.blobs), "one")
    maker = process.backup_maker(settings, system.engine)
    busy, made = replace(context, back_up=maker), list[str]()
    for _time in twice(session, busy, "backup"):
        session.rollback()
        made.append(last_backup(session).name)
        session.rollback()
    assert len(list(place.glob("objects/??/??/*"))) == 1
    stored = read_row(session, models.Job.result)
    assert stored == ({"files": 1, "missing": 0},)
    assert process.backup_maker(replace(settings, backup_place=None), system.engine) is None
    enqueue(session, "backup", "another machine's", {}, at=context.now())
    session.commit()
    assert run_due(context, handlers.HANDLERS, most=1) == [JobState.READY]  # a machine without a place has not made it


def test_a_backup_is_due_once_a_period_which_begins_at_one_at_night():
    one_at_night = datetime(2026, 3, 1, 17, tzinfo=UTC)
    keys = [handlers.backup_key(one_at_night + n * HOUR, 24) for n in (-1, 0, 23, 24)]
    assert keys[0] != keys[1] == keys[2] != keys[3]
    assert len({handlers.backup_key(one_at_night + n * HOUR, 6) for n in range(24)}) == 4


def test_run_twice_letters__a_letter_has_one_number_and_one_file(session, context):
    case = Firm(session).application(State.AWAITING_ACCEPTANCE)
    acting = {"at": make.NOON, "office": Office()}
    carry_out(session, [case.id], Action.DECLINE, make.officer(Role.ACCEPTANCE_OFFICER), reason=make.REASON, **acting)
    session.execute(delete(models.Job))
    session.commit()
    payload, first = {"applications": [case.id], "at": make.NOON.isoformat()}, None
    for _time in twice(session, context, "letters", payload):
        found = read_row(session, models.Letter.number, models.Letter.digest)
        assert found == (first or found)
        first = found
    assert first
    assert context.store.has(first[1])


def test_run_twice_batch__each_case_is_decided_once(session, context, app):  # ``app`` has made the roles
    officer = Officer(session, Role.ACCEPTANCE_OFFICER)
    case = officer.case()
    batch_id = confirmed(officer, proposed(officer, [case]).id, Office(batch_at_once=0)).id
    session.execute(delete(models.Job))
    session.commit()
    for _time in twice(session, context, "batch", {"batch": batch_id, "locale": "zh"}):
        assert officer.state(case) is State.AWAITING_REVIEW
        assert session.scalar(select(func.count(models.Step.id)).where(models.Step.action == Action.ACCEPT)) == 1
        session.rollback()


def test_run_twice_checks__the_result_for_the_filter_is_stored(session, context):
    Firm(session).application(State.AWAITING_ACCEPTANCE)
    session.commit()
    for _time in twice(session, context, "checks", {}):
        found = read_row(session, models.Application.check_result, models.Application.checked_at)
        assert found == (CheckResult.PASSES, make.NOON)


def test_run_twice_watch__each_finding_is_told_once_by_text_and_webhook(session, context):
    told, found = [], [SystemFinding("scanner-away", "tcp://x:1")]

    @dataclass(frozen=True)
    class Telling(Operators):
        def call(self, record) -> None:
            told.append((record["event"], record["what"]))

    operators = Telling(("13800000001",), "https://alerts.example")
    watching = replace(context, examine=lambda _at: found, operators=operators)
    for _time in twice(session, watching, "watch"):
        assert told == [("began", "ClamAV does not answer at tcp://x:1: every upload is refused.")]
        assert read_row(session, func.count(models.Message.id)) == (1,)
    found.clear()
    enqueue(session, "watch", "later", {}, at=watching.now())
    session.commit()
    assert run_due(watching, handlers.HANDLERS, most=1) == [JobState.DONE]
    assert [event for event, _what in told] == ["began", "ended"]
    assert read_row(session, func.count(models.OpenFinding.code)) == (0,)


@pytest.mark.parametrize("payload", [{}, {"months": ["2026-03-01"]}], ids=["by night", "asked for"])
def test_run_twice_statistics__a_month_is_counted_once(session, context, payload):
    case = make.application(make.person(make.enterprise()), State.AWAITING_ACCEPTANCE)
    session.add(models.Step(application=case, round=1, action=Action.SUBMIT, source=State.DRAFT, actor="x",
                            target=State.AWAITING_ACCEPTANCE, at=make.NOON))  # fmt: skip
    session.commit()
    for _run in twice(session, context, "statistics", payload):
        rows = session.execute(select(models.StatisticsCount.indicator, models.StatisticsCount.count)).all()
        assert {indicator.value: count for indicator, count in rows} == {"filed": 1, "backlog": 1}
        session.rollback()


def test_every_handler_is_run_twice_here():
    ours = {name.removeprefix("test_run_twice_").split("__")[0] for name in globals() if name.startswith("test_run_twice_")}
    assert ours == set(handlers.HANDLERS) == set(handlers.KIND_LABELS)
    assert set(schedule.SCHEDULES) <= set(handlers.HANDLERS)


def test_run_twice_seal__an_unsealed_certificate_is_sealed_once_possible(session, context, clock, tmp_path):
    (version_id,) = stored_versions(session, context.store, 1)
    away = replace(context, seal=EmbeddedSeal(tmp_path / "away"))
    render_jobs.enqueue_versions(session, [version_id], at=clock())
    session.commit()
    for _n in range(MAX_ATTEMPTS):
        run_due(away, handlers.HANDLERS, most=9)
        clock.at += HOUR
    assert render_jobs.waiting_for_seal(session) == [version_id]
    assert "seal" in schedule.due_schedules(session, at=clock())
    session.rollback()
    handlers.render_unsealed(
        runner.JobRun(jobs.JobLease(0, "seal", {}, "", 1), away)
    )  # still unavailable: nothing is enqueued
    assert not due_jobs(session, at=clock(), most=9)
    session.rollback()
    there = replace(context, seal=embedded(tmp_path / "seal"))
    for _time in twice(session, there, "seal"):
        run_due(there, {render_jobs.KIND: handlers.HANDLERS[render_jobs.KIND]}, most=9)
    assert not render_jobs.waiting_for_seal(session)
    assert context.store.has(session.get_one(models.CertificateVersion, version_id).digest)


def test_run_twice_messages__each_is_sent_once(session, context, gateway):
    queue_messages(session, [OutgoingMessage("13812345678", f"第{n}条") for n in range(25)], at=make.NOON)
    owed = session.scalars(select(models.Message.id).order_by(models.Message.id)).all()
    for _time in twice(session, context, "messages"):
        assert sorted(gateway.sent_ids) == owed
    session.expire_all()
    assert set(session.scalars(select(models.Message.state))) == {MessageState.SENT}


def test_run_twice_papers__each_is_rendered_once(session, context):
    ids = stored_versions(session, context.store, 3)
    digests = []
    for _time in twice(session, context, "papers", {"versions": ids}):
        digests.append(session.scalars(select(models.CertificateVersion.digest).order_by(models.CertificateVersion.id)).all())
        session.rollback()
    assert digests[0] == digests[1]
    assert len({*digests[0]}) == 3


def test_run_twice_bundle__renders_what_is_missing_once(session, context):
    ids = stored_versions(session, context.store, 2)
    for _time in twice(session, context, "bundle", {"versions": ids, "for": [1, None, "43"]}):
        assert session.scalar(select(func.count(models.CertificateVersion.digest))) == 2
        session.rollback()


@pytest.fixture
def left_over(session, context, system):
    """An old stored file of a scan that waited too long, one with a row, a new one without; old counters, form, messages."""
    known, orphan, fresh = (context.store.put(what) for what in (b"known", b"orphan", b"fresh"))
    for digest in (known, orphan):
        os.utime(context.store.path(digest), (0, 0))
    owner = make.person(make.enterprise())
    session.add(owner)
    session.flush()
    paper = make.paper(person_id=owner.id)
    paper.digest = known
    session.add(paper)
    account = make.plain_account(session)
    session.flush()
    session.add(make.waiting_scan(account, owner, digest=orphan, received_at=make.NOON - 4 * DAY))
    session.add_all([make.notification(account, text=f"{days}", at=make.NOON - days * DAY) for days in (181, 179)])
    keep(session, account.id, "/people/add", SentForm([("name", "李雷")], 0), at=make.NOON - DAY)
    session.commit()
    rate_limit.hit(system.engine, "x:1", limit=9, seconds=60, at=make.NOON - 2 * DAY)
    return known, orphan, fresh


def test_run_twice_sweep__removes_only_what_is_unused(session, context, left_over, clock):
    known, orphan, fresh = left_over
    os.utime(context.store.path(fresh), (clock.at.timestamp(), clock.at.timestamp()))
    for _time in twice(session, context, "sweep"):
        assert [context.store.has(digest) for digest in (known, orphan, fresh)] == [True, False, True]
        assert session.scalar(select(func.count(models.RateLimitCounter.key))) == 0
        assert session.scalar(select(func.count(models.InterruptedForm.id))) == 0
        assert session.scalar(select(func.count(models.WaitingScan.id))) == 0
        assert session.scalars(select(models.Notification.text)).all() == ["179"]
        session.rollback()


def test_run_twice_nightly__reminds_once_and_reports_the_same_result(session, context):
    person = make.person(make.enterprise(contact_mobile="13900000001"))
    session.add_all([make.certificate(person, valid_to=make.TODAY + n * DAY) for n in (-1, 20)])
    session.commit()
    for _time in twice(session, context, "nightly"):
        assert session.scalar(select(func.count(models.Message.id))) == 1
        assert session.scalar(select(func.count(models.CertificateEvent.id))) == 1
        results = session.scalars(select(models.Job.result)).all()
        assert all(
            result == {"expired": 1, "suspensions": 0, "expiring": 1, "unsent": 0, "corrections": 0, "deadlines": 0}
            for result in results
        )
        session.rollback()


def test_run_twice_retention__removes_once(session, context, clock):
    owner = make.person(make.enterprise())
    session.add(owner)
    session.flush()
    paper = make.paper(person_id=owner.id)
    paper.replaced_at, paper.digest = make.NOON, context.store.put(b"old")
    os.utime(context.store.path(paper.digest), (0, 0))
    session.add(paper)
    session.commit()
    clock.at += 366 * DAY
    for _time in twice(session, context, "retention"):
        assert not context.store.has(paper.digest)
        assert (
            session.scalar(select(func.count(models.AuditEntry.id)).where(models.AuditEntry.deed == AuditAction.DELETE)) == 1
        )
        session.rollback()


@pytest.mark.usefixtures("entries")
def test_run_twice_checkpoint__signs_once_and_publishes_once(session, context, tmp_path):
    outside = replace(context, checkpoints_file=tmp_path / "heads.jsonl")
    for _time in twice(session, outside, "checkpoint"):
        written = checkpoints.read_published(outside.checkpoints_file)
        assert [one.genuine for one in written] == [True]
        assert session.scalars(select(models.AuditCheckpoint.seq)).all() == [written[0].seq]
        session.rollback()
    assert (outside.checkpoints_file.stat().st_mode & 0o777) == 0o600
    assert not checkpoints.has_uncovered_entries(session)


@pytest.mark.usefixtures("entries")
def test_run_twice_diary__reports_the_same_of_the_same_chain(session, context, system):
    for _time in twice(session, context, "diary"):
        lines = session.scalar(select(func.count(models.AuditEntry.id)))
        results = session.scalars(select(models.Job.result)).all()
        assert all(result == {"lines": lines, "broken": 0} for result in results)
        assert set(session.scalars(select(models.AuditInspection.fault))) == {None}
        session.rollback()
    with tampering(system) as connection:
        connection.execute(text("UPDATE entry SET actor = 'x' WHERE id = 2"))
    enqueue(session, "diary", "again", {}, at=make.NOON)
    session.commit()
    run_due(context, handlers.HANDLERS, most=1)
    assert session.scalars(select(models.Job).where(models.Job.key == "again")).one().result == {"lines": 1, "broken": 1}
    found = session.scalars(select(models.AuditInspection).order_by(models.AuditInspection.id.desc())).first()
    assert (found.fault, found.seq, found.entry_id) == (ChainFault.CHANGED, 2, 2)


def test_finished_jobs_are_deleted_and_dead_ones_are_not(session, context, add_job, dead, clock):
    add_job("finished")
    run_due(context, {"test": succeed}, most=1)
    session.add(models.Worker(name="gone", seen_at=make.NOON))
    clock.at += RETENTION + MINUTE
    add_job("sweep", kind="sweep")
    run_due(context, handlers.HANDLERS, most=1)
    session.rollback()
    assert set(session.scalars(select(models.Job.key))) == {"k", "sweep"}
    assert session.scalar(select(func.count(models.Worker.name))) == 0


def test_nothing_is_removed_from_a_store_with_the_wrong_database(session, context, stored_job):
    for n in range(handlers.PLAUSIBLE_ORPHANS + 1):
        os.utime(context.store.path(context.store.put(b"%d" % n)), (0, 0))
    enqueue(session, "sweep", "k", {}, at=make.NOON)
    session.commit()
    assert run_due(context, handlers.HANDLERS, most=1) == [JobState.READY]
    assert "101 objects without a row" in stored_job().fault
    assert len(list(context.store.orphans(set(), make.NOON))) == handlers.PLAUSIBLE_ORPHANS + 1


def test_a_failing_gateway_ends_the_job_after_one_batch(session, context, gateway):
    gateway.fails = 10**6
    queue_messages(session, [OutgoingMessage("13812345678", f"第{n}条") for n in range(50)], at=make.NOON)
    enqueue(session, "messages", "k", {}, at=make.NOON)
    session.commit()
    run_due(context, handlers.HANDLERS, most=1)
    assert 10**6 - gateway.fails == handlers.MESSAGE_BATCH


@pytest.mark.parametrize(
    ("waits", "seen", "missed"), [(None, None, False), (59, None, False), (61, None, True), (99, 61, True), (99, 59, False)]
)
def test_a_worker_is_missing_when_work_waits_a_minute_without_a_heartbeat(session, add_job, waits, seen, missed):
    if waits is not None:
        add_job(due_at=make.NOON - timedelta(seconds=waits))
    if seen is not None:
        jobs.heartbeat(session, "w", at=make.NOON - DAY)
        jobs.heartbeat(session, "w", at=make.NOON - timedelta(seconds=seen))
    assert jobs.worker_is_missing(session, at=make.NOON) is missed


def test_messages_that_are_not_sent_mean_a_missing_worker_too(session):
    queue_messages(session, [OutgoingMessage("13812345678", "字")], at=make.NOON)
    assert not jobs.worker_is_missing(session, at=make.NOON + timedelta(seconds=59))
    assert jobs.worker_is_missing(session, at=make.NOON + MINUTE)


def test_a_missing_worker_is_a_warning_and_the_system_stays_ready(client, add_job):
    add_job()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "missing": [], "warnings": ["worker"]})


def test_releasing_lost_jobs_leaves_due_jobs_alone(session, add_job):
    job_id = add_job()
    release_lost(session, at=make.NOON, chance=lambda: 1.0)
    assert due_jobs(session, at=make.NOON, most=9) == [job_id]
