"""Counts a month: steps, exam results and, for the running month, backlog and certificates. Stored as ``StatisticsCount``.

Steps are never changed, so a month that is over is counted once, by the night's job; it can be counted anew, because scores
may be corrected later. Counts of days are kept as a histogram: those of several months add up, and so do their percentiles.

pandas is imported in the functions that need it, so that no process holds it before it counts.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, String, case, delete, func, insert, select, type_coerce
from sqlalchemy.orm import Session, aliased, sessionmaker

from app.accounts.access import OFFICERS, Actor
from app.applications.dashboard_counts import BACKLOG
from app.applications.office_settings import office_at, past_values
from app.core.clock import OFFICE_ZONE, Calendar, add_months, office_day
from app.core.indicators import HOLDINGS, Age, Indicator, Measured
from app.core.office import Office
from app.core.vocabulary import CLOSED, OFFICE_ACTIONS, SCORED, Action, MatterKind, ReasonStep, State
from app.db.session import insert_into, read_only
from app.eligibility.reasons import NEEDS_CLAUSE
from app.models import (
    Application,
    Certificate,
    Enterprise,
    ExamNotice,
    ExamSignup,
    StatisticsCount,
    StatisticsMonth,
    Step,
    StockReason,
)
from app.outbox.jobs import enqueue

if TYPE_CHECKING:
    import pandas as pd

KIND = "statistics"  # of the job
CHUNK = 20_000  # steps in memory at once
MONTHS_AHEAD = 12  # of certificates that expire
STAGES = {  # the stage that an action of the office ends
    **dict.fromkeys((Action.ACCEPT, Action.RETURN, Action.DECLINE), Measured.ACCEPTANCE),
    **dict.fromkeys((Action.ENDORSE, Action.REFUSE_REVIEW), Measured.REVIEW),
    **dict.fromkeys((Action.APPROVE, Action.REFUSE_APPROVAL), Measured.APPROVAL),
}
DECISIONS = (Action.REFUSE_REVIEW, Action.APPROVE, Action.REFUSE_APPROVAL)  # end what acceptance began
REFUSALS = tuple(Action(step.value) for step in NEEDS_CLAUSE)  # type: ignore[call-arg]
WORKED = (*OFFICE_ACTIONS, Action.LAPSE, Action.EXTEND)
BEFORE_FILING = (State.DRAFT, State.AWAITING_RELEASE, State.NOT_ACCEPTED)

Key = tuple[Indicator, str, str, str, str, str]  # indicator, region, matter, category, subject, value
Counts = Counter[Key]
GROUPED = ("region", "matter", "category", "subject", "value")


def month_of(day: date) -> date:
    return day.replace(day=1)


def request_count(session: Session, actor: Actor, months: Sequence[date], *, at: datetime) -> bool:
    """Queue the counting of these months, at most once a minute; False if it is queued. The caller commits."""
    actor.demand(*OFFICERS)
    key = f"{KIND}:{min(months)}:{max(months)}:{at:%Y-%m-%dT%H:%M}"
    return enqueue(session, KIND, key, {"months": [month.isoformat() for month in months]}, at=at)


def months_due(session: Session, on: date) -> list[date]:
    """The months that a night counts: those since the first step that were never counted, or not since they ended."""
    first = session.scalar(select(func.min(Step.at)))
    month, running = month_of(office_day(first) if first else on), month_of(on)
    counts = session.execute(select(StatisticsMonth.month, StatisticsMonth.counted_at))
    counted, due = {row.month: row.counted_at for row in counts}, []
    while month <= running:
        following = add_months(month, 1)
        if month not in counted or counted[month] < datetime.combine(following, time(), OFFICE_ZONE):
            due.append(month)
        month = following
    return due


def count_months(
    sessions: sessionmaker[Session],
    months: Sequence[date],
    office: Office,
    *,
    at: datetime,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Count these months and store the counts, each in a transaction of its own. Backlog and certificates are counted for a
    month that runs, or ended the day before.
    """
    on = office_day(at)
    for done, month in enumerate(months, start=1):
        still = month <= on <= add_months(month, 1)
        with read_only(), sessions() as session:
            counts = happened(session, month, office)
            there = holdings(session, on, office) if still else None
        with sessions.begin() as session:
            _store(session, month, counts, there, at)
        progress(done, len(months))


