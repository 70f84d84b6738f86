"""The tables of the statistics, the same on the page, in the workbook and in the printed report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flask_babel import lazy_gettext as _

from app.applications.statistics.summary import Summary, percentile
from app.core.indicators import Age, Indicator, Measured
from app.core.vocabulary import SCORED, Action, Category, MatterKind, State

MOST_REASONS = 10
AGREED, NOT_ACCEPTED, LAPSED = State.APPROVED, State.NOT_ACCEPTED, State.ABANDONED
REFUSED = (State.REVIEW_REFUSED, State.APPROVAL_REFUSED)
NOTHING = "—"  # a share of nothing

Row = tuple[object, ...]


class ChartShape(Enum):
    """How numbers of one row are drawn."""

    SIDE_BY_SIDE = "columns, one beside the other; for a row of months"
    STACKED = "a bar of parts that add up"
    NESTED = "a bar for each, all from zero; each is at most the next"


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column names the row. ``drawn``: the columns that its chart shows, by ``shape``."""

    name: str  # in addresses
    title: object
    heads: Sequence[object]
    rows: Sequence[Row]
    drawn: Sequence[int] = ()
    shape: ChartShape = ChartShape.STACKED
    note: object = ""
    unit: object = ""
    is_total: bool = False  # the last row adds the others up


def tables_of(found: Summary) -> list[Table]:
    """All tables in the order of the page; those of which nothing was counted have no rows."""
    return [make(found) for make in TABLES if make is not officers or found.work]


def percent(part: int, whole: int) -> str:
    """With one decimal; a dash for a share of nothing."""
    return f"{100 * part / whole:.1f}%" if whole else NOTHING


FLOW_HEADS = (
    _("Filed"), _("Decided"), _("Agreed"), _("Refused the licence"), _("Not accepted"), _("Closed for want of correction"),
    _("Withdrawn by the enterprise"),
)  # fmt: skip


def _flow_columns(count: Callable[..., int]) -> Row:
    """The columns of ``FLOW_HEADS``; decided is agreed, refused or not accepted."""
    ended = {state: count(Indicator.OUTCOME, value=state.value) for state in (AGREED, *REFUSED, NOT_ACCEPTED, LAPSED)}
    refused = sum(ended[state] for state in REFUSED)
    decided = ended[AGREED] + refused + ended[NOT_ACCEPTED]
    withdrawn = count(Indicator.WITHDRAWN)
    return count(Indicator.FILED), decided, ended[AGREED], refused, ended[NOT_ACCEPTED], ended[LAPSED], withdrawn


def matters(found: Summary) -> Table:
    kinds = [found.asked.matter] if found.asked.matter else list(MatterKind)
    rows = [
        (
            kind.label,
            *_flow_columns(lambda *indicators, kind=kind, **where: found.flow(*indicators, matter=kind.value, **where)),
        )
        for kind in kinds
    ]
    title, heads = _("Applications by matter"), (_("Matter"), *FLOW_HEADS)
    return Table("matters", title, heads, [*rows, (_("Together"), *_flow_columns(found.flow))], is_total=True)


def months(found: Summary) -> Table:
    rows = [
        (
            f"{month:%Y-%m}",
            *_flow_columns(lambda *indicators, month=month, **where: found.flow(*indicators, month=month, **where)),
        )
        for month in found.asked.period.months
        if month in found.counted
    ]
    heads = (_("Month"), *FLOW_HEADS)
    return Table("months", _("Applications by month"), heads, rows, (1, 2), ChartShape.SIDE_BY_SIDE, unit=_("cases"))


def regions(found: Summary) -> Table:
    codes = sorted({key[1] for key in found.regions})
    rows = [
        (
            found.named("region", code),
            *_flow_columns(lambda *indicators, code=code, **where: found.by_region(*indicators, region=code, **where)),
        )
        for code in codes
    ]
    heads = (_("Region"), *FLOW_HEADS)
    return Table("regions", _("Applications by region"), heads, rows, (1,), unit=_("cases"))


def reasons(found: Summary) -> Table:
    counts = found.by_subject(Indicator.REASON).get("", {})
    whole = sum(counts.values())
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_REASONS]
    rows = [(text or _("In the officer's own words"), n, percent(n, whole)) for text, n in largest]
    heads = (_("Reason of the refusal"), _("How many"), _("Share"))
    title = _("Refused and not accepted: the most frequent reasons")
    note = _("A reason counts for the stock reason that it was made of.")
    return Table("reasons", title, heads, rows, (1,), note=note, unit=_("cases"))


def durations(found: Summary) -> Table:
    days, in_time = found.by_subject(Indicator.DAYS), found.by_subject(Indicator.IN_TIME)
    rows: list[Row] = []
    for stage in Measured:
        counts = {int(value): n for value, n in days.get(stage.value, {}).items()}
        if counts:
            timely = in_time.get(stage.value, {})
            rows.append((
                stage.label, percentile(counts, 50), percentile(counts, 90), max(counts), sum(counts.values()),
                percent(timely.get("1", 0), sum(timely.values())),
            ))  # fmt: skip
    heads = (_("Stage"), _("Median"), _("90th percentile"), _("Longest"), _("How many"), _("In time"))
    note = _(
        "By the office's calendar; the day on which a stage begins does not count. The law limits acceptance and decision."
    )
    return Table("durations", _("Working days by stage"), heads, rows, (1, 2), ChartShape.NESTED, note, _("working days"))


