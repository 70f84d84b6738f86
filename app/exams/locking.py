"""Finds and locks exam notices and writes changes of sign-ups to the audit log.

Sign-ups are written only while the row of their notice is locked, so that places, reviews and scores stay consistent.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.errors import NotFound, Refusal, Unmet
from app.core.vocabulary import SCORED, AuditAction, ImportPhase, Role, SignupState
from app.db import audit
from app.models import ExamNotice, ExamSignup, SheetImport

MOST_AT_ONCE = 10_000  # rows; one statement holds at most 32,766 parameters on SQLite
SEATED = (SignupState.SUBMITTED, SignupState.ADMITTED, *SCORED)  # they occupy a place


def as_exam_clerk(actor: Actor) -> Actor:
    """The actor as exam clerk only: their other roles must not give access to more rows here."""
    actor.demand(Role.EXAM_CLERK)
    return replace(actor, roles=frozenset({Role.EXAM_CLERK}))


def notice_in_reach(session: Session, notice_id: int, actor: Actor) -> ExamNotice:
    """The notice; ``NotFound`` if missing or outside the actor's reach."""
    query = select(ExamNotice).where(ExamNotice.id == notice_id, reach(actor, ExamNotice))
    found = session.scalars(query).one_or_none() if valid_ids([notice_id]) else None
    if found is None:
        raise NotFound
    return found


def lock_notices(session: Session, wanted: ColumnElement[bool]) -> dict[int, ExamNotice]:
    """These notices re-read and locked until the caller commits; in id order, so that transactions cannot deadlock."""
    query = select(ExamNotice).where(wanted).order_by(ExamNotice.id).with_for_update(key_share=True)
    return {notice.id: notice for notice in session.scalars(query.execution_options(populate_existing=True))}


def lock_notice(session: Session, notice_id: int, clerk: Actor) -> ExamNotice:
    """One notice within the exam clerk's reach, locked; ``NotFound`` otherwise."""
    found = lock_notices(session, (ExamNotice.id == notice_id) & reach(clerk, ExamNotice)) if valid_ids([notice_id]) else {}
    if notice_id not in found:
        raise NotFound
    return found[notice_id]


def lock_notices_of(session: Session, ids: Collection[int], within: ColumnElement[bool]) -> dict[int, ExamNotice]:
    """The notices of these sign-ups, locked."""
    theirs = select(ExamSignup.notice_id).where(ExamSignup.id.in_(ids), within)
    return lock_notices(session, ExamNotice.id.in_(theirs))


def import_refusals(session: Session, notice_id: int) -> Iterator[Refusal]:
    """Whether a sheet of scores is being imported or undone, so that half of it is written."""
    running = SheetImport.notice_id == notice_id, SheetImport.phase.in_((ImportPhase.IMPORTING, ImportPhase.UNDOING))
    if session.scalar(select(exists().where(*running))):
        sentence = _("A sheet of scores is being imported or undone at this moment. Please wait until that is over.")
        yield Refusal("import-runs", sentence)


def valid_ids(ids: Iterable[int]) -> list[int]:
    """Each id once, in the order given, without numbers that no row can have (drivers fail on them)."""
    return [number for number in dict.fromkeys(ids) if 0 < number < 2**31]


def check_batch_size(ids: Collection[object]) -> None:
    if not ids:
        raise Unmet.because(Refusal("nothing-chosen", _("Please choose at least one record first.")))
    if len(ids) > MOST_AT_ONCE:
        raise Unmet.because(Refusal("batch-too-large", _("At most %(n)s records can be handled at once.", n=MOST_AT_ONCE)))


def free_places(session: Session, notices: Iterable[ExamNotice]) -> dict[int, int]:
    """How many places each notice has left; notices without a quota are left out."""
    quotas = {notice.id: notice.quota for notice in notices if notice.quota is not None}
    counted = (
        select(ExamSignup.notice_id, func.count())
        .where(ExamSignup.notice_id.in_(quotas), ExamSignup.state.in_(SEATED))
        .group_by(ExamSignup.notice_id)
    )
    seated: dict[int, int] = dict(session.execute(counted).all()) if quotas else {}
    return {notice_id: max(0, quota - seated.get(notice_id, 0)) for notice_id, quota in quotas.items()}


def log_signups(
    session: Session,
    changes: Iterable[tuple[int, dict[str, Any]]],
    actor: Actor,
    at: datetime,
    *,
    action: AuditAction = AuditAction.CHANGE,
) -> None:
    """Write one audit entry for each sign-up: bulk statements are not logged by the session."""
    address = str(session.info.get("address") or "")[:45]
    always = {"at": at, "actor": actor.name[:130], "deed": action, "table": "exam_signup", "address": address}
    audit.log_many(session, [{**always, "row": str(row), "change": change} for row, change in changes])
