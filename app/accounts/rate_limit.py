"""Rate limits and lockouts, counted in the database and so shared by all processes.

Each count is one atomic statement in a transaction of its own: a rollback of the request does not undo it, and on SQLite
(one writer) the request's own transaction must not have written yet. Its commit does not wait for the disk: a count is kept
when the process ends, and only a failure of the machine may lose the last of them. Keys are stored as digests.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.core.crypto.encryption import keyring
from app.core.errors import TooMany
from app.db.session import DatabaseBusy, impatient_connection, insert_into, side_connection
from app.models import RateLimitCounter

DAY = 24 * 60 * 60
PROBE_BYTES = 64 * 1024  # bytes
_CELLS = RateLimitCounter.__table__.c
_COUNT = select(_CELLS.count).where(_CELLS.key == bindparam("key"), _CELLS.window == bindparam("window"))


def hit(engine: Engine, key: str, *, limit: int, seconds: int, at: datetime, uses: int = 1) -> None:
    """Count ``uses`` of ``key`` (``"lookup:203.0.113.7"``); raises ``TooMany`` beyond ``limit``.

    Windows of ``seconds`` are fixed, not sliding: across a boundary twice the limit is possible.
    """
    window = _window(at, seconds)
    with side_connection(engine, durable=False) as connection:
        count = _count_one(connection, _stored(key), window, uses)
    if count > limit:
        raise TooMany(retry_after=window + seconds - int(at.timestamp()))


_lock = Lock()
_in_memory: dict[tuple[str, int], int] = {}
MOST_IN_MEMORY = 10_000  # keys; beyond them everybody waits


def hit_in_memory(key: str, *, limit: int, seconds: int, at: datetime, uses: int = 1) -> None:
    """As ``hit``, counted by this process alone: for what is public anyway, while the database cannot be written."""
    window = _window(at, seconds)
    with _lock:
        entry = (_stored(key), window)
        if entry not in _in_memory and len(_in_memory) >= MOST_IN_MEMORY:
            for old in [known for known in _in_memory if known[1] < int(at.timestamp()) - DAY]:
                del _in_memory[old]
            if len(_in_memory) >= MOST_IN_MEMORY:
                raise TooMany(retry_after=seconds)
        count = _in_memory[entry] = _in_memory.get(entry, 0) + uses
    if count > limit:
        raise TooMany(retry_after=window + seconds - int(at.timestamp()))


def refund(engine: Engine, key: str, *, seconds: int, at: datetime) -> None:
    """Take back one use, as of a sign-in with the right password."""
    with side_connection(engine, durable=False) as connection:
        here = (
            (RateLimitCounter.key == _stored(key))
            & (RateLimitCounter.window == _window(at, seconds))
            & (RateLimitCounter.count > 0)
        )
        connection.execute(update(RateLimitCounter).where(here).values(count=RateLimitCounter.count - 1))


def attempt(engine: Engine, key: str, *, limit: int, rest: timedelta, at: datetime) -> None:
    """Count one guess at a secret, before comparing it. The ``limit``-th locks ``key`` for ``rest``: ``TooMany`` until then.

    After a right guess, call ``clear``. Of concurrent guesses at most ``limit`` return; guesses while locked do not prolong
    the lock. Counts start anew each UTC day.
    """
    stored, now = _stored(key), int(at.timestamp())
    with side_connection(engine, durable=False) as connection:
        count = _count_one(connection, stored, _window(at, DAY))  # first, for its row lock: serialises guesses
        until = _locked_until(connection, stored, now, rest)
        if until is not None:
            connection.rollback()
            raise TooMany(retry_after=until - now)
        if count >= limit:
            _forget(connection, stored)
            _count_one(connection, f"{stored}/rest", now + int(rest.total_seconds()))


def peek(engine: Engine, key: str, *, seconds: int = DAY, at: datetime) -> int:
    """The count of ``key`` in the window that contains ``at``; does not count itself."""
    with side_connection(engine, for_reading=True) as connection:
        return connection.scalar(_COUNT, {"key": _stored(key), "window": _window(at, seconds)}) or 0


def locked(session: Session, keys: Collection[str], *, rest: timedelta, at: datetime) -> set[str]:
    """Those of these keys that ``attempt`` would refuse now. One statement."""
    stored, now = {f"{_stored(key)}/rest": key for key in keys}, int(at.timestamp())
    ends = RateLimitCounter.window.between(now + 1, now + int(rest.total_seconds()))
    rows = session.scalars(select(RateLimitCounter.key).where(RateLimitCounter.key.in_(stored), ends))
    return {stored[key] for key in rows}


def clear(engine: Engine, key: str) -> None:
    """Delete every count of ``key`` and its lock."""
    with side_connection(engine, durable=False) as connection:
        _forget(connection, _stored(key))


def probe(engine: Engine, *, at: datetime) -> None:
    """Write one row, the same all day; raises ``Unwritable``, or another error of the database, if that is impossible.

    On SQLite it also takes space and gives it back, which shows a full file. It waits for no writer: while somebody writes,
    the database can be written.
    """
    with suppress(DatabaseBusy), impatient_connection(engine) as connection:
        if connection.dialect.name == "sqlite":
            with connection.begin() as attempted:
                row = {"key": "0" * PROBE_BYTES, "window": 0, "count": 0}  # SQLite does not hold a column to its length
                connection.execute(insert(RateLimitCounter).values(row))
                attempted.rollback()
        with connection.begin():
            _count_one(connection, "probe", _window(at, DAY))


def sweep(engine: Engine, older_than: datetime, later_than: datetime) -> int:
    """Delete counts whose window began, and locks that ended, before ``older_than``, or that lie after ``later_than``.

    Returns how many. The latter were made while the clock was ahead.
    """
    first, last = int(older_than.timestamp()), int(later_than.timestamp())
    with side_connection(engine, durable=False) as connection:
        return connection.execute(
            delete(RateLimitCounter).where(or_(RateLimitCounter.window < first, RateLimitCounter.window > last))
        ).rowcount


def client_network(address: str) -> str:
    """The unit that is limited: an IPv4 address, or an IPv6 /64, within which a client may change its address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network(f"{parsed}/64", strict=False))
    return str(parsed)


