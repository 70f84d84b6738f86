"""Public notices, text messages, nightly work done, jobs and workers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.identifiers import mask_mobile
from app.core.vocabulary import (
    MEASURES,
    Category,
    CertificateEventKind,
    JobState,
    MatterKind,
    MessageState,
    NightlyTask,
    NotificationKind,
    ReadState,
    Stage,
)
from app.db.constraints import choice_check, one_of, ordered_by_place, partial_index
from app.db.session import Choice, Encrypted, EncryptedRecord, UtcDateTime


class PublicNotice(Model):
    """A published decision (R16–R19) or measure: masked, without reasons."""

    __tablename__ = "public_notice"
    __table_args__ = (
        choice_check("public_notice", "matter", MatterKind),
        choice_check("public_notice", "category", Category),
        choice_check("public_notice", "stage", Stage),
        choice_check("public_notice", "measure", MEASURES),
        CheckConstraint(
            "(application_id IS NULL) = (measure_id IS NOT NULL) AND (matter IS NULL) = (measure_id IS NOT NULL) "
            "AND (stage IS NULL) = (measure_id IS NOT NULL) AND (measure IS NULL) = (measure_id IS NULL)",
            name="ck_public_notice_of_one_thing",
        ),
        Index("ix_public_notice_published_at", "published_at", "id"),
        ordered_by_place("public_notice", "published_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_public_notice_application"), index=True
    )
    measure_id: Mapped[int | None] = mapped_column(
        ForeignKey("certificate_measure.id", name="fk_public_notice_measure"), index=True
    )
    matter: Mapped[MatterKind | None] = mapped_column(Choice(MatterKind), comment="of a decision on an application")
    measure: Mapped[CertificateEventKind | None] = mapped_column(Choice(CertificateEventKind))
    category: Mapped[Category] = mapped_column(Choice(Category))
    stage: Mapped[Stage | None] = mapped_column(Choice(Stage))
    agreed: Mapped[bool]
    name: Mapped[str] = mapped_column(String(50))
    masked_id_number: Mapped[str] = mapped_column(String(18))
    enterprise_name: Mapped[str] = mapped_column(String(120))
    certificate_number: Mapped[str] = mapped_column(String(40), default="")
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_public_notice_region"))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"{self.name} {self.certificate_number}".strip()


POSTPONED = f"state = {MessageState.QUEUED.value!r} AND fault <> ''"  # a message that was tried in vain


class Message(Model):
    """A text message, queued in the transaction that causes it; ``outbox.sms`` sends it."""

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint("tries >= 0", name="ck_message_tries"),
        Index("ix_message_next_try", "state", "next_try_at", "id"),
        Index("ix_message_postponed", "due_at", "id", **partial_index(POSTPONED)),
        choice_check("message", "state", MessageState),
        Index("ix_message_due_at", "due_at", "id"),
        Index("ix_message_sent_at", "sent_at", "id"),
        Index("ix_message_state", "state", "due_at", "id"),
        Index("ix_message_state_sent_at", "state", "sent_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mobile: Mapped[str] = mapped_column(Encrypted("message.mobile"))
    text: Mapped[str] = mapped_column(String(500))
    code: Mapped[str | None] = mapped_column(Encrypted("message.code"), comment="replaces CODE_MARK when sent, then erased")
    good_until: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="not sent after this moment")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_message_application"), index=True
    )
    state: Mapped[MessageState] = mapped_column(Choice(MessageState), default=MessageState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, comment="when it was to be sent")
    next_try_at: Mapped[datetime] = mapped_column(
        UtcDateTime,
        default=lambda context: context.get_current_parameters()["due_at"],
        comment="from then on it may be claimed; while it is sent, the end of the claim",
    )
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str] = mapped_column(String(200), default="")

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile)


class Notification(Model):
    """A message inside the system, for one account; written in the transaction that causes it (``outbox.notifications``)."""

    __tablename__ = "notification"
    __table_args__ = (
        choice_check("notification", "kind", NotificationKind),
        choice_check("notification", "state", ReadState),
        Index("ix_notification_account", "account_id", "at", "id"),
        Index("ix_notification_account_state", "account_id", "state", "at", "id"),
        Index("ix_notification_at", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_notification_account"))
    kind: Mapped[NotificationKind] = mapped_column(Choice(NotificationKind))
    subject_id: Mapped[int | None] = mapped_column(comment="of the row that it is about; which table depends on the kind")
    text: Mapped[str] = mapped_column(String(500))
    state: Mapped[ReadState] = mapped_column(Choice(ReadState), default=ReadState.UNREAD)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class NightlyDone(Model):
    """A nightly task done for one row and day; the unique constraint prevents doing it twice."""

    __tablename__ = "occasion"
    __table_args__ = (
        UniqueConstraint("kind", "subject", "day", "days", name="uq_occasion"),
        choice_check("occasion", "kind", NightlyTask),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[NightlyTask] = mapped_column(Choice(NightlyTask))
    subject: Mapped[int] = mapped_column(comment="the id of the certificate, application or account")
    day: Mapped[date] = mapped_column(
        comment="last day of the certificate, first day of the draft, or day of the officer's reminder"
    )
    days: Mapped[int] = mapped_column(default=0, comment="days before that day")
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Job(Model):
    """A background job, queued in the transaction that causes it (``outbox.jobs``) and run by a worker."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("key", name="uq_job_key"),
        choice_check("job", "state", JobState),
        CheckConstraint(
            f"(state = {JobState.RUNNING.value!r}) = (lease_until IS NOT NULL)", name="ck_job_running_iff_leased"
        ),
        CheckConstraint("(lease_until IS NULL) = (token IS NULL)", name="ck_job_lease_has_a_holder"),
        CheckConstraint(
            f"({one_of('state', (JobState.DONE, JobState.DEAD))}) = (finished_at IS NOT NULL)",
            name="ck_job_finished_iff_dated",
        ),
        CheckConstraint(f"state <> {JobState.DEAD.value!r} OR fault <> ''", name="ck_job_dead_has_its_fault"),
        CheckConstraint("attempts >= 0", name="ck_job_attempts"),
        CheckConstraint("done >= 0 AND (total IS NULL OR done <= total)", name="ck_job_progress_within_total"),
        Index("ix_job_queue", "state", "due_at", "id"),
        Index("ix_job_due_at", "due_at", "id"),
        Index("ix_job_finished_at", "finished_at", "id"),
        Index("ix_job_state_finished_at", "state", "finished_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), comment="a key of worker.handlers.HANDLERS")
    key: Mapped[str] = mapped_column(String(120), comment="the same work requested twice has the same key and is done once")
    payload: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("job.payload"))
    state: Mapped[JobState] = mapped_column(Choice(JobState), default=JobState.READY)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="until then only the holder of the token may write to it"
    )
    token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=0, comment="since the job last made progress")
    fault: Mapped[str] = mapped_column(String(200), default="", comment="why the last attempt failed")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done: Mapped[int] = mapped_column(default=0)
    furthest: Mapped[int] = mapped_column(default=0, server_default=text("0"), comment="the most that was ever done")
    total: Mapped[int | None]
    result: Mapped[dict[str, int] | None] = mapped_column(JSON, comment="counts; see worker.handlers.RESULT_LABELS")

    @property
    def progress(self) -> str:
        return f"{self.done}" if self.total is None else f"{self.done} / {self.total}"

    def __repr__(self) -> str:
        return self.key


class Worker(Model):
    """A worker process and its last heartbeat."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(String(80), primary_key=True, comment="machine and process")
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