def _store(session: Session, month: date, counts: Counts, there: Counts | None, at: datetime) -> None:
    """In place of the month's rows of before. Its own row comes first: who counts the same month at once waits there."""
    when = {"counted_at": at} | ({} if there is None else {"holdings_at": at})
    row = insert_into(session.get_bind(), StatisticsMonth).values(month=month, **when)
    session.execute(row.on_conflict_do_update(index_elements=["month"], set_=when))
    kinds = [kind for kind in Indicator if there is not None or kind not in HOLDINGS]
    session.execute(delete(StatisticsCount).where(StatisticsCount.indicator.in_(kinds), StatisticsCount.month == month))
    names = ("indicator", "region_code", "matter", "category", "subject", "value")
    every = counts + (there or Counter())
    rows = [{"month": month, **dict(zip(names, key, strict=True)), "count": n} for key, n in every.items()]
    if rows:
        session.connection().execute(insert(StatisticsCount.__table__), rows)


# --- what happened in a month -------------------------------------------------------------------------


def happened(session: Session, month: date, office: Office) -> Counts:
    """The counts of steps and exam results of the month; reads only. Limits are those of its last day."""
    start, end = (datetime.combine(day, time(), OFFICE_ZONE) for day in (month, add_months(month, 1)))
    then, stock = office_at(office, past_values(session), end), _stock_reasons(session)
    counts: Counts = Counter()
    query = _steps().where(Step.at >= start, Step.at < end).order_by(Step.at, Step.id)
    for rows in session.execute(query.execution_options(yield_per=CHUNK)).partitions():
        counts.update(of_steps(rows, then, stock))
    return counts + _exam_results(session, start, end)


STEP_COLUMNS = (
    *("region", "matter", "category", "action", "source", "target", "at", "since", "actor_id", "reason"),
    *("accepted_at", "promised_on", "extended_to", "enterprise_id", "old_enterprise_id", "old_region"),
)


def _code(column: Any) -> ColumnElement[str]:
    return type_coerce(column, String)


def _steps() -> Any:
    """SQL: every step with what is counted of it (``STEP_COLUMNS``), terms as their codes.

    ``since``: when the application reached the state that the step ends; an extension leaves it there.
    """
    before, old = aliased(Step), aliased(Enterprise)
    reached = select(func.max(before.at)).where(
        before.application_id == Step.application_id,
        before.id < Step.id,
        before.target == Step.source,
        before.source != before.target,
    )
    return (
        select(
            *(Application.region_code, _code(Application.matter), _code(Application.category)),
            *(_code(Step.action), _code(Step.source), _code(Step.target), Step.at),
            case((Step.action.in_(STAGES), reached.correlate(Step).scalar_subquery())),
            *(Step.actor_id, case((Step.action.in_(REFUSALS), Step.reason), else_="")),
            *(Application.accepted_at, Application.promised_on, Application.extended_to),
            *(Application.enterprise_id, Application.releasing_enterprise_id, old.region_code),
        )
        .join(Application, Application.id == Step.application_id)
        .outerjoin(old, old.id == Application.releasing_enterprise_id)
    )


def of_steps(rows: Sequence[Any], office: Office, stock: Sequence[tuple[str, re.Pattern[str]]] = ()) -> Counts:
    """The counts of these steps (``STEP_COLUMNS``), the limit of acceptance and the calendar being those of ``office``."""
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(STEP_COLUMNS))
    if frame.empty:
        return Counter()
    frame = frame.assign(subject="", value="", day=_days(frame["at"]), since=_days(frame["since"]))
    counts = _flows(frame)
    counts.update(_durations(frame, office))
    refused = frame[frame["action"].isin(_codes(REFUSALS))]
    group = cache(lambda text: _stock_reason(text, stock))
    counts.update(_sizes(Indicator.REASON, refused, value=refused["reason"].map(group)))
    worked = frame[frame["action"].isin(_codes(WORKED)) & frame["actor_id"].notna()]
    who = worked["actor_id"].astype("int64").astype(str)
    return counts + _sizes(Indicator.WORK, worked, subject=who, value=worked["action"])


