"""What the counted months say together: sums over the months asked for, within the reader's reach.

Reads the counts alone, of which a month has some thousand at a million applications: no page counts anything itself.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from app.accounts.access import OFFICERS, Actor, in_region
from app.core.clock import add_months
from app.core.errors import Refusal, Unmet
from app.core.indicators import HOLDINGS, OF_MOVES, Indicator
from app.core.vocabulary import Category, MatterKind, Role
from app.models import Account, Enterprise, ExamNotice, Region, StatisticsCount, StatisticsMonth

MOST_MONTHS = 36  # in one period
MOST_ENTERPRISES = 10
SEES_WORK = frozenset({Role.APPROVER, Role.VIEWER})  # of each officer, by name: the head, and who oversees
BY_SUBJECT = (Indicator.REASON, Indicator.DAYS, Indicator.IN_TIME, Indicator.EXAM)
FLOWS = (Indicator.FILED, Indicator.WITHDRAWN, Indicator.OUTCOME)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole months, by the first days of the first and the last."""

    first: date
    last: date

    @property
    def months(self) -> list[date]:
        found, month = [], self.first
        while month <= self.last:
            found.append(month)
            month = add_months(month, 1)
        return found

    def __str__(self) -> str:
        """``2026-11``, or first and last month: for the name of a file."""
        first, last = (f"{month:%Y-%m}" for month in (self.first, self.last))
        return first if first == last else f"{first}_{last}"

    def refusals(self, on: date) -> list[Refusal]:
        """Why this is no period that can be shown on a day."""
        if self.last < self.first:
            return [Refusal("period-order", _("The last month is before the first. Please exchange them."), "to")]
        if self.first > on:
            return [Refusal("period-future", _("This month has not begun yet. Please choose an earlier one."), "from")]
        if add_months(self.first, MOST_MONTHS) <= self.last:
            sentence = _("At most %(n)s months can be summed up. Please choose a later first month.", n=MOST_MONTHS)
            return [Refusal("period-long", sentence, "from")]
        return []


