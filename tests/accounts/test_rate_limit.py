from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import rate_limit
from app.core.errors import TooMany
from app.db.session import reading
from app.models import RateLimitCounter, Region
from tests.at_once import at_once
from tests.make import NOON

QUARTER = timedelta(minutes=15)


def refused(action, *args, **given) -> bool:
    try:
        action(*args, **given)
    except TooMany:
        return True
    return False


def guess(engine, minutes=0, *, limit=2) -> bool:
    """Whether a guess at ``s:x`` is refused."""
    return refused(rate_limit.attempt, engine, "s:x", limit=limit, rest=QUARTER, at=NOON + timedelta(minutes=minutes))


def test_uses_beyond_the_limit_are_refused(engine):
    assert [refused(rate_limit.hit, engine, "lookup:10.0.0.1", limit=3, seconds=60, at=NOON) for _ in range(5)] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_refusal_has_the_seconds_to_wait(engine):
    for _ in range(2):
        late = refused(rate_limit.hit, engine, "lookup:x", limit=1, seconds=60, at=NOON + timedelta(seconds=20))
    assert late
    with pytest.raises(TooMany) as error:
        rate_limit.hit(engine, "lookup:x", limit=1, seconds=60, at=NOON + timedelta(seconds=20))
    assert error.value.retry_after == 40


def test_count_starts_anew_in_the_next_window(engine):
    for moment in (NOON, NOON + timedelta(seconds=60)):
        assert not refused(rate_limit.hit, engine, "lookup:x", limit=1, seconds=60, at=moment)


def test_keys_are_counted_separately(engine):
    rate_limit.hit(engine, "lookup:a", limit=1, seconds=60, at=NOON)
    rate_limit.hit(engine, "lookup:b", limit=1, seconds=60, at=NOON)
    rate_limit.hit(engine, "sign-in:a", limit=1, seconds=60, at=NOON)


def test_refund_never_goes_below_zero(engine):
    rate_limit.hit(engine, "x:a", limit=9, seconds=60, at=NOON)
    for _ in range(3):
        rate_limit.refund(engine, "x:a", seconds=60, at=NOON)
    assert rate_limit.peek(engine, "x:a", seconds=60, at=NOON) == 0


def test_concurrent_uses_are_counted_exactly(engine):
    hits = at_once(lambda _: refused(rate_limit.hit, engine, "lookup:x", limit=30, seconds=60, at=NOON), range(40))
    assert [*hits].count(True) == 10
    assert rate_limit.peek(engine, "lookup:x", seconds=60, at=NOON) == 40


def test_of_forty_concurrent_guesses_five_are_allowed(engine):
    refusals = at_once(lambda _: guess(engine, limit=5), range(40))
    assert refusals.count(False) == 5
    assert guess(engine, limit=5)


def test_lock_ends_on_time_and_is_not_prolonged_by_guesses(engine):
    assert [guess(engine, minute) for minute in (0, 1, 5, 15, 16)] == [False, False, True, True, False]


def test_count_starts_anew_after_a_lock(engine):
    assert [guess(engine, minute) for minute in (0, 0, 0, 20, 20, 20)] == [False, False, True, False, False, True]


def test_clear_ends_a_lock(engine):
    assert [guess(engine) for _ in range(3)] == [False, False, True]
    rate_limit.clear(engine, "s:x")
    assert not guess(engine)


def test_rollback_of_the_request_keeps_the_count(engine, system):
    with Session(system.engine) as request:
        rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON)
        request.add(Region(code="430300", name="湘潭市"))
        request.flush()
        request.rollback()
    assert rate_limit.peek(engine, "lookup:x", seconds=60, at=NOON) == 1


def test_read_only_request_is_counted(engine, system):
    mark = reading.set(True)
    try:
        with Session(system.engine) as request:
            request.scalars(select(Region)).all()
            rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON)
        assert reading.get()
    finally:
        reading.reset(mark)
    assert rate_limit.peek(engine, "lookup:x", seconds=60, at=NOON) == 1


def test_keys_are_stored_as_digests(engine, session):
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
def test_client_network_of_an_address(address, counts_as):
    assert rate_limit.client_network(address) == counts_as


def test_sweep_deletes_old_counts_and_those_that_lie_ahead_and_keeps_a_lock(engine):
    rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON - timedelta(days=2))
    rate_limit.hit(engine, "lookup:x", limit=9, seconds=60, at=NOON + timedelta(days=400))  # while the clock was ahead
    guess(engine, limit=1)
    assert rate_limit.sweep(engine, NOON - timedelta(days=1), NOON + timedelta(days=1)) == 2
    assert guess(engine, limit=1)


def test_counts_in_memory_end_with_their_window_and_are_bounded():
    key = "lookup:198.51.100.1"
    for _time in range(2):
        rate_limit.hit_in_memory(key, limit=2, seconds=60, at=NOON)
    with pytest.raises(TooMany) as error:
        rate_limit.hit_in_memory(key, limit=2, seconds=60, at=NOON)
    assert error.value.retry_after == 60
    rate_limit.hit_in_memory("lookup:198.51.100.2", limit=2, seconds=60, at=NOON)
    rate_limit.hit_in_memory(key, limit=2, seconds=60, at=NOON + timedelta(seconds=60))
    for n in range(rate_limit.MOST_IN_MEMORY + 1):
        try:
            rate_limit.hit_in_memory(f"lookup:{n}", limit=2, seconds=60, at=NOON)
        except TooMany:
            break
    else:
        pytest.fail("counts in memory grow without bound")
    rate_limit.hit_in_memory("lookup:next day", limit=2, seconds=60, at=NOON + timedelta(days=2))
