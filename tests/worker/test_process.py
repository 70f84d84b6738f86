"""The worker process: a kill loses no job; the server starts, restarts and stops its workers."""

import os
import pickle
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from threading import Event
from time import monotonic

import pytest
from huey import PostgresHuey
from sqlalchemy import create_engine, func, select, update
from sqlalchemy.orm import Session

from app.certificates.pdf import render_jobs
from app.core import clock
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.settings import BadSetting
from app.core.vocabulary import JobState, MessageState
from app.db import migrate
from app.files.folder_store import FolderStore
from app.models import CertificateVersion, Job, Message, Paper, Worker
from app.outbox.jobs import enqueue
from app.outbox.sms import ConsoleGateway, queue_messages
from app.outbox.sms_texts import CODE_MARK, OutgoingMessage
from app.worker import process as worker_process
from app.worker.handlers import HANDLERS
from app.worker.process import THREADS, JobConsumer, queue
from app.worker.providers import HttpGateway
from app.worker.runner import JobContext, run_due
from tests.at_once import at_once
from tests.conftest import KEYS, write_code_keys
from tests.fake_sms_provider import sms_provider
from tests.pdf_text import stored_versions
from tests.seals import embedded

ANGUAN = [sys.executable, "-m", "app.cli"]


def until(true: Callable[[], object], seconds: float = 30) -> object:
    """The first true result, or fail after ``seconds``."""
    pause, deadline = Event(), monotonic() + seconds
    while not (found := true()):
        assert monotonic() < deadline, "waited in vain"
        pause.wait(0.05)
    return found


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A home directory for a process under test."""
    for name in [name for name in os.environ if name.startswith("ANGUAN_") or name in {"HOST", "PORT"}]:
        monkeypatch.delenv(name)
    (tmp_path / "blobs").mkdir()
    embedded(tmp_path / "seal")
    write_code_keys(tmp_path)
    (tmp_path / "keys.json").write_text(KEYS.dump())
    (tmp_path / "keys.json").chmod(0o600)
    monkeypatch.setenv("ANGUAN_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'anguan.db'}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


@pytest.fixture
def home(place, system, session, monkeypatch):
    """The same, with the shared test database."""
    monkeypatch.setenv("DATABASE_URL", system.settings.database_url)
    return place


@pytest.fixture
def empty(place) -> Iterator[Session]:
    """A session on an empty SQLite database, for tests that concern processes only."""
    engine = create_engine(os.environ["DATABASE_URL"])
    migrate.migrate_to(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def start(place) -> Iterator[Callable[..., subprocess.Popen]]:
    """``start("worker")`` runs a command as a process, killed at the end of the test."""
    started: list[subprocess.Popen] = []

    def run(*arguments: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [*ANGUAN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | environment
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def context(system, home) -> JobContext:
    """A job context of this process, one hour later."""
    later = timedelta(hours=1)
    seal = EmbeddedSeal(home / "seal")
    return JobContext(system.engine, HttpGateway(""), FolderStore(home / "blobs"), lambda: clock.now() + later, seal=seal)


def workers(session: Session) -> set[int]:
    """Process ids of workers with a heartbeat."""
    found = {int(name.rpartition(":")[2]) for name in session.scalars(select(Worker.name))}
    session.rollback()
    return found


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def queue_many(session: Session, many: int) -> set[int]:
    queue_messages(session, [OutgoingMessage("13812345678", f"第{n}条") for n in range(many)], at=clock.now())
    queued = set(session.scalars(select(Message.id)))
    session.commit()
    return queued


def all_sent(session: Session) -> bool:
    session.rollback()
    session.expire_all()
    return set(session.scalars(select(Message.state))) == {MessageState.SENT}


def kill_in_the_middle(session, start, provider, occasion: str, after: int) -> None:
    """Kill a worker that is sending messages while the provider stalls."""
    enqueue(session, "messages", occasion, {}, at=clock.now())
    session.commit()
    provider.stalls_after = len(provider.asked) + after
    process = start("worker", ANGUAN_SMS_URL=provider.url)
    provider.wait_for(provider.stalls_after + 1)
    process.kill()
    process.wait()


def test_a_worker_killed_in_the_middle_of_messages_loses_none(session, start, context):
    queued = queue_many(session, 25)
    with sms_provider() as provider:
        kill_in_the_middle(session, start, provider, "k", after=4)
        provider.stalls_after = 10**9
        provider.go_on.set()
        run_due(replace(context, gateway=HttpGateway(provider.url)), HANDLERS, most=9)
        taken = Counter(provider.taken)
    assert all_sent(session)
    assert set(taken) == queued
    assert taken.total() - 25 <= THREADS  # at most one per thread was sent but not marked


@pytest.mark.proof
def test_thirty_kills_lose_no_message_and_repeat_only_those_being_sent(session, start, context, record_property):
    chance = random.Random(30)  # noqa: S311
    queued = queue_many(session, 600)
    with sms_provider() as provider:
        for n in range(30):
            kill_in_the_middle(session, start, provider, f"kill:{n}", after=chance.randint(0, 12))
            provider.go_on.set()
            provider.go_on.clear()
        provider.stalls_after = 10**9
        provider.go_on.set()
        run_due(replace(context, gateway=HttpGateway(provider.url)), HANDLERS, most=99)
        taken = Counter(provider.taken)
    assert all_sent(session)
    record_property("doubled", taken.total() - 600)
    assert set(taken) == queued
    assert taken.total() - 600 <= 30 * THREADS
    assert set(session.scalars(select(Job.state))) == {JobState.DONE}


def rendered_count(session: Session) -> int:
    number = session.scalar(select(func.count(CertificateVersion.digest)))
    session.rollback()  # on SQLite this session must not hold the write lock
    return number


def enqueue_rendering(session, home, many: int) -> None:
    render_jobs.enqueue_versions(session, stored_versions(session, FolderStore(home / "blobs"), many), at=clock.now())
    session.commit()
    session.rollback()


def assert_each_rendered_once(session, home, many: int) -> None:
    """One digest per version, and a stored file for each; files left by killed workers are ignored."""
    kept = {*session.scalars(select(CertificateVersion.digest))}
    there = {place.name for place in (home / "blobs").glob("??/??/*")} - {*session.scalars(select(Paper.digest))}
    assert (len(kept), None in kept) == (many, False)
    assert kept <= there


def test_a_worker_killed_while_rendering_renders_each_certificate_once(session, home, start, context):
    enqueue_rendering(session, home, 60)
    process = start("worker")
    until(lambda: rendered_count(session) >= 20)
    process.kill()
    process.wait()
    run_due(context, HANDLERS, most=9)
    assert_each_rendered_once(session, home, 60)
    assert set(session.scalars(select(Job.state).where(Job.kind == render_jobs.KIND))) == {JobState.DONE}


@pytest.mark.proof
def test_twenty_kills_of_two_workers_render_two_thousand_certificates_once_each(session, home, start, context):
    enqueue_rendering(session, home, 2_000)
    chance = random.Random(20)  # noqa: S311
    for _kill in range(20):
        workers = [start("worker"), start("worker")]
        goal = rendered_count(session) + chance.randint(1, 80)
        until(lambda goal=goal: rendered_count(session) >= min(goal, 2_000), seconds=180)
        for process in workers:
            process.kill()
            process.wait()
        session.execute(update(Job).where(Job.state == JobState.RUNNING).values(lease_until=clock.now()))  # two minutes pass
        session.commit()
    run_due(context, HANDLERS, most=99)
    assert_each_rendered_once(session, home, 2_000)


@pytest.fixture
def consumer(system, home, context) -> JobConsumer:
    settings = replace(system.settings, home=home)
    return JobConsumer(queue(settings), replace(context, now=clock.now))


NIGHTLY_JOBS = 7  # the checkpoint, the watch and five of the night


def work_through(consumer: JobConsumer) -> int:
    """Run every announced job, as a thread does; returns the number of announcements."""
    announced = 0
    while (task := consumer.huey.dequeue()) is not None:
        consumer.huey.execute(task)
        announced += 1
    return announced


@pytest.mark.usefixtures("entries")
def test_due_jobs_are_announced_and_run(session, consumer):
    enqueue(session, "messages", "k", {}, at=clock.now())
    session.commit()
    consumer.poll()
    assert work_through(consumer) == 1 + NIGHTLY_JOBS
    assert set(session.scalars(select(Job.state))) == {JobState.DONE}


@pytest.mark.usefixtures("entries")
def test_a_batch_of_decisions_goes_before_what_was_announced_earlier(session, consumer):
    for number in range(3):
        enqueue(session, render_jobs.KIND, f"{render_jobs.KIND}:{number}", {"versions": []}, at=clock.now())
    session.commit()
    consumer.poll()
    enqueue(session, "batch", "batch:1", {"batch": 0, "locale": "zh"}, at=clock.now())
    session.commit()
    consumer.huey.execute(consumer.huey.dequeue())
    tried = select(Job.kind).where(Job.attempts > 0)
    assert {"batch"} <= {*session.scalars(tried)}
    assert session.scalar(select(func.count()).where(Job.attempts > 0)) == 2


@pytest.mark.usefixtures("entries")
def test_a_lost_announcement_is_repeated(session, consumer):
    consumer.poll()
    consumer.huey.flush()
    consumer.poll()
    assert work_through(consumer) == NIGHTLY_JOBS
    assert set(session.scalars(select(Job.state))) == {JobState.DONE}


def test_a_job_announced_many_times_runs_once(session, consumer):
    for _beat in range(3):
        consumer.poll()
    assert work_through(consumer) > NIGHTLY_JOBS
    assert set(session.scalars(select(Job.attempts))) == {1}


def test_the_queue_holds_at_most_four_jobs_per_thread(session, consumer):
    for n in range(50):
        enqueue(session, "messages", f"k{n}", {}, at=clock.now())
    session.commit()
    consumer.poll()
    consumer.poll()
    assert consumer.huey.pending_count() == 4 * THREADS


def test_an_unsigned_queue_entry_is_not_unpickled(consumer, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    consumer.huey.storage.enqueue(pickle.dumps(Bomb()))
    with pytest.raises(ValueError):
        consumer.huey.dequeue()
    assert not (tmp_path / "exploded").exists()


def test_codes_are_sent_beside_running_jobs(consumer, session, context):
    """Other messages wait for their job."""
    consumer.context = replace(consumer.context, gateway=ConsoleGateway())
    code = {"text": CODE_MARK, "code": "123456", "good_until": clock.now() + timedelta(minutes=5)}
    for more in ({"text": "【厅】"}, code):
        session.add(Message(mobile="13800000000", due_at=clock.now(), **more))
    session.commit()
    assert [consumer.send_next_code(), consumer.send_next_code()] == [True, False]
    assert session.scalars(select(Message.text).where(Message.state == MessageState.SENT)).all() == [CODE_MARK]


@pytest.mark.usefixtures("entries")
def test_jobs_are_announced_across_machines_by_postgresql(system, consumer, postgres, context):
    settings = replace(system.settings, queue_url=postgres.replace("postgresql+psycopg://", "postgresql://"))
    elsewhere, here = (JobConsumer(queue(settings), replace(context, now=clock.now)) for _ in range(2))
    assert isinstance(here.huey, PostgresHuey)
    here.huey.flush()
    here.poll()
    assert elsewhere.huey.pending_count() == NIGHTLY_JOBS
    assert work_through(elsewhere) == NIGHTLY_JOBS


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_workers_that_start_together_make_the_tables_of_the_queue_once(system, new_postgres):
    url = new_postgres().replace("postgresql+psycopg://", "postgresql://")
    assert len(at_once(lambda _n: queue(replace(system.settings, queue_url=url)), range(6))) == 6


def test_a_queue_whose_library_is_missing_is_a_bad_setting(system):
    with pytest.raises(BadSetting, match="ANGUAN_QUEUE_URL"):
        queue(replace(system.settings, queue_url="redis://127.0.0.1:9/"))


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def ready(port: str) -> int:
    caller = HTTPConnection("127.0.0.1", int(port), timeout=30)
    caller.request("GET", "/readyz")
    return caller.getresponse().status


def test_the_server_starts_restarts_and_stops_its_workers(empty, start):
    port = free_port()
    server = start("serve", "--port", port, "--workers", "1", "--background", "2")
    assert f"http://127.0.0.1:{port}" in server.stdout.readline()
    both = until(lambda: len(workers(empty)) == 2 and workers(empty))
    os.kill(min(both), signal.SIGKILL)
    later = until(lambda: workers(empty) - both)
    assert ready(port) == 200
    server.terminate()
    assert server.wait(30) == 0
    assert not [one for one in {max(both), *later} if alive(one)]


def test_a_server_with_no_worker_option_has_no_worker(empty, start):
    port = free_port()
    server = start("serve", "--port", port, "--workers", "1", "--no-worker")
    server.stdout.readline()
    assert ready(port) == 200
    children = subprocess.run(["ps", "-o", "args=", "--ppid", str(server.pid)], capture_output=True, text=True, check=True)
    assert "worker --parent" not in children.stdout
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0


def test_a_worker_stops_on_a_signal(empty, start):
    process = start("worker")
    until(lambda: workers(empty))
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_a_worker_whose_server_is_gone_stops(empty, start):
    ended = ended_process_id()
    assert start("worker", "--parent", str(ended)).wait(30) == 0


def ended_process_id() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as gone:
        return gone.pid


def test_a_child_that_ends_at_once_is_not_restarted_at_once():
    child = worker_process.ChildProcess(["true"])
    child.ensure_running()
    first = child._process
    first.wait()
    child.ensure_running()
    assert child._process is first
    child.wait()
