"""Carries out confirmed batches, portion by portion; a row is done in the transaction that records its result, hence once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.accounts.access import Actor
from app.accounts.role_assignment import actor_of
from app.applications.decision_batches.records import last_steps, stored_reasons
from app.core.errors import AppError, Refusal, Stale
from app.core.office import Office
from app.core.vocabulary import BatchState, NotificationKind, RowResult
from app.db.id_lists import among
from app.models import Account, Application, DecisionBatch, DecisionBatchRow
from app.outbox import notifications
from app.outbox.sms_texts import BATCH_DONE, Recipient, in_province_language, system_message
from app.workflow import carry_out

PORTION = 500  # rows in one transaction: about a second, so that other decisions and the lease do not wait long

Reasons = dict[int, tuple[Refusal, ...]]  # by application id


@dataclass(frozen=True, slots=True)
class PortionResult:
    """How far the batch is after a portion, and the applications that the portion has done."""

    handled: int
    total: int
    waiting: int
    done: tuple[int, ...] = ()


def run_all(
    sessions: sessionmaker[Session],
    batch_id: int,
    now: Callable[[], datetime],
    office: Callable[[], Office],
    progress: Callable[[int, int], None],
    *,
    most: int = PORTION,
) -> None:
    """Carry out what is left of a confirmed batch, each portion in a transaction, with its own time and settings."""
    while True:
        at, settings = now(), office()
        with sessions.begin() as session:
            far = run_portion(session, batch_id, at=at, office=settings, most=most)
        progress(far.handled, far.total)
        if not far.waiting:
            return


def run_portion(session: Session, batch_id: int, *, at: datetime, office: Office, most: int = PORTION) -> PortionResult:
    """Carry out the next rows of a confirmed batch, in the order of the list. The caller commits and repeats while rows wait.

    The officer decides with the roles and the region of this moment. A case that was moved since it was planned is refused.
    Concurrent calls for one batch wait for each other.
    """
    batch = session.scalars(select(DecisionBatch).where(DecisionBatch.id == batch_id).with_for_update()).one()
    if batch.state is not BatchState.RUNNING:
        return _far(batch)
    waiting = (DecisionBatchRow.batch_id == batch.id, DecisionBatchRow.result == RowResult.WAITING)
    rows = session.execute(
        select(DecisionBatchRow.id, DecisionBatchRow.application_id, DecisionBatchRow.seen)
        .where(*waiting)
        .order_by(DecisionBatchRow.position)
        .limit(most)
    ).all()
    refused = _carried_out(session, batch, rows, at, office)
    results = [_result(row.id, refused.get(row.application_id), at) for row in rows]
    if results:
        table = DecisionBatchRow.__table__
        written = update(table).where(table.c.id == bindparam("row"))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("result", "reasons", "at")}
        session.connection().execute(written.values(**values), results)
    done = tuple(row.application_id for row in rows if row.application_id not in refused)
    far = _counted(session, batch_id, done, len(refused), at)
    if not far.waiting and far.total > office.batch_at_once:  # the officer has not waited for it
        _tell(session, session.get_one(DecisionBatch, batch_id), at, office)
    return far


def _carried_out(session: Session, batch: DecisionBatch, rows: Sequence[Any], at: datetime, office: Office) -> Reasons:
    """Carry out what is as it was planned; the reasons for all that was not done."""
    seen = {row.application_id: row.seen for row in rows}
    # As decisions lock them, by id; nothing moves between the comparison and the decision.
    session.execute(select(Application.id).where(among(Application.id, seen)).order_by(Application.id).with_for_update())
    latest = last_steps(session, seen)
    refused: Reasons = {key: Stale().refusals for key, step in seen.items() if latest.get(key) != step}
    ids = [key for key in seen if key not in refused]
    if not ids:
        return refused
    actor, action, reason = _actor_now(session, batch), batch.action, batch.reason
    try:
        with session.begin_nested():
            return refused | carry_out(session, ids, action, actor, reason=reason, at=at, office=office).refused
    except AppError as error:  # of the batch as a whole: a role taken away, a reason that no longer suffices
        return refused | dict.fromkeys(ids, error.refusals)


def _actor_now(session: Session, batch: DecisionBatch) -> Actor:
    account = session.get_one(Account, batch.actor_id)
    return actor_of(account) if account.active else Actor(account.id, batch.actor, frozenset())


def _result(row_id: int, reasons: tuple[Refusal, ...] | None, at: datetime) -> dict[str, Any]:
    result = RowResult.DONE if reasons is None else RowResult.REFUSED
    return {"row": row_id, "new_result": result, "new_reasons": stored_reasons(reasons or ()), "new_at": at}


def _counted(session: Session, batch_id: int, done: tuple[int, ...], refused: int, at: datetime) -> PortionResult:
    """Add to the counts of the batch, and finish it when no row waits."""
    batch = session.get_one(DecisionBatch, batch_id, populate_existing=True)
    batch.done += len(done)
    batch.refused += refused
    if not batch.waiting:
        batch.state, batch.finished_at = BatchState.DONE, at
    session.flush()
    return _far(batch, done)


def _tell(session: Session, batch: DecisionBatch, at: datetime, office: Office) -> None:
    """Tell the officer, inside the system, what came of the batch."""
    action = in_province_language(batch.action.label)
    recipient = Recipient(NotificationKind.BATCH, batch.id, account_id=batch.actor_id)
    values = {"action": action, "n": batch.fit, "done": batch.done, "refused": batch.refused}
    notifications.tell(session, [system_message(BATCH_DONE, None, office, recipient, **values)], at=at)


def _far(batch: DecisionBatch, done: tuple[int, ...] = ()) -> PortionResult:
    waiting = batch.waiting if batch.state is BatchState.RUNNING else 0
    return PortionResult(batch.done + batch.refused, batch.fit, waiting, done)
