"""Uploaded scans (papers), and which ones each matter requires."""

from __future__ import annotations

from datetime import date, datetime

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.vocabulary import Category, MatterKind, PaperKind
from app.db.constraints import choice_check, one_of, partial_index, reason_fits_matter
from app.db.session import Choice, UtcDateTime
from app.db.tables.parties import Enterprise


class Paper(Model):
    """One uploaded scan. Its bytes are in the store under ``digest``; a new scan replaces the row, never overwrites it."""

    __tablename__ = "paper"
    __table_args__ = (
        choice_check("paper", "kind", PaperKind),
        CheckConstraint("length(digest) = 64", name="ck_paper_digest_sha256"),
        CheckConstraint("size > 0", name="ck_paper_size"),
        CheckConstraint(
            "CASE WHEN person_id IS NULL THEN 0 ELSE 1 END + CASE WHEN qualification_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN pledging_enterprise_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN application_id IS NULL THEN 0 ELSE 1 END = 1",
            name="ck_paper_has_one_owner",
        ),
        *(
            Index(
                f"uq_paper_one_current_per_{owner}",
                f"{owner}_id",
                "kind",
                unique=True,
                **partial_index(f"replaced_at IS NULL AND {owner}_id IS NOT NULL"),
            )
            for owner in ("person", "qualification", "pledging_enterprise", "application")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[PaperKind] = mapped_column(Choice(PaperKind))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", name="fk_paper_person"), index=True)
    qualification_id: Mapped[int | None] = mapped_column(
        ForeignKey("qualification.id", name="fk_paper_qualification"), index=True
    )
    pledging_enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_paper_pledging_enterprise"), index=True
    )
    application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id", name="fk_paper_application"), index=True)
    enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_paper_enterprise"), index=True, comment="who uploaded it, and may see it"
    )
    filename: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    uploaded_by: Mapped[str] = mapped_column(String(64))
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="when its bytes were removed; see ``applications.scan_retention``"
    )

    enterprise: Mapped[Enterprise | None] = relationship(foreign_keys=[enterprise_id])

    def __repr__(self) -> str:
        return self.filename


TITLED = "titled"


class PaperRule(Model):
    """Whether a matter, or without one the exam sign-up, requires a paper; an empty category or reason means every one.

    A sign-up knows one reason, ``TITLED``: the paper is asked of those who state a technical title. The administrator
    switches ``required``; rows are not deleted, because ``anguan init`` would add them again.
    Applications submitted before ``required_from`` are exempt.
    """

    __tablename__ = "paper_rule"
    __table_args__ = (
        UniqueConstraint("matter", "category", "reason_code", "paper", name="uq_paper_rule"),
        Index(
            "uq_paper_rule_signup", "category", "reason_code", "paper", unique=True, **partial_index("matter IS NULL")
        ),  # a unique constraint lets nulls pass
        choice_check("paper_rule", "matter", MatterKind),
        CheckConstraint(f"category = '' OR {one_of('category', Category)}", name="ck_paper_rule_category"),
        CheckConstraint(
            f"reason_code = '' OR matter IS NOT NULL AND {reason_fits_matter()}"
            f" OR matter IS NULL AND reason_code = {TITLED!r}",
            name="ck_paper_rule_reason",
        ),
        choice_check("paper_rule", "paper", PaperKind),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    matter: Mapped[MatterKind | None] = mapped_column(Choice(MatterKind), comment="null: the exam sign-up")
    category: Mapped[str] = mapped_column(String(30), default="", comment="empty: every category")
    reason_code: Mapped[str] = mapped_column(String(30), default="", comment="empty: every reason")
    paper: Mapped[PaperKind] = mapped_column(Choice(PaperKind))
    required: Mapped[bool] = mapped_column(default=True, comment="false: may be uploaded, is not required")
    required_from: Mapped[date]
