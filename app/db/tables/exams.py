"""Exam notices, sign-ups and passes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Numeric, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.vocabulary import SCORED, Category, NoticeEventKind, NoticeState, PassSource, ScoreCorrectionState, SignupState
from app.db.constraints import choice_check, lies_with, one_of, ordered_by_place, partial_index
from app.db.session import Choice, Choices, EncryptedRecord, UtcDateTime
from app.db.tables.parties import Account, Enterprise, Person


class ExamNotice(Model):
    """A training and exam notice (R44–R50). Saving it publishes it."""

    __tablename__ = "exam_notice"
    __table_args__ = (
        CheckConstraint("signup_end > signup_start", name="ck_exam_notice_signup_order"),
        CheckConstraint("pass_mark BETWEEN 0 AND 100", name="ck_exam_notice_pass_mark"),
        CheckConstraint("quota IS NULL OR quota > 0", name="ck_exam_notice_quota"),
        choice_check("exam_notice", "state", NoticeState),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    number: Mapped[str] = mapped_column(String(60), default="", comment="文号")
    body: Mapped[str] = mapped_column(Text, default="")
    categories: Mapped[tuple[Category, ...]] = mapped_column(Choices(Category))
    signup_start: Mapped[datetime] = mapped_column(UtcDateTime)
    signup_end: Mapped[datetime] = mapped_column(UtcDateTime)
    exam_on: Mapped[date]
    exam_time: Mapped[str] = mapped_column(String(60), default="", server_default="", comment="of the day, as typed")
    place: Mapped[str] = mapped_column(String(200), default="")
    contact: Mapped[str] = mapped_column(String(120), default="", server_default="", comment="whom to ask, and how")
    quota: Mapped[int | None]
    pass_mark: Mapped[int]
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_exam_notice_region"), index=True)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    published_by: Mapped[str] = mapped_column(String(64))
    scores_imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scores_submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[NoticeState] = mapped_column(
        Choice(NoticeState), default=NoticeState.PUBLISHED, server_default=NoticeState.PUBLISHED.value
    )

    files: Mapped[list[ExamNoticeFile]] = relationship(order_by="ExamNoticeFile.id", cascade="all, delete-orphan")
    events: Mapped[list[ExamNoticeEvent]] = relationship(order_by="ExamNoticeEvent.id", cascade="all, delete-orphan")

    def __repr__(self) -> str:
        return self.title


class ExamNoticeFile(Model):
    """An attachment of a notice, for everybody who may read the notice. Its bytes are in the store under ``digest``."""

    __tablename__ = "exam_notice_file"
    __table_args__ = (
        CheckConstraint("length(digest) = 64", name="ck_exam_notice_file_digest_sha256"),
        CheckConstraint("size > 0", name="ck_exam_notice_file_size"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("exam_notice.id", name="fk_exam_notice_file_notice"), index=True)
    filename: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), index=True, comment="see files.storage")
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    uploaded_by: Mapped[str] = mapped_column(String(64))

    def __repr__(self) -> str:
        return self.filename


class ExamNoticeEvent(Model):
    """What happened to a notice after it was published. Rows are added only."""

    __tablename__ = "exam_notice_event"
    __table_args__ = (
        choice_check("exam_notice_event", "kind", NoticeEventKind),
        CheckConstraint(
            f"NOT ({one_of('kind', (NoticeEventKind.RECALLED, NoticeEventKind.CANCELLED))}) OR reason <> ''",
            name="ck_exam_notice_event_with_reason",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("exam_notice.id", name="fk_exam_notice_event_notice"), index=True)
    kind: Mapped[NoticeEventKind] = mapped_column(Choice(NoticeEventKind))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(130))
    reason: Mapped[str] = mapped_column(String(500), default="")
    changes: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict, comment="field: value before, value after")


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
        Index("ix_exam_signup_notice", "notice_id", "id"),
        Index("ix_exam_signup_notice_state", "notice_id", "state", "submitted_at", "id"),
        Index("ix_exam_signup_state", "state", "submitted_at", "id"),
        ordered_by_place("exam_signup"),
        ordered_by_place("exam_signup", "notice_id"),
        ordered_by_place("exam_signup", "notice_id", "state", "submitted_at"),
        ordered_by_place("exam_signup", "state", "submitted_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    notice_id: Mapped[int] = mapped_column(ForeignKey("exam_notice.id", name="fk_exam_signup_notice"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_exam_signup_enterprise"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_exam_signup_person"), index=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_exam_signup_region"))
    category: Mapped[Category] = mapped_column(Choice(Category))
    state: Mapped[SignupState] = mapped_column(Choice(SignupState), default=SignupState.SELECTED)
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


class ScoreCorrection(Model):
    """A correction of a final score. Only ``exams.score_corrections`` writes ``state``."""

    __tablename__ = "score_correction"
    __table_args__ = (
        choice_check("score_correction", "state", ScoreCorrectionState),
        *(
            CheckConstraint(
                f"{which}_absent = ({which}_score IS NULL) AND ({which}_absent OR {which}_score BETWEEN 0 AND 100)",
                name=f"ck_score_correction_{which}",
            )
            for which in ("old", "new")
        ),
        CheckConstraint("reason <> ''", name="ck_score_correction_with_reason"),
        CheckConstraint(
            f"(state = {ScoreCorrectionState.PROPOSED.value!r}) = (decided_at IS NULL)", name="ck_score_correction_decided"
        ),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="ck_score_correction_decided_by"),
        CheckConstraint(
            f"decided_by_id <> proposed_by_id OR state = {ScoreCorrectionState.RETRACTED.value!r}",
            name="ck_score_correction_two_people",
        ),
        Index(
            "uq_score_correction_one_proposed",
            "signup_id",
            unique=True,
            **partial_index(f"state = {ScoreCorrectionState.PROPOSED.value!r}"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    signup_id: Mapped[int] = mapped_column(ForeignKey("exam_signup.id", name="fk_score_correction_signup"), index=True)
    old_score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    old_absent: Mapped[bool]
    new_score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    new_absent: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(500))
    state: Mapped[ScoreCorrectionState] = mapped_column(
        Choice(ScoreCorrectionState), default=ScoreCorrectionState.PROPOSED, index=True
    )
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_score_correction_proposer"))
    proposed_by: Mapped[str] = mapped_column(String(130))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_score_correction_decider"))
    decided_by: Mapped[str] = mapped_column(String(130), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision_reason: Mapped[str] = mapped_column(String(500), default="")

    signup: Mapped[ExamSignup] = relationship()
    proposer: Mapped[Account] = relationship(foreign_keys=[proposed_by_id])


class ExamPass(Model):
    """A passed exam, required by a new application (R65–R67). Originals of legacy ones are checked by an officer (R68)."""

    __tablename__ = "exam_pass"
    __table_args__ = (
        UniqueConstraint("signup_id", name="uq_exam_pass_signup"),
        lies_with("exam_pass", "person", name="person"),
        choice_check("exam_pass", "category", Category),
        choice_check("exam_pass", "source", PassSource),
        CheckConstraint(
            f"(source = {PassSource.SYSTEM.value!r}) = (signup_id IS NOT NULL)", name="ck_exam_pass_system_iff_signup"
        ),
        Index("ix_exam_pass_source", "source", "passed_on", "id", "region_code"),
        ordered_by_place("exam_pass", "source", "passed_on"),
        ordered_by_place("exam_pass"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(index=True)
    region_code: Mapped[str] = mapped_column(String(6), comment="of the person; see db.row_regions")
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

    person: Mapped[Person] = relationship(primaryjoin=lambda: ExamPass.person_id == Person.id, foreign_keys=[person_id])
