"""The records of the old system as they were last imported."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import Model
from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vocabulary import OLD_SYSTEM, ImportKind
from app.db.constraints import choice_check
from app.db.session import BlindIndex, Choice, EncryptedRecord


class LegacyRecord(Model):
    """The last imported values of a row, so that a later sheet tells corrections there from changes made here."""

    __tablename__ = "legacy_record"
    __table_args__ = (choice_check("legacy_record", "kind", OLD_SYSTEM), Index("ix_legacy_record_row", "kind", "row_id"))

    kind: Mapped[ImportKind] = mapped_column(Choice(ImportKind), primary_key=True)
    key: Mapped[str] = mapped_column(BlindIndex("legacy_record.key"), primary_key=True, comment="natural key of the row")
    row_id: Mapped[int] = mapped_column(comment="account, exam_pass or certificate")
    import_id: Mapped[int] = mapped_column(ForeignKey("legacy_import.id", name="fk_legacy_record_import"), index=True)
    taken: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("legacy_record.taken"))
