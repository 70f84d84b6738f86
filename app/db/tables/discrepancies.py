"""Discrepancies among imported records, and what was decided about each."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.discrepancy_vocabulary import DECISIONS, UNDECIDED, DiscrepancyKind, DiscrepancyState
from app.db.constraints import choice_check, one_of
from app.db.session import Choice, UtcDateTime


class Discrepancy(Model):
    """What the comparison found about one subject, and the newest decision. Opened again only if the values change.

    A decision stays on the row when it is opened again: it is then the earlier one.
    """

    __tablename__ = "discrepancy"
    __table_args__ = (
        UniqueConstraint("subject", "kind", name="uq_discrepancy_subject"),
        choice_check("discrepancy", "kind", DiscrepancyKind),
        choice_check("discrepancy", "state", DiscrepancyState),
        choice_check("discrepancy", "decision", DECISIONS),
        CheckConstraint(
            f"{one_of('state', UNDECIDED)} OR (decision IS NOT NULL AND state = decision)",
            name="ck_discrepancy_state_decided",
        ),
        CheckConstraint("(decided_at IS NULL) = (decision IS NULL)", name="ck_discrepancy_decided_at"),
        Index("ix_discrepancy_found_at", "found_at", "id"),
        Index("ix_discrepancy_state", "state", "found_at", "id"),
        Index("ix_discrepancy_kind", "kind", "found_at", "id"),
        Index("ix_discrepancy_state_kind", "state", "kind", "found_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[DiscrepancyKind] = mapped_column(Choice(DiscrepancyKind))
    subject: Mapped[str] = mapped_column(String(80), comment="what it is about: the same in every comparison")
    values_key: Mapped[str] = mapped_column(String(40), comment="keyed digest of the values that were compared")
    sides: Mapped[list[str]] = mapped_column(
        JSON, comment="the rows compared, such as certificate:12; see reconciliation.sides"
    )
    holder: Mapped[str] = mapped_column(String(50), comment="name in the first of them")
    number: Mapped[str] = mapped_column(String(40), default="", comment="certificate number in the first of them")
    state: Mapped[DiscrepancyState] = mapped_column(Choice(DiscrepancyState), default=DiscrepancyState.OPEN)
    revision: Mapped[int] = mapped_column(default=0, comment="how often it was opened: what is decided is what was shown")
    found_at: Mapped[datetime] = mapped_column(UtcDateTime, comment="when it was last opened")
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, comment="of the last comparison that found it")
    decision: Mapped[DiscrepancyState | None] = mapped_column(Choice(DiscrepancyState))
    reason: Mapped[str] = mapped_column(String(500), default="", comment="of the decision")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(130), default="")

    def __repr__(self) -> str:
        return f"{self.kind}: {self.holder}"
