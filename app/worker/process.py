"""The worker: a process whose hands work jobs off, and whose foreman sees that nothing is forgotten. Huey runs the hands.

Law: Huey's queue holds numbers of jobs and nothing else, and may lose them; every beat the foreman announces anew what
the table says is due. A worker may be killed at any moment.
"""

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Thread
from typing import Any

from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey
from huey.consumer import Consumer, ConsumerStopped
from huey.exceptions import ConfigurationError
from huey.serializer import SignedSerializer
from sqlalchemy import create_engine
from werkzeug.security import generate_password_hash

from app.accounts.passwords import one_time_password
from app.core import clock
from app.core.crypto.signing_keys import ring
from app.core.settings import BadSetting, Settings
from app.db.session import read_only, unlock
from app.files.storage import Store
from app.outbox import jobs
from app.outbox.sms import Gateway, codes_due, deliver
from app.worker import handlers, runner, schedule
from app.worker.providers import revocation_lists_of, seal_of

THREADS = 2
POLL_SECONDS = 2.0  # seconds between two looks at the table
CODE_POLL_SECONDS = 1.0  # seconds between two looks for codes: whoever waits for one sits before a page
HEARTBEAT_SECONDS = 15.0  # seconds between two signs of life
SHUTDOWN_SECONDS = 20  # seconds in which hands may finish what they hold
RESTART_DELAY = 3.0  # seconds before a worker that ended is started again

_log = logging.getLogger(__name__)
LocaleContext = Callable[[str], AbstractContextManager[object]]


def run_worker(settings: Settings, gateway: Gateway, *, speaking: LocaleContext, parent: int = 0) -> None:
    """Work jobs off until told to stop (SIGTERM, SIGINT, SIGHUP), or until the process ``parent`` is gone.

    ``speaking(locale)`` is the context in which sentences come out in a language.
    """
    unlock(settings)
    ring.open(settings.code_keys)  # a paper that is drawn here bears a signed code, too
    # A fault is written down and shown: it must not quote what was in a statement.
    engine = create_engine(settings.database_url, pool_pre_ping=True, hide_parameters=True)
    keeper = seal_of(settings)
    tools = runner.JobContext(
        engine,
        gateway,
        Store(settings.blobs),
        clock.now,
        office=settings.office,
        seal=keeper,
        heads=settings.diary_heads,
        speaking=speaking,
        ukeys=settings.ukeys,
        lists=revocation_lists_of(settings),
        fresh_password=fresh_password,
    )
    JobConsumer(queue(settings), tools, parent).run()
    engine.dispose()


def fresh_password() -> tuple[str, str]:
    """A one-time password, and its hash as the gate checks it."""
    word = one_time_password()
    return word, generate_password_hash(word)


def queue(settings: Settings) -> Huey:
    """Where jobs are announced. Signed with our key: what Huey reads is unpickled, and must not be a stranger's."""
    signed = SignedSerializer(secret=settings.keys.session, salt="anguan.queue")
    common = {"name": "anguan", "results": False, "serializer": signed}
    url = settings.queue_url
    try:
        if url.startswith("postgres"):
            return PostgresHuey(dsn=url, **common)
        if url:
            return RedisHuey(url=url, **common)
    except ConfigurationError as missing:
        raise BadSetting(f"ANGUAN_QUEUE_URL: {missing}") from missing
    return SqliteHuey(filename=str(settings.home / "queue.db"), **common)


class JobConsumer(Consumer):  # type: ignore[misc]  # Huey brings no types
    """Huey's consumer, which also looks at the table every ``BEAT``: Huey's own cron knows minutes only, and forgets."""

    def __init__(self, huey: Huey, tools: runner.JobContext, parent: int = 0) -> None:
        super().__init__(
            huey, workers=THREADS, periodic=False, initial_delay=0.05, max_delay=0.5, shutdown_timeout=SHUTDOWN_SECONDS
        )
        self.tools, self.parent = tools, parent
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._told_to_stop = False
        self._next_beat = self._next_sign = 0.0

        def run(job_id: int) -> None:
            runner.run_one(tools, handlers.HANDLERS, job_id)

        self.announce = huey.task(name="run")(run)

    def start(self) -> None:
        super().start()
        Thread(target=self.hurry, name="codes", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # Huey would restart on the last
            signal.signal(number, self._stop_soon)

    def _stop_soon(self, _number: int, _frame: object) -> None:
        self._told_to_stop = True

    def hurry(self) -> None:
        """Carry codes at once, whatever the hands are at: ten thousand papers must not keep anybody out."""
        while not self._told_to_stop:
            try:
                while self.carry_codes():
                    pass
            except Exception:  # noqa: BLE001 - as in ``loop``
                _log.exception("a look for codes")
            time.sleep(CODE_POLL_SECONDS)

    def carry_codes(self) -> bool:
        """Send one code that is due, if there is any; True if it went out. Each at its own moment: they age in seconds."""
        at, sessions = self.tools.now(), self.tools.sessions
        with read_only(), sessions() as session:
            if not codes_due(session, at):
                return False
        return bool(deliver(sessions, self.tools.gateway, at=at, most=1, codes_only=True).sent)

    def loop(self, health_check_ts: float | None = None) -> Any:
        """Huey calls this ten times a second."""
        if self._told_to_stop or (self.parent and os.getppid() != self.parent):
            self.stop(graceful=True)
            raise ConsumerStopped
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + POLL_SECONDS
            try:
                self.beat()
            except Exception:  # noqa: BLE001 - a database or a queue that is away comes back
                _log.exception("the foreman's beat")
        return super().loop(health_check_ts)

    def beat(self) -> None:
        """Enqueue what comes round, announce what is due, say that we are there."""
        at = self.tools.now()
        with read_only(), self.tools.sessions() as session:
            round_ = schedule.due_schedules(session, at=at)
        if round_ or time.monotonic() >= self._next_sign:
            with self.tools.sessions.begin() as session:
                schedule.enqueue_due(session, at=at)
                if self.tools.lists:
                    jobs.enqueue(session, "revocations", handlers.revocations_key(at), {}, at=at)
                jobs.heartbeat(session, self.name, at=at)
            self._next_sign = time.monotonic() + HEARTBEAT_SECONDS
        room = 4 * THREADS - self.huey.pending_count()  # what waits there already needs no second announcement
        if room > 0:
            with read_only(), self.tools.sessions() as session:
                waiting = jobs.due_jobs(session, at=at, most=room)
            for job_id in waiting:
                self.announce(job_id)


class ChildProcess:
    """Keeps one process running, from within another one's loop, and ends it when told."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def keep(self) -> None:
        """Start it, or start it again if it ended; at most once per ``PAUSE``."""
        if (self._process is None or self._process.poll() is not None) and time.monotonic() >= self._not_before:
            if self._process is not None:
                _log.error("the worker ended and is started again")
            self._process = subprocess.Popen([*self._command, "--parent", str(os.getpid())])  # noqa: S603 - our own command
            self._not_before = time.monotonic() + RESTART_DELAY

    def tell_to_stop(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def end(self) -> None:
        """Wait until it has stopped; it may be killed, as its jobs are kept in the table."""
        if self._process is None:
            return
        try:
            self._process.wait(SHUTDOWN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
