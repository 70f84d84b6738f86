"""Papers to be drawn: asked for with the deed that printed them, in portions; how far they are, and which would not be drawn.

Law: each version is drawn once and keeps one digest, whoever draws it and however often; one that cannot be drawn is named
with its reason and holds up no other.
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
from app.certificates.pdf.seal_and_store import Sealed, record_files, rendered
from app.core.crypto.seal_provider import SealProvider, SealUnavailable
from app.core.errors import AppError, NotFound
from app.core.office import Office
from app.files.storage import Store
from app.models import Certificate, CertificateVersion
from app.outbox.jobs import JobRequest, enqueue_all

KIND = "papers"
PORTION = 100  # papers in one job: some seconds of work, so that every hand has one
WRITERS = 4  # files on their way to the disk at once
MOST_AGAIN = 10_000
LONGEST_FAULT = 200


# --- asking ---------------------------------------------------------------------------------------------


def ask(session: Session, application_ids: Iterable[int], *, at: datetime) -> int:
    """Have drawn what these approvals printed; the number of the batch, 0 if they printed nothing. The caller commits."""
    mine = CertificateVersion.application_id.in_(list(application_ids))
    printed = select(CertificateVersion.id).where(mine, CertificateVersion.digest.is_(None)).order_by(CertificateVersion.id)
    return have_drawn(session, session.scalars(printed).all(), at=at)


def have_drawn(session: Session, version_ids: Sequence[int], *, at: datetime, occasion: str = "") -> int:
    """One job per ``PORTION``; the first of the versions, by which the batch is known. The caller commits.

    A version is asked for once; an ``occasion`` asks again.
    """
    errands = [
        JobRequest(KIND, f"{KIND}:{occasion}:{portion[0]}", {"versions": portion}, total=len(portion))
        for portion in (list(version_ids[n : n + PORTION]) for n in range(0, len(version_ids), PORTION))
    ]
    enqueue_all(session, errands, at=at)
    return version_ids[0] if version_ids else 0


# --- drawing --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Drawn:
    """What became of some papers, by version: one with its digest, or a fault. ``ours`` are the machine's, and pass."""

    papers: dict[int, tuple[str, Sealed]]
    faults: dict[int, str]
    ours: list[Exception]

    @contextmanager
    def blamed_on(self, version_id: int) -> Iterator[None]:
        """What goes wrong inside is this paper's fault, and holds up no other."""
        try:
            yield
        except AppError as no:
            self.faults[version_id] = no.code
            if no.status >= 500:  # a service that is away comes back
                self.ours.append(no)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the other papers must still be drawn
            self.faults[version_id] = type(fault).__name__
            self.ours.append(fault)


def draw_some(
    session: Session, store: Store, version_ids: Sequence[int], office: Office, provider: SealProvider, *, at: datetime
) -> Drawn:
    """Draw those of the versions that were never drawn, into the store. Reads the tables only; see ``keep``."""
    found = Drawn({}, {}, [])
    never = (CertificateVersion.id.in_(version_ids), CertificateVersion.digest.is_(None))
    with ThreadPoolExecutor(WRITERS) as writers:  # a disk that is waited for one by one takes longer than the drawing
        waiting: dict[int, tuple[Future[str], Sealed]] = {}
        for version in session.scalars(select(CertificateVersion).where(*never).order_by(CertificateVersion.id)):
            with found.blamed_on(version.id):
                made = rendered(session, store, version, office, provider, at=at)
                waiting[version.id] = (writers.submit(store.put, made.data), made)
    for version_id, (written, made) in waiting.items():
        with found.blamed_on(version_id):
            found.papers[version_id] = (written.result(), made)
    return found


def keep(session: Session, drawn: Drawn) -> None:
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


def missing(session: Session, version_ids: Sequence[int]) -> list[int]:
    """Those of the versions that are still to be drawn."""
    never = (CertificateVersion.id.in_(version_ids), CertificateVersion.digest.is_(None))
    return list(session.scalars(select(CertificateVersion.id).where(*never).order_by(CertificateVersion.id)))


def unsealed(session: Session, *, most: int = MOST_AGAIN) -> list[int]:
    """Papers for which there was no seal when they were last tried."""
    waits = (CertificateVersion.digest.is_(None), CertificateVersion.fault == SealUnavailable.code)
    return list(session.scalars(select(CertificateVersion.id).where(*waits).order_by(CertificateVersion.id).limit(most)))


# --- how far they are -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """How many papers there are, how many of them are drawn, and how many could not be when it was last tried."""

    total: int
    done: int
    failed: int

    @property
    def waiting(self) -> int:
        return self.total - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Undrawn:
    """A paper that was tried and is not there, and why."""

    version_id: int
    holder: str
    number: str
    enterprise: str
    fault: str


def progress_of(session: Session, actor: Actor, batch: int = 0) -> RenderProgress:
    """How far the batch is, as far as the actor reaches; without one: how many papers of all are still to be drawn.

    ``NotFound`` for a batch that nobody knows, or nobody of this region.
    """
    tried = case((and_(CertificateVersion.digest.is_(None), CertificateVersion.fault != ""), 1), else_=0)
    asked = select(func.count(CertificateVersion.id), func.count(CertificateVersion.digest), func.sum(tried))
    total, done, failed = session.execute(_mine(asked, actor, batch)).one()
    if batch and not total:
        raise NotFound
    return RenderProgress(total, done, int(failed or 0))


def undrawn(session: Session, actor: Actor, batch: int = 0, *, most: int = 100) -> list[Undrawn]:
    """The papers that could not be drawn, the newest first."""
    columns = (CertificateVersion.id, Certificate.holder, Certificate.number, Certificate.printed_enterprise)
    asked = _mine(select(*columns, CertificateVersion.fault), actor, batch)
    tried = asked.where(CertificateVersion.digest.is_(None), CertificateVersion.fault != "")
    return [Undrawn(*row) for row in session.execute(tried.order_by(CertificateVersion.id.desc()).limit(most))]


def try_again(session: Session, actor: Actor, *, at: datetime, batch: int = 0) -> int:
    """Ask anew for what could not be drawn; how many papers that is. The caller commits."""
    actor.demand(*CASE_OFFICERS)
    tried = [one.version_id for one in undrawn(session, actor, batch, most=MOST_AGAIN)]
    have_drawn(session, sorted(tried), at=at, occasion=f"{at:%Y%m%d%H%M%S}")
    return len(tried)


def _mine(asked: Any, actor: Actor, batch: int) -> Any:
    """Versions within reach: of one approval, which gave all of its prints the same moment, or all without a paper."""
    asked = asked.join(Certificate, Certificate.id == CertificateVersion.certificate_id).where(reach(actor, Certificate))
    if not batch:
        return asked.where(CertificateVersion.digest.is_(None))
    moment = select(CertificateVersion.issued_at).where(CertificateVersion.id == batch).scalar_subquery()
    return asked.where(CertificateVersion.issued_at == moment)
