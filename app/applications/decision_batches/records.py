"""Batches as records: planned, confirmed or given up, found again, retried; their rows grouped by what stands in the way."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach, reach
from app.applications.decision_batches.planning import plan_batch
from app.core.errors import FixPlace, NotAllowed, NotFound, Refusal, Stale, Unmet
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import Action, BatchState, Category, JobState, MatterKind, RowResult
from app.db.id_lists import among
from app.db.session import insert_into
from app.models import Application, DecisionBatch, DecisionBatchRow, Enterprise, Job, Person, Step
from app.outbox.jobs import LEASE, enqueue
from app.workflow import check_request

KIND = "batch"  # of the job that carries out
PLAN_KEPT = timedelta(days=7)  # of a plan that nobody confirmed
NOT_DONE = (RowResult.REFUSED, RowResult.LEFT)
SLICE = 1_000  # rows written in one statement


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What is asked for: the action, the ids in the order of the list, and by what they were chosen.

    ``page``: a key of the page that asked. The same request of the same page is the same batch, however often it is sent.
    """

    action: Action
    ids: Sequence[int]
    reason: str
    page: str
    chosen_by: Mapping[str, Any] = field(default_factory=dict)
    retry_of: int | None = None

    def key(self, actor: Actor) -> str:
        """A digest of all of it."""
        asked = [self.page, actor.id, self.action.value, list(self.ids), self.reason, self.retry_of]
        return sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row as shown; the case is named only to those who may see it."""

    position: int
    result: RowResult
    reasons: tuple[Refusal, ...]
    at: datetime | None
    application_id: int | None = None  # None: out of the reader's reach
    number: str = ""
    name: str = ""
    matter: MatterKind | None = None
    category: Category | None = None
    enterprise: str = ""


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """The rows that one reason keeps back; a row with several reasons is in several groups."""

    code: str
    title: object
    count: int
    rows: tuple[BatchRow, ...]


# --- planning -------------------------------------------------------------------------------------


def propose(session: Session, request: BatchRequest, actor: Actor, *, at: datetime, office: Office) -> int:
    """Plan a batch and store the plan; its id. The caller commits. A repeated request is answered with the same batch.

    Raises as ``workflow.plan``, and ``Unmet`` if no chosen application is within reach.
    """
    if actor.id is None or not actor.region:
        raise NotAllowed
    check_request(session, request.ids, request.action, actor, request.reason, office)
    reason = without_numbers(request.reason.strip())
    facts = {"action": request.action, "reason": reason, "chosen_by": dict(request.chosen_by)}
    who = {"actor_id": actor.id, "actor": actor.name, "region_code": actor.region, "retry_of_id": request.retry_of}
    counts = {"total": 0, "fit": 0, "done": 0, "refused": 0}
    key = request.key(actor)
    row = {"key": key, "state": BatchState.PLANNED, "planned_at": at, **facts, **who, **counts}
    # First, so that the second of two simultaneous requests waits here, and then finds the batch of the first.
    new = insert_into(session.get_bind(), DecisionBatch).values(row).on_conflict_do_nothing(index_elements=["key"])
    batch_id: int | None = session.scalar(new.returning(DecisionBatch.id))
    if batch_id is None:
        return session.scalars(select(DecisionBatch.id).where(DecisionBatch.key == key)).one()
    rows = _planned_rows(session, request, actor, at, office)
    for start in range(0, len(rows), SLICE):
        session.execute(insert(DecisionBatchRow), [{"batch_id": batch_id, **row} for row in rows[start : start + SLICE]])
    fit = sum(row["result"] is RowResult.WAITING for row in rows)
    _set(session, batch_id, total=len(rows), fit=fit)
    return batch_id


def _planned_rows(
    session: Session, request: BatchRequest, actor: Actor, at: datetime, office: Office
) -> list[dict[str, Any]]:
    seen = last_steps(session, request.ids)  # before the facts: a step in between makes the plan stale, never wrong
    planned = plan_batch(session, request.ids, request.action, actor, reason=request.reason, at=at, office=office)
    if not planned.names:
        raise Unmet(NotFound().refusals)
    return [
        {
            "position": position,
            "application_id": key if key in planned.names else None,
            "seen": seen.get(key) if key in planned.names else None,
            "result": RowResult.WAITING if key in planned.passes else RowResult.LEFT,
            "reasons": stored_reasons(planned.refused.get(key, ())),
            "at": None,
        }
        for position, key in enumerate(dict.fromkeys(request.ids), start=1)
    ]


def last_steps(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """The id of the last step of each application: whatever moves it adds one."""
    asked = select(Step.application_id, func.max(Step.id)).where(among(Step.application_id, list(ids)))
    return {row[0]: row[1] for row in session.execute(asked.group_by(Step.application_id))}


def stored_reasons(refusals: Iterable[Refusal]) -> list[dict[str, Any]] | None:
    """Refusals as they are kept, in the language of who asked."""
    return [
        {"code": refusal.code, "sentence": str(refusal.sentence)}
        | ({"place": asdict(refusal.place)} if refusal.place else {})
        for refusal in refusals
    ] or None


# --- found again -----------------------------------------------------------------------------------


def find(session: Session, batch_id: int, actor: Actor) -> DecisionBatch:
    """The batch; ``NotFound`` for one that the actor may not see."""
    return must_reach(actor, session.get(DecisionBatch, batch_id))


def own(session: Session, batch_id: int, actor: Actor) -> DecisionBatch:
    """The batch, if the actor planned it; ``NotAllowed`` for a colleague's."""
    batch = find(session, batch_id, actor)
    if batch.actor_id != actor.id:
        raise NotAllowed
    return batch


