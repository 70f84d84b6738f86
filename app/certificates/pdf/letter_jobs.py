"""Background jobs that issue letters, enqueued in the transaction that decides. ``applications.letters`` does the work."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.vocabulary import LETTER_OF, Action
from app.outbox.jobs import JobRequest, enqueue_all

KIND = "letters"
PORTION = 100  # letters in one job
APPLICATIONS, MEASURES, LETTERS = "applications", "measures", "letters"  # what a job has the ids of


def enqueue_decided(session: Session, action: Action, application_ids: Sequence[int], *, at: datetime) -> None:
    """Queue the letters of these steps, made at ``at``, if steps of this kind have one. The caller commits."""
    if action in LETTER_OF:
        _enqueue(session, APPLICATIONS, application_ids, at)


def enqueue_measures(session: Session, measure_ids: Sequence[int], *, at: datetime) -> None:
    """Queue the letters of measures that were taken. The caller commits."""
    _enqueue(session, MEASURES, measure_ids, at)


def enqueue_unsealed(session: Session, letter_ids: Sequence[int], *, at: datetime) -> None:
    """Queue the drawing of letters that have their number. The caller commits."""
    _enqueue(session, LETTERS, letter_ids, at)


def _enqueue(session: Session, what: str, ids: Sequence[int], at: datetime) -> None:
    portions = [list(ids[n : n + PORTION]) for n in range(0, len(ids), PORTION)]
    requests = [
        JobRequest(KIND, f"{KIND}:{what}:{ids[0]}:{at.isoformat()}", {what: ids, "at": at.isoformat()}, total=len(ids))
        for ids in portions
    ]
    enqueue_all(session, requests, at=at)
