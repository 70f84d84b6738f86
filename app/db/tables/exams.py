"""Exam notices, sign-ups and passes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Numeric, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.vocabulary import SCORED, Category, PassSource, SignupState
from app.db.constraints import choice_check, one_of
from app.db.session import Choice, Choices, EncryptedRecord, UtcDateTime
from app.db.tables.parties import Enterprise, Person


class ExamNotice(Model):
    """A training and exam notice (R44–R50). Saving it publishes it."""

    __tablename__ = "exam_notice"
    __table_args__ = (
        CheckConstraint("signup_end > signup_start", name="ck_exam_notice_signup_order"),
        CheckConstraint("pass_mark BETWEEN 0 AND 100", name="ck_exam_notice_pass_mark"),
        CheckConstraint("quota IS NULL OR quota > 0", name="ck_exam_notice_quota"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    number: Mapped[str] = mapped_column(String(60), default="", comment="文号")
    body: Mapped[str] = mapped_column(Text, default="")
    categories: Mapped[tuple[Category, ...]] = mapped_column(Choices(Category))
    signup_start: Mapped[datetime] = mapped_column(UtcDateTime)
    signup_end: Mapped[datetime] = mapped_column(UtcDateTime)
    exam_on: Mapped[date]
    place: Mapped[str] = mapped_column(String(200), default="")
    quota: Mapped[int | None]
    pass_mark: Mapped[int]
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_exam_notice_region"), index=True)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    published_by: Mapped[str] = mapped_column(String(64))
    scores_imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scores_submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return self.title


class ExamSignup(Model):
    """One person signed up for one exam in one category. Only ``app.exams`` writes ``state``."""

    __tablename__ = "exam_signup"
    __table_args__ = (
        UniqueConstraint("number", name="uq_exam_signup_number"),
        UniqueConstraint("notice_id", "person_id", "category", name="uq_exam_signup_once"),
        choice_check("exam_signup", "category", Category),
        choice_check("exam_signup", "state", SignupState),
        CheckConstraint("score IS NULL OR (score >= 0 AND score <= 100)", name="ck_exam_signup_score"),
        CheckConstraint("NOT (absent AND score IS NOT NULL)", name="ck_exam_signup_absent_has_no_score"),
        CheckConstraint(
            f"NOT ({one_of('state', SCORED)}) OR absent OR score IS NOT NULL", name="ck_exam_signup_scored_has_score"
        ),
        CheckConstraint(
            f"state <> {SignupState.REJECTED.value!r} OR reason <> ''", name="ck_exam_signup_rejected_with_reason"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    notice_id: Mapped[int] = mapped_column(ForeignKey("exam_notice.id", name="fk_exam_signup_notice"), index=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_exam_signup_enterprise"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_exam_signup_person"), index=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_exam_signup_region"), index=True)
    category: Mapped[Category] = mapped_column(Choice(Category))
    state: Mapped[SignupState] = mapped_column(Choice(SignupState), default=SignupState.SELECTED, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reviewed_by: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    absent: Mapped[bool] = mapped_column(default=False)
    identity: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("person.identity"), deferred=True, comment="name and ID number that it was submitted for"
    )

    notice: Mapped[ExamNotice] = relationship()
    enterprise: Mapped[Enterprise] = relationship()
    person: Mapped[Person] = relationship()

    def __repr__(self) -> str:
        return self.number


class ExamPass(Model):
    """A passed exam, required by a new application (R65–R67). Originals of legacy ones are checked by an officer (R68)."""

    __tablename__ = "exam_pass"
    __table_args__ = (
        UniqueConstraint("signup_id", name="uq_exam_pass_signup"),
        choice_check("exam_pass", "category", Category),
        choice_check("exam_pass", "source", PassSource),
        CheckConstraint(
            f"(source = {PassSource.SYSTEM.value!r}) = (signup_id IS NOT NULL)", name="ck_exam_pass_system_iff_signup"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_exam_pass_person"), index=True)
    category: Mapped[Category] = mapped_column(Choice(Category))
    passed_on: Mapped[date]
    source: Mapped[PassSource] = mapped_column(Choice(PassSource))
    signup_id: Mapped[int | None] = mapped_column(ForeignKey("exam_signup.id", name="fk_exam_pass_signup"))
    originals_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    originals_verified_by: Mapped[str] = mapped_column(String(64), default="")
    used_by_application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_exam_pass_application", use_alter=True)
    )
    identity: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("person.identity"), deferred=True, comment="name and ID number of who was examined"
    )

    person: Mapped[Person] = relationship()
