"""What the house writes down about its own doings: imports, parameters, numbers, notices, messages, jobs, the diary.

Law: as in ``models``: what is stored and what must always be true of it, and nothing of what may happen.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.constraints import among, word_check
from app.core.identifiers import mask_mobile
from app.core.vocabulary import (
    Category,
    Deed,
    Fault,
    JobState,
    LegacyKind,
    LegacyPhase,
    MatterKind,
    MessageState,
    OccasionKind,
    Stage,
)
from app.db import BlindIndex, Moment, Secret, SecretRecord, Word


class LegacyImport(Model):
    """One sheet of the old system: handed in, checked, taken over or not. Its files lie encrypted in the store."""

    __tablename__ = "legacy_import"
    __table_args__ = (word_check("legacy_import", "kind", LegacyKind), word_check("legacy_import", "phase", LegacyPhase))

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[LegacyKind] = mapped_column(Word(LegacyKind))
    phase: Mapped[LegacyPhase] = mapped_column(Word(LegacyPhase), default=LegacyPhase.CHECKING)
    filename: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(
        String(64), comment="of the sheet as handed in: what is confirmed is what was checked"
    )
    sheet_object: Mapped[str | None] = mapped_column(String(64))
    report_object: Mapped[str | None] = mapped_column(String(64))
    passwords_object: Mapped[str | None] = mapped_column(String(64), comment="until it is fetched, once")
    passwords_at: Mapped[datetime | None] = mapped_column(Moment)
    total: Mapped[int] = mapped_column(default=0, comment="rows")
    done: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict, comment="rows by outcome, once checked or imported")
    fault: Mapped[str] = mapped_column(String(500), default="", comment="why the sheet as a whole cannot be read")
    received_at: Mapped[datetime] = mapped_column(Moment, index=True)
    by: Mapped[str] = mapped_column(String(64), comment="who handed it in, then who confirmed it")
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment, comment="sheet and report are removed then")


class LegacyChunk(Model):
    """What came of a few hundred rows of a running import, written with them; the report is put together of these."""

    __tablename__ = "legacy_chunk"

    import_id: Mapped[int] = mapped_column(ForeignKey("legacy_import.id", name="fk_legacy_chunk_import"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcomes: Mapped[dict[str, Any]] = mapped_column(SecretRecord("legacy_chunk.outcomes"))


class LegacyRecord(Model):
    """What the old system last said of a row here, so that a later sheet can tell a correction from what changed here."""

    __tablename__ = "legacy_record"
    __table_args__ = (word_check("legacy_record", "kind", LegacyKind),)

    kind: Mapped[LegacyKind] = mapped_column(Word(LegacyKind), primary_key=True)
    key: Mapped[str] = mapped_column(BlindIndex("legacy_record.key"), primary_key=True, comment="by what it is known again")
    row_id: Mapped[int] = mapped_column(comment="account, exam_pass or certificate")
    import_id: Mapped[int] = mapped_column(ForeignKey("legacy_import.id", name="fk_legacy_record_import"), index=True)
    taken: Mapped[dict[str, Any]] = mapped_column(SecretRecord("legacy_record.taken"))


class Parameter(Model):
    """What the administrator set instead of a default, as text; ``config.ADJUSTABLE`` says which there are."""

    __tablename__ = "parameter"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    changed_by: Mapped[str] = mapped_column(String(130))


class PastParameter(Model):
    """What a parameter was until it was changed: papers of that time are printed with it."""

    __tablename__ = "past_parameter"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime] = mapped_column(Moment)


class CalendarDay(Model):
    """A weekday on which the office rests, or a day of a weekend on which it works."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str] = mapped_column(String(40), default="", comment="of the holiday")


class Series(Model):
    """The last number given out in a series; see ``numbers``."""

    __tablename__ = "series"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    last: Mapped[int]


class PublicNotice(Model):
    """A result made public (R16–R19): masked, without reasons."""

    __tablename__ = "public_notice"
    __table_args__ = (
        word_check("public_notice", "matter", MatterKind),
        word_check("public_notice", "category", Category),
        word_check("public_notice", "stage", Stage),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id", name="fk_public_notice_application"), index=True)
    matter: Mapped[MatterKind] = mapped_column(Word(MatterKind))
    category: Mapped[Category] = mapped_column(Word(Category))
    stage: Mapped[Stage] = mapped_column(Word(Stage))
    agreed: Mapped[bool]
    name: Mapped[str] = mapped_column(String(50))
    masked_id_number: Mapped[str] = mapped_column(String(18))
    enterprise_name: Mapped[str] = mapped_column(String(120))
    certificate_number: Mapped[str] = mapped_column(String(40), default="")
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_public_notice_region"))
    published_at: Mapped[datetime] = mapped_column(Moment, index=True)


class Message(Model):
    """One text message owed to somebody, written in the deed's own transaction; ``messages`` delivers it."""

    __tablename__ = "message"
    __table_args__ = (CheckConstraint("tries >= 0", name="ck_message_tries"), word_check("message", "state", MessageState))

    id: Mapped[int] = mapped_column(primary_key=True)
    mobile: Mapped[str] = mapped_column(Secret("message.mobile"))
    text: Mapped[str] = mapped_column(String(500))
    code: Mapped[str | None] = mapped_column(
        Secret("message.code"), comment="set in for CODE_MARK when it is sent, and read by nobody before or after"
    )
    good_until: Mapped[datetime | None] = mapped_column(Moment, comment="dropped, not sent, from then on")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_message_application"), index=True
    )
    state: Mapped[MessageState] = mapped_column(Word(MessageState), default=MessageState.QUEUED, index=True)
    due_at: Mapped[datetime] = mapped_column(Moment, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    fault: Mapped[str] = mapped_column(String(200), default="")

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile)


