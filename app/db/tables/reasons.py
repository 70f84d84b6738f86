"""Stock reasons, which officers complete by the fact of the case."""

from __future__ import annotations

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import MatterKind, ReasonStep
from app.db.constraints import choice_check, one_of
from app.db.session import Choice


class StockReason(Model):
    """A reason offered at a step of one matter, or of every matter. The blanks in its text stand for the fact."""

    __tablename__ = "stock_reason"
    __table_args__ = (
        UniqueConstraint("matter", "step", "text", name="uq_stock_reason"),
        CheckConstraint(f"matter = '' OR {one_of('matter', MatterKind)}", name="ck_stock_reason_matter"),
        choice_check("stock_reason", "step", ReasonStep),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    matter: Mapped[str] = mapped_column(String(30), default="", comment="empty: every matter")
    step: Mapped[ReasonStep] = mapped_column(Choice(ReasonStep))
    text: Mapped[str] = mapped_column(String(300), comment="the fact stands between 【 and 】")
    clause: Mapped[str] = mapped_column(String(150), default="", comment="the article relied on")
    offered: Mapped[bool] = mapped_column(default=True, comment="false: kept, not offered to officers")

    @property
    def suggestion(self) -> str:
        """As it is filled into the form."""
        return f"{self.text.rstrip('。')}（{self.clause}）。" if self.clause else self.text

    def __repr__(self) -> str:
        return self.text
