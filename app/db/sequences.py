"""Numbers that are given out once: applications, acceptance slips, sign-ups, certificates.

Law: a series grows by one atomic statement inside the caller's transaction; a rolled-back deed gives its numbers back, and
two deeds at once never share one.
"""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

_TAKE = text(
    "INSERT INTO series (key, last) VALUES (:key, :count)"
    " ON CONFLICT (key) DO UPDATE SET last = series.last + :count RETURNING last"
)


def next_numbers(session: Session, key: str, count: int = 1) -> range:
    """The next ``count`` numbers of a series, from 1. The series stays locked until the caller commits."""
    last = session.execute(_TAKE, {"key": key, "count": count}).scalar_one()
    return range(last - count + 1, last + 1)


def daily_numbers(session: Session, region: str, kind: str, on: date, count: int = 1) -> list[str]:
    """``430000-AG-20260302-0001`` …: readable, sortable, counted anew each day (domain.md 2.5)."""
    stem = f"{region}-{kind}-{on:%Y%m%d}"
    return [f"{stem}-{n:04d}" for n in next_numbers(session, stem, count)]


def certificate_numbers(session: Session, short_name: str, category: str, year: int, count: int = 1) -> list[str]:
    """``湘建安A(2026)0000001`` …: counted per category and year (建质〔2015〕206号 six)."""
    stem = f"{short_name}建安{category}({year})"
    return [f"{stem}{n:07d}" for n in next_numbers(session, stem, count)]
