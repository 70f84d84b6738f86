"""An installation of two machines before one database and one object store: any process or machine may die at any moment, or
lose its network, and no decision, paper or message is lost or made twice.
"""

import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine, make_url, select, update
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash
from werkzeug.test import Client, TestResponse

from app.applications.decision_batches import records
from app.certificates.pdf import letter_jobs, render_jobs
from app.cli import app
from app.core.clock import now, office_day
from app.core.crypto.encryption import keyring
from app.core.settings import read_settings
from app.core.vocabulary import Action, Category, JobState, MessageState, PaperKind, Role, State
from app.eligibility.facts import of_applications
from app.files.bucket_store import BucketStore
from app.models import Application, CertificateVersion, Job, Message, Paper, Parameter
from app.outbox.sms import CLAIMED
from tests import hostile_files, make
from tests.cli.conftest import move_in
from tests.fake_sms_provider import SmsProvider, sms_provider
from tests.journeys.http_visitor import Visitor
from tests.machines import CAN_BE_MADE, SHARED, Machine, database_server, nginx, relayed, through
from tests.test_killed_decisions import faults
from tests.workflow_fixture import Firm

pytestmark = [pytest.mark.proof, pytest.mark.skipif(not CAN_BE_MADE, reason="networks are made by root, with ip and nginx")]
CASES = 120
LEAST = 16  # machines or processes that die meanwhile
OFFICERS = 3
PASSWORD = "Correct-Horse-7"
QUIET = 300  # seconds in which what is left must be done
BATCH = 6  # cases that an officer decides at once, every second time


class RemoteVisitor(Visitor):
    """A person in a browser that asks a server at this address."""

    def __init__(self, address: str) -> None:
        self.client = Client(through(address), TestResponse)

    def go_to(self, address: str) -> "RemoteVisitor":
        """The same browser, at another address."""
        self.client.application = through(address)
        return self


@dataclass
class Province:
    """Two machines, the proxy before them, and what they share."""

    machines: tuple[Machine, ...]
    front: str
    session: Session
    messages: SmsProvider
    store: BucketStore

    def account(self, role: Role, name: str = "") -> str:
        account = make.account(self.session, name or role.value, role)
        account.password = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")
        self.session.commit()
        return account.username

    def cases(self, many: int) -> list[int]:
        """New applications that await approval, each with a photo that can be printed."""
        photo = hostile_files.jpeg(413, 579)
        digest = self.store.put(photo)
        firm = Firm(self.session)
        with firm.together():
            exam = {"passed_on": office_day(now())}
            ids = [firm.application(State.AWAITING_APPROVAL, Category.C1, exam=exam).id for _n in range(many)]
            for paper in self.session.scalars(select(Paper).where(Paper.kind == PaperKind.PHOTO)):
                paper.digest, paper.size = digest, len(photo)
            self.session.flush()
            for number, case in of_applications(self.session, ids).items():
                self.session.get_one(Application, number).snapshot = case.record()
        return ids

    def await_the_end(self) -> None:
        """Until no job and no message is left, with the hours between two tries left out."""
        kinds = (render_jobs.KIND, letter_jobs.KIND, records.KIND)
        jobs = select(Job.kind).where(Job.state.in_([JobState.READY, JobState.RUNNING]), Job.kind.in_(kinds))
        messages = select(Message.fault).where(Message.state == MessageState.QUEUED)
        later = update(Message).where(Message.state == MessageState.QUEUED, Message.next_try_at > now() + CLAIMED)
        deadline = time.monotonic() + QUIET
        while left := [*self.session.scalars(jobs), *self.session.scalars(messages)]:
            assert time.monotonic() < deadline, Counter(map(str, left)).most_common(20)
            self.session.execute(later.values(next_try_at=now()))
            self.session.commit()
            time.sleep(1)


