"""Parameters with their past values, calendar days, number sequences, rate-limit counters."""

from __future__ import annotations

from datetime import date, datetime

from flask_appbuilder import Model
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.session import UtcDateTime


class Parameter(Model):
    """A value the administrator set instead of the default, as text; names are those of ``core.office.ADJUSTABLE``."""

    __tablename__ = "parameter"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(String(130))


class PastParameter(Model):
    """A former value of a parameter, for certificates and papers dated before the change."""

    __tablename__ = "past_parameter"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class CalendarDay(Model):
    """A weekday that is a holiday, or a weekend day that is a working day."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str] = mapped_column(String(40), default="", comment="of the holiday")


class NumberSequence(Model):
    """The last number given out in a sequence; see ``db.sequences``."""

    __tablename__ = "series"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    last: Mapped[int]


class RateLimitCounter(Model):
    """Number of attempts within a time window; see ``accounts.rate_limit``."""

    __tablename__ = "bucket"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    window: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
