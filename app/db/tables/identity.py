"""Corrections of a person's name or ID number before there is a certificate."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.identifiers import mask_id
from app.core.vocabulary import IdentityCorrectionState
from app.db.constraints import choice_check, ordered_by_place, partial_index
from app.db.session import Choice, Encrypted, UtcDateTime
from app.db.tables.parties import Enterprise, Person


class IdentityCorrection(Model):
    """What an enterprise asks to be corrected, on which scan, and what the authority decided.

    Old and new values stay. Only ``accounts.identity_corrections`` writes ``state``.
    """

    __tablename__ = "identity_correction"
    __table_args__ = (
        choice_check("identity_correction", "state", IdentityCorrectionState),
        CheckConstraint("length(digest) = 64", name="ck_identity_correction_digest_sha256"),
        CheckConstraint(
            f"(state = {IdentityCorrectionState.PENDING.value!r}) = (decided_at IS NULL)",
            name="ck_identity_correction_decided_iff_closed",
        ),
        CheckConstraint(
            f"state <> {IdentityCorrectionState.REJECTED.value!r} OR decision_reason <> ''",
            name="ck_identity_correction_rejected_with_reason",
        ),
        Index(
            "uq_identity_correction_one_pending",
            "person_id",
            unique=True,
            **partial_index(f"state = {IdentityCorrectionState.PENDING.value!r}"),
        ),
        Index("ix_identity_correction_state", "state", "asked_at", "id"),
        ordered_by_place("identity_correction"),
        ordered_by_place("identity_correction", "state", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_identity_correction_person"), index=True)
    enterprise_id: Mapped[int] = mapped_column(
        ForeignKey("enterprise.id", name="fk_identity_correction_enterprise"), index=True
    )
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_identity_correction_region"))
    old_name: Mapped[str] = mapped_column(String(50))
    new_name: Mapped[str] = mapped_column(String(50), index=True)
    old_id_number: Mapped[str] = mapped_column(Encrypted("identity_correction.old_id_number"))
    new_id_number: Mapped[str] = mapped_column(Encrypted("identity_correction.new_id_number"))
    reason: Mapped[str] = mapped_column(String(500))
    filename: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), index=True, comment="scan of the ID card; see files.storage")
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    state: Mapped[IdentityCorrectionState] = mapped_column(
        Choice(IdentityCorrectionState), default=IdentityCorrectionState.PENDING
    )
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    asked_by: Mapped[str] = mapped_column(String(130))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(130), default="")
    decision_reason: Mapped[str] = mapped_column(String(500), default="")

    person: Mapped[Person] = relationship()
    enterprise: Mapped[Enterprise] = relationship()

    @property
    def masked_old_number(self) -> str:
        return mask_id(self.old_id_number)

    @property
    def masked_new_number(self) -> str:
        return mask_id(self.new_id_number)

    def __repr__(self) -> str:
        return f"{self.old_name} → {self.new_name}"
