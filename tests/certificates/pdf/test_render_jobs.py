"""Certificates drawn in the background: queued with the approval, each once, none stopped by another."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.certificates.pdf import render_jobs
from app.certificates.pdf.render_jobs import PORTION, enqueue_versions, failed_papers, progress_of, try_again
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.errors import NotAllowed, NotFound
from app.core.office import Office
from app.core.vocabulary import Action, JobState, MatterKind, PaperKind, Role, State
from app.files.folder_store import FolderStore
from app.models import CertificateVersion, Job, Paper
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from app.workflow import carry_out
from tests import make
from tests.at_once import at_once
from tests.hostile_files import jpeg
from tests.pdf_text import stored_versions
from tests.query_counter import queries
from tests.workflow_fixture import Firm

APPROVER = make.officer(Role.APPROVER)
QUEUED = select(func.count(Job.id)).where(Job.kind == render_jobs.KIND)


@pytest.fixture
def tools(system, session, tmp_path) -> JobContext:
    return JobContext(
        system.engine, None, FolderStore(tmp_path / "blobs"), lambda: make.NOON, seal=EmbeddedSeal(system.settings.seals)
    )


@pytest.fixture
def asked(session, tools):
    """``asked(n)``: so many versions, and the jobs that draw them."""

    def ask(many: int) -> list[int]:
        ids = stored_versions(session, tools.store, many)
        enqueue_versions(session, ids, at=make.NOON)
        session.commit()
        return ids

    return ask


def work(tools: JobContext) -> list[JobState | None]:
    return run_due(tools, HANDLERS, most=99)


def digests(session) -> list[str | None]:
    session.rollback()
    return list(session.scalars(select(CertificateVersion.digest).order_by(CertificateVersion.id)))


def approve(session, ids):
    return carry_out(session, ids, Action.APPROVE, APPROVER, at=make.NOON, office=Office())


# --- queueing --------------------------------------------------------------------------
def test_an_approval_queues_its_certificates_in_its_own_transaction(session):
    firm = Firm(session)
    ids = [firm.application(State.AWAITING_APPROVAL).id for _ in range(3)]
    approve(session, ids)
    session.rollback()
    assert session.scalar(QUEUED) == 0
    approve(session, ids)
    session.commit()
    job = session.scalars(select(Job).where(Job.kind == render_jobs.KIND)).one()
    assert job.payload == {"versions": list(session.scalars(select(CertificateVersion.id).order_by(CertificateVersion.id)))}
    assert (job.total, job.progress) == (3, "0 / 3")


def test_an_approval_without_certificates_queues_nothing(session):
    case = Firm(session).application(State.AWAITING_APPROVAL, matter=MatterKind.CANCELLATION)
    approve(session, [case.id])
    assert session.scalar(QUEUED) == 0


def test_many_are_queued_in_portions_and_in_as_many_statements_as_few(session, system, tools):
    for many in (3, 250):
        ids = stored_versions(session, tools.store, many)
        with queries(system.engine) as seen:
            enqueue_versions(session, ids, at=make.NOON)
        assert len(seen) == 1
    session.commit()
    sizes = [len(job.payload["versions"]) for job in session.scalars(select(Job).order_by(Job.id))]
    assert sizes == [3, PORTION, PORTION, 50]


def test_two_approvals_at_once_draw_each_its_own(session, system, tools):
    firm = Firm(session)
    session.execute(update(Paper).values(digest=tools.store.put(jpeg(413, 579))))
    halves = [[firm.application(State.AWAITING_APPROVAL).id for _ in range(2)] for _half in range(2)]
    session.execute(update(Paper).values(digest=tools.store.put(jpeg(413, 579))))
    session.commit()

    def decide(ids) -> None:
        with tools.sessions.begin() as other:
            approve(other, ids)

    at_once(decide, halves)
    assert work(tools) == [JobState.DONE] * 4  # certificates and letters
    assert len({*digests(session)} - {None}) == 4


# --- drawn once ---------------------------------------------------------------------------------------
def test_two_workers_store_each_certificate_once(session, asked, tools):
    asked(2 * PORTION // 10)
    for job in session.scalars(select(Job)):  # the same papers in two jobs: the worst that can be
        session.add(
            Job(kind=job.kind, key="again", payload=job.payload, due_at=make.NOON, created_at=make.NOON, total=job.total)
        )
    session.commit()
    before = {place.name for place in tools.store.folder.glob("??/??/*")}
    ends = [end for ended in at_once(lambda _worker: work(tools), range(2)) for end in ended]
    kept = digests(session)
    assert ends == [JobState.DONE, JobState.DONE]
    there = {place.name for place in tools.store.folder.glob("??/??/*")} - before
    assert len(there) >= len({*kept}) == len(kept)
    assert {*kept} <= there  # a seal never signs the same way twice: files of the slower worker are deleted later


def test_a_second_run_draws_nothing_anew(session, asked, tools, monkeypatch):
    ids = asked(3)
    work(tools)
    first = digests(session)
    enqueue_versions(session, ids, at=make.NOON, occasion="again")
    session.commit()
    monkeypatch.setattr(render_jobs, "render_sealed", None)
    assert work(tools) == [JobState.DONE]
    assert digests(session) == first


# --- what cannot be drawn --------------------------------------------------------------------------------
def lose_photo(session, version_id: int) -> None:
    """This one version names a photo that is gone."""
    version = session.get_one(CertificateVersion, version_id)
    photo = make.paper(PaperKind.PHOTO, person_id=version.certificate.person_id, replaced_at=make.NOON)
    photo.digest = "f" * 64
    session.add(photo)
    session.flush()
    version.face = {**version.face, "photo": photo.id}
    session.commit()


def test_one_that_cannot_be_drawn_is_listed_and_stops_no_other(session, asked, tools):
    ids = asked(4)
    lose_photo(session, ids[1])
    assert work(tools) == [JobState.DONE]
    assert [digest is None for digest in digests(session)] == [False, True, False, False]
    (bad,) = failed_papers(session, APPROVER, ids[0])
    assert (bad.version_id, bad.fault, bad.holder) == (ids[1], "file-missing", "古丽·买买提")
    found = progress_of(session, APPROVER, ids[0])
    assert (found.total, found.done, found.failed, found.waiting) == (4, 3, 1, 0)


def test_a_corrected_one_is_drawn_at_the_next_try(session, asked, tools):
    ids = asked(2)
    lose_photo(session, ids[0])
    work(tools)
    version = session.get_one(CertificateVersion, ids[0])
    version.face = {**version.face, "photo": session.scalar(select(func.min(Paper.id)))}
    session.commit()
    assert try_again(session, APPROVER, at=make.NOON, batch=ids[0]) == 1
    session.commit()
    assert work(tools) == [JobState.DONE]
    assert None not in digests(session)
    assert failed_papers(session, APPROVER) == []
    assert try_again(session, APPROVER, at=make.NOON) == 0


class Full(FolderStore):
    """A full disk."""

    def put(self, _data: bytes) -> str:
        raise OSError(28, "No space left on device")


def test_a_full_store_is_tried_again_by_itself(session, asked, tools):
    ids = asked(3)
    assert work(replace(tools, store=Full(tools.store.folder))) == [JobState.READY]
    assert {paper.fault for paper in failed_papers(session, APPROVER, ids[0])} == {"OSError"}
    assert "No space left" in session.scalars(select(Job.fault)).one()
    session.rollback()
    later = replace(tools, now=lambda: make.NOON + timedelta(minutes=5))
    assert work(later) == [JobState.DONE]
    assert None not in digests(session)


# --- permissions ---------------------------------------------------------------------------------------------
def test_a_batch_is_seen_by_officers_of_its_region_only(session, asked):
    ids = asked(1)
    assert progress_of(session, make.officer(Role.APPROVER, region="430100"), ids[0]).total == 1
    for other in (make.officer(Role.APPROVER, region="430200"), make.officer(Role.ADMIN), make.officer(Role.EXAM_CLERK)):
        with pytest.raises(NotFound):
            progress_of(session, other, ids[0])
        assert progress_of(session, other).total == 0
    with pytest.raises(NotFound):
        progress_of(session, APPROVER, 2**31 - 1)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ENTERPRISE_CLERK, Role.ADMIN], ids=lambda role: role.value)
def test_only_deciding_officers_can_have_certificates_drawn_again(session, role):
    with pytest.raises(NotAllowed):
        try_again(session, make.officer(role), at=make.NOON)


def test_two_approvals_show_apart(session, tools):
    first = stored_versions(session, tools.store, 2)
    second = stored_versions(session, tools.store, 3, at=make.NOON + timedelta(seconds=1))
    assert [progress_of(session, APPROVER, ids[0]).total for ids in (first, second)] == [2, 3]
    assert progress_of(session, APPROVER).total == 5