@pytest.fixture
def province(postgres, object_store, tmp_path, monkeypatch) -> Iterator[Province]:
    """Both machines are running, and hold what docs/install.md has copied from the first."""
    bucket = object_store.bucket()
    with ExitStack() as stack:
        messages = stack.enter_context(sms_provider())
        database, files, gateway, front = free_ports(4)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="anguan-pg-")))  # pytest's own is closed to other users
        url = stack.enter_context(database_server(folder, database))
        move_in(monkeypatch, tmp_path / "home", url)
        assert app.main(["init"]) == 0
        settings = read_settings()
        keyring.unlock(*settings.keys.ring)
        there = url.replace("127.0.0.1", Machine.HOST)
        given = {
            "DATABASE_URL": there,
            "ANGUAN_QUEUE_URL": there,
            "ANGUAN_BLOBS": bucket.address,
            "ANGUAN_S3_URL": f"http://{Machine.HOST}:{files}",
            "ANGUAN_S3_KEY": bucket.key,
            "ANGUAN_S3_SECRET": bucket.secret,
            "ANGUAN_SMS_URL": f"http://{Machine.HOST}:{gateway}/sms",
            "ANGUAN_TRUSTED_PROXIES": "1",
            "ANGUAN_BATCH_AT_ONCE": "2",
        }
        stack.enter_context(relayed({files: object_store.ports["s3.port"], gateway: make_url(messages.url).port}))
        machines = tuple(Machine(number, tmp_path / f"machine{number}", given) for number in (1, 2))
        for machine in machines:
            machine.home.mkdir(mode=0o700)
            for name in SHARED:
                kept = settings.home / name
                (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, machine.home / name)
            stack.enter_context(machine.wired())
            stack.callback(machine.stop)
            machine.start("web")
            machine.start("worker")
        for machine in machines:
            machine.await_answers()
        address = stack.enter_context(nginx(tmp_path / "front", front, machines))
        session = stack.enter_context(Session(create_engine(settings.database_url), expire_on_commit=False))
        yield Province(machines, address, session, messages, BucketStore(bucket))


def free_ports(many: int) -> list[int]:
    with ExitStack() as probes:
        free = [probes.enter_context(socket()) for _n in range(many)]
        for one in free:
            one.bind(("0.0.0.0", 0))  # noqa: S104
        return [one.getsockname()[1] for one in free]


def _restart(machine: Machine, *parts: str) -> None:
    for part in parts:
        machine.kill(part)
    time.sleep(1)
    for part in parts:
        machine.start(part)


def _power(machine: Machine) -> None:
    machine.lose_power()
    time.sleep(2)
    machine.connect()
    for part in ("web", "worker"):
        machine.start(part)


def _network(machine: Machine) -> None:
    machine.cut_off()
    time.sleep(3)
    machine.connect()


FAULTS = {
    "web": lambda machine: _restart(machine, "web"),
    "worker": lambda machine: _restart(machine, "worker"),
    "power": _power,
    "network": _network,
}


@dataclass
class Deciding:
    """Officers who decide what waits, each their share, and look again after an answer that did not come."""

    province: Province
    answers: Counter = field(default_factory=Counter)

    def decide(self, officer: RemoteVisitor, ids: Sequence[int]) -> None:
        for turn, start in enumerate(range(0, len(ids), BATCH)):
            part = ids[start : start + BATCH]
            if turn % 2:
                self.until_answered(lambda part=part: officer.decide_in_batch("/approval/", Action.APPROVE.value, part))
            else:
                for number in part:
                    self.until_answered(lambda number=number: self.single(officer, number))

    @staticmethod
    def single(officer: RemoteVisitor, number: int) -> TestResponse:
        page = officer.client.get(f"/cases/{number}")
        if page.status_code != 200 or f"/cases/{number}/decide" not in page.text:
            return page
        return officer.press(page, f"/cases/{number}/decide", decision=Action.APPROVE.value)

    def until_answered(self, act: Callable[[], TestResponse]) -> None:
        for _try in range(100):
            try:
                answer = act()
            except (OSError, HTTPException) as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[answer.status_code, re.sub(r"\d+", "…", answer.request.path)] += 1
                if answer.status_code == 200:
                    return
            time.sleep(0.3)
        raise AssertionError(self.answers)


