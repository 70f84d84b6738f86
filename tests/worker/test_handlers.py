"""Work nobody waits for: asked for with its deed, done once, done again without harm, never forgotten."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Barrier, Lock

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import rate_limit, sessions
from app.accounts.pki import bindings, trust, verify
from app.applications import legacy_import
from app.certificates.pdf import render_jobs
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.errors import NotAllowed, NotFound
from app.core.office import Office
from app.core.vocabulary import (
    AuditAction,
    ChainFault,
    JobState,
    LegacyKind,
    LegacyPhase,
    MessageState,
    Role,
    SessionEndReason,
    SignInMethod,
)
from app.db.audit import checkpoints
from app.files.spreadsheets import write
from app.files.storage import Store
from app.models import (
    Account,
    AuditCheckpoint,
    AuditEntry,
    AuditInspection,
    CertificateEvent,
    CertificateVersion,
    ExamPass,
    Job,
    LegacyImport,
    Message,
    RateLimitCounter,
    UserSession,
    Worker,
)
from app.outbox import jobs
from app.outbox.jobs import LEASE, MAX_ATTEMPTS, RETENTION, LeaseLost, claim, due_jobs, enqueue, fail_lost
from app.outbox.sms import queue_messages
from app.outbox.sms_texts import OutgoingMessage
from app.worker import handlers, runner, schedule
from app.worker.runner import JobContext, retry, run_due, run_one
from app.worker.schedule import enqueue_due
from tests import make
from tests.certs import issued
from tests.pdf_text import printed
from tests.raw_sql import tampering
from tests.seals import embedded

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class Clock:
    """The wall clock as the test turns it."""

    at: datetime = make.NOON

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Pigeon:
    carried: list[int] = field(default_factory=list)
    fails: int = 0
    lock: Lock = field(default_factory=Lock)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        assert mobile
        assert text
        with self.lock:
            if self.fails:
                self.fails -= 1
                raise ConnectionError("no route")
            self.carried.append(message_id)
        return f"p-{message_id}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pigeon() -> Pigeon:
    return Pigeon()


@pytest.fixture
def context(system, session, clock, pigeon, tmp_path) -> JobContext:
    return JobContext(
        system.engine, pigeon, Store(tmp_path / "blobs"), clock, chance=lambda: 1.0, seal=EmbeddedSeal(system.settings.seals)
    )


@pytest.fixture
def ask(session):
    """``ask()``: a stored job of a kind of our own."""

    def one(key: str = "k", kind: str = "test", **given) -> int:
        assert enqueue(session, kind, key, {"n": 1}, at=make.NOON, **given)
        job_id = session.scalar(select(Job.id).where(Job.key == key))
        session.commit()
        return job_id

    return one


@pytest.fixture
def glance(context):
    """The only job as it stands in the table now."""

    def look() -> Job:
        with context.sessions() as session:
            return session.scalars(select(Job)).one()

    return look


def well(_run) -> None:
    """A handler that has nothing to do."""


def broken(_run) -> None:
    raise ValueError("no good\nparameters: 13812345678")


# --- asking for work --------------------------------------------------------------------------------


def test_a_job_is_undone_with_its_deed(session):
    session.add(make.enterprise())
    assert enqueue(session, "test", "k", {}, at=make.NOON)
    session.rollback()
    assert session.scalar(select(func.count(Job.id))) == 0


def test_the_same_key_again_asks_for_no_second_job(session, ask, context):
    ask()
    assert not enqueue(session, "test", "k", {"n": 2}, at=make.NOON)
    session.commit()
    run_due(context, {"test": well}, most=9)
    assert not enqueue(session, "test", "k", {"n": 3}, at=make.NOON + HOUR)
    assert session.scalar(select(func.count(Job.id))) == 1


def test_what_a_job_is_about_does_not_lie_open_in_the_store(session):
    enqueue(session, "test", "k", {"mobile": "13812345678"}, at=make.NOON)
    assert b"13812345678" not in bytes(session.execute(text("SELECT payload FROM job")).scalar_one())


IMPOSSIBLE = [
    {"state": "running"},
    {"state": "done"},
    {"state": "dead", "finished_at": make.NOON},
    {"finished_at": make.NOON},
    {"token": "x"},
    {"lease_until": make.NOON, "token": "x"},
    {"state": "asleep"},
    {"done": 2, "total": 1},
    {"attempts": -1},
]


@pytest.mark.parametrize("values", IMPOSSIBLE, ids=str)
def test_the_table_keeps_its_promises(session, ask, values):
    job_id = ask()
    with pytest.raises(IntegrityError):
        session.execute(update(Job).where(Job.id == job_id).values(**values))
    session.rollback()


# --- doing it ---------------------------------------------------------------------------------------


def test_a_job_is_done_once_and_its_handler_knows_what_it_is_about(ask, context, glance):
    seen = []
    ask()
    assert run_due(context, {"test": lambda run: seen.append(run.payload)}, most=9) == [JobState.DONE]
    assert run_due(context, {"test": lambda run: seen.append(run.payload)}, most=9) == []
    assert seen == [{"n": 1}]
    assert (glance().state, glance().finished_at, glance().attempts) == (JobState.DONE, make.NOON, 1)


def test_what_is_not_yet_due_waits_and_the_longest_waiting_is_first(session, ask, context):
    done = []
    late, second, first = (ask(str(wait), due_at=make.NOON + wait) for wait in (HOUR, -MINUTE, -HOUR))
    run_due(context, {"test": lambda run: done.append(run.lease.id)}, most=9)
    assert done == [first, second]
    assert due_jobs(session, at=make.NOON + HOUR, most=9) == [late]


def test_a_round_does_no_more_than_it_is_told(ask, context):
    for n in range(3):
        ask(f"k{n}")
    assert len(run_due(context, {"test": well}, most=2)) == 2


def test_a_job_nobody_here_can_do_is_left_to_those_who_can(ask, context, glance):
    ask()
    assert run_due(context, {"other": broken}, most=9) == []
    assert (glance().state, glance().attempts) == (JobState.READY, 0)


def test_workers_at_the_same_time_claim_each_job_once(ask, context):
    done, start = [], Barrier(4)
    asked = [ask(f"k{n}") for n in range(40)]

    def hand(_n: int) -> None:
        start.wait()
        run_due(context, {"test": lambda run: done.append(run.lease.id)}, most=40)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hand, range(4)))
    assert sorted(done) == asked


def test_hands_that_are_all_told_of_one_job_do_it_once(ask, context):
    job_id, done, start = ask(), [], Barrier(6)

    def hand(_n: int) -> JobState | None:
        start.wait()
        return run_one(context, {"test": lambda run: done.append(run.payload["n"])}, job_id)

    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(hand, range(6)))
    assert done == [1]
    assert ends.count(JobState.DONE) == 1
    assert ends.count(None) == 5


def test_no_transaction_is_open_while_a_handler_works(session, ask, context, system):
    ask()
    session.close()
    open_before, seen = system.engine.pool.checkedout(), []
    run_due(context, {"test": lambda _run: seen.append(system.engine.pool.checkedout())}, most=1)
    assert seen == [open_before]


# --- when it goes wrong -----------------------------------------------------------------------------


def test_a_job_that_fails_waits_longer_each_time_and_is_given_up_after_the_last(ask, context, glance, clock):
    ask()
    waits = []
    for _attempt in range(MAX_ATTEMPTS):
        (became,) = run_due(context, {"test": broken}, most=1)
        if became is JobState.READY:
            waits.append((glance().due_at - clock.at).total_seconds())
            clock.at = glance().due_at
    assert waits == [2, 4, 8, 16, 32, 64, 128]
    assert (glance().state, glance().fault) == (JobState.DEAD, "ValueError: no good")
    clock.at += DAY
    assert run_due(context, {"test": broken}, most=1) == []


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 1), (0.5, 1.5)])
def test_chance_spreads_second_attempts_over_the_second_half_of_the_wait(ask, context, glance, chance, seconds):
    ask()
    run_due(replace(context, chance=lambda: chance), {"test": broken}, most=1)
    assert (glance().due_at - make.NOON).total_seconds() == seconds


def test_a_fault_does_not_keep_the_next_job_from_being_done(ask, context):
    ask("bad", kind="bad")
    ask("good")
    assert run_due(context, {"bad": broken, "test": well}, most=2) == [JobState.READY, JobState.DONE]


class Killed(BaseException):
    """What a worker that is killed looks like from within: nothing more of it is run."""


def killed(_run) -> None:
    raise Killed


def test_a_job_whose_worker_was_killed_is_taken_up_after_its_lease(ask, context, glance, clock):
    ask()
    with pytest.raises(Killed):
        run_due(context, {"test": killed}, most=1)
    clock.at += LEASE - timedelta(seconds=1)
    assert run_due(context, {"test": well}, most=1) == []
    clock.at += timedelta(seconds=1)
    assert run_due(context, {"test": well}, most=1) == [JobState.DONE]
    assert glance().attempts == 2


def test_a_job_that_kills_every_worker_is_given_up(ask, context, glance, clock):
    ask()
    for _attempt in range(MAX_ATTEMPTS):
        with pytest.raises(Killed):
            run_due(context, {"test": killed}, most=1)
        clock.at += LEASE
    assert run_due(context, {"test": killed}, most=1) == []
    assert (glance().state, glance().fault) == (JobState.DEAD, "worker lost")


def test_a_long_job_that_says_how_far_it_is_keeps_its_lease(ask, context, glance, clock):
    def long(run) -> None:
        for n in range(5):
            clock.at += LEASE - timedelta(seconds=1)
            assert run_due(context, {"test": broken}, most=1) == []
            run.progress(n + 1, 5)

    ask()
    assert run_due(context, {"test": long}, most=1) == [JobState.DONE]
    assert glance().progress == "5 / 5"


def test_whoever_lost_the_lease_stops_and_marks_nothing(ask, context, glance, clock):
    def slow(run) -> None:
        clock.at += LEASE
        assert run_due(context, {"test": well}, most=1) == [JobState.DONE]
        with pytest.raises(LeaseLost):
            run.progress(1)
        run.progress(2)

    ask()
    assert run_due(context, {"test": slow}, most=1) == [None]
    assert (glance().state, glance().done) == (JobState.DONE, 0)


def test_a_result_that_comes_after_the_lease_was_lost_is_not_written(ask, context, glance, clock, session):
    def late(run) -> None:
        clock.at += LEASE
        with context.sessions.begin() as other:
            assert claim(other, {"test": 1}, at=clock.at) is not None

    ask()
    assert run_due(context, {"test": late}, most=1) == [None]
    assert glance().state is JobState.RUNNING


# --- again ------------------------------------------------------------------------------------------


@pytest.fixture
def dead(session, ask, context) -> int:
    job_id = ask()
    given_up = {"state": JobState.DEAD, "finished_at": make.NOON, "fault": "worker lost", "attempts": MAX_ATTEMPTS}
    session.execute(update(Job).where(Job.id == job_id).values(**given_up))
    session.commit()
    return job_id


def test_a_dead_job_is_tried_again_and_the_diary_says_by_whom(session, dead, context):
    retry(session, dead, make.officer(Role.ADMIN), at=make.NOON)
    session.commit()
    assert run_due(context, {"test": well}, most=1) == [JobState.DONE]
    assert session.scalars(select(AuditEntry).where(AuditEntry.table == "job")).one().actor == "工作人员"


def test_only_an_administrator_revives_and_only_the_dead(session, dead, ask):
    with pytest.raises(NotAllowed):
        retry(session, dead, make.officer(Role.APPROVER), at=make.NOON)
    for job_id in (ask("alive"), 999):
        with pytest.raises(NotFound):
            retry(session, job_id, make.officer(Role.ADMIN), at=make.NOON)


@pytest.fixture
def admin(session, signed_in):
    return signed_in(make.account(session, "admin", Role.ADMIN))


def test_the_screen_shows_what_was_given_up_and_why_and_tries_again_by_post_only(admin, dead, glance):
    page = admin.get("/jobs/list/?state=dead").text
    assert f"/jobs/again/{dead}" in page
    assert "worker lost" in page
    assert admin.get(f"/jobs/again/{dead}").status_code == 405
    assert admin.post(f"/jobs/again/{dead}").status_code == 302
    assert (glance().state, glance().attempts) == (JobState.READY, 0)
    assert admin.post(f"/jobs/again/{dead}").status_code == 404


def test_nobody_else_sees_jobs(session, signed_in, dead, glance):
    for n, role in enumerate(set(Role) - {Role.ADMIN, Role.ENTERPRISE_CLERK}):
        client = signed_in(make.account(session, f"u{n}", role))
        assert client.get("/jobs/list/").status_code == 403
        assert client.post(f"/jobs/again/{dead}").status_code == 403
    assert glance().state is JobState.DEAD


# --- work that comes round --------------------------------------------------------------------------


def test_ten_who_tick_at_once_ask_for_one_job_per_period(session, context):
    queue_messages(session, [OutgoingMessage("13812345678", "字")], at=make.NOON)
    session.commit()
    start = Barrier(10)

    def one(_n: int) -> int:
        start.wait()
        with context.sessions.begin() as own:
            return enqueue_due(own, at=make.NOON)

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(one, range(10))) == 6  # messages wait, the diary grew, four come round each night
    assert set(session.scalars(select(Job.key))) == {
        *("messages:2026-03-02T04:00", "checkpoint:2026-03-02T04"),
        *("sweep:2026-03-02", "nightly:2026-03-02", "diary:2026-03-02", "retention:2026-03-02"),
    }


def test_without_a_message_nobody_is_sent_for_messages(session):
    enqueue_due(session, at=make.NOON)
    assert set(session.scalars(select(Job.kind))) == {"checkpoint", "sweep", "nightly", "diary", "retention"}


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
    assert key in set(session.scalars(select(Job.key)))


# --- each handler twice -----------------------------------------------------------------------------


def twice(session: Session, context: JobContext, kind: str, payload=None) -> Iterator[None]:
    """The handler is run, and its worker dies before the mark; so it is run again. Yields after each."""
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


def old_sheet(session: Session, context: JobContext, kind: LegacyKind, **cells) -> int:
    """A sheet of the old system as it waits for its check."""
    data, admin = write(legacy_import.COLUMNS[kind], [cells], sheet_title="x"), make.officer(Role.ADMIN)
    course = legacy_import.receive(session, context.store, kind, data, "x.xlsx", admin, at=make.NOON, office=Office())
    session.commit()
    return course.id


def told(session: Session, *columns) -> tuple:
    found = tuple(session.execute(select(*columns)).one())
    session.rollback()
    return found


PASS = {"name": "李雷", "category": "C1", "passed_on": "2025-10-01"}


def test_run_twice_legacy_check__a_sheet_is_checked_once(session, context):
    number = old_sheet(session, context, LegacyKind.PASSES, id_number=make.id_number(), **PASS)
    for _time in twice(session, context, "legacy_check", {"import": number, "locale": "zh"}):
        assert told(session, LegacyImport.phase, LegacyImport.total) == (LegacyPhase.CHECKED, 1)


def test_run_twice_legacy_import__a_row_is_taken_over_once(session, context):
    number = old_sheet(session, context, LegacyKind.PASSES, id_number=make.id_number(), **PASS)
    legacy_import.check(legacy_import.ImportContext(context.sessions, context.store, lambda *_: None), number, at=make.NOON)
    digest = told(session, LegacyImport.sha256)[0]
    legacy_import.confirm(session, number, digest, make.officer(Role.ADMIN), at=make.NOON)
    for _time in twice(session, context, "legacy_import", {"import": number, "locale": "zh"}):
        assert told(session, func.count(ExamPass.id)) == (1,)
        assert told(session, LegacyImport.phase, LegacyImport.done) == (LegacyPhase.DONE, 1)


def test_run_twice_legacy_passwords__the_first_sheet_is_the_one_that_counts(session, context, app):
    number = old_sheet(session, context, LegacyKind.ACCOUNTS, enterprise="湘江公司", uscc=make.uscc())
    means = legacy_import.ImportContext(context.sessions, context.store, lambda *_: None)
    legacy_import.check(means, number, at=make.NOON)
    legacy_import.confirm(session, number, told(session, LegacyImport.sha256)[0], make.officer(Role.ADMIN), at=make.NOON)
    session.commit()
    legacy_import.take_over(means, number, at=make.NOON)
    words = iter([("Word", "hash"), ("Other", "another")])
    busy = replace(context, fresh_password=lambda: next(words))
    payload = {"import": number, "locale": "zh", "asked_at": make.NOON.isoformat()}
    for _time in twice(session, busy, "legacy_passwords", payload):
        assert told(session, Account.password) == ("hash",)


def test_run_twice_revocations__whoever_is_newly_revoked_is_out_once(session, context, tmp_path, holder):
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
        assert told(session, UserSession.ended_why) == (SessionEndReason.REVOKED,)
    both = replace(busy, revocation_lists={"b": away, "c": lambda: b"junk", "a": lambda: root.crl(key.serial, 7, number=2)})
    enqueue(session, "revocations", "again", {}, at=context.now())
    session.commit()
    assert run_due(both, handlers.HANDLERS, most=1) == [JobState.READY]  # tried again for the lists that were away
    (listed,) = trust.load_trust(tmp_path, required=True).lists.values()
    assert listed.get_revoked_certificate_by_serial_number(7)


def test_every_handler_is_run_twice_here():
    ours = {name.removeprefix("test_run_twice_").split("__")[0] for name in globals() if name.startswith("test_run_twice_")}
    assert ours == set(handlers.HANDLERS) == set(handlers.KIND_LABELS)
    assert set(schedule.SCHEDULES) <= set(handlers.HANDLERS)


def test_run_twice_seal__a_paper_that_waited_is_sealed_once_it_can_be(session, context, clock, tmp_path):
    (version_id,) = printed(session, context.store, 1)
    away = replace(context, seal=EmbeddedSeal(tmp_path / "away"))
    render_jobs.have_drawn(session, [version_id], at=clock())
    session.commit()
    for _n in range(MAX_ATTEMPTS):
        run_due(away, handlers.HANDLERS, most=9)
        clock.at += HOUR
    assert render_jobs.unsealed(session) == [version_id]
    assert "seal" in schedule.due_schedules(session, at=clock())
    session.rollback()
    handlers.render_unsealed(runner.JobRun(jobs.JobLease(0, "seal", {}, "", 1), away))  # still away: nothing is asked for
    assert not due_jobs(session, at=clock(), most=9)
    session.rollback()
    there = replace(context, seal=embedded(tmp_path / "seal"))
    for _time in twice(session, there, "seal"):
        run_due(there, {render_jobs.KIND: handlers.HANDLERS[render_jobs.KIND]}, most=9)
    assert not render_jobs.unsealed(session)
    assert context.store.has(session.get_one(CertificateVersion, version_id).digest)


def test_run_twice_messages__each_is_sent_once(session, context, pigeon):
    queue_messages(session, [OutgoingMessage("13812345678", f"第{n}条") for n in range(25)], at=make.NOON)
    owed = session.scalars(select(Message.id).order_by(Message.id)).all()
    for _time in twice(session, context, "messages"):
        assert sorted(pigeon.carried) == owed
    session.expire_all()
    assert set(session.scalars(select(Message.state))) == {MessageState.SENT}


def test_run_twice_papers__each_is_drawn_once(session, context):
    ids = printed(session, context.store, 3)
    digests = []
    for _time in twice(session, context, "papers", {"versions": ids}):
        digests.append(session.scalars(select(CertificateVersion.digest).order_by(CertificateVersion.id)).all())
        session.rollback()
    assert digests[0] == digests[1]
    assert len({*digests[0]}) == 3


def test_run_twice_bundle__draws_what_is_missing_once(session, context):
    ids = printed(session, context.store, 2)
    for _time in twice(session, context, "bundle", {"versions": ids, "for": [1, None, "43"]}):
        assert session.scalar(select(func.count(CertificateVersion.digest))) == 2
        session.rollback()


@pytest.fixture
def left_over(session, context, system):
    """An object that no row knows and one that a paper knows, both old; and counts of the day before yesterday."""
    known, orphan, fresh = (context.store.put(what) for what in (b"known", b"orphan", b"fresh"))
    for digest in (known, orphan):
        os.utime(context.store.path(digest), (0, 0))
    owner = make.person(make.enterprise())
    session.add(owner)
    session.flush()
    paper = make.paper(person_id=owner.id)
    paper.digest = known
    session.add(paper)
    session.commit()
    rate_limit.hit(system.engine, "x:1", limit=9, seconds=60, at=make.NOON - 2 * DAY)
    return known, orphan, fresh


def test_run_twice_sweep__takes_only_what_nobody_needs(session, context, left_over, clock):
    known, orphan, fresh = left_over
    os.utime(context.store.path(fresh), (clock.at.timestamp(), clock.at.timestamp()))
    for _time in twice(session, context, "sweep"):
        assert [context.store.has(digest) for digest in (known, orphan, fresh)] == [True, False, True]
        assert session.scalar(select(func.count(RateLimitCounter.key))) == 0
        session.rollback()


def test_run_twice_nightly__reminds_once_and_tells_the_same_result(session, context):
    person = make.person(make.enterprise(contact_mobile="13900000001"))
    session.add_all([make.certificate(person, valid_to=make.TODAY + n * DAY) for n in (-1, 20)])
    session.commit()
    for _time in twice(session, context, "nightly"):
        assert session.scalar(select(func.count(Message.id))) == 1
        assert session.scalar(select(func.count(CertificateEvent.id))) == 1
        results = session.scalars(select(Job.result)).all()
        assert all(result == {"expired": 1, "expiring": 1, "unsent": 0, "deadlines": 0} for result in results)
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
        assert session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.deed == AuditAction.DELETE)) == 1
        session.rollback()


def test_run_twice_checkpoint__signs_once_and_writes_it_down_once(session, context, tmp_path):
    outside = replace(context, checkpoints_file=tmp_path / "heads.jsonl")
    for _time in twice(session, outside, "checkpoint"):
        written = checkpoints.read_published(outside.checkpoints_file)
        assert [one.genuine for one in written] == [True]
        assert session.scalars(select(AuditCheckpoint.seq)).all() == [written[0].seq]
        session.rollback()
    assert (outside.checkpoints_file.stat().st_mode & 0o777) == 0o600
    assert not checkpoints.has_uncovered_entries(session)


def test_run_twice_diary__tells_the_same_of_the_same_chain(session, context, system):
    for _time in twice(session, context, "diary"):
        lines = session.scalar(select(func.count(AuditEntry.id)))
        results = session.scalars(select(Job.result)).all()
        assert all(result == {"lines": lines, "broken": 0} for result in results)
        assert set(session.scalars(select(AuditInspection.fault))) == {None}
        session.rollback()
    with tampering(system) as connection:
        connection.execute(text("UPDATE entry SET actor = 'x' WHERE id = 2"))
    enqueue(session, "diary", "again", {}, at=make.NOON)
    session.commit()
    run_due(context, handlers.HANDLERS, most=1)
    assert session.scalars(select(Job).where(Job.key == "again")).one().result == {"lines": 1, "broken": 1}
    found = session.scalars(select(AuditInspection).order_by(AuditInspection.id.desc())).first()
    assert (found.fault, found.seq, found.entry_id) == (ChainFault.CHANGED, 2, 2)


def test_finished_jobs_are_forgotten_and_dead_ones_are_not(session, context, ask, dead, clock):
    ask("finished")
    run_due(context, {"test": well}, most=1)
    session.add(Worker(name="gone", seen_at=make.NOON))
    clock.at += RETENTION + MINUTE
    ask("sweep", kind="sweep")
    run_due(context, handlers.HANDLERS, most=1)
    session.rollback()
    assert set(session.scalars(select(Job.key))) == {"k", "sweep"}
    assert session.scalar(select(func.count(Worker.name))) == 0


def test_a_store_beside_the_wrong_database_is_not_swept_away(session, context, glance):
    for n in range(handlers.PLAUSIBLE_ORPHANS + 1):
        os.utime(context.store.path(context.store.put(b"%d" % n)), (0, 0))
    enqueue(session, "sweep", "k", {}, at=make.NOON)
    session.commit()
    assert run_due(context, handlers.HANDLERS, most=1) == [JobState.READY]
    assert "101 objects without a row" in glance().fault
    assert len(list(context.store.orphans(set(), make.NOON))) == handlers.PLAUSIBLE_ORPHANS + 1


def test_a_silent_gateway_holds_nobody_up(session, context, pigeon):
    pigeon.fails = 10**6
    queue_messages(session, [OutgoingMessage("13812345678", f"第{n}条") for n in range(50)], at=make.NOON)
    enqueue(session, "messages", "k", {}, at=make.NOON)
    session.commit()
    run_due(context, handlers.HANDLERS, most=1)
    assert 10**6 - pigeon.fails == handlers.MESSAGE_BATCH


# --- who is at work ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waits", "seen", "missed"), [(None, None, False), (59, None, False), (61, None, True), (99, 61, True), (99, 59, False)]
)
def test_a_worker_is_missed_when_work_lies_for_a_minute_and_nobody_was_seen(session, ask, waits, seen, missed):
    if waits is not None:
        ask(due_at=make.NOON - timedelta(seconds=waits))
    if seen is not None:
        jobs.heartbeat(session, "w", at=make.NOON - DAY)
        jobs.heartbeat(session, "w", at=make.NOON - timedelta(seconds=seen))
    assert jobs.worker_is_missing(session, at=make.NOON) is missed


def test_messages_that_nobody_carries_are_noticed_too(session):
    queue_messages(session, [OutgoingMessage("13812345678", "字")], at=make.NOON)
    assert not jobs.worker_is_missing(session, at=make.NOON + timedelta(seconds=59))
    assert jobs.worker_is_missing(session, at=make.NOON + MINUTE)


def test_a_missing_worker_is_named_and_the_house_stays_open(client, ask):
    ask()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "missing": [], "warnings": ["worker"]})


def test_burying_leaves_the_living_alone(session, ask):
    job_id = ask()
    fail_lost(session, at=make.NOON)
    assert due_jobs(session, at=make.NOON, most=9) == [job_id]
