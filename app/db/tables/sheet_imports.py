"""Imports of sheets: how each was read, what became of its rows, who did what with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import ImportKind, ImportPhase, RowOutcome
from app.db.constraints import choice_check
from app.db.session import Choice, EncryptedRecord, UtcDateTime


class SheetImport(Model):
    """One uploaded sheet, from check to import. Its files are encrypted in the store.

    The table has the name that it had when it held sheets of the old system only: the version before reads it too.
    """

    __tablename__ = "legacy_import"
    __table_args__ = (
        choice_check("legacy_import", "kind", ImportKind),
        choice_check("legacy_import", "phase", ImportPhase),
        Index("ix_legacy_import_enterprise", "enterprise_id", "id"),
        Index("ix_legacy_import_notice", "notice_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ImportKind] = mapped_column(Choice(ImportKind))
    phase: Mapped[ImportPhase] = mapped_column(Choice(ImportPhase), default=ImportPhase.CHECKING)
    enterprise_id: Mapped[int | None] = mapped_column(
        ForeignKey("enterprise.id", name="fk_legacy_import_enterprise"), comment="whose people it brings"
    )
    notice_id: Mapped[int | None] = mapped_column(
        ForeignKey("exam_notice.id", name="fk_legacy_import_notice"), comment="of which exam it brings scores"
    )
    region_code: Mapped[str] = mapped_column(
        String(6), default="", server_default="", comment="of the exam clerks who may reach it"
    )
    filename: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(
        String(64), comment="of the uploaded sheet, so that only the checked sheet can be confirmed"
    )
    sheet_object: Mapped[str | None] = mapped_column(String(64))
    report_object: Mapped[str | None] = mapped_column(String(64))
    passwords_object: Mapped[str | None] = mapped_column(String(64), comment="until downloaded, once")
    passwords_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    layout: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("legacy_import.layout"),
        comment="how the sheet was read: its titles, and of each column what was found",
    )
    answers: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedRecord("legacy_import.answers"), comment="texts in place of cells, by row and column"
    )
    mapping: Mapped[dict[str, Any]] = mapped_column(
        JSON,
        default=dict,
        comment="titles and words that the office mapped for whole columns; the next import begins with it",
    )
    revision: Mapped[int] = mapped_column(
        default=0, comment="of answers and mapping, so that only what was shown is confirmed"
    )
    total: Mapped[int] = mapped_column(default=0, comment="rows")
    done: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict, comment="rows by outcome, once checked or imported")
    fault: Mapped[str] = mapped_column(String(500), default="", comment="why the sheet as a whole cannot be read")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    by: Mapped[str] = mapped_column(String(64), comment="who uploaded it, then who confirmed it")
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, comment="sheet and report are removed then")

    @property
    def shown(self) -> str:
        """Names the sheet together with the answers to it: what a page showed and a person confirms."""
        return f"{self.sha256}:{self.revision}"


class ImportedRow(Model):
    """A row of a sheet: what its cells show, what is stored, what stands in the way. The import rewrites it.

    Removed together with the sheet's report.
    """

    __tablename__ = "legacy_row"
    __table_args__ = (
        choice_check("legacy_row", "outcome", RowOutcome),
        Index("ix_legacy_row_outcome", "import_id", "outcome", "position"),
    )

    import_id: Mapped[int] = mapped_column(
        ForeignKey("legacy_import.id", name="fk_legacy_row_import", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="from 0, in the order of the sheet")
    number: Mapped[int] = mapped_column(comment="of the row in the sheet; one row may have become several")
    outcome: Mapped[RowOutcome] = mapped_column(Choice(RowOutcome))
    content: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("legacy_row.content"))
