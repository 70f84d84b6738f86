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
    """One audit log entry: who did what to which row, with values before and after. Never updated.

    Autoincrement on SQLite too: the id of a removed entry must not be given to another.
    """

    __tablename__ = "entry"
    __table_args__ = (
        choice_check("entry", "deed", AuditAction),
        Index("ix_entry_thing", "table", "row"),
        Index("ix_entry_at", "at", "id"),
        Index("ix_entry_deed", "deed", "at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(130), index=True)
    deed: Mapped[AuditAction] = mapped_column(Choice(AuditAction))
    table: Mapped[str] = mapped_column(String(40))
    row: Mapped[str] = mapped_column(String(40))
    change: Mapped[dict[str, Any]] = mapped_column(JSON)
    address: Mapped[str] = mapped_column(String(45), default="", index=True)


class AuditLink(Model):
    """Position of an entry in the hash chain (``audit.hash_chain``). Written with the entry, never updated."""

    __tablename__ = "link"
    __table_args__ = (
        UniqueConstraint("entry_id", name="uq_link_entry"),
        CheckConstraint("seq > 0", name="ck_link_seq"),
        CheckConstraint("length(hash) = 64", name="ck_link_hash"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id", name="fk_link_entry"))
    hash: Mapped[str] = mapped_column(String(64), comment="keyed hash over the previous hash, seq and the entry")


class AuditCheckpoint(Model):
    """Signed statement of the end of the chain (``audit.checkpoints``). Never updated, never deleted."""

    __tablename__ = "checkpoint"
    __table_args__ = (CheckConstraint("first > 0 AND first <= seq + 1", name="ck_checkpoint_first"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(comment="seq of the first entry still stored; earlier ones were exported and removed")
    seq: Mapped[int] = mapped_column(index=True)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kid: Mapped[str] = mapped_column(String(8), comment="id of the signing key; see core.crypto.signing_keys")
    signature: Mapped[str] = mapped_column(String(100))
    restored: Mapped[str] = mapped_column(
        String(40), default="", server_default="", comment="moment of the last restore that the chain has gone through"
    )


class AuditInspection(Model):
    """Result of one verification of the chain, for display only."""

    __tablename__ = "inspection"
    __table_args__ = (choice_check("inspection", "fault", ChainFault),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    lines: Mapped[int]
    fault: Mapped[ChainFault | None] = mapped_column(
        Choice(ChainFault), comment="first fault found; null if the chain is intact"
    )
    seq: Mapped[int | None]
    entry_id: Mapped[int | None]
    checkpoint: Mapped[int | None] = mapped_column(comment="seq of the checkpoint that contradicts the chain")
