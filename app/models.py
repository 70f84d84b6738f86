"""The tables of the trade, in reading order: places, parties, papers, exams, cases, certificates.

What the house writes down about its own doings lies in ``records``.
A model says what is stored and what must always be true of it. Whether something *may happen* is said in ``rules``;
that it *does* happen, in ``workflow`` and ``exams``. Every secret column has its keyed index beside it from the start.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User as FabUser
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.constraints import among, of_some_rows, only_one, reason_fits, word_check
from app.core.identifiers import (
    birth_date,
    mask_id,
    mask_mobile,
    sex,
)
from app.db import BlindIndex, Moment, Secret, SecretRecord, Word, Words

# Many to a line: one to a line, they would be a page of their own.
# isort: off
# fmt: off
from app.core.vocabulary import (CLOSED, OPEN, SCORED, UNDER_WAY, AccountSource, Action, Category, CertificateDeed, CertificateStatus, Education, MatterKind, PaperKind, PassSource, Position, Registration, ReplacementReason, Sex, SignupState, State, TechnicalTitle,)
# fmt: on
# isort: on


# --- places ---------------------------------------------------------------------------------------
class Region(Model):
    """An administrative division (GB/T 2260). Six digits; ``430100`` lies within ``430000``."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))

    def __repr__(self) -> str:
        return self.name


# --- parties --------------------------------------------------------------------------------------
class Enterprise(Model):
    """A construction enterprise, known by its unified social credit code."""

    __tablename__ = "enterprise"
    __table_args__ = (
        UniqueConstraint("uscc", name="uq_enterprise_uscc"),
        CheckConstraint("length(uscc) = 18", name="ck_enterprise_uscc_length"),
        word_check("enterprise", "source", AccountSource),
        word_check("enterprise", "registration", Registration),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), index=True)
    uscc: Mapped[str] = mapped_column(String(18))
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_enterprise_region"), index=True)
    address: Mapped[str] = mapped_column(String(200), default="")
    legal_representative: Mapped[str] = mapped_column(String(50), default="")
    contact: Mapped[str] = mapped_column(String(50), default="")
    contact_mobile: Mapped[str | None] = mapped_column(Secret("enterprise.contact_mobile"))
    source: Mapped[AccountSource] = mapped_column(Word(AccountSource), default=AccountSource.CLOUD)
    registration: Mapped[Registration] = mapped_column(Word(Registration), default=Registration.APPROVED)
    registration_note: Mapped[str] = mapped_column(String(200), default="", server_default="", comment="why it was rejected")
    registered_at: Mapped[datetime | None] = mapped_column(Moment, comment="by itself, at the gate")
    licence_digest: Mapped[str] = mapped_column(String(64), default="", server_default="", comment="scan; see storage")
    licence_mime: Mapped[str] = mapped_column(String(40), default="", server_default="")
    licence_name: Mapped[str] = mapped_column(
        String(120), default="", server_default="", comment="on its business licence, as last shown"
    )

    region: Mapped[Region] = relationship()
    qualifications: Mapped[list[Qualification]] = relationship(back_populates="enterprise")

    def __repr__(self) -> str:
        return self.name


class Account(FabUser):
    """An account. The name in full stands in ``first_name``."""

    __tablename__ = "ab_user"

    mobile: Mapped[str | None] = mapped_column(Secret("account.mobile"))
    mobile_key: Mapped[str | None] = mapped_column(BlindIndex("account.mobile"), index=True)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code", name="fk_account_region"))
    enterprise_id: Mapped[int | None] = mapped_column(ForeignKey("enterprise.id", name="fk_account_enterprise"), index=True)
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    password_set_at: Mapped[datetime | None] = mapped_column(Moment)

    region: Mapped[Region | None] = relationship()
    enterprise: Mapped[Enterprise | None] = relationship()

    @validates("mobile")
    def _index_mobile(self, _key: str, value: str | None) -> str | None:
        self.mobile_key = value
        return value

    def get_full_name(self) -> str:
        return f"{self.last_name}{self.first_name}"

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile) if self.mobile else ""

    def __repr__(self) -> str:
        return self.get_full_name()


