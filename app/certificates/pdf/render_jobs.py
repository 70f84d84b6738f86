"""Background jobs that draw certificates: queueing them with the approval, running them, and their progress.

Each version keeps the first digest stored for it. One that cannot be drawn is listed with its reason and stops no other.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from app.accounts.access import CASE_OFFICERS, Actor, reach
from app.certificates.pdf.seal_and_store import SealedPdf, load_photos, record_files, render_sealed
from app.core.crypto.seal_provider import SealProvider, SealUnavailable
from app.core.errors import AppError, NotFound
from app.core.office import Office
from app.db.id_lists import among
from app.files.storage import Store
from app.models import Certificate, CertificateVersion
from app.outbox.jobs import WORKER_LOST, JobRequest, enqueue_all

KIND = "papers"
PORTION = 100  # certificates in one job: some seconds of work, so that every worker thread gets one
WRITERS = 4  # files written to disk at the same time
MOST_AGAIN = 10_000
LONGEST_FAULT = 200


# --- queueing ---------------------------------------------------------------------------------------------


def enqueue_approved(session: Session, application_ids: Iterable[int], *, at: datetime) -> int:
    """Queue the certificates of these approvals; returns the number of the batch, 0 for none. The caller commits."""
    mine = among(CertificateVersion.application_id, list(application_ids))
    printed = select(CertificateVersion.id).where(mine, CertificateVersion.digest.is_(None)).order_by(CertificateVersion.id)
    return enqueue_versions(session, session.scalars(printed).all(), at=at)


def enqueue_versions(session: Session, version_ids: Sequence[int], *, at: datetime, occasion: str = "") -> int:
    """Queue one job per ``PORTION``; returns the id of the first version, which names the batch. The caller commits.

    A version is queued once; another ``occasion`` queues it again.
    """
    requests = [
        JobRequest(KIND, f"{KIND}:{occasion}:{portion[0]}", {"versions": portion}, total=len(portion))
        for portion in (list(version_ids[n : n + PORTION]) for n in range(0, len(version_ids), PORTION))
    ]
    enqueue_all(session, requests, at=at)
    return version_ids[0] if version_ids else 0


# --- drawing --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class RenderResults:
    """By version id: the digest and the PDF, or a fault code. ``ours``: faults of the system, worth another try."""

    papers: dict[int, tuple[str, SealedPdf]]
    faults: dict[int, str]
    ours: list[Exception]

    @contextmanager
    def blamed_on(self, version_id: int) -> Iterator[None]:
        """Record an error of this version, so that the others are drawn all the same."""
        try:
            yield
        except AppError as error:
            self.faults[version_id] = error.code
            if error.status >= 500:  # an unavailable service comes back
                self.ours.append(error)
        except Exception as fault:  # noqa: BLE001 - the other certificates must still be drawn
            self.faults[version_id] = type(fault).__name__
            self.ours.append(fault)


def render_versions(
    session: Session, store: Store, version_ids: Sequence[int], office: Office, provider: SealProvider, *, at: datetime
) -> RenderResults:
    """Draw those of the versions that were never drawn, into the store. Reads the tables only; see ``keep``."""
    found = RenderResults({}, {}, [])
    never = (CertificateVersion.id.in_(version_ids), CertificateVersion.digest.is_(None))
    versions = session.scalars(select(CertificateVersion).where(*never).order_by(CertificateVersion.id)).all()
    _photos = load_photos(session, versions)
    with ThreadPoolExecutor(WRITERS) as writers:  # waiting for each write in turn takes longer than the drawing
        waiting: dict[int, tuple[Future[str], SealedPdf]] = {}
        for version in versions:
            with found.blamed_on(version.id):
                made = render_sealed(session, store, version, office, provider, at=at)
                waiting[version.id] = (writers.submit(store.put, made.data), made)
    for version_id, (written, made) in waiting.items():
        with found.blamed_on(version_id):
            found.papers[version_id] = (written.result(), made)
    return found


def record_results(session: Session, drawn: RenderResults) -> None:
    """Store digests and faults, in two statements; a version drawn meanwhile keeps its digest. The caller commits."""
    if drawn.papers:
        files = [
            {"version_id": key, "previous": None, "digest": digest, **made.columns()}
            for key, (digest, made) in drawn.papers.items()
        ]
        record_files(session, CertificateVersion.digest, files)
    if drawn.faults:
        undrawn = CertificateVersion.id == bindparam("version_id"), CertificateVersion.digest.is_(None)
        faults = [{"version_id": key, "fault": fault[:LONGEST_FAULT]} for key, fault in drawn.faults.items()]
        session.connection().execute(update(CertificateVersion.__table__).where(*undrawn), faults)


def undrawn_ids(session: Session, version_ids: Sequence[int], *, set_aside: bool = True) -> list[int]:
    """Those of the versions that are still to be drawn, with or without those that were set aside."""
    never = (CertificateVersion.id.in_(version_ids), CertificateVersion.digest.is_(None))
    untouched = () if set_aside else (CertificateVersion.fault != WORKER_LOST,)
    return list(session.scalars(select(CertificateVersion.id).where(*never, *untouched).order_by(CertificateVersion.id)))


def set_aside(session: Session, version_ids: Sequence[int], *, at: datetime, alone: bool) -> None:
    """Mark versions at which workers were lost. The caller commits.

    Each gets a job of its own, which stops no other, unless it is ``alone`` in its job already.
    """
    undrawn = (CertificateVersion.id.in_(version_ids), CertificateVersion.digest.is_(None))
    session.execute(update(CertificateVersion).where(*undrawn).values(fault=WORKER_LOST))
    for version_id in () if alone else version_ids:
        enqueue_versions(session, [version_id], at=at, occasion="alone")


def waiting_for_seal(session: Session, *, most: int = MOST_AGAIN) -> list[int]:
    """Versions for which no seal was available at the last try."""
    waits = (CertificateVersion.digest.is_(None), CertificateVersion.fault == SealUnavailable.code)
    return list(session.scalars(select(CertificateVersion.id).where(*waits).order_by(CertificateVersion.id).limit(most)))


# --- progress -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """Counts of a batch; ``failed`` could not be drawn at the last try."""

    total: int
    done: int
    failed: int

    @property
    def waiting(self) -> int:
        return self.total - self.done - self.failed


@dataclass(frozen=True, slots=True)
class FailedPaper:
    """A certificate that could not be drawn, and the fault code."""

    version_id: int
    holder: str
    number: str
    enterprise: str
    fault: str


def progress_of(session: Session, actor: Actor, batch: int = 0) -> RenderProgress:
    """Progress of the batch within the actor's reach; without one, of everything that is not drawn yet.

    ``NotFound`` for an unknown batch and for one of another region.
    """
    tried = case((and_(CertificateVersion.digest.is_(None), CertificateVersion.fault != ""), 1), else_=0)
    asked = select(func.count(CertificateVersion.id), func.count(CertificateVersion.digest), func.sum(tried))
    total, done, failed = session.execute(_mine(asked, actor, batch)).one()
    if batch and not total:
        raise NotFound
    return RenderProgress(total, done, int(failed or 0))


def failed_papers(session: Session, actor: Actor, batch: int = 0, *, most: int = 100) -> list[FailedPaper]:
    """What could not be drawn, newest first."""
    columns = (CertificateVersion.id, Certificate.holder, Certificate.number, Certificate.printed_enterprise)
    asked = _mine(select(*columns, CertificateVersion.fault), actor, batch)
    tried = asked.where(CertificateVersion.digest.is_(None), CertificateVersion.fault != "")
    return [FailedPaper(*row) for row in session.execute(tried.order_by(CertificateVersion.id.desc()).limit(most))]


def try_again(session: Session, actor: Actor, *, at: datetime, batch: int = 0) -> int:
    """Queue what could not be drawn once more; returns how many. The caller commits."""
    actor.demand(*CASE_OFFICERS)
    failures = failed_papers(session, actor, batch, most=MOST_AGAIN)
    aside = [paper.version_id for paper in failures if paper.fault == WORKER_LOST]
    tried = [paper.version_id for paper in failures if paper.fault != WORKER_LOST]
    for version_id in aside:  # apart, as they may again stop what is in the same job
        enqueue_versions(session, [version_id], at=at, occasion=f"{at:%Y%m%d%H%M%S}")
    enqueue_versions(session, sorted(tried), at=at, occasion=f"{at:%Y%m%d%H%M%S}")
    return len(failures)


def _mine(asked: Any, actor: Actor, batch: int) -> Any:
    """Versions within reach: of one approval (all have the same ``issued_at``), or all that are not drawn."""
    asked = asked.join(Certificate, Certificate.id == CertificateVersion.certificate_id).where(reach(actor, Certificate))
    if not batch:
        return asked.where(CertificateVersion.digest.is_(None))
    moment = select(CertificateVersion.issued_at).where(CertificateVersion.id == batch).scalar_subquery()
    return asked.where(CertificateVersion.issued_at == moment)
