"""Checks of the work that goes on: worker, queue, batches, messages, papers, files, audit log, backup."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from app.applications import paper_address
from app.applications.decision_batches.records import KIND as BATCH
from app.applications.scan_retention import referenced_digests
from app.backup import last_backup as backups
from app.certificates.pdf import letter_jobs, render_jobs
from app.core.errors import FilesAway
from app.core.vocabulary import JobState, MessageState
from app.db.audit import checkpoints
from app.db.counting import MOST_ON_TILE, counts, shown_count
from app.db.tables.outbox import POSTPONED
from app.files.storage import FileDamaged, FileMissing, Store
from app.models import AuditInspection, CertificateVersion, Job, Letter, Message, Paper
from app.outbox import jobs
from app.worker.findings import services
from app.worker.findings.finding import SystemFinding
from app.worker.findings.installation import Installation, shown
from app.worker.findings.kinds import PAPERS

QUEUE_OLD = timedelta(minutes=10)  # a job begins within seconds; a province's largest day fills some minutes
BATCH_STUCK = timedelta(minutes=15)  # without any progress
PAPERS_LATE, PAPERS_SINCE = timedelta(hours=1), timedelta(days=7)  # drawn within minutes; older ones were told of before
FAILED_SINCE = timedelta(days=1)
UNVERIFIED = timedelta(days=2)  # verified each night
MOST_LOOKED_AT = 10_000  # rows of one kind
SAMPLE = 20  # of the newest scans


def worker(of: Installation) -> Iterator[SystemFinding]:
    """A worker reports."""
    with of.reading() as session:
        last = jobs.last_heartbeat(session)
        gone = jobs.worker_is_missing(session, at=of.at) if last is None else last <= of.at - jobs.WORKER_TIMEOUT
    if gone:
        yield SystemFinding("no-worker", "", {"last": shown(last)})


def queue(of: Installation) -> Iterator[SystemFinding]:
    """Jobs begin soon, and none was given up."""
    with of.reading() as session:
        oldest = jobs.oldest_due(session, at=of.at)
        dead = select(Job.fault).where(Job.state == JobState.DEAD).order_by(Job.finished_at.desc(), Job.id.desc()).limit(1)
        fault = session.scalar(dead)
        n = counts(session, Job, {"": (Job.state == JobState.DEAD,)}, MOST_ON_TILE)[""]
    if oldest is not None and oldest < of.at - QUEUE_OLD:
        waits = str(int((of.at - oldest).total_seconds() // 60))
        yield SystemFinding("old-queue", "", {"since": shown(oldest), "n": waits})
    if fault is not None:
        yield SystemFinding("dead-jobs", "", {"n": shown_count(n, MOST_ON_TILE), "why": fault})


def batches(of: Installation) -> Iterator[SystemFinding]:
    """Every confirmed batch of decisions moves on."""
    late = select(Job.key, Job.kind, Job.created_at).limit(MOST_LOOKED_AT)
    overdue = late.where(Job.state == JobState.READY, Job.due_at < of.at - BATCH_STUCK).order_by(Job.due_at, Job.id)
    given_up = late.where(Job.state == JobState.DEAD).order_by(Job.finished_at.desc(), Job.id.desc())
    with of.reading() as session:
        for some in (overdue.subquery(), given_up.subquery()):
            for key, since in session.execute(select(some.c.key, some.c.created_at).where(some.c.kind == BATCH)):
                yield SystemFinding("stuck-batch", key.removeprefix(f"{BATCH}:"), {"since": shown(since)})


def unsent(of: Installation) -> Iterator[SystemFinding]:
    """Messages leave at the first try; none of the last day was given up."""
    waits = (Message.state == MessageState.QUEUED, Message.next_try_at <= of.at + jobs.FUTURE)
    failed = (Message.state == MessageState.FAILED, Message.due_at >= of.at - FAILED_SINCE)
    with of.reading() as session:
        tried = select(Message.fault, Message.due_at).where(text(POSTPONED)).order_by(Message.due_at, Message.id)
        refused = session.execute(tried.limit(1)).first()
        found = counts(session, Message, {"waits": waits, "failed": failed}, MOST_ON_TILE)
    if refused is not None:
        n = shown_count(found["waits"], MOST_ON_TILE)
        yield SystemFinding("sms-refused", "ANGUAN_SMS_URL", {"why": refused[0], "since": shown(refused[1]), "n": n})
    if found["failed"]:
        yield SystemFinding("failed-messages", "", {"n": shown_count(found["failed"], MOST_ON_TILE)})


def papers(of: Installation) -> Iterator[SystemFinding]:
    """What was decided is drawn and sealed soon."""
    with of.reading() as session:
        missing = {"certificates": undrawn_certificates(session, of), "letters": undrawn_letters(session, of)}

    def draw() -> None:
        with Session(of.engine) as session, session.begin():
            occasion = f"doctor:{of.at.isoformat()}"
            render_jobs.enqueue_versions(session, missing["certificates"], at=of.at, occasion=occasion)
            letter_jobs.enqueue_unsealed(session, missing["letters"], at=of.at)

    for place, ids in missing.items():
        if ids:
            yield SystemFinding(
                "missing-papers", place, {"n": shown_count(len(ids), MOST_ON_TILE), "of": str(PAPERS[place])}, draw
            )


def undrawn_certificates(session: Session, of: Installation) -> Sequence[int]:
    """Certificates of the last days that were decided here and have no file. Imported ones are drawn when first opened."""
    columns = (CertificateVersion.id, CertificateVersion.digest, CertificateVersion.application_id)
    late = CertificateVersion.issued_at.between(of.at - PAPERS_SINCE, of.at - PAPERS_LATE)
    newest = select(*columns).where(late).order_by(CertificateVersion.issued_at.desc()).limit(MOST_LOOKED_AT).subquery()
    ours = (newest.c.digest.is_(None), newest.c.application_id.is_not(None))
    return session.scalars(select(newest.c.id).where(*ours)).all()


def undrawn_letters(session: Session, of: Installation) -> Sequence[int]:
    """Letters that have a number and no file."""
    ours = (Letter.digest.is_(None), Letter.made_at < of.at - PAPERS_LATE)
    return session.scalars(select(Letter.id).where(*ours).order_by(Letter.id).limit(MOST_ON_TILE)).all()


def papers_lead_here(of: Installation) -> Iterator[SystemFinding]:
    """The QR codes of papers lead to the present address."""
    now = of.settings.office.public_url
    with of.reading() as session:
        before = paper_address.known(session)
        moved = before not in ("", now) and services.has_sealed(session)
    if moved:
        yield SystemFinding("moved-address", "ANGUAN_PUBLIC_URL", {"now": now, "before": before})


def stored_files(of: Installation) -> Iterator[SystemFinding]:
    """The newest scans can be opened. A folder or bucket without any of them is that of another system."""
    with of.reading() as session:
        digests = newest_digests(session)
    yield from _opened(of, digests)


def every_file(of: Installation) -> Iterator[SystemFinding]:
    """Every file that a row names can be opened."""
    with of.reading() as session:
        digests = sorted(referenced_digests(session))
    yield from _opened(of, digests)


def newest_digests(session: Session) -> Sequence[str]:
    """Of the scans handed in last."""
    newest = select(Paper.digest).where(Paper.removed_at.is_(None)).order_by(Paper.id.desc()).limit(SAMPLE)
    return session.scalars(newest).all()


def has_files(session: Session, store: Store) -> bool:
    """Whether any of the newest scans lies in the store; true while there is none. Looks at names only."""
    digests = newest_digests(session)
    return not digests or any(store.has(digest) for digest in digests)


def _opened(of: Installation, digests: Sequence[str]) -> Iterator[SystemFinding]:
    settings, counted = of.settings, {"missing-file": 0, "damaged-file": 0}
    no_place = settings.bucket is None and not settings.blobs.exists()  # before a store makes the folder
    for digest in () if no_place else digests:
        try:
            of.store().read(digest)
        except FilesAway:  # ``environment.object_store`` says so
            return
        except FileDamaged:
            counted["damaged-file"] += 1
        except FileMissing:
            counted["missing-file"] += 1
    if digests and (no_place or counted["missing-file"] == len(digests)):
        yield SystemFinding("no-files", settings.files_address)
        return
    for code, n in counted.items():
        if n:
            yield SystemFinding(code, settings.files_address, {"n": str(n)})


def audit_log(of: Installation) -> Iterator[SystemFinding]:
    """The last night's verification of the audit log found no break."""
    with of.reading() as session:
        last = session.scalar(select(AuditInspection).order_by(AuditInspection.at.desc(), AuditInspection.id.desc()).limit(1))
    if last is not None and last.fault is not None:
        yield SystemFinding("broken-log", str(last.seq or last.entry_id or ""), {"why": str(last.fault)})
    elif last is not None and last.at < of.at - UNVERIFIED:
        yield SystemFinding("unverified-log", "", {"last": shown(last.at)})


def whole_audit_log(of: Installation) -> Iterator[SystemFinding]:
    """The audit log verifies now, from its first line to its last checkpoint."""
    settings = of.settings
    found = checkpoints.verify(sessionmaker(of.engine), checkpoints.read_published(settings.diary_heads))
    if found.broken is not None:
        yield SystemFinding("broken-log", str(found.broken.seq or ""), {"why": str(found.broken.fault)})


def last_backup(of: Installation) -> Iterator[SystemFinding]:
    """Production has a recent backup."""
    if not of.settings.production:
        return
    with of.reading() as session:
        made = backups.last_backup(session)
    if made is None:
        yield SystemFinding("no-backup")
    elif made.at < of.at - 2 * timedelta(hours=of.settings.backup_hours):
        yield SystemFinding("old-backup", "", {"last": shown(made.at)})