def backlog(found: Summary) -> Table:
    rows = [(age.label, found.held(Indicator.BACKLOG, value=age.value)) for age in Age]
    title, heads = _("Open cases by age"), (_("Working days since it was submitted"), _("How many"))
    return Table("backlog", title, heads, rows if found.holdings_at else (), (1,), unit=_("cases"))


def exams(found: Summary) -> Table:
    rows = []
    for notice, states in sorted(found.by_subject(Indicator.EXAM).items(), key=lambda item: int(item[0])):
        passed, failed, absent = (states.get(state.value, 0) for state in SCORED)
        rate = percent(passed, passed + failed)
        rows.append((found.named("notice", notice), passed, failed, absent, rate))
    heads = (_("Exam notice"), *(state.label for state in SCORED), _("Pass rate"))
    note = _("Exams whose scores became final in this time; the rate is of those who sat.")
    return Table("exams", _("Exams"), heads, rows, (1, 2, 3), note=note, unit=_("persons"))


def certificates(found: Summary) -> Table:
    kinds = [kind for kind in Category if found.held(Indicator.IN_FORCE, category=kind.value)] if found.holdings_at else []
    codes = sorted({key[1] for key in found.holdings if key[0] is Indicator.IN_FORCE})
    rows: list[Row] = [
        (
            found.named("region", code),
            *(found.held(Indicator.IN_FORCE, region=code, category=kind.value) for kind in kinds),
            found.held(Indicator.IN_FORCE, region=code),
        )
        for code in codes
    ]
    total = (*(found.held(Indicator.IN_FORCE, category=kind.value) for kind in kinds), found.held(Indicator.IN_FORCE))
    heads = (_("Region"), *(kind.value for kind in kinds), _("Together"))
    title, drawn = _("Certificates in force"), range(1, len(kinds) + 1)
    return Table(
        "certificates",
        title,
        heads,
        [*rows, (_("Together"), *total)] if rows else (),
        drawn,
        unit=_("certificates, in number"),
        is_total=True,
    )


def expiring(found: Summary) -> Table:
    rows: list[Row] = []
    if found.holdings_at:
        there = sorted({key[3] for key in found.holdings if key[0] is Indicator.EXPIRING})
        rows = [(month, found.held(Indicator.EXPIRING, value=month)) for month in there]
    title, heads = _("Certificates that expire in the coming months"), (_("Month"), _("Certificates"))
    return Table("expiring", title, heads, rows, (1,), ChartShape.SIDE_BY_SIDE, unit=_("certificates, in number"))


def transfers(found: Summary) -> Table:
    codes = sorted({key[1] for key in found.regions if key[0] in (Indicator.MOVED_IN, Indicator.MOVED_OUT)})
    rows: list[Row] = []
    for code in codes:
        came, left = (found.by_region(indicator, region=code) for indicator in (Indicator.MOVED_IN, Indicator.MOVED_OUT))
        rows.append((found.named("region", code), came, left, came - left))
    heads = (_("Region"), Indicator.MOVED_IN.label, Indicator.MOVED_OUT.label, _("Difference"))
    return Table("transfers", _("Transfers by region"), heads, rows, (1, 2), unit=_("certificates, in number"))


def enterprises(found: Summary) -> Table:
    firms = {key for _figure, key in found.enterprises}
    counts = [
        (
            found.named("enterprise", key),
            *(found.enterprises.get((indicator, key), 0) for indicator in (Indicator.MOVED_IN, Indicator.MOVED_OUT)),
        )
        for key in firms
    ]
    rows = sorted(counts, key=lambda row: (-int(str(row[1])) - int(str(row[2])), str(row[0])))
    heads = (_("Enterprise"), Indicator.MOVED_IN.label, Indicator.MOVED_OUT.label)
    return Table("enterprises", _("Enterprises with most transfers"), heads, rows, (1, 2), unit=_("certificates, in number"))


WORK_COLUMNS: Sequence[tuple[object, Sequence[Action]]] = (
    (_("Accepted"), (Action.ACCEPT,)),
    (_("Returned or not accepted"), (Action.RETURN, Action.DECLINE, Action.LAPSE)),
    (_("Reviewed"), (Action.ENDORSE, Action.REFUSE_REVIEW)),
    (_("Approved or refused"), (Action.APPROVE, Action.REFUSE_APPROVAL)),
    (_("Other"), (Action.EXTEND, Action.RELEASE_BY_OFFICE)),
)


def officers(found: Summary) -> Table:
    rows: list[tuple[Any, ...]] = []
    for account in {account for account, _action in found.work}:
        numbers = [sum(found.work.get((account, action.value), 0) for action in actions) for _label, actions in WORK_COLUMNS]
        rows.append((found.named("account", account), *numbers, sum(numbers)))
    rows.sort(key=lambda row: (-int(row[-1]), str(row[0])))
    heads = (_("Officer"), *(label for label, _actions in WORK_COLUMNS), _("Together"))
    return Table("officers", _("Decisions by officer"), heads, rows, (len(heads) - 1,), unit=_("decisions"))


TABLES: Sequence[Callable[[Summary], Table]] = (
    matters, months, regions, reasons, durations, backlog, exams, certificates, expiring, transfers, enterprises, officers,
)  # fmt: skip
