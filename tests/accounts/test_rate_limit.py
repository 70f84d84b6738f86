from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.accounts import rate_limit
from app.core.errors import TooMany
from app.db.session import reading
from app.models import RateLimitCounter, Region
from tests.make import NOON

QUARTER = timedelta(minutes=15)


@pytest.fixture
def engine(system, session):
    engine = create_engine(system.engine.url, pool_size=20, max_overflow=30)
    yield engine
    engine.dispose()


def refused(deed, *args, **given) -> bool:
    try:
        deed(*args, **given)
    except TooMany:
        return True
    return False


def test_the_limit_is_reached_by_its_own_number_and_no_earlier(engine):
    assert [refused(rate_limit.hit, engine, "lookup:10.0.0.1", limit=3, seconds=60, at=NOON) for _ in range(5)] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_a_refusal_says_how_long_to_wait(engine):
    for _ in range(2):
        late = refused(rate_limit.hit, engine, "lookup:x", limit=1, seconds=60, at=NOON + timedelta(seconds=20))
    assert late
    with pytest.raises(TooMany) as no:
        rate_limit.hit(engine, "lookup:x", limit=1, seconds=60, at=NOON + timedelta(seconds=20))
    assert no.value.retry_after == 40


def test_the_next_window_begins_at_nothing(engine):
    for moment in (NOON, NOON + timedelta(seconds=60)):
        assert not refused(rate_limit.hit, engine, "lookup:x", limit=1, seconds=60, at=moment)


def test_one_address_does_not_pay_for_another(engine):
    rate_limit.hit(engine, "lookup:a", limit=1, seconds=60, at=NOON)
    rate_limit.hit(engine, "lookup:b", limit=1, seconds=60, at=NOON)
    rate_limit.hit(engine, "sign-in:a", limit=1, seconds=60, at=NOON)


def test_a_refund_gives_back_one_and_never_more_than_was_taken(engine):
    rate_limit.hit(engine, "x:a", limit=9, seconds=60, at=NOON)
    for _ in range(3):
        rate_limit.refund(engine, "x:a", seconds=60, at=NOON)
    assert rate_limit.peek(engine, "x:a", seconds=60, at=NOON) == 0


def test_forty_at_once_are_counted_exactly(engine):
    with ThreadPoolExecutor(40) as crowd:
        no = list(crowd.map(lambda _: refused(rate_limit.hit, engine, "lookup:x", limit=30, seconds=60, at=NOON), range(40)))
    assert rate_limit.peek(engine, "lookup:x", seconds=60, at=NOON) == 40
    assert no.count(True) == 10


def test_of_forty_guesses_at_once_exactly_five_are_looked_at(engine):
    with ThreadPoolExecutor(40) as crowd:
        no = list(
            crowd.map(lambda _: refused(rate_limit.attempt, engine, "sign-in:x", limit=5, rest=QUARTER, at=NOON), range(40))
        )
    assert no.count(False) == 5
    assert rate_limit.is_locked(engine, "sign-in:x", at=NOON)


def test_a_rest_ends_on_time_and_is_not_prolonged_by_knocking(engine):
    def knock(minutes):
        return refused(rate_limit.attempt, engine, "s:x", limit=2, rest=QUARTER, at=NOON + timedelta(minutes=minutes))

    assert [knock(minute) for minute in (0, 1, 5, 15, 16)] == [False, False, True, True, False]


def test_after_a_rest_the_counting_begins_anew(engine):
    def knock(minutes):
        return refused(rate_limit.attempt, engine, "s:x", limit=2, rest=QUARTER, at=NOON + timedelta(minutes=minutes))

    assert [knock(minute) for minute in (0, 0, 0, 20, 20, 20)] == [False, False, True, False, False, True]


def test_clearing_ends_a_rest(engine):
    for _ in range(2):
        rate_limit.attempt(engine, "s:x", limit=2, rest=QUARTER, at=NOON)
    rate_limit.clear(engine, "s:x")
    assert not rate_limit.is_locked(engine, "s:x", at=NOON)
    assert not refused(rate_limit.attempt, engine, "s:x", limit=2, rest=QUARTER, at=NOON)


def test_a_rollback_of_the_request_refunds_nothing(engine, system):
    with Session(system.engine) as request:
        rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON)
        request.add(Region(code="430300", name="湘潭市"))
        request.flush()
        request.rollback()
    assert rate_limit.peek(engine, "lookup:x", seconds=60, at=NOON) == 1


def test_a_request_that_only_reads_is_counted_all_the_same(engine, system):
    mark = reading.set(True)
    try:
        with Session(system.engine) as request:
            request.scalars(select(Region)).all()
            rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON)
        assert reading.get()
    finally:
        reading.reset(mark)
    assert rate_limit.peek(engine, "lookup:x", seconds=60, at=NOON) == 1


def test_the_table_names_nobody(engine, session):
    rate_limit.hit(engine, "lookup:203.0.113.7", limit=9, seconds=60, at=NOON)
    rate_limit.attempt(engine, "sign-in:zhangsan", limit=1, rest=QUARTER, at=NOON)
    keys = session.scalars(select(RateLimitCounter.key)).all()
    assert len(keys) == 2
    assert all("203.0.113.7" not in key and "zhangsan" not in key and len(key) <= 80 for key in keys)


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_neighbourhood_counts_as_one(address, counts_as):
    assert rate_limit.client_network(address) == counts_as


def test_sweeping_takes_the_old_and_leaves_a_rest_that_lasts(engine):
    rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON - timedelta(days=2))
    rate_limit.attempt(engine, "s:x", limit=1, rest=QUARTER, at=NOON)
    assert rate_limit.sweep(engine, NOON - timedelta(days=1)) == 1
    assert rate_limit.is_locked(engine, "s:x", at=NOON)