def _codes(terms: Iterable[Any]) -> list[str]:
    return [term.value for term in terms]


def _days(moments: "pd.Series[Any]") -> "pd.Series[Any]":
    """The office's days of moments in UTC; nothing stays nothing."""
    import pandas as pd  # noqa: PLC0415

    return pd.to_datetime(moments, utc=True).dt.tz_convert(OFFICE_ZONE).dt.tz_localize(None).dt.normalize()


def _sizes(indicator: Indicator, frame: "pd.DataFrame", **columns: Any) -> Counts:
    """The number of rows by region, matter, category, subject and value, some of which are given."""
    texts = frame.assign(**columns).astype(dict.fromkeys(GROUPED, str))
    sizes: Any = texts.groupby(list(GROUPED), sort=False).size()
    return Counter({(indicator, *key): int(n) for key, n in sizes.items()})


def _flows(frame: "pd.DataFrame") -> Counts:
    """Filed, withdrawn, closed; transfers."""
    at_office = frame["source"].isin(_codes(BACKLOG))
    filed = (frame["target"] == State.AWAITING_ACCEPTANCE.value) & frame["source"].isin(_codes(BEFORE_FILING))
    closed = frame[at_office & frame["target"].isin(_codes(CLOSED))]
    moved = frame[(frame["action"] == Action.APPROVE.value) & (frame["matter"] == MatterKind.TRANSFER.value)]
    new, old = (moved[name].astype("int64").astype(str) for name in ("enterprise_id", "old_enterprise_id"))
    return (
        _sizes(Indicator.FILED, frame[filed])
        + _sizes(Indicator.WITHDRAWN, frame[at_office & (frame["action"] == Action.WITHDRAW.value)])
        + _sizes(Indicator.OUTCOME, closed, value=closed["target"])
        + _sizes(Indicator.MOVED_IN, moved, subject=new)
        + _sizes(Indicator.MOVED_OUT, moved, subject=old, region=moved["old_region"])
    )


def _durations(frame: "pd.DataFrame", office: Office) -> Counts:
    """Working days of each stage that ended, and whether acceptance and decision were in time."""
    import pandas as pd  # noqa: PLC0415

    stages = {action.value: stage.value for action, stage in STAGES.items()}
    ended = frame.assign(subject=frame["action"].map(stages)).dropna(subset=["subject", "since"])
    whole = frame[frame["action"].isin(_codes(DECISIONS))]
    whole = whole.assign(subject=Measured.WHOLE.value, since=_days(whole["accepted_at"])).dropna(subset=["since"])
    last_day = whole["extended_to"].where(whole["extended_to"].notna(), whole["promised_on"])
    promised = whole.assign(last_day=pd.to_datetime(last_day)).dropna(subset=["last_day"])
    taken = pd.concat([ended, whole], ignore_index=True)
    if taken.empty:
        return Counter()
    taken = taken.assign(value=working_days(taken["since"], taken["day"], office.calendar))
    accepted = taken[taken["subject"] == Measured.ACCEPTANCE.value]
    return (
        _sizes(Indicator.DAYS, taken)
        + _sizes(Indicator.IN_TIME, accepted, value=(accepted["value"] <= office.accept_days).astype(int))
        + _sizes(Indicator.IN_TIME, promised, value=(promised["day"] <= promised["last_day"]).astype(int))
    )


def working_days(since: "pd.Series[Any]", until: "pd.Series[Any]", calendar: Calendar) -> "pd.Series[Any]":
    """As ``Calendar.working_days_between`` for each pair of days; 0 where the second is earlier."""
    import pandas as pd  # noqa: PLC0415

    days = pd.date_range(min(since.min(), until.min()), max(since.max(), until.max()))
    worked = pd.Series([calendar.is_working_day(day.date()) for day in days], index=days).cumsum()
    return (until.map(worked) - since.map(worked)).clip(lower=0).astype("int64")


