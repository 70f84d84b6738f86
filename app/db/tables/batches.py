"""Batches of decisions: what was planned for each application, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import Action, BatchState, RowResult
from app.db.constraints import choice_check, one_of
from app.db.session import Choice, EncryptedRecord, UtcDateTime

_BEGUN = (BatchState.RUNNING, BatchState.DONE)


class DecisionBatch(Model):
    """One decision on many applications: planned, then confirmed, then carried out in portions."""

    __tablename__ = "decision_batch"
    __table_args__ = (
        UniqueConstraint("key", name="uq_decision_batch_key"),
        choice_check("decision_batch", "action", Action),
        choice_check("decision_batch", "state", BatchState),
        CheckConstraint(
            f"({one_of('state', _BEGUN)}) = (confirmed_at IS NOT NULL)", name="ck_decision_batch_confirmed_iff_dated"
        ),
        CheckConstraint(
            f"(state = {BatchState.DONE.value!r}) = (finished_at IS NOT NULL)", name="ck_decision_batch_finished_iff_dated"
        ),
        CheckConstraint(
            "done >= 0 AND refused >= 0 AND done + refused <= fit AND fit <= total", name="ck_decision_batch_counts"
        ),
        Index("ix_decision_batch_own", "actor_id", "planned_at", "id"),
        Index("ix_decision_batch_planned", "planned_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), comment="digest of the request: the same request is the same batch")
    action: Mapped[Action] = mapped_column(Choice(Action))
    reason: Mapped[str] = mapped_column(String(1000), default="")
    chosen_by: Mapped[dict[str, Any]] = mapped_column(
        EncryptedRecord("decision_batch.chosen_by"), comment="filter of the list, and whether all its pages were selected"
    )
    state: Mapped[BatchState] = mapped_column(Choice(BatchState), default=BatchState.PLANNED)
    actor_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_decision_batch_actor"))
    actor: Mapped[str] = mapped_column(String(130))
    region_code: Mapped[str] = mapped_column(
        ForeignKey("region.code", name="fk_decision_batch_region"), comment="the actor's"
    )
    retry_of_id: Mapped[int | None] = mapped_column(
        ForeignKey("decision_batch.id", name="fk_decision_batch_retry_of", ondelete="SET NULL"), index=True
    )
    planned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    total: Mapped[int] = mapped_column(default=0)
    fit: Mapped[int] = mapped_column(default=0, comment="would pass, by the plan")
    done: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0, comment="passed by the plan, refused when it was carried out")

    @property
    def waiting(self) -> int:
        """Confirmed and not yet carried out."""
        return self.fit - self.done - self.refused

    @property
    def not_done(self) -> int:
        return self.total - self.done - (self.waiting if self.state is not BatchState.DONE else 0)

    def __repr__(self) -> str:
        return f"{self.id}"


class DecisionBatchRow(Model):
    """One application of a batch, in the order of the list."""

    __tablename__ = "decision_batch_row"
    __table_args__ = (
        UniqueConstraint("batch_id", "position", name="uq_decision_batch_row_position"),
        UniqueConstraint("batch_id", "application_id", name="uq_decision_batch_row_application"),
        choice_check("decision_batch_row", "result", RowResult),
        Index("ix_decision_batch_row_result", "batch_id", "result", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(
        ForeignKey("decision_batch.id", name="fk_decision_batch_row_batch", ondelete="CASCADE")
    )
    position: Mapped[int] = mapped_column(comment="from 1")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_decision_batch_row_application"),
        index=True,
        comment="NULL: no application within the actor's reach",
    )
    seen: Mapped[int | None] = mapped_column(comment="the application's last step when it was planned")
    result: Mapped[RowResult] = mapped_column(Choice(RowResult))
    reasons: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON, comment="refusals: code, sentence, place")
    at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="when it was carried out or refused")
