"""Sums over months are those of the stored counts added up one by one, within reach and for whom they are meant."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.applications.statistics.summary import MOST_MONTHS, Asked, Period, percentile, quick_periods, summarise
from app.core.clock import add_months
from app.core.errors import NotAllowed, Unmet
from app.core.indicators import HOLDINGS, Indicator
from app.core.vocabulary import Category, MatterKind, Role
from app.models import StatisticsCount, StatisticsMonth
from tests import make

MONTHS = [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
ON = date(2026, 3, 2)
PERIOD = Period(MONTHS[1], MONTHS[2])
SUBJECTS = {
    Indicator.MOVED_IN: "12345678",
    Indicator.MOVED_OUT: "12345678",
    Indicator.WORK: "12",
    Indicator.EXAM: "12",
    Indicator.DAYS: ("review", "whole"),
}
VALUES = {
    Indicator.OUTCOME: ("approved", "not_accepted"),
    Indicator.DAYS: "0123",
    Indicator.IN_TIME: "01",
    Indicator.REASON: ("", "因"),
    Indicator.WORK: ("accept", "approve"),
    Indicator.EXAM: ("passed", "failed"),
}


@pytest.fixture
def counts(session):
    """Random counts of three months; the first one is outside the period."""
    chance, kept = random.Random(7), {}  # noqa: S311 - not a secret
    session.add_all(StatisticsMonth(month=month, counted_at=make.NOON, holdings_at=make.NOON) for month in MONTHS)
    session.flush()
    for _n in range(400):
        indicator = chance.choice(list(Indicator))
        matter = "" if indicator in (*HOLDINGS[1:], Indicator.EXAM) else chance.choice(["new", "renewal"])
        key = (
            chance.choice(MONTHS), indicator, chance.choice(["430100", "430200"]), matter, chance.choice(["A", "C1"]),
            chance.choice(SUBJECTS.get(indicator, [""])), chance.choice(VALUES.get(indicator, [""])),
        )  # fmt: skip
        kept[key] = chance.randint(1, 9)
    names = ("month", "indicator", "region_code", "matter", "category", "subject", "value")
    session.add_all(StatisticsCount(**dict(zip(names, key, strict=True)), count=n) for key, n in kept.items())
    session.commit()
    return kept


def added_up(counts, asked: Asked, region: str, indicators, *places: int) -> Counter:
    """What the rows asked for give, grouped by the indicator and these places of a key."""
    found: Counter = Counter()
    for key, n in counts.items():
        month, indicator, code, matter, category, _subject, _value = key
        if (
            indicator in indicators
            and PERIOD.first <= month <= PERIOD.last
            and (indicator not in HOLDINGS or month == MONTHS[2])
            and region in ("", code)
            and asked.region in ("", code)
            and (asked.matter is None or matter in (asked.matter.value, ""))
            and (asked.category is None or category == asked.category.value)
        ):
            found[(indicator, *(key[place] for place in places))] += n
    return found


def test_a_summary_adds_up_the_counts_that_are_asked_for_within_reach(session, counts):
    everything = Asked(PERIOD)
    asked = [everything, replace(everything, region="430200"), replace(everything, matter=MatterKind.NEW), replace(
        everything, category=Category.A)]  # fmt: skip
    flows, moves = (Indicator.FILED, Indicator.WITHDRAWN, Indicator.OUTCOME), (Indicator.MOVED_IN, Indicator.MOVED_OUT)
    for region, code in (("430000", ""), ("430100", "430100")):
        viewer = make.officer(Role.VIEWER, region=region)
        for one in asked:
            found = summarise(session, viewer, one, ON)
            assert found.flows == added_up(counts, one, code, flows, 0, 3, 6)
            assert found.regions == added_up(counts, one, code, (*flows, *moves), 2, 6)
            subjects = (Indicator.REASON, Indicator.DAYS, Indicator.IN_TIME, Indicator.EXAM)
            assert found.subjects == added_up(counts, one, code, subjects, 5, 6)
            assert found.enterprises == added_up(counts, one, code, moves, 5)
            assert found.work == {key[1:]: n for key, n in added_up(counts, one, code, [Indicator.WORK], 5, 6).items()}
            assert found.holdings == added_up(counts, one, code, HOLDINGS, 2, 4, 6)
    whole = summarise(session, make.officer(Role.VIEWER), everything, ON)
    assert whole.flow(Indicator.FILED) == sum(n for key, n in added_up(counts, everything, "", [Indicator.FILED]).items())
    assert whole.flow(Indicator.OUTCOME, value="approved", matter="new") == sum(
        n
        for key, n in counts.items()
        if key[1] is Indicator.OUTCOME and key[3] == "new" and key[6] == "approved" and key[0] in MONTHS[1:]
    )


def test_only_the_enterprises_with_most_transfers_are_named_with_all_of_theirs(session):
    session.add(StatisticsMonth(month=MONTHS[1], counted_at=make.NOON))
    session.flush()
    for n in range(12):
        for indicator, count in ((Indicator.MOVED_IN, 20 - n), (Indicator.MOVED_OUT, 1)):
            place = {"region_code": "430100", "matter": "transfer", "category": "A"}
            session.add(StatisticsCount(month=MONTHS[1], indicator=indicator, subject=str(n), value="", count=count, **place))
    session.commit()
    found = summarise(session, make.officer(Role.VIEWER), Asked(PERIOD), ON)
    assert {subject for _figure, subject in found.enterprises} == {str(n) for n in range(10)}
    assert found.enterprises[Indicator.MOVED_OUT, "9"] == 1
    assert (found.missing, found.holdings_at, found.holdings) == ([MONTHS[2]], None, {})


def test_enterprises_and_administrators_are_refused_and_only_the_head_sees_who_worked_how_much(session, counts):
    for role in Role:
        officer = make.officer(role)
        if role in (Role.ENTERPRISE_CLERK, Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR):
            with pytest.raises(NotAllowed):
                summarise(session, officer, Asked(PERIOD), ON)
        else:
            found = summarise(session, officer, Asked(PERIOD), ON)
            assert bool(found.work) == (role in (Role.APPROVER, Role.VIEWER)), role
            assert ("account" in {what for what, _key in found.names}) <= bool(found.work)


def test_a_period_is_refused_in_words(session):
    longest = Period(ON.replace(day=1), add_months(ON.replace(day=1), MOST_MONTHS - 1))
    assert len(longest.months) == MOST_MONTHS
    assert longest.refusals(ON) == []
    for period, code in (
        (replace(longest, last=add_months(longest.last, 1)), "period-long"),
        (Period(MONTHS[2], MONTHS[1]), "period-order"),
        (Period(add_months(MONTHS[2], 2), add_months(MONTHS[2], 2)), "period-future"),
    ):
        with pytest.raises(Unmet) as refused:
            summarise(session, make.officer(Role.VIEWER), Asked(period), ON)
        assert [refusal.code for refusal in refused.value.refusals] == [code]
    assert Period(MONTHS[0], MONTHS[0]).refusals(MONTHS[0]) == []
    assert [code.code for code in Period(MONTHS[0], MONTHS[0]).refusals(MONTHS[0] - timedelta(days=1))] == ["period-future"]


def test_usual_periods_are_those_of_the_calendar():
    found = [str(period) for _label, period in quick_periods(date(2026, 2, 28))]
    assert found == ["2026-02", "2026-01", "2026-01_2026-02", "2025-10_2025-12", "2026-01_2026-02", "2025-01_2025-12"]


@given(st.lists(st.integers(0, 300), min_size=1), st.integers(1, 100))
@settings(deadline=None)
def test_a_percentile_of_a_histogram_is_that_of_its_numbers_in_order(numbers, percent):
    rank = -(-len(numbers) * percent // 100)
    assert percentile(Counter(numbers), percent) == sorted(numbers)[rank - 1]
