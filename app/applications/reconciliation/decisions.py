"""What the administrator, who owns the import, decides about a discrepancy, and asking for a comparison."""

from datetime import UTC, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.discrepancy_vocabulary import DECISIONS, DiscrepancyState
from app.core.errors import AppError, NotFound, Stale
from app.core.redaction import REASON, without_numbers
from app.core.vocabulary import ImportKind, JobState, Role
from app.models import Discrepancy, Job, SheetImport
from app.outbox import jobs

KIND = "reconcile"  # of the job
LONGEST_REASON = 500


def decide(
    session: Session,
    discrepancy_id: int,
    decision: DiscrepancyState,
    reason: str,
    revision: int,
    actor: Actor,
    *,
    at: datetime,
) -> Discrepancy:
    """Keep what was decided about a discrepancy as it was shown; it may be decided anew. The caller commits.

    Changes no record: that is done by a corrected sheet, an application or a measure. Raises ``Stale`` if it was opened again
    or is gone, ``AppError`` without a reason (none is needed to postpone it).
    """
    actor.demand(Role.ADMIN)
    item = session.get(Discrepancy, discrepancy_id, with_for_update=True, populate_existing=True)
    if item is None:
        raise NotFound
    if item.revision != revision or item.state is DiscrepancyState.GONE or decision not in DECISIONS:
        raise Stale
    reason = without_numbers(" ".join(reason.split()), REASON, "reason")[:LONGEST_REASON]
    if not reason and decision is not DiscrepancyState.POSTPONED:
        sentence = _("Please say why: whoever looks at it later needs to know.")
        raise AppError(sentence, code="missing", field="reason")
    item.state = item.decision = decision
    item.reason, item.decided_at, item.decided_by = reason, at, actor.name[:130]
    session.flush()
    return item


def ask(session: Session, actor: Actor, *, at: datetime) -> None:
    """Ask for a comparison, unless one waits or runs. The caller commits."""
    actor.demand(Role.ADMIN)
    newest = newest_job(session)
    if newest is None or newest.state not in (JobState.READY, JobState.RUNNING):
        jobs.enqueue(session, KIND, f"{KIND}:{at.astimezone(UTC):%Y-%m-%dT%H:%M}", {}, at=at)


def after_import(session: Session, import_id: int, what: str, *, at: datetime) -> None:
    """Have everything compared after an import, or after it was undone (``what`` tells them apart). The caller commits."""
    if session.get_one(SheetImport, import_id).kind not in (ImportKind.PASSES, ImportKind.CERTIFICATES):
        return
    jobs.enqueue(session, KIND, f"{KIND}:{what}:{import_id}", {}, at=at)


def newest_job(session: Session) -> Job | None:
    """The comparison that was asked for last, for its progress and result."""
    mine = Job.key.startswith(f"{KIND}:", autoescape=True)
    found: Job | None = session.scalars(select(Job).where(mine).order_by(Job.id.desc()).limit(1)).first()
    return found
