"""The result of the automatic checks of an application that awaits a decision, computed, and stored for the filter.

The queues show it computed for the rows of the page. The filter needs an indexed column: ``Application.check_result`` is
emptied by every move and computed by a job each minute, for rows never checked in their state, then for those checked
longest ago, so that none is older than ``STALE_AFTER``. Plans of batches and decisions never rely on it.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.certificates.lifecycle import id_of
from app.core.clock import office_day
from app.core.errors import Refusal
from app.core.office import Office
from app.core.vocabulary import CheckResult
from app.db.session import read_only
from app.eligibility import rules
from app.eligibility.facts import Facts, of_applications
from app.eligibility.rules import Rule
from app.matters import AT_EVERY_STEP, MATTERS, Matter, warnings_of
from app.models import Application
from app.workflow import MOVES

FAVOURABLE = {move.source: move for move in MOVES if move.stage and move.agreed}  # by the state that awaits it
STALE_AFTER = timedelta(minutes=10)  # days pass, scans are replaced, certificates are suspended
SLICE = 200  # applications checked in one transaction
MOST = 5_000  # checked by one job: the next minute's goes on


def asked_rules(matter: Matter, case: Facts) -> dict[Rule, None]:
    """Every rule of the matter once, of all stages."""
    by_reason = matter.by_reason.get(case.reason_code, ())
    stages = (*AT_EVERY_STEP, *matter.rules, *by_reason, *matter.on_acceptance, *matter.on_approval)
    return dict.fromkeys((*stages, rules.papers_are_complete))


def blocking(case: Facts, on: date, office: Office) -> list[Refusal]:
    """What stands in the way of the favourable decision, whoever decides."""
    return rules.refusals(case, FAVOURABLE[case.state].needs, on, office)


def result_of(case: Facts, on: date, office: Office) -> CheckResult | None:
    """As the officer sees it on the page of the case: red, amber or green. None in a state that awaits no decision."""
    if case.state not in FAVOURABLE:
        return None
    if blocking(case, on, office):
        return CheckResult.FAILS
    weighed = rules.refusals(case, tuple(asked_rules(MATTERS[case.matter], case)), on, office)
    return CheckResult.WARNS if weighed or warnings_of(case, on, office) else CheckResult.PASSES


def results(session: Session, ids: Collection[int], on: date, office: Office) -> dict[int, CheckResult | None]:
    """The results now of these applications, in a fixed number of queries."""
    return {key: result_of(case, on, office) for key, case in of_applications(session, ids).items()} if ids else {}


# --- stored for the filter --------------------------------------------------------------------------


def due(session: Session, at: datetime, *, most: int = MOST) -> list[int]:
    """Applications that await a decision and were never checked in this state, then those not checked lately."""
    found: list[int] = []
    for ranges in _due_ranges(at):
        if len(found) < most:
            query = select(Application.id).where(*ranges).order_by(Application.checked_at, Application.id)
            found += session.scalars(query.limit(most - len(found)))
    return found


def _due_ranges(at: datetime) -> list[tuple[ColumnElement[bool], ...]]:
    """State by state: each is one range of the index, which ends in the sort column."""
    conditions = (Application.checked_at.is_(None), Application.checked_at <= at - STALE_AFTER)
    return [(Application.state == state, condition) for condition in conditions for state in FAVOURABLE]


def refresh(
    sessions: sessionmaker[Session], office: Office, *, at: datetime, progress: Callable[[int, int], None] = lambda *_: None
) -> int:
    """Check what is due, and store the results in slices; returns how many were checked."""
    with read_only(), sessions() as session:
        ids = due(session, at)
    for start in range(0, len(ids), SLICE):
        with read_only(), sessions() as session:
            cases = of_applications(session, ids[start : start + SLICE]).values()
            found = [(case, result_of(case, office_day(at), office)) for case in cases]
        with sessions.begin() as session:
            _store(session, found, at)
        progress(min(start + SLICE, len(ids)), len(ids))
    return len(ids)


def _store(session: Session, found: Iterable[tuple[Facts, CheckResult | None]], at: datetime) -> None:
    """In id order, as decisions lock; a row that was moved meanwhile is left for the next time."""
    rows = [  # ``of_applications`` answers in id order
        {"row": id_of(case), "was": case.state, "round_was": case.round, "result": result}
        for case, result in found
        if result is not None
    ]
    if not rows:
        return
    columns = Application.__table__.c
    same = (columns.id == bindparam("row"), columns.state == bindparam("was"), columns.round == bindparam("round_was"))
    stored = update(Application.__table__).where(*same).values(check_result=bindparam("result"), checked_at=at)
    session.connection().execute(stored, rows)


def has_due(session: Session, at: datetime) -> bool:
    """Whether ``due`` has anything; asked every two seconds, so in one query."""
    return bool(session.scalar(select(or_(*(exists().where(*ranges) for ranges in _due_ranges(at))))))
