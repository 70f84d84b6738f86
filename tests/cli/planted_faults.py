"""Faults as they happen to an installation: each is planted into one that is sound, and taken out again."""

import os
import resource
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, delete, text
from sqlalchemy.orm import Session

from app.applications.decision_batches.records import KIND as BATCH
from app.applications.office_settings import LAST_BACKUP
from app.cli import app
from app.core.clock import now
from app.core.crypto import signing_keys
from app.core.settings import Keys, read_settings
from app.core.vocabulary import ChainFault, JobState, MessageState, PaperKind, State
from app.files.folder_store import FolderStore
from app.models import AuditInspection, Certificate, CertificateVersion, Job, Message, Parameter, Worker
from tests import make
from tests.backup.test_repository import ONE
from tests.fake_sms_provider import sms_provider

NOWHERE = "127.0.0.1:9"  # nothing listens there
HOUR = timedelta(hours=1)


@dataclass
class Planting:
    """A sound installation, with one enterprise, its two scans and one certificate that was drawn and sealed."""

    home: Path
    engine: Engine
    scans: tuple[str, ...]
    monkeypatch: pytest.MonkeyPatch

    @contextmanager
    def settings(self, **values: str) -> Iterator[None]:
        with self.monkeypatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            yield

    @contextmanager
    def rows(self, *new: Any) -> Iterator[None]:
        with Session(self.engine) as session:
            session.add_all(new)
            session.commit()
            yield
            session.rollback()
            for row in reversed(new):
                session.delete(row)
            session.commit()

    @contextmanager
    def without(self, path: Path) -> Iterator[None]:
        aside = self.home.parent / "aside"
        path.rename(aside)
        yield
        aside.rename(path)

    @contextmanager
    def holding(self, path: Path, data: bytes) -> Iterator[None]:
        before = path.read_bytes()
        path.write_bytes(data)
        yield
        path.write_bytes(before)

    @contextmanager
    def revision(self, other: str) -> Iterator[None]:
        change = text("UPDATE alembic_version SET version_num = :other")
        with self.engine.begin() as connection:
            here = connection.scalar(text("SELECT version_num FROM alembic_version"))
            connection.execute(change, {"other": other})
        yield
        with self.engine.begin() as connection:
            connection.execute(change, {"other": here})


def planting(home: Path, monkeypatch: pytest.MonkeyPatch) -> Planting:
    engine, store = create_engine(os.environ["DATABASE_URL"]), FolderStore(read_settings().blobs)
    scans = tuple(store.put(data) for data in (b"first scan", b"second scan"))
    with Session(engine) as session:
        firm = make.enterprise()
        session.add(firm)
        session.flush()
        for n, digest in enumerate(scans):
            paper = make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id)
            paper.digest, paper.replaced_at = digest, None if n else make.NOON
            session.add(paper)
        held = make.certificate(make.person(firm))
        session.add(held)
        session.flush()
        session.add(_version(held, digest=scans[0], sealed_by="0" * 64, sealed_at=make.NOON))
        session.commit()
    return Planting(home, engine, scans, monkeypatch)


def _version(held: Certificate, **facts: Any) -> CertificateVersion:
    face = {"name": held.holder, "code_key": signing_keys.ring.newest.kid}
    given = {"version": 1, "token": "t" * 22, "face": face, "issued_at": make.NOON}
    return CertificateVersion(certificate_id=held.id, **{**given, **facts})


def job(state: JobState = JobState.READY, kind: str = "messages", **facts: Any) -> Job:
    ended = {"finished_at": now(), "fault": "OSError: no route"} if state is JobState.DEAD else {}
    return Job(kind=kind, key=f"{kind}:7", payload={}, state=state, due_at=now() - HOUR, created_at=now() - HOUR, **ended)


def message(state: MessageState = MessageState.QUEUED) -> Message:
    return Message(mobile="13800000000", text="短信", state=state, due_at=now(), fault="HTTP Error 500")


def beating(ago: timedelta = timedelta()) -> Worker:
    return Worker(name=f"w{ago}", seen_at=now() - ago)


def other_code_keys(of: Planting) -> AbstractContextManager[None]:
    """Those that ``init`` made on a second machine, before a certificate was issued."""
    other = of.home / "other.json"
    signing_keys.make(other, at=now())
    made = other.read_bytes()
    other.unlink()
    return of.holding(of.home / "codes.json", made)


@contextmanager
def other_database(of: Planting, *statements: str) -> Iterator[None]:
    path = of.home.parent / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    with of.settings(DATABASE_URL=f"sqlite:///{path}"):
        yield
    path.unlink(missing_ok=True)


@contextmanager
def refusing_gateway(of: Planting) -> Iterator[None]:
    with sms_provider() as gateway, of.settings(ANGUAN_SMS_URL=gateway.url):
        gateway.answer = (500, b"", {})
        with of.rows(Message(mobile="13800000000", text="短信", due_at=now())):
            assert app.main(["deliver"]) == 0
            yield


@contextmanager
def nothing_grows(_of: Planting) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))  # no file is written beyond
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def read_only_database(of: Planting) -> Iterator[None]:
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite"):
        url = url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    else:
        url += ("&" if "?" in url else "?") + "options=-c%20default_transaction_read_only%3Don"
    with of.settings(DATABASE_URL=url):
        yield


