"""Findings of the watch: what is wrong with the installation, since when, and who was told."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.session import UtcDateTime


class OpenFinding(Model):
    """A finding until its end was told, kept by ``worker.findings.watch``: each is told once, when it begins and ends."""

    __tablename__ = "finding"
    __table_args__ = (Index("ix_finding_began_at", "began_at", "code", "place"),)

    code: Mapped[str] = mapped_column(String(40), primary_key=True, comment="a key of worker.findings.kinds.KINDS")
    place: Mapped[str] = mapped_column(String(200), primary_key=True, comment="empty where there is only one")
    details: Mapped[dict[str, str]] = mapped_column(JSON, comment="what its sentences are filled with")
    found_by: Mapped[str] = mapped_column(String(60), comment="the check that found it")
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="the row is deleted once this was told")
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="when the operator was told that it began")
