"""Figures of a running installation, for the page of its state and for ``/metrics``: by index, never by a whole table."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.pki import trust
from app.applications.dashboard_counts import QUEUES, has_limit
from app.backup.last_backup import last_backup
from app.core.clock import office_day, office_moment
from app.core.crypto.seal_provider import SealUnavailable, SealUse, Suite
from app.core.vocabulary import AuditAction, JobState, MessageState
from app.db.counting import MOST_ON_TILE, counts
from app.models import Application, AuditCheckpoint, AuditEntry, AuditInspection, Job, Message
from app.outbox import jobs
from app.worker.findings.installation import Installation

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: a key of ``GAUGES``, what it is of, its value."""

    name: str
    value: float
    of: Mapping[str, str] = field(default_factory=dict)


# The name of each figure, as a monitoring system knows it, and what it says. Names end in their unit, or count things;
# a count stops at ``MOST_ON_TILE + 1``.
GAUGES: Mapping[str, object] = {
    "anguan_jobs": _("Jobs"),
    "anguan_queue_age_seconds": _("The oldest job that is due waits for"),
    "anguan_worker_heartbeat_timestamp_seconds": _("A worker reported last at"),
    "anguan_messages": _("Messages (sent: within the hour)"),
    "anguan_message_age_seconds": _("The oldest message that is due waits for"),
    "anguan_overdue_cases": _("Cases past their limit"),
    "anguan_failed_sign_ins": _("Failed sign-ins within the hour"),
    "anguan_seal_end_timestamp_seconds": _("The seal runs out at"),
    "anguan_revocation_list_end_timestamp_seconds": _("The first list of revoked certificates runs out at"),
    "anguan_disk_free_bytes": _("Free space on the disk"),
    "anguan_last_backup_timestamp_seconds": _("The last backup was made at"),
    "anguan_audit_log_intact": _("The last verification of the audit log found it intact (1) or not (0)"),
    "anguan_audit_log_verified_timestamp_seconds": _("The audit log was verified last at"),
    "anguan_audit_log_signed_timestamp_seconds": _("The end of the audit log was signed last at"),
}


def figures(of: Installation) -> Iterator[Figure]:
    """Every figure that is known at this moment. No transaction is open while the seal service is asked."""
    with of.reading() as session:
        rows = [*_work(session, of.at), *_people(session, of.at), *_audit_log(session)]
    yield from rows
    provider = of.provider()
    for use in SealUse:
        try:
            end = provider.seal(Suite.P256, at=of.at, use=use).certificate.not_valid_after_utc
        except SealUnavailable:
            continue
        yield Figure("anguan_seal_end_timestamp_seconds", end.timestamp(), {"use": use.value})
    ends = [crl.next_update_utc for crl in trust.load_trust(of.settings.ukeys, required=False).lists.values()]
    if first := min(filter(None, ends), default=None):
        yield Figure("anguan_revocation_list_end_timestamp_seconds", first.timestamp())
    for name, folder in (("home", of.home), ("blobs", of.settings.blobs)):
        if folder.exists():
            yield Figure("anguan_disk_free_bytes", shutil.disk_usage(folder).free, {"folder": name})


def _work(session: Session, at: datetime) -> Iterator[Figure]:
    """Jobs, worker, messages and backup."""
    if made := last_backup(session):
        yield Figure("anguan_last_backup_timestamp_seconds", made.at.timestamp())
    states = {state: (Job.state == state,) for state in (JobState.READY, JobState.RUNNING, JobState.DEAD)}
    for state, n in counts(session, Job, states, MOST_ON_TILE).items():
        yield Figure("anguan_jobs", n, {"state": state.value})
    oldest = jobs.oldest_due(session, at=at)
    yield Figure("anguan_queue_age_seconds", (at - oldest).total_seconds() if oldest else 0)
    if beat := jobs.last_heartbeat(session):
        yield Figure("anguan_worker_heartbeat_timestamp_seconds", beat.timestamp())
    sent = (Message.state == MessageState.SENT, Message.sent_at >= at - HOUR)
    messages = {MessageState.SENT: sent} | {
        state: (Message.state == state,) for state in (MessageState.QUEUED, MessageState.FAILED)
    }
    for kind, n in counts(session, Message, messages, MOST_ON_TILE).items():
        yield Figure("anguan_messages", n, {"state": kind.value})
    waits = select(func.min(Message.due_at)).where(Message.state == MessageState.QUEUED, Message.due_at <= at)
    first = session.scalar(waits)
    yield Figure("anguan_message_age_seconds", (at - first).total_seconds() if first else 0)


def _people(session: Session, at: datetime) -> Iterator[Figure]:
    """What people wait for and try."""
    today = office_day(office_moment(at))
    late = {state: (Application.state == state, has_limit(), Application.due_on < today) for state in QUEUES.values()}
    for state, n in counts(session, Application, late, MOST_ON_TILE).items():
        yield Figure("anguan_overdue_cases", n, {"state": state.value})
    failed = (AuditEntry.deed == AuditAction.SIGN_IN_FAILED, AuditEntry.at >= at - HOUR)
    yield Figure("anguan_failed_sign_ins", counts(session, AuditEntry, {"": failed}, MOST_ON_TILE)[""])


def _audit_log(session: Session) -> Iterator[Figure]:
    last = session.scalar(select(AuditInspection).order_by(AuditInspection.at.desc(), AuditInspection.id.desc()).limit(1))
    if last is not None:
        yield Figure("anguan_audit_log_intact", last.fault is None)
        yield Figure("anguan_audit_log_verified_timestamp_seconds", last.at.timestamp())
    signed = session.scalar(select(AuditCheckpoint.at).order_by(AuditCheckpoint.id.desc()).limit(1))
    if signed is not None:
        yield Figure("anguan_audit_log_signed_timestamp_seconds", signed.timestamp())