def test_machines_that_die_or_lose_their_network_lose_and_double_nothing(province):
    ids = province.cases(CASES)
    deciding = Deciding(province)
    names = [province.account(Role.APPROVER, f"approver{n}") for n in range(OFFICERS)]
    officers = [RemoteVisitor(province.front).sign_in(name, PASSWORD) for name in names]
    chance, died = random.Random(CASES), Counter()  # noqa: S311 - to repeat it
    with ThreadPoolExecutor(OFFICERS) as at_work:
        deciders = [at_work.submit(deciding.decide, one, ids[n::OFFICERS]) for n, one in enumerate(officers)]
        while died.total() < LEAST or not all(one.done() for one in deciders):
            machine, what = chance.choice(province.machines), chance.choice(list(FAULTS))
            time.sleep(chance.uniform(0, 2))
            FAULTS[what](machine)
            machine.await_answers()
            died[what] += 1
    province.await_the_end()
    print(dict(died), dict(deciding.answers))  # noqa: T201 - the figures of docs/scale.md
    assert [one.result() for one in deciders] == [None] * OFFICERS
    assert faults(province.session, ids) == []
    drawn = province.session.scalars(select(CertificateVersion.digest)).all()
    assert len(drawn) == len(ids)
    assert [digest for digest in drawn if digest is None or not province.store.verify(digest)] == []
    assert set(province.messages.taken) == set(province.session.scalars(select(Message.id)))
    for machine in province.machines:
        assert machine.run("audit", "verify").returncode == 0


HOLDS_A_LOCK = """
import sys, time
from sqlalchemy import create_engine, text
from app.cli.common import database, settings_in_use

with database(settings_in_use()) as engine, engine.begin() as connection:
    connection.execute(text("UPDATE application SET round = round WHERE id = :id"), {"id": sys.argv[1]})
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_locks_of_a_machine_that_lost_its_power_are_given_up(province):
    """PostgreSQL would keep them for two hours."""
    first, second = province.machines
    (number,) = province.cases(1)
    assert first.start_program("holding", HOLDS_A_LOCK, str(number)).stdout.readline() == "held\n"
    first.lose_power()
    officer = RemoteVisitor(second.url).sign_in(province.account(Role.APPROVER), PASSWORD)
    assert Deciding.single(officer, number).status_code == 200
    assert province.session.get_one(Application, number, populate_existing=True).state is State.APPROVED


def test_what_one_machine_is_told_the_other_knows(province):
    """A session and its end, a parameter, failed attempts to sign in."""
    first, second = province.machines
    for role in (Role.VIEWER, Role.AUDITOR):
        province.account(role)
    visitor = RemoteVisitor(first.url).sign_in(Role.VIEWER.value, PASSWORD)
    visitor.go_to(second.url).see("/work/")
    telephone = Parameter(name="support", value="0731-88888888", changed_at=now(), changed_by="tests")
    province.session.add(telephone)
    province.session.commit()
    assert telephone.value in visitor.see("/work/")
    assert telephone.value in visitor.go_to(first.url).see("/work/")
    visitor.press("/work/", "/logout/")
    assert visitor.go_to(first.url).client.get("/work/").status_code == 302
    guesser = RemoteVisitor(first.url)
    for machine in (first, second) * 3:
        guesser.go_to(machine.url).press("/login/", "/login/", username=Role.AUDITOR.value, password="wrong")
    for machine in (first, second):
        refused = guesser.go_to(machine.url).press("/login/", "/login/", username=Role.AUDITOR.value, password=PASSWORD)
        assert refused.request.path == "/login/"
