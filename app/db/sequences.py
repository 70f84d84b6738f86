"""Number sequences of applications, acceptance slips, sign-ups and certificates.

Numbers are taken in the caller's transaction: a rollback returns them, and concurrent callers never get the same one.
"""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

_INCREMENT = text(
    "INSERT INTO series (key, last) VALUES (:key, :count)"
    " ON CONFLICT (key) DO UPDATE SET last = series.last + :count RETURNING last"
)


def next_numbers(session: Session, key: str, count: int = 1) -> range:
    """The next ``count`` numbers of a sequence, from 1. The sequence stays locked until the caller commits."""
    last = session.execute(_INCREMENT, {"key": key, "count": count}).scalar_one()
    return range(last - count + 1, last + 1)


def lock(session: Session, key: str) -> None:
    """Keep others from taking a number of the sequence until the caller commits; what they stored before is seen then."""
    session.execute(_INCREMENT, {"key": key, "count": 0})


ACCEPTANCE = "SL"  # the kind of the numbers of acceptance slips


def with_region(region: str, kind: str, number: str) -> str:
    """``430000-AG-20260302-0001``, of ``20260302-0001``."""
    return f"{region}-{kind}-{number}"


def daily_numbers(session: Session, region: str, kind: str, on: date, count: int = 1) -> list[str]:
    """``430000-AG-20260302-0001`` …: numbered from 1 each day (domain.md 2.5)."""
    prefix = with_region(region, kind, f"{on:%Y%m%d}")
    return [f"{prefix}-{n:04d}" for n in next_numbers(session, prefix, count)]


def certificate_numbers(session: Session, short_name: str, category: str, year: int, count: int = 1) -> list[str]:
    """``湘建安A(2026)0000001`` …: numbered per category and year (建质〔2015〕206号 six)."""
    prefix = f"{short_name}建安{category}({year})"
    return [f"{prefix}{n:07d}" for n in next_numbers(session, prefix, count)]
