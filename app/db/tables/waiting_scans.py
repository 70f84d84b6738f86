"""Scans that were handed in by the pile and wait until the clerk has confirmed to whom each belongs."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.scan_vocabulary import ScanDoubt, ScanSide
from app.core.vocabulary import PaperKind
from app.db.constraints import choice_check
from app.db.session import Choice, UtcDateTime


class WaitingScan(Model):
    """One file that was checked and stored for an account; see ``applications.bulk_scans``. Confirmed, it becomes a paper."""

    __tablename__ = "waiting_scan"
    __table_args__ = (
        UniqueConstraint("account_id", "enterprise_id", "source", name="uq_waiting_scan_source"),
        choice_check("waiting_scan", "kind", PaperKind),
        choice_check("waiting_scan", "side", ScanSide),
        choice_check("waiting_scan", "doubt", ScanDoubt),
        CheckConstraint("doubt IS NOT NULL OR person_id IS NOT NULL AND kind IS NOT NULL", name="ck_waiting_scan_given"),
        CheckConstraint("length(digest) = 64 AND length(source) = 64", name="ck_waiting_scan_digests"),
        CheckConstraint("size > 0", name="ck_waiting_scan_size"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_waiting_scan_account"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_waiting_scan_enterprise"), index=True)
    source: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the file as it was sent")
    folder: Mapped[str] = mapped_column(String(120), default="", comment="as sent, personal numbers masked")
    filename: Mapped[str] = mapped_column(String(120), comment="personal numbers masked")
    digest: Mapped[str] = mapped_column(String(64), index=True)
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    portrait_digest: Mapped[str | None] = mapped_column(
        String(64), index=True, comment="of the same picture, checked as a portrait"
    )
    portrait_size: Mapped[int | None]
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("person.id", name="fk_waiting_scan_person", ondelete="CASCADE"), index=True
    )
    kind: Mapped[PaperKind | None] = mapped_column(Choice(PaperKind))
    side: Mapped[ScanSide] = mapped_column(Choice(ScanSide), default=ScanSide.WHOLE)
    doubt: Mapped[ScanDoubt | None] = mapped_column(Choice(ScanDoubt))
    by_phone: Mapped[bool] = mapped_column(default=False)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.filename}" if self.folder else self.filename

    def __repr__(self) -> str:
        return self.path