# --- reasons ------------------------------------------------------------------------------------------


def _stock_reasons(session: Session) -> list[tuple[str, re.Pattern[str]]]:
    """Text and pattern of the stock reasons of refusals; the longest first, which says most."""
    steps = [ReasonStep(action.value) for action in REFUSALS]  # type: ignore[call-arg]
    texts = set(session.scalars(select(StockReason.text).where(StockReason.step.in_(steps))))
    return [(text, stock_pattern(text)) for text in sorted(texts, key=lambda text: (-len(text), text))]


def stock_pattern(text: str) -> re.Pattern[str]:
    """What a reason looks like that an officer made of this stock reason: something stands in each blank."""
    return re.compile(".+?".join(map(re.escape, re.split(r"【[^】]*】", text.rstrip("。")))), re.DOTALL)


def _stock_reason(text: str, stock: Sequence[tuple[str, re.Pattern[str]]]) -> str:
    """The stock reason that a reason was made of; empty for one in the officer's own words, which may name a person."""
    return next((known for known, pattern in stock if pattern.match(text.strip())), "")


# --- exams ----------------------------------------------------------------------------------------------


def _exam_results(session: Session, start: datetime, end: datetime) -> Counts:
    """The results of the exams whose scores became final in this time."""
    final = (ExamNotice.scores_submitted_at >= start, ExamNotice.scores_submitted_at < end)
    columns = (ExamSignup.notice_id, ExamSignup.region_code, _code(ExamSignup.category), _code(ExamSignup.state))
    rows = session.execute(
        select(*columns, func.count())
        .where(ExamSignup.notice_id.in_(select(ExamNotice.id).where(*final)), ExamSignup.state.in_(SCORED))
        .group_by(*columns)
    )
    return Counter({(Indicator.EXAM, row[1], "", row[2], str(row[0]), row[3]): row[4] for row in rows})


# --- what there is --------------------------------------------------------------------------------------


def holdings(session: Session, on: date, office: Office) -> Counts:
    """Open cases by age, certificates in force, and how many of them expire in which of the coming months; reads only."""
    return Counter(dict(_backlog(session, on, office.calendar))) + Counter(dict(_certificates(session, on)))


def _backlog(session: Session, on: date, calendar: Calendar) -> Iterator[tuple[Key, int]]:
    import pandas as pd  # noqa: PLC0415

    columns = (Application.region_code, _code(Application.matter), _code(Application.category), Application.submitted_at)
    rows = session.execute(select(*columns).where(Application.state.in_(BACKLOG)))
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["region", "matter", "category", "submitted_at"])
    if frame.empty:
        return
    since = _days(frame["submitted_at"])
    age = working_days(since, pd.Series(pd.Timestamp(on), index=since.index), calendar)
    bands = pd.cut(age, [-1, 5, 10, 20, float("inf")], labels=_codes(Age)).astype(str)
    yield from _sizes(Indicator.BACKLOG, frame.assign(subject=""), value=bands).items()


def _certificates(session: Session, on: date) -> Iterator[tuple[Key, int]]:
    import pandas as pd  # noqa: PLC0415

    columns = (Certificate.region_code, _code(Certificate.category), Certificate.valid_to)
    valid = (Certificate.stands_valid(on), Certificate.valid_to >= on)
    rows = session.execute(select(*columns, func.count()).where(*valid).group_by(*columns))
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["region", "category", "valid_to", "n"])
    in_force: Any = frame.groupby(["region", "category"])["n"].sum()
    for (region, category), n in in_force.items():
        yield (Indicator.IN_FORCE, region, "", category, "", ""), int(n)
    soon = frame[frame["valid_to"] < add_months(month_of(on), MONTHS_AHEAD)]
    month = pd.to_datetime(soon["valid_to"]).dt.strftime("%Y-%m")
    expiring: Any = soon.groupby(["region", "category", month])["n"].sum()
    for (region, category, last), n in expiring.items():
        yield (Indicator.EXPIRING, region, "", category, "", last), int(n)
