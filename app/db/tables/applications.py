"""Filings (batches of an enterprise), applications and the steps of each."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.vocabulary import CLOSED, OPEN, UNDER_WAY, Action, Category, CheckResult, MatterKind, ReplacementReason, State
from app.db.constraints import choice_check, one_of, ordered_by_place, partial_index, reason_fits_matter, unique_in_states
from app.db.derived import search_column
from app.db.search import search_index
from app.db.session import Choice, Encrypted, EncryptedRecord, UtcDateTime
from app.db.tables.certificates import Certificate
from app.db.tables.parties import Enterprise, Person


class Filing(Model):
    """A batch an enterprise files under one handler: several applications of one matter (R71, Q14)."""

    __tablename__ = "filing"
    __table_args__ = (UniqueConstraint("number", name="uq_filing_number"), choice_check("filing", "matter", MatterKind))

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    matter: Mapped[MatterKind] = mapped_column(Choice(MatterKind))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_filing_enterprise"), index=True)
    handler_name: Mapped[str] = mapped_column(String(50))
    handler_mobile: Mapped[str] = mapped_column(Encrypted("filing.handler_mobile"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(64))

    enterprise: Mapped[Enterprise] = relationship()
    applications: Mapped[list[Application]] = relationship(back_populates="filing", order_by="Application.id")

    def __repr__(self) -> str:
        return self.number


class Application(Model):
    """One person's request in one matter and category, from draft to decision.

    Only ``workflow.carry_out`` writes ``state``.
    """

    __tablename__ = "application"
    __table_args__ = (
        UniqueConstraint("number", name="uq_application_number"),
        UniqueConstraint("acceptance_number", name="uq_application_acceptance_number"),
        choice_check("application", "matter", MatterKind),
        choice_check("application", "category", Category),
        choice_check("application", "state", State),
        CheckConstraint(f"({one_of('state', CLOSED)}) = (closed_at IS NOT NULL)", name="ck_application_closed_iff_dated"),
        CheckConstraint(
            f"state = {State.ABANDONED.value!r} OR (state = {State.DRAFT.value!r}) = (submitted_at IS NULL)",
            name="ck_application_submitted_iff_dated",
        ),
        CheckConstraint("(accepted_at IS NULL) = (acceptance_number IS NULL)", name="ck_application_accepted_iff_numbered"),
        CheckConstraint(
            f"state <> {State.APPROVED.value!r} OR certificate_id IS NOT NULL", name="ck_application_approved_has_certificate"
        ),
        CheckConstraint(reason_fits_matter(), name="ck_application_reason_fits_matter"),
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
        unique_in_states(
            "uq_application_one_open_per_person_and_category", OPEN, "certificate_id IS NULL", "person_id", "category"
        ),
        unique_in_states(
            "uq_application_one_under_way_per_certificate", UNDER_WAY, "certificate_id IS NOT NULL", "certificate_id"
        ),
        unique_in_states(
            "uq_application_one_open_per_certificate_and_enterprise",
            OPEN,
            "certificate_id IS NOT NULL",
            "certificate_id",
            "enterprise_id",
        ),
        CheckConstraint(
            "counts_from IS NULL OR accepted_at IS NOT NULL", name="ck_application_counted_as_accepted_when_accepted"
        ),
        choice_check("application", "check_result", CheckResult),
        Index("ix_application_queue", "state", "submitted_at", "id"),
        Index("ix_application_due", "state", "due_on", "id"),  # the queues, first what is due first
        Index("ix_application_check_result", "state", "check_result", "due_on", "id"),
        Index("ix_application_checked", "state", "checked_at", "id"),
        search_index("application"),
        Index("ix_application_state_closed_at", "state", "closed_at", "id"),
        Index("ix_application_closed_at", "closed_at", "id"),
        Index(
            "ix_application_limits", "state", "region_code", "due_on", "extended_to", **partial_index("due_on IS NOT NULL")
        ),
        Index("ix_application_extended", "state", "due_on", "id", **partial_index("extended_to IS NOT NULL")),
        Index("ix_application_submitted_at", "submitted_at", "matter"),  # the chart of half a year
        Index("ix_application_due_on", "due_on", "id", "region_code", **partial_index("due_on IS NOT NULL")),
        ordered_by_place("application"),
        ordered_by_place("application", "submitted_at", "matter"),
        ordered_by_place("application", "state", "submitted_at"),
        ordered_by_place("application", "state", "due_on"),
        ordered_by_place("application", "state", "closed_at"),
        ordered_by_place("application", "closed_at"),
        ordered_by_place("application", "due_on", **partial_index("due_on IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    filing_id: Mapped[int] = mapped_column(ForeignKey("filing.id", name="fk_application_filing"), index=True)
    matter: Mapped[MatterKind] = mapped_column(Choice(MatterKind))
    category: Mapped[Category] = mapped_column(Choice(Category))
    state: Mapped[State] = mapped_column(Choice(State), default=State.DRAFT)
    round: Mapped[int] = mapped_column(default=0, comment="how often it was submitted")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_application_person"), index=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_application_enterprise"), index=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_application_region"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acceptance_number: Mapped[str | None] = mapped_column(String(30))
    promised_days: Mapped[int | None] = mapped_column(comment="working days promised on the acceptance slip")
    promised_on: Mapped[date | None] = mapped_column(comment="day promised on the acceptance slip")
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_on: Mapped[date | None] = mapped_column(
        comment="deadline of the next step: the office's, or the enterprise's while it corrects"
    )
    due_from: Mapped[date | None] = mapped_column(comment="day on which the time limit started; it does not count")
    due_days: Mapped[int | None] = mapped_column(comment="working days of the time limit, extension included")
    counts_from: Mapped[date | None] = mapped_column(
        comment="day of receipt, from which it counts as accepted because the limit for acceptance had passed (art. 32)"
    )
    extended_to: Mapped[date | None] = mapped_column(comment="deadline as extended by the head (行政许可法 art. 42)")
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    certificate_id: Mapped[int | None] = mapped_column(
        ForeignKey("certificate.id", name="fk_application_certificate"),
        index=True,
        comment="the certificate acted upon, or the one issued once approved",
    )
    reason_code: Mapped[str] = mapped_column(
        String(30), default="", server_default="", comment="reason, where the matter has several; see ``vocabulary.REASONS``"
    )
    details: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("application.details"), comment="fields the reason requires; see ``eligibility.matter_fields``"
    )
    releasing_enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_application_releasing_enterprise"),
        index=True,
        comment="the old enterprise of a transfer, which must agree",
    )
    snapshot: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("application.snapshot"), comment="person, enterprise and papers as they were when submitted"
    )
    snapshot_before: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("application.snapshot_before"),
        comment="snapshot of the submission before, to show what a correction changed",
    )

    check_result: Mapped[CheckResult | None] = mapped_column(
        Choice(CheckResult), comment="of the automatic checks in this state, at checked_at; for the filter of the queues"
    )
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="NULL: not since it reached this state")
    search: Mapped[str] = search_column(numbers=("number",))

    filing: Mapped[Filing] = relationship(back_populates="applications")
    person: Mapped[Person] = relationship()
    enterprise: Mapped[Enterprise] = relationship(foreign_keys=[enterprise_id])
    releasing_enterprise: Mapped[Enterprise | None] = relationship(foreign_keys=[releasing_enterprise_id])
    certificate: Mapped[Certificate | None] = relationship()
    steps: Mapped[list[Step]] = relationship(back_populates="application", order_by="Step.id")

    @property
    def asked_for(self) -> str:
        """The reason for which the application was returned or not accepted; empty in every other state."""
        given_back = self.state in (State.RETURNED, State.NOT_ACCEPTED) and self.steps
        return self.steps[-1].reason if given_back else ""

    @property
    def marks(self) -> list[dict[str, str]]:
        """The items marked for correction while the application is returned; the enterprise may edit only these."""
        return (self.steps[-1].marks if self.state is State.RETURNED and self.steps else None) or []

    def __repr__(self) -> str:
        return self.number


class Step(Model):
    """One transition of an application: who, what, when and why. Never updated."""

    __tablename__ = "step"
    __table_args__ = (
        choice_check("step", "action", Action),
        choice_check("step", "source", State),
        choice_check("step", "target", State),
        Index("ix_step_at", "at", "id"),  # the statistics read a month of them
        Index("uq_step_one_extension", "application_id", unique=True, **partial_index(f"action = {Action.EXTEND.value!r}")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id", name="fk_step_application"), index=True)
    round: Mapped[int]
    action: Mapped[Action] = mapped_column(Choice(Action))
    source: Mapped[State] = mapped_column(Choice(State))
    target: Mapped[State] = mapped_column(Choice(State))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_step_actor"))
    actor: Mapped[str] = mapped_column(String(130))
    reason: Mapped[str] = mapped_column(String(1000), default="")
    marks: Mapped[list[dict[str, str]] | None] = mapped_column(JSON, comment="what is to be corrected, item by item")
    brought_up: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="of a further return: the officer states that the correction itself brought it up",
    )
    awaited_until: Mapped[date | None] = mapped_column(comment="of a return: last day on which the correction is awaited")
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    application: Mapped[Application] = relationship(back_populates="steps")