class Qualification(Model):
    """A construction qualification certificate of an enterprise (资质)."""

    __tablename__ = "qualification"
    __table_args__ = (
        UniqueConstraint("enterprise_id", "number", name="uq_qualification_number"),
        CheckConstraint("valid_to >= valid_from", name="ck_qualification_validity_order"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_qualification_enterprise"), index=True)
    number: Mapped[str] = mapped_column(String(60))
    kind_and_grade: Mapped[str] = mapped_column(String(200))
    valid_from: Mapped[date]
    valid_to: Mapped[date]

    enterprise: Mapped[Enterprise] = relationship(back_populates="qualifications")

    def __repr__(self) -> str:
        return self.number


class Person(Model):
    """A natural person, known once by ID number however often they change employers. ``enterprise`` is the employer now."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("id_number_key", name="uq_person_id_number"),
        word_check("person", "sex", Sex),
        word_check("person", "education", Education),
        word_check("person", "technical_title", TechnicalTitle),
        word_check("person", "position", Position),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int | None] = mapped_column(ForeignKey("enterprise.id", name="fk_person_enterprise"), index=True)
    name: Mapped[str] = mapped_column(String(50), index=True)
    id_number: Mapped[str] = mapped_column(Secret("person.id_number"))
    id_number_key: Mapped[str] = mapped_column(BlindIndex("person.id_number"))
    sex: Mapped[Sex] = mapped_column(Word(Sex))
    birth_date: Mapped[date]
    mobile: Mapped[str | None] = mapped_column(Secret("person.mobile"))
    education: Mapped[Education | None] = mapped_column(Word(Education))
    major: Mapped[str] = mapped_column(String(60), default="")
    technical_title: Mapped[TechnicalTitle | None] = mapped_column(Word(TechnicalTitle))
    position: Mapped[Position | None] = mapped_column(Word(Position))
    banned_until: Mapped[date | None] = mapped_column(comment="no exam and no new application before this day")

    enterprise: Mapped[Enterprise | None] = relationship()

    @validates("id_number")
    def _derive_from_id_number(self, _key: str, value: str) -> str:
        self.id_number_key = value
        self.sex = sex(value)
        self.birth_date = birth_date(value)
        return value

    @property
    def masked_id_number(self) -> str:
        return mask_id(self.id_number)

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile) if self.mobile else ""

    def __repr__(self) -> str:
        return self.name


# --- papers ---------------------------------------------------------------------------------------
class Paper(Model):
    """One uploaded scan. The bytes live in the store under ``digest``; a new one replaces, never overwrites, the old."""

    __tablename__ = "paper"
    __table_args__ = (
        word_check("paper", "kind", PaperKind),
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
                sqlite_where=text(f"replaced_at IS NULL AND {owner}_id IS NOT NULL"),
                postgresql_where=text(f"replaced_at IS NULL AND {owner}_id IS NOT NULL"),
            )
            for owner in ("person", "qualification", "pledging_enterprise", "application")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[PaperKind] = mapped_column(Word(PaperKind))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", name="fk_paper_person"), index=True)
    qualification_id: Mapped[int | None] = mapped_column(
        ForeignKey("qualification.id", name="fk_paper_qualification"), index=True
    )
    pledging_enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_paper_pledging_enterprise"), index=True
    )
    application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id", name="fk_paper_application"), index=True)
    enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_paper_enterprise"), index=True, comment="who handed it in, and may see it"
    )
    filename: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(Moment)
    uploaded_by: Mapped[str] = mapped_column(String(64))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)
    removed_at: Mapped[datetime | None] = mapped_column(
        Moment, comment="from when on its bytes are no longer kept; see ``retention``"
    )

    enterprise: Mapped[Enterprise | None] = relationship(foreign_keys=[enterprise_id])

    def __repr__(self) -> str:
        return self.filename


class PaperRule(Model):
    """Whether a matter asks for a paper, in one category and for one reason, or in all of them (``""``).

    Kept by the administrator: ``required`` is switched, never the row deleted, or ``anguan init`` would bring it back. What
    was submitted before ``required_from`` is not asked for it.
    """

    __tablename__ = "paper_rule"
    __table_args__ = (
        UniqueConstraint("matter", "category", "reason_code", "paper", name="uq_paper_rule"),
        word_check("paper_rule", "matter", MatterKind),
        CheckConstraint(f"category = '' OR {among('category', Category)}", name="ck_paper_rule_category"),
        CheckConstraint(f"reason_code = '' OR {reason_fits()}", name="ck_paper_rule_reason"),
        word_check("paper_rule", "paper", PaperKind),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    matter: Mapped[MatterKind] = mapped_column(Word(MatterKind))
    category: Mapped[str] = mapped_column(String(30), default="", comment="empty: every category")
    reason_code: Mapped[str] = mapped_column(String(30), default="", comment="empty: every reason")
    paper: Mapped[PaperKind] = mapped_column(Word(PaperKind))
    required: Mapped[bool] = mapped_column(default=True, comment="no: may be handed in, is not asked for")
    required_from: Mapped[date]


# --- exams ----------------------------------------------------------------------------------------
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
    categories: Mapped[tuple[Category, ...]] = mapped_column(Words(Category))
    signup_start: Mapped[datetime] = mapped_column(Moment)
    signup_end: Mapped[datetime] = mapped_column(Moment)
    exam_on: Mapped[date]
    place: Mapped[str] = mapped_column(String(200), default="")
    quota: Mapped[int | None]
    pass_mark: Mapped[int]
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_exam_notice_region"), index=True)
    published_at: Mapped[datetime] = mapped_column(Moment, index=True)
    published_by: Mapped[str] = mapped_column(String(64))
    scores_imported_at: Mapped[datetime | None] = mapped_column(Moment)
    scores_submitted_at: Mapped[datetime | None] = mapped_column(Moment)

    def __repr__(self) -> str:
        return self.title


class ExamSignup(Model):
    """One person signed up for one exam in one category. ``state`` is written by ``exams`` and by nothing else."""

    __tablename__ = "exam_signup"
    __table_args__ = (
        UniqueConstraint("number", name="uq_exam_signup_number"),
        UniqueConstraint("notice_id", "person_id", "category", name="uq_exam_signup_once"),
        word_check("exam_signup", "category", Category),
        word_check("exam_signup", "state", SignupState),
        CheckConstraint("score IS NULL OR (score >= 0 AND score <= 100)", name="ck_exam_signup_score"),
        CheckConstraint("NOT (absent AND score IS NOT NULL)", name="ck_exam_signup_absent_has_no_score"),
        CheckConstraint(
            f"NOT ({among('state', SCORED)}) OR absent OR score IS NOT NULL", name="ck_exam_signup_scored_has_score"
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
    category: Mapped[Category] = mapped_column(Word(Category))
    state: Mapped[SignupState] = mapped_column(Word(SignupState), default=SignupState.SELECTED, index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    submitted_at: Mapped[datetime | None] = mapped_column(Moment)
    reviewed_at: Mapped[datetime | None] = mapped_column(Moment)
    reviewed_by: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    absent: Mapped[bool] = mapped_column(default=False)

    notice: Mapped[ExamNotice] = relationship()
    enterprise: Mapped[Enterprise] = relationship()
    person: Mapped[Person] = relationship()

    def __repr__(self) -> str:
        return self.number


class ExamPass(Model):
    """A passed exam, which a new application rests on (R65–R67). Legacy ones are verified at the counter (R68)."""

    __tablename__ = "exam_pass"
    __table_args__ = (
        UniqueConstraint("signup_id", name="uq_exam_pass_signup"),
        word_check("exam_pass", "category", Category),
        word_check("exam_pass", "source", PassSource),
        CheckConstraint(
            f"(source = {PassSource.SYSTEM.value!r}) = (signup_id IS NOT NULL)", name="ck_exam_pass_system_iff_signup"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_exam_pass_person"), index=True)
    category: Mapped[Category] = mapped_column(Word(Category))
    passed_on: Mapped[date]
    source: Mapped[PassSource] = mapped_column(Word(PassSource))
    signup_id: Mapped[int | None] = mapped_column(ForeignKey("exam_signup.id", name="fk_exam_pass_signup"))
    originals_verified_at: Mapped[datetime | None] = mapped_column(Moment)
    originals_verified_by: Mapped[str] = mapped_column(String(64), default="")
    used_by_application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_exam_pass_application", use_alter=True)
    )

    person: Mapped[Person] = relationship()


# --- cases ----------------------------------------------------------------------------------------
class Filing(Model):
    """What an enterprise files in one go, under one handler: several applications of one matter (R71, Q14)."""

    __tablename__ = "filing"
    __table_args__ = (UniqueConstraint("number", name="uq_filing_number"), word_check("filing", "matter", MatterKind))

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    matter: Mapped[MatterKind] = mapped_column(Word(MatterKind))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_filing_enterprise"), index=True)
    handler_name: Mapped[str] = mapped_column(String(50))
    handler_mobile: Mapped[str] = mapped_column(Secret("filing.handler_mobile"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(64))

    enterprise: Mapped[Enterprise] = relationship()
    applications: Mapped[list[Application]] = relationship(back_populates="filing", order_by="Application.id")

    @property
    def masked_handler_mobile(self) -> str:
        return mask_mobile(self.handler_mobile)

    def __repr__(self) -> str:
        return self.number


class Application(Model):
    """One person's request in one matter and category, from draft to decision.

    ``state`` is written by ``workflow.carry_out`` and by nothing else.
    """

    __tablename__ = "application"
    __table_args__ = (
        UniqueConstraint("number", name="uq_application_number"),
        UniqueConstraint("acceptance_number", name="uq_application_acceptance_number"),
        word_check("application", "matter", MatterKind),
        word_check("application", "category", Category),
        word_check("application", "state", State),
        CheckConstraint(f"({among('state', CLOSED)}) = (closed_at IS NOT NULL)", name="ck_application_closed_iff_dated"),
        CheckConstraint(
            f"state = {State.ABANDONED.value!r} OR (state = {State.DRAFT.value!r}) = (submitted_at IS NULL)",
            name="ck_application_submitted_iff_dated",
        ),
        CheckConstraint("(accepted_at IS NULL) = (acceptance_number IS NULL)", name="ck_application_accepted_iff_numbered"),
        CheckConstraint(
            f"state <> {State.APPROVED.value!r} OR certificate_id IS NOT NULL", name="ck_application_approved_has_certificate"
        ),
        CheckConstraint(reason_fits(), name="ck_application_reason_fits_matter"),
        CheckConstraint(
            "(due_on IS NULL) = (due_from IS NULL) AND (due_on IS NULL) = (due_days IS NULL)",
            name="ck_application_due_iff_counted",
        ),
        CheckConstraint("extended_to IS NULL OR accepted_at IS NOT NULL", name="ck_application_extended_when_accepted"),
        CheckConstraint(
            f"(matter = {MatterKind.TRANSFER.value!r}) = (releasing_enterprise_id IS NOT NULL)",
            name="ck_application_transfer_iff_released",
        ),
        CheckConstraint("releasing_enterprise_id <> enterprise_id", name="ck_application_released_by_another"),
        CheckConstraint(
            f"matter = {MatterKind.NEW.value!r} OR reason_code = {ReplacementReason.FROM_OTHER_PROVINCE.value!r}"
            " OR certificate_id IS NOT NULL",
            name="ck_application_acts_on_a_certificate",
        ),
        only_one("uq_application_one_open_per_person_and_category", OPEN, "certificate_id IS NULL", "person_id", "category"),
        only_one("uq_application_one_under_way_per_certificate", UNDER_WAY, "certificate_id IS NOT NULL", "certificate_id"),
        only_one(
            "uq_application_one_open_per_certificate_and_enterprise",
            OPEN,
            "certificate_id IS NOT NULL",
            "certificate_id",
            "enterprise_id",
        ),
        Index("ix_application_queue", "state", "submitted_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    filing_id: Mapped[int] = mapped_column(ForeignKey("filing.id", name="fk_application_filing"), index=True)
    matter: Mapped[MatterKind] = mapped_column(Word(MatterKind))
    category: Mapped[Category] = mapped_column(Word(Category))
    state: Mapped[State] = mapped_column(Word(State), default=State.DRAFT)
    round: Mapped[int] = mapped_column(default=0, comment="how often it was submitted")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_application_person"), index=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_application_enterprise"), index=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_application_region"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    submitted_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    acceptance_number: Mapped[str | None] = mapped_column(String(30))
    promised_days: Mapped[int | None] = mapped_column(comment="within how many working days the acceptance slip says")
    promised_on: Mapped[date | None] = mapped_column(comment="and by which day")
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)
    due_on: Mapped[date | None] = mapped_column(comment="the day by which the office owes its next step")
    due_from: Mapped[date | None] = mapped_column(comment="the day on which that clock started; it does not count")
    due_days: Mapped[int | None] = mapped_column(comment="the clock's working days, an extension included")
    extended_to: Mapped[date | None] = mapped_column(comment="the later day that the head allowed (行政许可法 art. 42)")
    closed_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    certificate_id: Mapped[int | None] = mapped_column(
        ForeignKey("certificate.id", name="fk_application_certificate"),
        index=True,
        comment="the certificate acted upon, or the one issued once approved",
    )
    reason_code: Mapped[str] = mapped_column(
        String(30), default="", server_default="", comment="why, where the matter asks; see ``vocabulary.REASONS``"
    )
    details: Mapped[dict[str, Any] | None] = mapped_column(
        SecretRecord("application.details"), comment="what the reason asks for; see ``particulars``"
    )
    releasing_enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_application_releasing_enterprise"),
        index=True,
        comment="the old enterprise of a transfer, which must agree",
    )
    snapshot: Mapped[dict[str, Any] | None] = mapped_column(
        SecretRecord("application.snapshot"), comment="person, enterprise and papers as they were when submitted"
    )
    snapshot_before: Mapped[dict[str, Any] | None] = mapped_column(
        SecretRecord("application.snapshot_before"), comment="the same, one submission earlier: before and after a correction"
    )

    filing: Mapped[Filing] = relationship(back_populates="applications")
    person: Mapped[Person] = relationship()
    enterprise: Mapped[Enterprise] = relationship(foreign_keys=[enterprise_id])
    releasing_enterprise: Mapped[Enterprise | None] = relationship(foreign_keys=[releasing_enterprise_id])
    certificate: Mapped[Certificate | None] = relationship()
    steps: Mapped[list[Step]] = relationship(back_populates="application", order_by="Step.id")

    @property
    def asked_for(self) -> str:
        """What the office said when it gave the application back; nothing otherwise."""
        given_back = self.state in (State.RETURNED, State.NOT_ACCEPTED) and self.steps
        return self.steps[-1].reason if given_back else ""

    @property
    def marks(self) -> list[dict[str, str]]:
        """What an officer marked for correction, while it is to be corrected; only this is open to the enterprise."""
        return (self.steps[-1].marks if self.state is State.RETURNED and self.steps else None) or []

    def __repr__(self) -> str:
        return self.number


class Step(Model):
    """One move an application made: who, what, when, and in whose words. Never updated."""

    __tablename__ = "step"
    __table_args__ = (
        word_check("step", "action", Action),
        word_check("step", "source", State),
        word_check("step", "target", State),
        Index("uq_step_one_extension", "application_id", unique=True, **of_some_rows(f"action = {Action.EXTEND.value!r}")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id", name="fk_step_application"), index=True)
    round: Mapped[int]
    action: Mapped[Action] = mapped_column(Word(Action))
    source: Mapped[State] = mapped_column(Word(State))
    target: Mapped[State] = mapped_column(Word(State))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_step_actor"))
    actor: Mapped[str] = mapped_column(String(130))
    reason: Mapped[str] = mapped_column(String(1000), default="")
    marks: Mapped[list[dict[str, str]] | None] = mapped_column(JSON, comment="what is to be corrected, item by item")
    at: Mapped[datetime] = mapped_column(Moment)

    application: Mapped[Application] = relationship(back_populates="steps")


# --- certificates ---------------------------------------------------------------------------------
class Certificate(Model):
    """A certificate and how it stands now. Numbers are never reused; what was printed when is in its versions."""

    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("number", name="uq_certificate_number"),
        word_check("certificate", "category", Category),
        word_check("certificate", "status", CertificateStatus),
        CheckConstraint("valid_to >= valid_from", name="ck_certificate_validity_order"),
        Index("ix_certificate_person_category", "person_id", "category"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(40))
    category: Mapped[Category] = mapped_column(Word(Category))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_certificate_person"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_certificate_enterprise"), index=True)
    holder: Mapped[str] = mapped_column(String(50), index=True, comment="the name as printed")
    printed_enterprise: Mapped[str] = mapped_column(
        String(120), default="", server_default="", comment="the enterprise's name as printed (R120)"
    )
    first_issued_on: Mapped[date]
    issued_on: Mapped[date]
    valid_from: Mapped[date]
    valid_to: Mapped[date] = mapped_column(index=True)
    status: Mapped[CertificateStatus] = mapped_column(Word(CertificateStatus), default=CertificateStatus.VALID)
    status_reason: Mapped[str] = mapped_column(String(500), default="")
    is_electronic: Mapped[bool] = mapped_column(default=True, comment="imported paper certificates are not (R133)")

    person: Mapped[Person] = relationship()
    enterprise: Mapped[Enterprise] = relationship()
    versions: Mapped[list[CertificateVersion]] = relationship(
        back_populates="certificate", order_by="CertificateVersion.version"
    )
    events: Mapped[list[CertificateEvent]] = relationship(back_populates="certificate", order_by="CertificateEvent.id")

    def status_on(self, day: date) -> CertificateStatus:
        """The status that holds on a day: a valid one past its last day is expired, whatever is stored."""
        if self.status is CertificateStatus.VALID and day > self.valid_to:
            return CertificateStatus.EXPIRED
        return self.status

    def __repr__(self) -> str:
        return self.number


class CertificateVersion(Model):
    """One printing of a certificate: what stands on it, and the token its QR code carries. The newest is the current one."""

    __tablename__ = "certificate_version"
    __table_args__ = (
        UniqueConstraint("certificate_id", "version", name="uq_certificate_version"),
        UniqueConstraint("token", name="uq_certificate_version_token"),
        UniqueConstraint("application_id", name="uq_certificate_version_application"),
        Index("uq_certificate_version_status_index", "status_index", unique=True),
        Index(
            "uq_certificate_version_one_current",
            "certificate_id",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
        CheckConstraint("version >= 1", name="ck_certificate_version_from_one"),
        Index(
            "ix_certificate_version_undrawn",
            "id",
            sqlite_where=text("digest IS NULL"),
            postgresql_where=text("digest IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id", name="fk_certificate_version_certificate"))
    version: Mapped[int]
    token: Mapped[str] = mapped_column(String(32), comment="128 random bits, base64url; opens the public page, names nobody")
    status_index: Mapped[int | None] = mapped_column(comment="its place in the status list; see ``certificates.statuslist``")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_certificate_version_application", use_alter=True)
    )
    face: Mapped[dict[str, Any]] = mapped_column(SecretRecord("certificate_version.face"), comment="everything printed on it")
    issued_at: Mapped[datetime] = mapped_column(Moment, index=True)
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)
    digest: Mapped[str | None] = mapped_column(String(64), index=True, comment="the PDF in the store, once it is drawn")
    ofd: Mapped[str | None] = mapped_column(
        String(64), index=True, comment="the OFD in the store, once somebody asked for it"
    )
    sealed_by: Mapped[str | None] = mapped_column(String(64), comment="SHA-256 of the certificate of the seal on it")
    sealed_at: Mapped[datetime | None] = mapped_column(Moment)
    fault: Mapped[str] = mapped_column(String(200), default="", server_default="", comment="why it could not be drawn")

    certificate: Mapped[Certificate] = relationship(back_populates="versions")


class CertificateEvent(Model):
    """One line of a certificate's history: what happened, how it stood afterwards, who did it and why. Never updated."""

    __tablename__ = "certificate_event"
    __table_args__ = (
        word_check("certificate_event", "deed", CertificateDeed),
        word_check("certificate_event", "status", CertificateStatus),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(
        ForeignKey("certificate.id", name="fk_certificate_event_certificate"), index=True
    )
    deed: Mapped[CertificateDeed] = mapped_column(Word(CertificateDeed))
    status: Mapped[CertificateStatus] = mapped_column(Word(CertificateStatus))
    reason: Mapped[str] = mapped_column(String(500), default="")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_certificate_event_application"), index=True
    )
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_certificate_event_actor"))
    actor: Mapped[str] = mapped_column(String(130))
    at: Mapped[datetime] = mapped_column(Moment)

    certificate: Mapped[Certificate] = relationship(back_populates="events")