@contextmanager
def readable_home(of: Planting) -> Iterator[None]:
    of.home.chmod(0o755)
    yield
    of.home.chmod(0o700)


def no_bucket(of: Planting) -> AbstractContextManager[None]:
    access = {"ANGUAN_S3_URL": f"http://{NOWHERE}", "ANGUAN_S3_KEY": "key", "ANGUAN_S3_SECRET": "secret"}
    return of.settings(ANGUAN_BLOBS="s3://anguan/files", **access)


@contextmanager
def others_folder(of: Planting) -> Iterator[None]:
    """A second machine, whose folder of files is its own."""
    with of.without(of.home / "blobs"):
        (of.home / "blobs").mkdir(mode=0o700)
        yield
        for left in sorted((of.home / "blobs").rglob("*"), reverse=True):
            left.unlink() if left.is_file() else left.rmdir()
        (of.home / "blobs").rmdir()


@contextmanager
def undrawn(of: Planting) -> Iterator[None]:
    with Session(of.engine) as session:
        held = session.query(Certificate).one()
        case = make.application(held.person, State.APPROVED, certificate=held)
        session.add(case)
        session.flush()
        late = _version(held, version=2, token="u" * 22, application_id=case.id, issued_at=now() - 2 * HOUR)
        session.query(CertificateVersion).one().replaced_at = make.NOON
        session.add(late)
        session.commit()
        yield
        session.rollback()
        session.execute(delete(Job))
        session.delete(late)
        session.flush()
        session.delete(case)
        session.query(CertificateVersion).one().replaced_at = None
        session.commit()


@contextmanager
def old_backup(of: Planting) -> Iterator[None]:
    made = Parameter(
        name=LAST_BACKUP, value=replace(ONE, at=now() - timedelta(days=3)).dump(), changed_at=now(), changed_by="x"
    )
    with of.rows(made), of.settings(ANGUAN_ENV="production"):
        yield


@contextmanager
def demonstration(of: Planting) -> Iterator[None]:
    named = make.enterprise(name="湖南湘江建设集团有限公司（演示）", uscc="91430100MA4L000017")
    with of.rows(named), of.settings(ANGUAN_ENV="production"):
        yield


Plant = Callable[[Planting], AbstractContextManager[None]]
# The code of the finding -> how the fault comes about. In the order of docs/operations.md.
FAULTS: Mapping[str, Plant] = {
    "unknown-setting": lambda of: of.settings(ANGUAN_SMS_ULR="https://sms.example"),
    "unknown-environment": lambda of: of.settings(ANGUAN_ENV="prod"),
    "bad-setting": lambda of: of.settings(ANGUAN_SMS_URL="sms.example"),
    "damaged-keys": lambda of: of.holding(of.home / "keys.json", b'{"session": "x"'),
    "foreign-keys": lambda of: of.holding(of.home / "keys.json", Keys.fresh().dump().encode()),
    "moved-address": lambda of: of.settings(ANGUAN_PUBLIC_URL="https://new.example"),
    "no-code-keys": lambda of: of.without(of.home / "codes.json"),
    "other-code-keys": other_code_keys,
    "readable-by-others": readable_home,
    "database-away": lambda of: of.settings(DATABASE_URL=f"postgresql://nobody@{NOWHERE}/anguan"),
    "empty-database": other_database,
    "strange-database": lambda of: other_database(of, "CREATE TABLE wp_posts (id INTEGER)"),
    "older-database": lambda of: of.revision("0022"),
    "newer-database": lambda of: of.revision("9999"),
    "other-office": lambda of: of.settings(ANGUAN_REGION_CODE="420000"),
    "database-read-only": read_only_database,
    "home-unwritable": nothing_grows,
    "disk-low": lambda of: of.settings(ANGUAN_LEAST_DISK_MB="999999999"),
    "no-worker": lambda of: of.rows(beating(HOUR)),
    "old-queue": lambda of: of.rows(beating(), job()),
    "dead-jobs": lambda of: of.rows(job(JobState.DEAD)),
    "stuck-batch": lambda of: of.rows(beating(), job(JobState.READY, BATCH)),
    "sms-away": lambda of: of.settings(ANGUAN_SMS_URL=f"http://{NOWHERE}"),
    "sms-refused": refusing_gateway,
    "failed-messages": lambda of: of.rows(message(MessageState.FAILED)),
    "seal-lost": lambda of: of.without(of.home / "seal"),
    "seal-away": lambda of: of.settings(ANGUAN_SEAL_URL=f"http://{NOWHERE}"),
    "scanner-away": lambda of: of.settings(ANGUAN_CLAMD=f"tcp://{NOWHERE}"),
    "files-away": no_bucket,
    "missing-papers": undrawn,
    "no-files": others_folder,
    "missing-file": lambda of: of.without(FolderStore(of.home / "blobs").path(of.scans[1])),
    "damaged-file": lambda of: of.holding(FolderStore(of.home / "blobs").path(of.scans[1]), b"AGS1" + b"x" * 60),
    "doubted-clock": lambda of: of.rows(beating(-240 * HOUR)),
    "clock-behind": lambda of: of.rows(beating(-HOUR)),
    "broken-log": lambda of: of.rows(AuditInspection(at=now(), lines=3, fault=ChainFault.CHANGED, seq=2)),
    "demonstration-data": demonstration,
    "no-administrator": lambda of: of.settings(ANGUAN_ENV="production"),
    "old-backup": old_backup,
}