def quick_periods(on: date) -> list[tuple[object, Period]]:
    """What is usually asked for, by its name."""
    month = on.replace(day=1)
    quarter, year = month.replace(month=(month.month - 1) // 3 * 3 + 1), month.replace(month=1)
    before = add_months(month, -1)
    return [
        (_("This month"), Period(month, month)),
        (_("Last month"), Period(before, before)),
        (_("This quarter"), Period(quarter, month)),
        (_("Last quarter"), Period(add_months(quarter, -3), add_months(quarter, -1))),
        (_("This year"), Period(year, month)),
        (_("Last year"), Period(add_months(year, -12), add_months(year, -1))),
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """The period, and of what: everything within reach where a filter is empty."""

    period: Period
    region: str = ""
    matter: MatterKind | None = None
    category: Category | None = None


Sums = Mapping[tuple[Any, ...], int]  # group → sum


@dataclass(frozen=True, slots=True)
class Summary:
    """Sums by what they are grouped by; names of what their subjects are."""

    asked: Asked
    reach: str  # the reader's region
    flows: Sums  # indicator, month, matter, value
    regions: Sums  # indicator, region, value: flows and transfers
    subjects: Sums  # indicator, subject, value
    enterprises: Sums  # indicator, enterprise id: those with most transfers
    work: Sums  # account id, action; empty for who may not see it
    holdings: Sums  # indicator, region, category, value
    holdings_at: datetime | None  # None: not counted while the months ran
    counted: Mapping[date, datetime]  # month → when; without those never counted
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (region, notice, enterprise or account; key) → name

    @property
    def missing(self) -> list[date]:
        """The months asked for that were never counted."""
        return [month for month in self.asked.period.months if month not in self.counted]

    def flow(self, *indicators: Indicator, **where: object) -> int:
        """Sum of these flows by ``month``, ``matter`` and ``value``."""
        return _total(self.flows, ("month", "matter", "value"), indicators, where)

    def by_region(self, *indicators: Indicator, **where: object) -> int:
        """The same by ``region`` and ``value``."""
        return _total(self.regions, ("region", "value"), indicators, where)

    def held(self, *indicators: Indicator, **where: object) -> int:
        """What there is by ``region``, ``category`` and ``value``."""
        return _total(self.holdings, ("region", "category", "value"), indicators, where)

    def by_subject(self, indicator: Indicator) -> dict[str, dict[str, int]]:
        """Subject → value → sum."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for (kind, subject, value), n in self.subjects.items():
            if kind is indicator:
                found[subject][value] = n
        return found

    def named(self, what: str, key: object) -> str:
        return self.names.get((what, str(key)), str(key))


def _total(sums: Sums, names: Sequence[str], indicators: Sequence[Indicator], where: Mapping[str, object]) -> int:
    places = [(names.index(name) + 1, value) for name, value in where.items()]
    return sum(n for key, n in sums.items() if key[0] in indicators and all(key[place] == value for place, value in places))


def percentile(counts: Mapping[int, int], percent: int) -> int:
    """The least number that so many of a hundred do not exceed (nearest rank), of a histogram that is not empty."""
    rank, reached = -(-sum(counts.values()) * percent // 100), 0
    for number in sorted(counts):
        reached += counts[number]
        if reached >= rank:
            return number
    raise ValueError("nothing was counted")


def summarise(session: Session, actor: Actor, asked: Asked, on: date) -> Summary:
    """The sums of a period within the actor's region. ``NotAllowed`` for enterprises and administrators, ``Unmet`` for a
    period that cannot be shown. A fixed number of statements.
    """
    actor.demand(*OFFICERS)
    if wrong := asked.period.refusals(on):
        raise Unmet(wrong)
    counted = {
        row.month: row
        for row in session.scalars(select(StatisticsMonth).where(StatisticsMonth.month.in_(asked.period.months)))
    }
    count, within = StatisticsCount, _conditions(actor, asked)
    work = [*within, count.indicator == Indicator.WORK]
    seen = bool(actor.roles & SEES_WORK)
    at = max((month for month, row in counted.items() if row.holdings_at), default=None)
    there = [*_conditions(actor, asked, months=False), count.month == at, count.indicator.in_(HOLDINGS)]
    found = Summary(
        asked,
        actor.region,
        flows=_sums(session, [*within, count.indicator.in_(FLOWS)], count.indicator, count.month, count.matter, count.value),
        regions=_sums(
            session, [*within, count.indicator.in_((*FLOWS, *OF_MOVES))], count.indicator, count.region_code, count.value
        ),
        subjects=_sums(session, [*within, count.indicator.in_(BY_SUBJECT)], count.indicator, count.subject, count.value),
        enterprises=_most_moved(session, within),
        work=_sums(session, work, count.subject, count.value) if seen else {},
        holdings=_sums(session, there, count.indicator, count.region_code, count.category, count.value) if at else {},
        holdings_at=counted[at].holdings_at if at else None,
        counted={month: row.counted_at for month, row in counted.items()},
    )
    return replace(found, names=_names(session, found))


def _conditions(actor: Actor, asked: Asked, *, months: bool = True) -> list[ColumnElement[bool]]:
    """The rows within reach that the filters leave. What belongs to no matter, such as an exam, passes every matter."""
    count, period = StatisticsCount, asked.period
    found = [in_region(actor, count)]
    found += [count.month.between(period.first, period.last)] if months else []
    found += [count.region_code == asked.region] if asked.region else []
    found += [count.matter.in_((asked.matter.value, ""))] if asked.matter else []
    found += [count.category == asked.category.value] if asked.category else []
    return found


def _sums(session: Session, where: Sequence[ColumnElement[bool]], *columns: Any) -> Sums:
    """The sums grouped by these columns."""
    query = select(*columns, func.sum(StatisticsCount.count)).where(*where).group_by(*columns)
    return {tuple(row[:-1]): int(row[-1]) for row in session.execute(query)}


def _most_moved(session: Session, within: Sequence[ColumnElement[bool]]) -> Sums:
    """The transfers in and out of the enterprises that have most of both together."""
    count = StatisticsCount
    came, left = (func.sum(case((count.indicator == indicator, count.count), else_=0)) for indicator in OF_MOVES)
    query = select(count.subject, came, left).where(*within, count.indicator.in_(OF_MOVES)).group_by(count.subject)
    rows = session.execute(query.order_by(func.sum(count.count).desc(), count.subject).limit(MOST_ENTERPRISES))
    return {(indicator, row[0]): int(n) for row in rows for indicator, n in zip(OF_MOVES, row[1:], strict=True) if n}


def _names(session: Session, found: Summary) -> dict[tuple[str, str], str]:
    """Names of regions, and of the exams, enterprises and officers that occur."""
    notices = {int(subject) for indicator, subject, _value in found.subjects if indicator is Indicator.EXAM}
    firms = {int(subject) for _figure, subject in found.enterprises}
    officers = {int(subject) for subject, _action in found.work}
    names = {("region", row.code): row.name for row in session.execute(select(Region.code, Region.name))}
    for what, table, column, ids in (
        ("notice", ExamNotice, ExamNotice.title, notices),
        ("enterprise", Enterprise, Enterprise.name, firms),
    ):
        if ids:
            rows = session.execute(select(table.id, column).where(table.id.in_(ids)))
            names |= {(what, str(key)): name for key, name in rows}
    if officers:
        accounts = session.scalars(select(Account).where(Account.id.in_(officers)))
        names |= {("account", str(account.id)): account.get_full_name() for account in accounts}
    return names
