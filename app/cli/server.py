"""Commands that run: the web server, the worker, and one delivery of text messages."""

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask_babel import force_locale
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from app import create_app
from app.cli.clock import doubt_in_words
from app.cli.common import ServerLog, database, language, log_to_stderr, settings_in_use
from app.cli.demo_data.people import DEMO_ACCOUNTS
from app.cli.event_worker import EventWorker
from app.core import clock, heavy_work, i18n
from app.core.settings import Settings, reachable, read_settings
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Account
from app.outbox import sms
from app.web import metrics
from app.web.middleware import check_settings
from app.worker.process import ChildProcess, run_worker
from app.worker.providers import gateway_of

THREADS = 8 + heavy_work.THREADS  # of each web process for whoever is signed in; eight serve pages whatever else is asked


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured here. Each worker makes its own application: connections do not survive a fork."""

    def __init__(self, options: Mapping[str, Any], children: Sequence[ChildProcess]) -> None:
        self.options, self.children = options, children
        super().__init__()

    def run(self) -> None:
        Master(self).run()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        settings = read_settings()
        folder = metrics.folder_of(settings.home)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where the library looks; of the web's processes alone
        metrics.share(folder)
        return create_app(settings)


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's first process; it also keeps the processes for background jobs running."""

    def manage_workers(self) -> None:  # once a second
        super().manage_workers()
        for child in self.app.children:
            child.ensure_running()

    def stop(self, graceful: bool = True) -> None:
        children, self.app.children = self.app.children, ()
        for child in children:
            child.terminate()
        super().stop(graceful)
        for child in children:
            child.wait()


@click.command()
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="PORT", type=int, default=8000, show_default=True)
@click.option(
    "--workers", type=int, default=2, show_default=True, help=f"Processes; each answers {THREADS} requests at once."
)
@click.option("--background", type=int, default=min(2, os.cpu_count() or 1), show_default=True, help="Processes for jobs.")
@click.option("--no-worker", is_flag=True, help="The web only; 'anguan worker' runs elsewhere.")
def serve(host: str, port: int, workers: int, background: int, no_worker: bool) -> None:
    """Serve the application until stopped.

    \b
      anguan serve --host 0.0.0.0 --port 8080 --workers 4
    """
    os.environ.update(HOST=host, PORT=str(port))  # what the addresses in QR codes start from
    settings = check_settings(settings_in_use())
    log_to_stderr(settings)
    i18n.compile_all()
    begin_counting(metrics.folder_of(settings.home))
    with database(settings) as engine:  # before the web writes lines of the audit log by a clock that is wrong
        doubt = doubt_in_words(settings, engine)
    greeting = "\n".join(filter(None, (_greeting(settings, host, port), doubt)))
    shared_memory = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files; a slow disk must not make a worker look dead
    Server(
        {
            "bind": f"{host}:{port}",
            "workers": workers,
            "worker_class": EventWorker,
            "threads": THREADS,
            "timeout": 60,
            "graceful_timeout": 30 if settings.production else 5,
            "keepalive": 1,  # of a process that ends: its clients still send over connections that they used just now
            "max_requests": 5000,
            "max_requests_jitter": 500,
            "control_socket_disable": True,  # its folder belongs to nobody here, and signals do the same
            "loglevel": "warning",
            "logger_class": ServerLog,
            "worker_tmp_dir": str(shared_memory) if shared_memory.is_dir() else None,
            # What the program itself is made of is never garbage: in a batch, looking at it again took a sixth of the time.
            "post_worker_init": lambda _worker: gc.freeze(),
            "when_ready": lambda _server: print(greeting, flush=True),
        },
        [ChildProcess([sys.executable, "-m", "app.cli", "worker"]) for _each in range(0 if no_worker else background)],
    ).run()


def begin_counting(folder: Path) -> None:
    """A folder for what the web's processes count; without one each counts for itself. What ended ones left is removed."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        for left in folder.iterdir():
            if not _lives(left.stem.rpartition("_")[2]):
                left.unlink()


def _lives(process: str) -> bool:
    """Whether a process of this number runs: another server may have the same home."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError, PermissionError):  # of another user: none of ours
        return False
    return True


@click.command()
@click.option("--console", is_flag=True, help="Show text messages here instead of sending them.")
@click.option("--parent", type=int, default=0, hidden=True)  # ends when this process is gone
def worker(console: bool, parent: int) -> None:
    """Run background jobs (text messages, drawing, nightly work) until stopped."""
    settings = settings_in_use()
    log_to_stderr(settings)
    if not parent:
        print(f"Working: {settings.home}", flush=True)
    run_worker(settings, gateway_of(settings, console=console), locale_context=language(settings), parent=parent)


def _greeting(settings: Settings, host: str, port: int) -> str:
    lines = [f"{settings.office.system_name}  http://{reachable(host)}:{port}"]
    if not settings.production:
        app = create_app(settings)
        with app.app_context():
            with force_locale("zh"):
                accounts = select(Account).where(Account.username.in_(DEMO_ACCOUNTS)).order_by(Account.id)
                for account in db.session.scalars(accounts):
                    roles = ", ".join(str(role) for role in Role if role.value in {held.name for held in account.roles})
                    lines.append(f"  {account.username:<12} {settings.demo_password}   {account.get_full_name()} ({roles})")
            db.session.remove()
            db.engine.dispose()
    return "\n".join(lines)


@click.command()
@click.option("--console", is_flag=True, help="Show them here instead of writing ANGUAN_HOME/messages.jsonl.")
def deliver(console: bool) -> None:
    """Send the text messages that are due, once."""
    settings = settings_in_use()
    with create_app(settings).app_context():
        done = sms.deliver(sessionmaker(db.engine), gateway_of(settings, console=console), at=clock.now())
    print(f"{done.sent} sent, {done.postponed} postponed, {done.failed} given up.")
