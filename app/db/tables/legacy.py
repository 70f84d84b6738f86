"""Imports from the old system: sheets, their chunks and the records imported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import LegacyKind, LegacyPhase
from app.db.constraints import choice_check
from app.db.session import BlindIndex, Choice, EncryptedRecord, UtcDateTime


class LegacyImport(Model):
    """One uploaded sheet of the old system, from check to import. Its files are encrypted in the store."""

    __tablename__ = "legacy_import"
    __table_args__ = (choice_check("legacy_import", "kind", LegacyKind), choice_check("legacy_import", "phase", LegacyPhase))

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[LegacyKind] = mapped_column(Choice(LegacyKind))
    phase: Mapped[LegacyPhase] = mapped_column(Choice(LegacyPhase), default=LegacyPhase.CHECKING)
    filename: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(
        String(64), comment="of the uploaded sheet, so that only the checked sheet can be confirmed"
    )
    sheet_object: Mapped[str | None] = mapped_column(String(64))
    report_object: Mapped[str | None] = mapped_column(String(64))
    passwords_object: Mapped[str | None] = mapped_column(String(64), comment="until downloaded, once")
    passwords_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    total: Mapped[int] = mapped_column(default=0, comment="rows")
    done: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict, comment="rows by outcome, once checked or imported")
    fault: Mapped[str] = mapped_column(String(500), default="", comment="why the sheet as a whole cannot be read")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    by: Mapped[str] = mapped_column(String(64), comment="who uploaded it, then who confirmed it")
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, comment="sheet and report are removed then")


class LegacyChunk(Model):
    """Outcomes of one chunk of rows, written in the transaction that imports them; the report is built from these."""

    __tablename__ = "legacy_chunk"

    import_id: Mapped[int] = mapped_column(ForeignKey("legacy_import.id", name="fk_legacy_chunk_import"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcomes: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("legacy_chunk.outcomes"))


class LegacyRecord(Model):
    """The last imported values of a row, so that a later sheet tells corrections there from changes made here."""

    __tablename__ = "legacy_record"
    __table_args__ = (choice_check("legacy_record", "kind", LegacyKind), Index("ix_legacy_record_row", "kind", "row_id"))

    kind: Mapped[LegacyKind] = mapped_column(Choice(LegacyKind), primary_key=True)
    key: Mapped[str] = mapped_column(BlindIndex("legacy_record.key"), primary_key=True, comment="natural key of the row")
    row_id: Mapped[int] = mapped_column(comment="account, exam_pass or certificate")
    import_id: Mapped[int] = mapped_column(ForeignKey("legacy_import.id", name="fk_legacy_record_import"), index=True)
    taken: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("legacy_record.taken"))