def rows_of(
    session: Session, batch: DecisionBatch, actor: Actor, *results: RowResult, most: int | None = None
) -> list[BatchRow]:
    """The rows with these results (none: all), in the order of the list."""
    within = and_(Application.id == DecisionBatchRow.application_id, reach(actor, Application))
    columns = (
        *(DecisionBatchRow.position, DecisionBatchRow.result, DecisionBatchRow.reasons, DecisionBatchRow.at),
        *(Application.id, Application.number, Person.name, Application.matter, Application.category),
        Enterprise.name.label("enterprise"),
    )
    query = (
        select(*columns)
        .select_from(DecisionBatchRow)
        .outerjoin(Application, within)
        .outerjoin(Person, Person.id == Application.person_id)
        .outerjoin(Enterprise, Enterprise.id == Application.enterprise_id)
        .where(DecisionBatchRow.batch_id == batch.id, DecisionBatchRow.result.in_(results or tuple(RowResult)))
        .order_by(DecisionBatchRow.position)
        .limit(most)
    )
    return [_shown(row) for row in session.execute(query)]


def _shown(row: Any) -> BatchRow:
    if row.id is None:  # its reasons name the person
        return BatchRow(row.position, row.result, (), row.at)
    facts = (row.id, row.number, row.name, row.matter, row.category, row.enterprise)
    return BatchRow(row.position, row.result, _refusals(row.reasons), row.at, *facts)


def _refusals(stored: Iterable[Mapping[str, Any]] | None) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(one["code"], one["sentence"], place=FixPlace(**one["place"]) if one.get("place") else None)
        for one in stored or ()
    )


def groups_of(rows: Sequence[BatchRow]) -> list[ReasonGroup]:
    """The rows by reason, the most frequent first; those out of the reader's reach in a group without names."""
    found: dict[str, dict[int, BatchRow]] = defaultdict(dict)
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.application_id is None:
            found[""][row.position] = row
        for refusal in row.reasons:
            found[refusal.code][row.position] = row
            titles[refusal.code][_without_name(str(refusal.sentence), row.name)] += 1
    groups = [
        ReasonGroup(code, titles[code].most_common(1)[0][0] if code else NOT_SHOWN, len(held), tuple(held.values()))
        for code, held in found.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.code))


NOT_SHOWN = _("Not within your area, or not there any more")


def _without_name(sentence: str, name: str) -> str:
    """“李雷：证书已暂扣” → “证书已暂扣”."""
    return sentence.replace(name, "").strip(" :：,，.。") or sentence


# --- decided ----------------------------------------------------------------------------------------


