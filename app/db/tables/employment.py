"""People whom the authority freed from an enterprise that did not let them go."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.constraints import ordered_by_place
from app.db.session import UtcDateTime
from app.db.tables.parties import Enterprise, Person


class EmploymentRelease(Model):
    """Who was freed, from whom and for whom, why, and on which document. Rows are added only."""

    __tablename__ = "employment_release"
    __table_args__ = (
        CheckConstraint("length(digest) = 64", name="ck_employment_release_digest_sha256"),
        CheckConstraint("reason <> ''", name="ck_employment_release_with_reason"),
        CheckConstraint("old_enterprise_id <> new_enterprise_id", name="ck_employment_release_two_enterprises"),
        Index("ix_employment_release_released_at", "released_at", "id"),
        ordered_by_place("employment_release", "released_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_employment_release_person"), index=True)
    old_enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_employment_release_old"), index=True)
    new_enterprise_id: Mapped[int] = mapped_column(
        ForeignKey("enterprise.id", name="fk_employment_release_new"), index=True, comment="which asked for it"
    )
    region_code: Mapped[str] = mapped_column(
        ForeignKey("region.code", name="fk_employment_release_region"), comment="of the new enterprise"
    )
    reason: Mapped[str] = mapped_column(String(500))
    filename: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), index=True, comment="the evidence; see files.storage")
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    released_at: Mapped[datetime] = mapped_column(UtcDateTime)
    released_by: Mapped[str] = mapped_column(String(130))

    person: Mapped[Person] = relationship()
    old_enterprise: Mapped[Enterprise] = relationship(foreign_keys=[old_enterprise_id])
    new_enterprise: Mapped[Enterprise] = relationship(foreign_keys=[new_enterprise_id])

    def __repr__(self) -> str:
        return f"{self.person} ({self.old_enterprise} → {self.new_enterprise})"
