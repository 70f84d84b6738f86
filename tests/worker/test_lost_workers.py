"""Killed and hung workers: no certificate is lost, and one that kills its worker each time is set aside alone."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.certificates.pdf.render_jobs import enqueue_versions, failed_papers, try_again
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.vocabulary import JobState, Role
from app.files.folder_store import FolderStore
from app.models import CertificateVersion, Job
from app.outbox.jobs import LEASE, MAX_ATTEMPTS, MAX_RETRY_SECONDS, WORKER_LOST, due_jobs
from app.worker.handlers import HANDLERS
from app.worker.process import JobConsumer, queue
from app.worker.runner import JobContext, run_due
from tests import make
from tests.hostile_files import jpeg
from tests.pdf_text import stored_versions

APPROVER = make.officer(Role.APPROVER)
LATER = LEASE + timedelta(seconds=MAX_RETRY_SECONDS)  # by then a lost job is due again


class Killed(BaseException):
    """Stands for a killed worker: nothing after it runs."""


class KillingStore(FolderStore):
    """Kills the worker that reads one of these files, and at chance the one that writes."""

    poison: frozenset[str] = frozenset()
    chance: random.Random | None = None
    one_in = 30

    def read(self, digest: str) -> bytes:
        if digest in self.poison:
            raise Killed
        return super().read(digest)

    def put(self, data: bytes) -> str:
        if self.chance is not None and self.chance.randrange(self.one_in) == 0:
            raise Killed
        return super().put(data)


@pytest.fixture
def context(system, session, tmp_path) -> JobContext:
    seal = EmbeddedSeal(system.settings.seals)
    return JobContext(system.engine, None, KillingStore(tmp_path / "blobs"), lambda: make.NOON, chance=lambda: 1.0, seal=seal)


def work(session, context: JobContext, at: datetime, most: int = 500) -> int:
    """Run jobs, each time with a new worker when one was killed, until none is due; returns the number of kills."""
    kills = 0
    while kills < most:
        later = replace(context, now=lambda moment=at: moment, leases={})
        try:
            run_due(later, HANDLERS, most=99)
        except Killed:
            kills += 1
        at += LATER
        waiting = due_jobs(session, at=at, most=1)
        session.rollback()  # on SQLite this session must not hold the write lock
        if not waiting:
            break
    return kills


def states(session) -> set[JobState]:
    session.rollback()
    return set(session.scalars(select(Job.state)))


def drawn(session) -> int:
    session.rollback()
    return session.scalar(select(func.count(CertificateVersion.digest)))


def poisoned(session, context: JobContext, version_ids: list[int]) -> None:
    """Give these versions a photo that kills whoever reads it."""
    photo = make.paper(enterprise_id=1, person_id=1)
    photo.digest, photo.mime = context.store.put(jpeg(413, 580)), "image/jpeg"
    photo.replaced_at = make.NOON
    session.add(photo)
    session.flush()
    for version in session.scalars(select(CertificateVersion).where(CertificateVersion.id.in_(version_ids))):
        version.face = {**version.face, "photo": photo.id}
    session.commit()
    context.store.poison = frozenset({photo.digest})


def test_many_kills_at_chance_lose_no_certificate(session, context):
    enqueue_versions(session, stored_versions(session, context.store, 60), at=make.NOON)
    session.commit()
    context.store.chance = random.Random(7)  # noqa: S311 - the same kills each time
    context.store.one_in = 5
    assert work(session, context, make.NOON) > MAX_ATTEMPTS
    context.store.chance = None
    work(session, context, make.NOON + timedelta(days=3))
    assert (drawn(session), states(session)) == (60, {JobState.DONE})


@pytest.mark.parametrize("place", [0, 7, 24])
def test_one_that_kills_each_worker_is_set_aside_and_stops_no_other(session, context, place):
    ids = stored_versions(session, context.store, 25)
    poisoned(session, context, [ids[place]])
    enqueue_versions(session, ids, at=make.NOON)
    session.commit()
    assert work(session, context, make.NOON) < 2 * MAX_ATTEMPTS
    assert drawn(session) == 24
    assert [(paper.version_id, paper.fault) for paper in failed_papers(session, APPROVER)] == [(ids[place], WORKER_LOST)]
    alone = session.scalars(select(Job).where(Job.state == JobState.DEAD)).one()
    assert (alone.payload["versions"], alone.fault) == ([ids[place]], WORKER_LOST)


def test_one_that_is_alone_in_its_job_ends_dead_and_listed(session, context):
    ids = stored_versions(session, context.store, 1)
    poisoned(session, context, ids)
    enqueue_versions(session, ids, at=make.NOON)
    session.commit()
    assert work(session, context, make.NOON) == MAX_ATTEMPTS
    assert states(session) == {JobState.DEAD}
    assert [paper.fault for paper in failed_papers(session, APPROVER)] == [WORKER_LOST]


def test_several_that_kill_are_all_found(session, context):
    ids = stored_versions(session, context.store, 12)
    poisoned(session, context, [ids[0], ids[1], ids[11]])
    enqueue_versions(session, ids, at=make.NOON)
    session.commit()
    work(session, context, make.NOON)
    assert drawn(session) == 9
    assert {paper.version_id for paper in failed_papers(session, APPROVER)} == {ids[0], ids[1], ids[11]}


def test_what_was_set_aside_is_drawn_at_the_next_try_once_it_is_mended(session, context):
    ids = stored_versions(session, context.store, 3)
    poisoned(session, context, [ids[1]])
    enqueue_versions(session, ids, at=make.NOON)
    session.commit()
    work(session, context, make.NOON)
    context.store.poison = frozenset()
    session.rollback()
    at = make.NOON + timedelta(days=1)
    assert try_again(session, APPROVER, at=at) == 1
    session.commit()
    work(session, context, at)
    assert drawn(session) == 3
    assert failed_papers(session, APPROVER) == []


class EndedProcess(BaseException):
    """Stands for the end of the process."""


class EndingConsumer(JobConsumer):
    """A consumer that raises where a worker process would end."""

    def end_process(self) -> None:
        raise EndedProcess


def test_a_worker_with_a_hung_job_ends_so_that_another_takes_its_jobs(system, session, context, tmp_path):
    consumer = EndingConsumer(queue(replace(system.settings, home=tmp_path)), context)
    context.leases["token"] = make.NOON - LEASE
    consumer.poll()
    context.leases["token"] -= timedelta(seconds=1)
    with pytest.raises(EndedProcess):
        consumer.poll()