class Occasion(Model):
    """Something the house did by itself, once: for which row, for which day. The unique row keeps it from a second time."""

    __tablename__ = "occasion"
    __table_args__ = (
        UniqueConstraint("kind", "subject", "day", "days", name="uq_occasion"),
        word_check("occasion", "kind", OccasionKind),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[OccasionKind] = mapped_column(Word(OccasionKind))
    subject: Mapped[int] = mapped_column(comment="the id of the certificate, application or account")
    day: Mapped[date] = mapped_column(comment="the last day of the certificate, the first of the draft, the officer's day")
    days: Mapped[int] = mapped_column(default=0, comment="so many days before it")
    at: Mapped[datetime] = mapped_column(Moment, index=True)


class Job(Model):
    """One piece of work nobody waits for, written in the deed's own transaction; ``jobs`` claims and runs it."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("key", name="uq_job_key"),
        word_check("job", "state", JobState),
        CheckConstraint(
            f"(state = {JobState.RUNNING.value!r}) = (lease_until IS NOT NULL)", name="ck_job_running_iff_leased"
        ),
        CheckConstraint("(lease_until IS NULL) = (token IS NULL)", name="ck_job_lease_has_a_holder"),
        CheckConstraint(
            f"({among('state', (JobState.DONE, JobState.DEAD))}) = (finished_at IS NOT NULL)",
            name="ck_job_finished_iff_dated",
        ),
        CheckConstraint(f"state <> {JobState.DEAD.value!r} OR fault <> ''", name="ck_job_dead_has_its_fault"),
        CheckConstraint("attempts >= 0", name="ck_job_attempts"),
        CheckConstraint("done >= 0 AND (total IS NULL OR done <= total)", name="ck_job_progress_within_total"),
        Index("ix_job_queue", "state", "due_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), comment="whose work it is: a name in jobs.HANDLERS")
    key: Mapped[str] = mapped_column(String(120), comment="the same work asked for twice has the same key, and is done once")
    payload: Mapped[dict[str, Any]] = mapped_column(SecretRecord("job.payload"))
    state: Mapped[JobState] = mapped_column(Word(JobState), default=JobState.READY)
    due_at: Mapped[datetime] = mapped_column(Moment)
    lease_until: Mapped[datetime | None] = mapped_column(Moment, comment="until then it belongs to the holder of the token")
    token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=0)
    fault: Mapped[str] = mapped_column(String(200), default="", comment="why the last attempt failed")
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    result: Mapped[dict[str, int] | None] = mapped_column(JSON, comment="what came of it, counted; see jobs.RESULTS")

    @property
    def progress(self) -> str:
        return f"{self.done}" if self.total is None else f"{self.done} / {self.total}"

    def __repr__(self) -> str:
        return self.key


class Worker(Model):
    """A process that works jobs off, and when it last gave a sign of life."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(String(80), primary_key=True, comment="machine and process")
    seen_at: Mapped[datetime] = mapped_column(Moment)


class Entry(Model):
    """One line of the house diary: who did what to which row, and from what to what. Never updated.

    On SQLite, too, a number is given out once: a line that was cut away must not come back under another text.
    """

    __tablename__ = "entry"
    __table_args__ = (
        word_check("entry", "deed", Deed),
        Index("ix_entry_thing", "table", "row"),
        Index("ix_entry_deed", "deed", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    actor: Mapped[str] = mapped_column(String(130), index=True)
    deed: Mapped[Deed] = mapped_column(Word(Deed))
    table: Mapped[str] = mapped_column(String(40))
    row: Mapped[str] = mapped_column(String(40))
    change: Mapped[dict[str, Any]] = mapped_column(JSON)
    address: Mapped[str] = mapped_column(String(45), default="", index=True)


class Link(Model):
    """A line's place in the chain of the diary; see ``chain``. Made with the line, never updated."""

    __tablename__ = "link"
    __table_args__ = (
        UniqueConstraint("entry_id", name="uq_link_entry"),
        CheckConstraint("seq > 0", name="ck_link_seq"),
        CheckConstraint("length(hash) = 64", name="ck_link_hash"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id", name="fk_link_entry"))
    hash: Mapped[str] = mapped_column(String(64), comment="keyed, over the hash before, the number and the line")


class Checkpoint(Model):
    """How far the chain reached, signed; see ``checkpoints``. Never updated, never deleted."""

    __tablename__ = "checkpoint"
    __table_args__ = (CheckConstraint("first > 0 AND first <= seq + 1", name="ck_checkpoint_first"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(comment="the first line that is kept: those before were exported and removed")
    seq: Mapped[int] = mapped_column(index=True)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Moment)
    kid: Mapped[str] = mapped_column(String(8), comment="which of certificates.keys signed")
    signature: Mapped[str] = mapped_column(String(100))


class Inspection(Model):
    """What a walk along the chain found; the proof is the walk, this only tells of it."""

    __tablename__ = "inspection"
    __table_args__ = (word_check("inspection", "fault", Fault),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    lines: Mapped[int]
    fault: Mapped[Fault | None] = mapped_column(Word(Fault), comment="the first; none: unbroken")
    seq: Mapped[int | None]
    entry_id: Mapped[int | None]
    checkpoint: Mapped[int | None] = mapped_column(comment="the line whose checkpoint speaks against it")


class Bucket(Model):
    """How often something was tried within a window; see ``throttle``."""

    __tablename__ = "bucket"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    window: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