def provider_network(address: str) -> str:
    """The wider network of an address: IPv4 /24 or IPv6 /48, as one customer of a provider holds them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return str(ip_network(f"{parsed}/{48 if isinstance(parsed, IPv6Address) else 24}", strict=False))


def _stored(key: str) -> str:
    kind, _colon, who = key.partition(":")
    return f"{kind}:{keyring.digest(who, 'bucket.key')}"


def _window(at: datetime, seconds: int) -> int:
    """The second at which the window that contains ``at`` began."""
    return int(at.timestamp()) // seconds * seconds


def _count_one(connection: Connection, stored: str, window: int, uses: int = 1) -> int:
    values = {"key": stored, "window": window, "count": uses, "uses": uses}
    count: int = connection.execute(_counting(connection.engine), values).scalar_one()
    return count


@lru_cache(maxsize=4)
def _counting(engine: Engine) -> Any:
    """Built once: that takes longer than the statement."""
    row = insert_into(engine, RateLimitCounter).values(
        key=bindparam("key"), window=bindparam("window"), count=bindparam("count")
    )
    more = {"count": RateLimitCounter.count + bindparam("uses")}
    return row.on_conflict_do_update(index_elements=["key", "window"], set_=more).returning(RateLimitCounter.count)


def _locked_until(connection: Connection, stored: str, now: int, rest: timedelta) -> int | None:
    """The end of a lock. One later than a lock made now would end was made while the clock was ahead, and counts no more."""
    latest = now + int(rest.total_seconds())
    return connection.scalar(
        select(func.max(RateLimitCounter.window)).where(
            RateLimitCounter.key == f"{stored}/rest", RateLimitCounter.window.between(now + 1, latest)
        )
    )


def _forget(connection: Connection, stored: str) -> None:
    connection.execute(delete(RateLimitCounter).where(RateLimitCounter.key.in_([stored, f"{stored}/rest"])))
