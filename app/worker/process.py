"""The worker process: a Huey consumer whose threads run jobs, and the child process that the server keeps running.

Huey's queue holds only job ids and may lose them: each poll announces again what the jobs table says is due. A worker may
be killed at any moment.
"""

import gc
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from threading import Thread
from typing import Any

from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey
from huey.consumer import Consumer, ConsumerStopped
from huey.exceptions import ConfigurationError
from huey.serializer import SignedSerializer
from psycopg.conninfo import make_conninfo
from psycopg.errors import UniqueViolation
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app.accounts.passwords import FIRST_PASSWORD_LENGTH, QUICK_METHOD, one_time_password
from app.applications import clock_check
from app.backup import last_backup, making
from app.backup.repository import Backup
from app.backup.targets import target_of
from app.core import clock
from app.core.crypto.signing_keys import ring
from app.core.errors import Unwritable
from app.core.settings import BadSetting, Settings
from app.db.session import CONNECT_SECONDS, SILENCE, read_only, unlock
from app.files.stores import store_of
from app.outbox import jobs
from app.outbox.sms import Gateway, codes_due, deliver
from app.worker import handlers, runner, schedule
from app.worker.findings import Depth, Installation, examine
from app.worker.providers import operators_of, revocation_lists_of, seal_of

THREADS = 2
POLL_SECONDS = 2.0  # between two looks at the jobs table
CODE_POLL_SECONDS = 1.0  # between two looks for sign-in codes, for which users wait
HEARTBEAT_SECONDS = 15.0
PROGRESS_SECONDS = 10.0  # between two looks at the lease of a backup
SHUTDOWN_SECONDS = 20  # for threads to finish their jobs
RESTART_SECONDS = 3.0  # before a worker that ended is started again

_log = logging.getLogger(__name__)
LocaleContext = Callable[[str], AbstractContextManager[object]]


def run_worker(settings: Settings, gateway: Gateway, *, locale_context: LocaleContext, parent: int = 0) -> None:
    """Run jobs until SIGTERM, SIGINT or SIGHUP, or until the process ``parent`` is gone.

    Inside ``locale_context(locale)`` texts are translated into that language.
    """
    unlock(settings)
    ring.open(settings.code_keys)  # rendered certificates carry signed QR codes
    # Errors are stored and shown, so they must not quote the parameters of a statement.
    engine = create_engine(settings.database_url, pool_pre_ping=True, hide_parameters=True)
    seal = seal_of(settings)
    context = runner.JobContext(
        engine,
        gateway,
        store_of(settings),
        clock.now,
        office=settings.office,
        seal=seal,
        checkpoints_file=settings.diary_heads,
        back_up=backup_maker(settings, engine),
        backup_hours=settings.backup_hours,
        locale_context=locale_context,
        ukeys=settings.ukeys,
        revocation_lists=revocation_lists_of(settings),
        fresh_password=fresh_password,
        examine=lambda at: examine(Installation(settings, engine, at, seal), Depth.WATCH),
        operators=operators_of(settings),
    )
    consumer = JobConsumer(queue(settings), context, parent)
    gc.freeze()  # as the web processes do (``cli.server``)
    consumer.run()
    engine.dispose()


def backup_maker(settings: Settings, engine: Engine) -> Callable[[Callable[[int], None]], Backup] | None:
    """What makes a backup and records it, given what to tell its progress; None if no place for backups is set."""
    target = target_of(settings)
    if target is None:
        return None

    def back_up(progress: Callable[[int], None]) -> Backup:
        made, _missing = making.make(
            settings, engine, store_of(settings), target, now=clock.now, progress=sparingly(progress)
        )
        with Session(engine) as session:
            last_backup.record(session, made, by="worker", at=clock.now())
            session.commit()
        return made

    return back_up


def sparingly(progress: Callable[[int], None]) -> Callable[[int], None]:
    """``progress``, called at most every ``PROGRESS_SECONDS``: it writes to the database."""
    last = time.monotonic()

    def tell(number: int) -> None:
        nonlocal last
        if time.monotonic() >= last + PROGRESS_SECONDS:
            last = time.monotonic()
            progress(number)

    return tell


def fresh_password() -> tuple[str, str]:
    """A first password and its hash, as sign-in checks it."""
    password = one_time_password(FIRST_PASSWORD_LENGTH)
    return password, generate_password_hash(password, QUICK_METHOD)


def queue(settings: Settings) -> Huey:
    """The Huey queue of the settings. Entries are signed, because Huey unpickles what it reads."""
    signed = SignedSerializer(secret=settings.keys.session, salt="anguan.queue")
    common = {"name": "anguan", "results": False, "serializer": signed}
    url = settings.queue_url
    try:
        if url.startswith("postgres"):
            dsn = make_conninfo(url, connect_timeout=CONNECT_SECONDS, **SILENCE)
            try:
                return PostgresHuey(dsn=dsn, **common)
            except UniqueViolation:  # another worker makes its tables at the same moment
                return PostgresHuey(dsn=dsn, **common)
        if url:
            return RedisHuey(url=url, **common)
    except ConfigurationError as missing:
        raise BadSetting(f"ANGUAN_QUEUE_URL: {missing}") from missing
    return SqliteHuey(filename=str(settings.home / "queue.db"), **common)


