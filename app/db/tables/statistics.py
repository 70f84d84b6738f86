"""Counts of the statistics, by month: see ``applications.statistics``."""

from __future__ import annotations

from datetime import date, datetime

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.indicators import Indicator
from app.core.vocabulary import Category, MatterKind
from app.db.constraints import choice_check, one_of
from app.db.session import Choice, UtcDateTime


class StatisticsMonth(Model):
    """A month that was counted, and when last. The running month is counted up to then."""

    __tablename__ = "statistics_month"

    month: Mapped[date] = mapped_column(primary_key=True, comment="its first day")
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    holdings_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="when backlog and certificates were counted; NULL: not while it ran"
    )


class StatisticsCount(Model):
    """How often one thing happened in a month, by region, matter and category. Only ``statistics.counting`` writes it."""

    __tablename__ = "statistics_count"
    __table_args__ = (
        choice_check("statistics_count", "indicator", Indicator),
        CheckConstraint(f"matter = '' OR {one_of('matter', MatterKind)}", name="ck_statistics_count_matter"),
        CheckConstraint(one_of("category", Category), name="ck_statistics_count_category"),
        CheckConstraint("count > 0", name="ck_statistics_count_positive"),
        {"sqlite_with_rowid": False},  # a page reads ranges of the primary key, and with it the counts
    )

    indicator: Mapped[Indicator] = mapped_column(Choice(Indicator), primary_key=True)
    month: Mapped[date] = mapped_column(
        ForeignKey("statistics_month.month", name="fk_statistics_count_month"), primary_key=True
    )
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_statistics_count_region"), primary_key=True)
    matter: Mapped[str] = mapped_column(String(30), primary_key=True, comment="empty: of no matter, as an exam")
    category: Mapped[str] = mapped_column(String(30), primary_key=True)
    subject: Mapped[str] = mapped_column(String(20), primary_key=True, comment="see core.indicators.Indicator")
    value: Mapped[str] = mapped_column(String(300), primary_key=True, comment="see core.indicators.Indicator")
    count: Mapped[int]
