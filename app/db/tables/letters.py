"""Letters of the authority that were issued: slips, notices and decisions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import LetterKind
from app.db.constraints import choice_check, partial_index
from app.db.session import Choice, EncryptedRecord, UtcDateTime


class Letter(Model):
    """One letter, about a step of an application or a measure: its number and what it says, fixed for good.

    The file is drawn and sealed after the row is committed, so that no counter is locked meanwhile.
    """

    __tablename__ = "letter"
    __table_args__ = (
        UniqueConstraint("number", name="uq_letter_number"),
        UniqueConstraint("step_id", name="uq_letter_step"),
        UniqueConstraint("measure_id", name="uq_letter_measure"),
        choice_check("letter", "kind", LetterKind),
        CheckConstraint("(step_id IS NULL) <> (measure_id IS NULL)", name="ck_letter_of_one_thing"),
        CheckConstraint("(step_id IS NULL) = (application_id IS NULL)", name="ck_letter_step_of_an_application"),
        CheckConstraint("(digest IS NULL) = (sealed_at IS NULL)", name="ck_letter_stored_iff_sealed"),
        Index("ix_letter_undrawn", "id", **partial_index("digest IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[LetterKind] = mapped_column(Choice(LetterKind))
    number: Mapped[str] = mapped_column(String(80), comment="文号")
    title: Mapped[str] = mapped_column(String(60), comment="as printed")
    issued_on: Mapped[date] = mapped_column(comment="the day it bears")
    application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id", name="fk_letter_application"), index=True)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("step.id", name="fk_letter_step"))
    measure_id: Mapped[int | None] = mapped_column(ForeignKey("certificate_measure.id", name="fk_letter_measure"))
    face: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("letter.face"), comment="all that is printed")
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    digest: Mapped[str | None] = mapped_column(String(64), index=True, comment="sealed PDF in the store, once drawn")
    sealed_by: Mapped[str | None] = mapped_column(String(64), comment="SHA-256 of the certificate of the seal on it")
    sealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str] = mapped_column(String(200), default="", server_default="", comment="why it could not be drawn")

    def __repr__(self) -> str:
        return self.number
