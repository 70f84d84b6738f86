"""The tables say what was counted."""

from datetime import date

from app.applications.statistics import tables
from app.applications.statistics.summary import Asked, Period, Summary
from app.applications.statistics.tables import TABLES, ChartShape, tables_of
from app.core.indicators import Indicator
from app.core.vocabulary import MatterKind
from tests import make

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def summary(**sums) -> Summary:
    nothing: dict = {name: {} for name in ("flows", "regions", "subjects", "enterprises", "work", "holdings")}
    given = {"holdings_at": make.NOON, "counted": {JANUARY: make.NOON, FEBRUARY: make.NOON}}
    return Summary(Asked(Period(JANUARY, FEBRUARY)), "430000", **{**nothing, **given, **sums})


def flows(**months) -> dict:
    ended = {"approved": 10, "review_refused": 2, "approval_refused": 1, "not_accepted": 4, "abandoned": 3}
    found = {(Indicator.FILED, JANUARY, "new", ""): 20, (Indicator.WITHDRAWN, FEBRUARY, "new", ""): 5}
    return found | {(Indicator.OUTCOME, FEBRUARY, "renewal", state): n for state, n in ended.items()}


def test_decided_is_agreed_refused_or_not_accepted_and_the_last_row_adds_up():
    matters = tables.matters(summary(flows=flows()))
    assert [row[1:] for row in matters.rows] == [
        (20, 0, 0, 0, 0, 0, 5), (0, 17, 10, 3, 4, 3, 0), *[(0, 0, 0, 0, 0, 0, 0)] * 3, (20, 17, 10, 3, 4, 3, 5),
    ]  # fmt: skip
    assert matters.rows[1][0] is MatterKind.RENEWAL.label
    months = tables.months(summary(flows=flows(), counted={FEBRUARY: make.NOON}))
    assert months.rows == [("2026-02", 0, 17, 10, 3, 4, 3, 5)]  # a month never counted is not shown as nothing


def test_working_days_have_median_percentile_and_share_in_time():
    days = {(Indicator.DAYS, "review", str(n)): 1 for n in range(10)}
    in_time = {(Indicator.DAYS, "whole", "3"): 3, (Indicator.IN_TIME, "whole", "1"): 2, (Indicator.IN_TIME, "whole", "0"): 1}
    found = tables.durations(summary(subjects=days | in_time))
    assert [row[1:] for row in found.rows] == [(4, 8, 9, 10, "—"), (3, 3, 3, 3, "66.7%")]
    assert found.shape is ChartShape.NESTED


def test_ten_reasons_are_shown_the_most_frequent_first():
    counts = {(Indicator.REASON, "", f"因{n:02d}"): n for n in range(1, 12)} | {(Indicator.REASON, "", ""): 34}
    rows = tables.reasons(summary(subjects=counts)).rows
    assert len(rows) == 10
    assert rows[0][1:] == (34, "34.0%")
    assert rows[1:3] == [("因11", 11, "11.0%"), ("因10", 10, "10.0%")]


def test_pass_rates_are_of_those_who_sat_and_certificates_are_pivoted():
    exam = {(Indicator.EXAM, "7", "passed"): 3, (Indicator.EXAM, "7", "failed"): 1, (Indicator.EXAM, "7", "absent"): 9}
    held = {(Indicator.IN_FORCE, "430100", "A", ""): 2, (Indicator.IN_FORCE, "430200", "C1", ""): 3,
            (Indicator.EXPIRING, "430100", "A", "2026-03"): 1, (Indicator.BACKLOG, "430100", "A", "21-"): 4}  # fmt: skip
    found = summary(subjects=exam, holdings=held, names={("notice", "7"): "第一期", ("region", "430100"): "长沙市"})
    assert tables.exams(found).rows == [("第一期", 3, 1, 9, "75.0%")]
    certificates = tables.certificates(found)
    assert [row[1:] for row in certificates.rows] == [(2, 0, 2), (0, 3, 3), (2, 3, 5)]
    assert [row[0] for row in certificates.rows[:2]] == ["长沙市", "430200"]
    assert list(certificates.drawn) == [1, 2]
    assert tables.expiring(found).rows == [("2026-03", 1)]
    assert [row[1] for row in tables.backlog(found).rows] == [0, 0, 0, 4]


def test_transfers_and_officers():
    moves = {(Indicator.MOVED_IN, "430100", ""): 5, (Indicator.MOVED_OUT, "430200", ""): 7}
    work = {("1", "accept"): 2, ("1", "approve"): 1, ("2", "return"): 9}
    firms = {(Indicator.MOVED_IN, "4"): 1, (Indicator.MOVED_OUT, "3"): 2}
    found = summary(regions=moves, enterprises=firms, work=work, names={("account", "1"): "张三"})
    assert [row[1:] for row in tables.transfers(found).rows] == [(5, 0, 5), (0, 7, -7)]
    assert tables.enterprises(found).rows == [("3", 0, 2), ("4", 1, 0)]
    assert tables.officers(found).rows == [("2", 0, 9, 0, 0, 0, 9), ("张三", 2, 0, 0, 1, 0, 3)]
    assert [make_ for make_ in TABLES if make_(found).name != make_.__name__] == []
    assert "officers" not in {table.name for table in tables_of(summary())}


def test_without_holdings_nothing_is_shown_as_nothing():
    found = summary(holdings_at=None)
    assert [table.name for table in tables_of(found) if not table.rows] == [
        "regions", "reasons", "durations", "backlog", "exams", "certificates", "expiring", "transfers", "enterprises",
    ]  # fmt: skip