class JobConsumer(Consumer):  # type: ignore[misc]  # Huey brings no types
    """Huey's consumer, polling the jobs table too: Huey's own cron works in minutes and keeps no record."""

    def __init__(self, huey: Huey, context: runner.JobContext, parent: int = 0) -> None:
        super().__init__(
            huey, workers=THREADS, periodic=False, initial_delay=0.05, max_delay=0.5, shutdown_timeout=SHUTDOWN_SECONDS
        )
        self.context, self.parent = context, parent
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._stopping = False
        self._last_look: datetime | None = None
        self._next_poll = self._next_heartbeat = 0.0

        def run(job_id: int) -> None:
            with read_only(), context.sessions() as session:
                first = jobs.due_jobs(session, at=context.now(), most=THREADS, kinds=schedule.WATCHED)
            for one in (*first, job_id):
                runner.run_one(context, handlers.HANDLERS, one)

        self.announce = huey.task(name="run")(run)

    def start(self) -> None:
        super().start()
        Thread(target=self.send_codes_loop, name="codes", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # Huey would restart on the last
            signal.signal(number, self._stop_soon)

    def _stop_soon(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def send_codes_loop(self) -> None:
        """Send sign-in codes in a thread of their own, so that long jobs do not delay sign-in."""
        while not self._stopping:
            try:
                while self.send_next_code():
                    pass
            except Exception:  # noqa: BLE001 - as in ``loop``
                _log.exception("sending codes")
            time.sleep(CODE_POLL_SECONDS)

    def send_next_code(self) -> bool:
        """Send one due code; True if one was sent. One per call, each with its own ``now``: codes expire soon."""
        at, sessions = self.context.now(), self.context.sessions
        with read_only(), sessions() as session:
            if not codes_due(session, at):
                return False
        return bool(deliver(sessions, self.context.gateway, at=at, most=1, codes_only=True).sent)

    def loop(self, health_check_ts: float | None = None) -> Any:
        """Huey calls this ten times a second."""
        if self._stopping or (self.parent and os.getppid() != self.parent):
            self.stop(graceful=True)
            raise ConsumerStopped
        if time.monotonic() >= self._next_poll:
            self._next_poll = time.monotonic() + POLL_SECONDS
            try:
                self.poll()
            except Unwritable as error:  # one line, for a full disk must not be filled further
                _log.error("poll: nothing can be written: %s", error.obstacle.value)
            except Exception:  # noqa: BLE001 - database or queue may be back at the next poll
                _log.exception("poll")
        return super().loop(health_check_ts)

    def poll(self) -> None:
        """Enqueue recurring jobs, send the heartbeat, announce due jobs to the threads; end if a thread hangs."""
        at = self.context.now()
        if runner.hung(self.context):
            self.end_process()
        days_ahead, without = self.context.days_ahead(), schedule.FINAL if self._doubts(at) else ()
        with read_only(), self.context.sessions() as session:
            scheduled = schedule.due_schedules(session, at=at, days_ahead=days_ahead, without=without)
        if scheduled or time.monotonic() >= self._next_heartbeat:
            with self.context.sessions.begin() as session:
                schedule.enqueue_due(session, at=at, days_ahead=days_ahead, without=without)
                if self.context.revocation_lists:
                    jobs.enqueue(session, "revocations", handlers.revocations_key(at), {}, at=at)
                if self.context.back_up:
                    jobs.enqueue(session, "backup", handlers.backup_key(at, self.context.backup_hours), {}, at=at)
                jobs.heartbeat(session, self.name, at=at)
            self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        free = 4 * THREADS - self.huey.pending_count()
        if free > 0:
            with read_only(), self.context.sessions() as session:
                waiting = jobs.due_jobs(session, at=at, most=free)
            for job_id in waiting:
                self.announce(job_id)

    def _doubts(self, at: datetime) -> bool:
        """Whether the clock is in doubt; this look is what the next one is compared with."""
        context, before, self._last_look = self.context, self._last_look, at
        return bool(
            clock_check.examine(context.sessions, context.office, at=at, before=before, confirmed=context.clock_confirmed)
        )

    def end_process(self) -> None:
        """End at once, as a kill would: a thread that hangs cannot be stopped. Whoever started the worker starts it again."""
        _log.error("a job hangs: this worker ends, and the job is given to another")
        os._exit(1)


class ChildProcess:
    """A child process that the loop of its parent keeps running."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def ensure_running(self) -> None:
        """Start the process, or restart it if it ended; at most once per ``RESTART_SECONDS``."""
        if (self._process is None or self._process.poll() is not None) and time.monotonic() >= self._not_before:
            if self._process is not None:
                _log.error("the worker ended and is started again")
            self._process = subprocess.Popen([*self._command, "--parent", str(os.getpid())])  # noqa: S603 - our own command
            self._not_before = time.monotonic() + RESTART_SECONDS

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has stopped; kill it after a time limit, which loses no job."""
        if self._process is None:
            return
        try:
            self._process.wait(SHUTDOWN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