def confirm(session: Session, batch_id: int, actor: Actor, *, at: datetime, office: Office, locale: str) -> DecisionBatch:
    """Begin to carry out a plan. The caller commits, and runs it at once if it ``runs_at_once``.

    Of repeated or simultaneous calls one begins; the others find it begun. A job is queued in any case: of a small batch it
    finds nothing to do, unless the request that began was interrupted. Raises ``NotFound``, ``NotAllowed`` for a colleague's
    batch, ``Unmet`` if nothing of it passes, ``Stale`` if it was given up, ``ClockInDoubt``.
    """
    office.demand_sound_clock()
    batch = own(session, batch_id, actor)
    if not batch.fit:
        raise Unmet.because(
            Refusal("nothing-passes", _("Nothing in this batch can be done. Put it right, then try once more."))
        )
    begun = _move(session, batch, BatchState.PLANNED, state=BatchState.RUNNING, confirmed_at=at)
    if begun:
        due = at + LEASE if runs_at_once(batch, office) else at
        payload = {"batch": batch.id, "locale": locale}
        enqueue(session, KIND, f"{KIND}:{batch.id}", payload, at=at, due_at=due)
    session.refresh(batch)
    if batch.state is BatchState.DISCARDED:
        raise Stale
    return batch


def runs_at_once(batch: DecisionBatch, office: Office) -> bool:
    """Whether the batch is small enough to be carried out while the officer waits."""
    return batch.fit <= office.batch_at_once


def job_is_dead(session: Session, batch: DecisionBatch) -> bool:
    """Whether the job of a batch under way was given up; what it has done stays done, and it can be tried again."""
    gone = select(Job.id).where(Job.key == f"{KIND}:{batch.id}", Job.state == JobState.DEAD)
    return batch.state is BatchState.RUNNING and session.scalar(gone) is not None


def discard(session: Session, batch_id: int, actor: Actor) -> None:
    """Give up a plan. ``Stale`` once it was confirmed; a repeated call changes nothing. The caller commits."""
    batch = own(session, batch_id, actor)
    _move(session, batch, BatchState.PLANNED, state=BatchState.DISCARDED)
    session.refresh(batch)
    if batch.state is not BatchState.DISCARDED:
        raise Stale


def retry(session: Session, batch_id: int, page: str, actor: Actor, *, at: datetime, office: Office) -> int:
    """Plan anew what a finished batch has not done; the id of the new batch. The caller commits."""
    batch = own(session, batch_id, actor)
    if batch.state is not BatchState.DONE:
        raise Stale
    left = select(DecisionBatchRow.application_id).where(
        DecisionBatchRow.batch_id == batch.id,
        DecisionBatchRow.result.in_(NOT_DONE),
        DecisionBatchRow.application_id.is_not(None),
    )
    ids = [key for key in session.scalars(left.order_by(DecisionBatchRow.position)) if key is not None]
    request = BatchRequest(batch.action, ids, batch.reason, page, batch.chosen_by, retry_of=batch.id)
    return propose(session, request, actor, at=at, office=office)


def sweep(session: Session, *, at: datetime) -> None:
    """Delete plans that nobody has confirmed for ``PLAN_KEPT``. The caller commits."""
    unused = (BatchState.PLANNED, BatchState.DISCARDED)
    old = select(DecisionBatch.id).where(DecisionBatch.state.in_(unused), DecisionBatch.planned_at < at - PLAN_KEPT)
    ids = list(session.scalars(old.with_for_update()))
    session.execute(delete(DecisionBatchRow).where(DecisionBatchRow.batch_id.in_(ids)))
    session.execute(delete(DecisionBatch).where(DecisionBatch.id.in_(ids)))


def _move(session: Session, batch: DecisionBatch, source: BatchState, **values: Any) -> bool:
    """Change the batch if it is still in this state; of simultaneous calls one does."""
    here = (DecisionBatch.id == batch.id, DecisionBatch.state == source)
    moved = update(DecisionBatch).where(*here).values(**values).returning(DecisionBatch.id)
    return session.execute(moved, execution_options={"synchronize_session": False}).first() is not None


def _set(session: Session, batch_id: int, **values: Any) -> None:
    changed = update(DecisionBatch).where(DecisionBatch.id == batch_id).values(**values)
    session.execute(changed, execution_options={"synchronize_session": False})
