"""How often something may be tried: counted in the database, so that all workers share one count.

Law: each count is one atomic statement in a short transaction of its own, so a rollback of the request refunds nothing;
keys are stored as fingerprints, so the table names nobody. SQLite has one writer: call in here before the request's own
transaction has begun to write (a door that may have one open rolls it back first).
"""

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.core.crypto.encryption import keyring
from app.core.errors import TooMany
from app.db.session import side_connection
from app.models import RateLimitCounter

DAY = 24 * 60 * 60


def hit(engine: Engine, key: str, *, limit: int, seconds: int, at: datetime, uses: int = 1) -> None:
    """Count one use of ``key`` (``"lookup:203.0.113.7"``), or several; raises ``TooMany`` from the one after ``limit`` on.

    Windows of ``seconds`` stand on the clock, they do not slide: across a boundary twice the limit is possible.
    """
    window = _window(at, seconds)
    with side_connection(engine) as connection:
        count = _count_one(connection, _stored(key), window, uses)
    if count > limit:
        raise TooMany(retry_after=window + seconds - int(at.timestamp()))


def refund(engine: Engine, key: str, *, seconds: int, at: datetime) -> None:
    """Take one use back that turned out to be harmless, like a sign-in with the right password."""
    with side_connection(engine) as connection:
        here = (
            (RateLimitCounter.key == _stored(key))
            & (RateLimitCounter.window == _window(at, seconds))
            & (RateLimitCounter.count > 0)
        )
        connection.execute(update(RateLimitCounter).where(here).values(count=RateLimitCounter.count - 1))


def attempt(engine: Engine, key: str, *, limit: int, rest: timedelta, at: datetime) -> None:
    """Charge one guess at a secret, before it is looked at. The ``limit``-th begins a rest; ``TooMany`` while it lasts.

    Whoever guessed right calls ``clear``. Of any number of guesses at once, at most ``limit`` get past this line; guesses
    during a rest do not prolong it. Guesses are forgotten when the (UTC) day ends.
    """
    stored, now = _stored(key), int(at.timestamp())
    with side_connection(engine) as connection:
        count = _count_one(connection, stored, _window(at, DAY))  # first, for its row lock: one guess at a time
        until = _rests_until(connection, stored, now)
        if until is not None:
            connection.rollback()
            raise TooMany(retry_after=until - now)
        if count >= limit:
            _forget(connection, stored)
            _count_one(connection, f"{stored}/rest", now + int(rest.total_seconds()))


def is_locked(engine: Engine, key: str, *, at: datetime) -> bool:
    """Whether guesses at this secret are refused at the moment."""
    with side_connection(engine, for_reading=True) as connection:
        return _rests_until(connection, _stored(key), int(at.timestamp())) is not None


def peek(engine: Engine, key: str, *, seconds: int = DAY, at: datetime) -> int:
    """How often ``key`` was counted in the window that holds ``at``. Counts nothing."""
    with side_connection(engine, for_reading=True) as connection:
        here = (RateLimitCounter.key == _stored(key)) & (RateLimitCounter.window == _window(at, seconds))
        return connection.scalar(select(RateLimitCounter.count).where(here)) or 0


def clear(engine: Engine, key: str) -> None:
    """Forget every count of ``key`` and end its rest: the secret was shown, or an administrator unlocks."""
    with side_connection(engine) as connection:
        _forget(connection, _stored(key))


def sweep(engine: Engine, older_than: datetime) -> int:
    """Delete counts whose window began, and rests that ended, before ``older_than`` (a day ago, say); says how many."""
    with side_connection(engine) as connection:
        return connection.execute(
            delete(RateLimitCounter).where(RateLimitCounter.window < int(older_than.timestamp()))
        ).rowcount


def client_network(address: str) -> str:
    """Whom an address counts as: an IPv6 neighbourhood (/64) is one household, which may change its address at will."""
    try:
        place = ip_address(address)
    except ValueError:
        return address
    if isinstance(place, IPv6Address):
        return str(place.ipv4_mapped or ip_network(f"{place}/64", strict=False))
    return str(place)


def provider_network(address: str) -> str:
    """The wider place an address lies in: an IPv4 /24 or an IPv6 /48, as one customer of a provider holds them."""
    try:
        place = ip_address(address)
    except ValueError:
        return address
    if isinstance(place, IPv6Address):
        place = place.ipv4_mapped or place
    return str(ip_network(f"{place}/{48 if isinstance(place, IPv6Address) else 24}", strict=False))


def _stored(key: str) -> str:
    kind, _colon, who = key.partition(":")
    return f"{kind}:{keyring.digest(who, 'bucket.key')}"


def _window(at: datetime, seconds: int) -> int:
    """The second at which the window that holds ``at`` began."""
    return int(at.timestamp()) // seconds * seconds


def _count_one(connection: Connection, stored: str, window: int, uses: int = 1) -> int:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    one = dialect.insert(RateLimitCounter).values(key=stored, window=window, count=uses)
    counted = one.on_conflict_do_update(index_elements=["key", "window"], set_={"count": RateLimitCounter.count + uses})
    count: int = connection.execute(counted.returning(RateLimitCounter.count)).scalar_one()
    return count


def _rests_until(connection: Connection, stored: str, now: int) -> int | None:
    return connection.scalar(
        select(func.max(RateLimitCounter.window)).where(
            RateLimitCounter.key == f"{stored}/rest", RateLimitCounter.window > now
        )
    )


def _forget(connection: Connection, stored: str) -> None:
    connection.execute(delete(RateLimitCounter).where(RateLimitCounter.key.in_([stored, f"{stored}/rest"])))
