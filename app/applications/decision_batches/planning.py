"""The plan of a batch: for each member what the sequence of all of them, in the order of the list, would do to it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.office import Office
from app.core.vocabulary import Action, ReplacementReason
from app.db.id_lists import among
from app.eligibility.facts import of_applications
from app.models import Application
from app.workflow import Plan, carry_out, plan

Keys = Mapping[int, set[int | str]]  # application id -> what it shares with those that it can affect


def plan_batch(
    session: Session, ids: Sequence[int], action: Action, actor: Actor, *, reason: str = "", at: datetime, office: Office
) -> Plan:
    """What ``carry_out`` would do with these applications now, as one batch. Raises as ``workflow.plan`` does.

    Members that share no person and no ID number cannot affect each other and are planned alone, in a fixed number of
    queries. The others are carried out in a savepoint that is taken back at once, with its locks.
    """
    planned = plan(session, ids, action, actor, reason=reason, at=at, office=office)
    keys = _keys(session, ids)
    shared = {key for key, n in Counter(key for own in keys.values() for key in own).items() if n > 1}
    linked = [key for key in dict.fromkeys(ids) if keys.get(key, set()) & shared]
    for key in linked:
        planned.passes.pop(key, None)
        planned.refused.pop(key, None)
    if linked:
        planned.add(_rehearsed(session, _layers(linked, keys), action, actor, reason, at, office))
    return planned


def _rehearsed(
    session: Session, layers: Iterable[list[int]], action: Action, actor: Actor, reason: str, at: datetime, office: Office
) -> Plan:
    """What ``carry_out`` answers, layer by layer; nothing of it stays."""
    done, savepoint = Plan(), session.begin_nested()
    try:
        for layer in layers:
            done.add(carry_out(session, layer, action, actor, reason=reason, at=at, office=office))
    finally:
        savepoint.rollback()
        session.expire_all()
    return done


def _keys(session: Session, ids: Sequence[int]) -> Keys:
    """The person; of a correction of name or number also the numbers, for which it may compete with other corrections."""
    rows = session.execute(
        select(Application.id, Application.person_id, Application.reason_code).where(among(Application.id, ids))
    ).all()
    corrections = [row.id for row in rows if row.reason_code == ReplacementReason.WRONG_INFORMATION.value]
    cases = of_applications(session, corrections) if corrections else {}
    return {row.id: cases[row.id].identities if row.id in cases else {row.person_id} for row in rows}


def _layers(ids: Sequence[int], keys: Keys) -> Iterator[list[int]]:
    """The ids in as few parts as possible, so that each comes after those it shares something with, in their order."""
    depth: dict[int | str, int] = {}  # of the last member that had this key
    layers: list[list[int]] = []
    for application_id in ids:
        level = max((depth[key] for key in keys[application_id] if key in depth), default=-1) + 1
        depth |= dict.fromkeys(keys[application_id], level)
        if level == len(layers):
            layers.append([])
        layers[level].append(application_id)
    yield from layers
