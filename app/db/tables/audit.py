"""The audit log: entries, their hash chain, signed checkpoints and inspections of the chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import AuditAction, ChainFault
from app.db.constraints import choice_check
from app.db.session import Choice, UtcDateTime


class AuditEntry(Model):
    """One line of the house diary: who did what to which row, and from what to what. Never updated.

    On SQLite, too, a number is given out once: a line that was cut away must not come back under another text.
    """

    __tablename__ = "entry"
    __table_args__ = (
        choice_check("entry", "deed", AuditAction),
        Index("ix_entry_thing", "table", "row"),
        Index("ix_entry_deed", "deed", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(130), index=True)
    deed: Mapped[AuditAction] = mapped_column(Choice(AuditAction))
    table: Mapped[str] = mapped_column(String(40))
    row: Mapped[str] = mapped_column(String(40))
    change: Mapped[dict[str, Any]] = mapped_column(JSON)
    address: Mapped[str] = mapped_column(String(45), default="", index=True)


class AuditLink(Model):
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


class AuditCheckpoint(Model):
    """How far the chain reached, signed; see ``checkpoints``. Never updated, never deleted."""

    __tablename__ = "checkpoint"
    __table_args__ = (CheckConstraint("first > 0 AND first <= seq + 1", name="ck_checkpoint_first"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(comment="the first line that is kept: those before were exported and removed")
    seq: Mapped[int] = mapped_column(index=True)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kid: Mapped[str] = mapped_column(String(8), comment="which of certificates.keys signed")
    signature: Mapped[str] = mapped_column(String(100))


class AuditInspection(Model):
    """What a walk along the chain found; the proof is the walk, this only tells of it."""

    __tablename__ = "inspection"
    __table_args__ = (choice_check("inspection", "fault", ChainFault),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    lines: Mapped[int]
    fault: Mapped[ChainFault | None] = mapped_column(Choice(ChainFault), comment="the first; none: unbroken")
    seq: Mapped[int | None]
    entry_id: Mapped[int | None]
    checkpoint: Mapped[int | None] = mapped_column(comment="the line whose checkpoint speaks against it")
