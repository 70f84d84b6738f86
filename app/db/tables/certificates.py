"""Certificates, their versions and their history."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, UniqueConstraint, case
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.vocabulary import MEASURES, Category, CertificateEventKind, CertificateStatus, MeasureGround, MeasureState
from app.db.constraints import choice_check, lies_with, ordered_by_place, partial_index
from app.db.derived import search_column, sort_column
from app.db.search import search_index
from app.db.session import BlindIndex, Choice, EncryptedRecord, UtcDateTime
from app.db.tables.parties import Account, Enterprise, Person

_STANDING = ("status", "suspended_to")  # what the status on a day is computed from, beside the last day


class Certificate(Model):
    """A certificate and its present status. Numbers are never reused; what it said at any time is in its versions."""

    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("number", name="uq_certificate_number"),
        UniqueConstraint("id", "region_code", name="uq_certificate_place"),  # for the keys of ``lies_with``
        lies_with("certificate", "enterprise", name="enterprise"),
        choice_check("certificate", "category", Category),
        choice_check("certificate", "status", CertificateStatus),
        CheckConstraint("valid_to >= valid_from", name="ck_certificate_validity_order"),
        Index("ix_certificate_person_category", "person_id", "category"),
        Index("ix_certificate_holder_sort", "holder_sort", "id"),
        search_index("certificate"),
        Index("ix_certificate_valid_to", "valid_to", "id", *_STANDING),
        Index("ix_certificate_status", "status", "id", "region_code"),
        Index("ix_certificate_status_holder", "status", "holder_sort", "id", "region_code"),
        Index("ix_certificate_status_valid_to", "status", "valid_to", "id", "region_code"),
        Index("ix_certificate_enterprise", "enterprise_id", "id"),
        Index("ix_certificate_enterprise_holder", "enterprise_id", "holder_sort", "id"),
        Index("ix_certificate_enterprise_valid_to", "enterprise_id", "valid_to", "id"),
        ordered_by_place("certificate"),
        ordered_by_place("certificate", "holder_sort"),
        ordered_by_place("certificate", "valid_to", also=_STANDING),
        ordered_by_place("certificate", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(40))
    category: Mapped[Category] = mapped_column(Choice(Category))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", name="fk_certificate_person"))
    enterprise_id: Mapped[int] = mapped_column()
    region_code: Mapped[str] = mapped_column(String(6), comment="of the enterprise; see db.row_regions")
    holder: Mapped[str] = mapped_column(String(50), comment="the name as printed")
    printed_enterprise: Mapped[str] = mapped_column(
        String(120), default="", server_default="", comment="the enterprise's name as printed (R120)"
    )
    first_issued_on: Mapped[date]
    issued_on: Mapped[date]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    status: Mapped[CertificateStatus] = mapped_column(Choice(CertificateStatus), default=CertificateStatus.VALID)
    status_reason: Mapped[str] = mapped_column(String(500), default="")
    suspended_to: Mapped[date | None] = mapped_column(comment="last day of the suspension; valid from the day after")
    is_electronic: Mapped[bool] = mapped_column(default=True, comment="imported paper certificates are not (R133)")
    holder_sort: Mapped[str] = sort_column("holder")
    search: Mapped[str] = search_column("holder", numbers=("number",))

    person: Mapped[Person] = relationship()
    enterprise: Mapped[Enterprise] = relationship(
        primaryjoin=lambda: Certificate.enterprise_id == Enterprise.id, foreign_keys=[enterprise_id]
    )
    versions: Mapped[list[CertificateVersion]] = relationship(
        back_populates="certificate", order_by="CertificateVersion.version"
    )
    events: Mapped[list[CertificateEvent]] = relationship(back_populates="certificate", order_by="CertificateEvent.id")
    measures: Mapped[list[CertificateMeasure]] = relationship(
        primaryjoin=lambda: CertificateMeasure.certificate_id == Certificate.id,
        foreign_keys=lambda: [CertificateMeasure.certificate_id],
        back_populates="certificate",
        order_by="CertificateMeasure.id",
    )

    def status_on(self, day: date) -> CertificateStatus:
        """The status on a day: what has run out by then, certificate or suspension, is over, whatever is stored."""
        return self.status.on(day, self.valid_to, self.suspended_to)

    @classmethod
    def stands_valid(cls, day: date) -> ColumnElement[bool]:
        """SQL condition: neither suspended on this day nor ended. Whether it has expired is the caller's to ask."""
        over = cls.suspended_to < day
        # Not by OR: an index on the status would be read twice for it, and a million rows sorted.
        return case((cls.status == CertificateStatus.SUSPENDED, over), else_=cls.status == CertificateStatus.VALID)

    def __repr__(self) -> str:
        return self.number


class CertificateVersion(Model):
    """One version of a certificate: its content and the token in its QR code. The newest is the current one."""

    __tablename__ = "certificate_version"
    __table_args__ = (
        UniqueConstraint("certificate_id", "version", name="uq_certificate_version"),
        UniqueConstraint("token", name="uq_certificate_version_token"),
        UniqueConstraint("application_id", name="uq_certificate_version_application"),
        Index("uq_certificate_version_status_index", "status_index", unique=True),
        Index("uq_certificate_version_one_current", "certificate_id", unique=True, **partial_index("replaced_at IS NULL")),
        CheckConstraint("version >= 1", name="ck_certificate_version_from_one"),
        Index("ix_certificate_version_undrawn", "id", **partial_index("digest IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id", name="fk_certificate_version_certificate"))
    version: Mapped[int]
    token: Mapped[str] = mapped_column(String(32), comment="128 random bits, base64url; address of the public page")
    status_index: Mapped[int | None] = mapped_column(comment="index in the status list; see ``certificates.qr.status_list``")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_certificate_version_application", use_alter=True)
    )
    face: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("certificate_version.face"), comment="all that is printed")
    id_number: Mapped[str | None] = mapped_column(
        BlindIndex("certificate_version.id_number"), index=True, comment="of the printed one, for the lookup"
    )
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    digest: Mapped[str | None] = mapped_column(String(64), index=True, comment="PDF in the store, once rendered")
    ofd: Mapped[str | None] = mapped_column(String(64), index=True, comment="OFD in the store, once requested")
    sealed_by: Mapped[str | None] = mapped_column(String(64), comment="SHA-256 of the certificate of the seal on it")
    sealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str] = mapped_column(String(200), default="", server_default="", comment="why it could not be rendered")

    certificate: Mapped[Certificate] = relationship(back_populates="versions")


class CertificateEvent(Model):
    """One event in a certificate's history: what happened, the status after it, who did it and why. Never updated."""

    __tablename__ = "certificate_event"
    __table_args__ = (
        choice_check("certificate_event", "deed", CertificateEventKind),
        choice_check("certificate_event", "status", CertificateStatus),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(
        ForeignKey("certificate.id", name="fk_certificate_event_certificate"), index=True
    )
    deed: Mapped[CertificateEventKind] = mapped_column(Choice(CertificateEventKind))
    status: Mapped[CertificateStatus] = mapped_column(Choice(CertificateStatus))
    reason: Mapped[str] = mapped_column(String(500), default="")
    application_id: Mapped[int | None] = mapped_column(
        ForeignKey("application.id", name="fk_certificate_event_application"), index=True
    )
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_certificate_event_actor"))
    actor: Mapped[str] = mapped_column(String(130))
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    certificate: Mapped[Certificate] = relationship(back_populates="events")


class CertificateMeasure(Model):
    """暂扣, 暂扣发还, 撤销 or 吊销: proposed by one officer, decided by another, kept for good.

    Name and enterprise are copied, because the letter about it must not change when the certificate does.
    """

    __tablename__ = "certificate_measure"
    __table_args__ = (
        lies_with("certificate_measure", "certificate", name="certificate"),
        choice_check("certificate_measure", "kind", MEASURES),
        choice_check("certificate_measure", "ground", MeasureGround),
        choice_check("certificate_measure", "state", MeasureState),
        CheckConstraint(
            f"(kind = {CertificateEventKind.SUSPENDED.value!r}) = (last_day IS NOT NULL)", name="ck_certificate_measure_term"
        ),
        CheckConstraint(
            f"(state = {MeasureState.PROPOSED.value!r}) = (decided_at IS NULL)", name="ck_certificate_measure_decided"
        ),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="ck_certificate_measure_decided_by"),
        CheckConstraint(
            f"decided_by_id <> proposed_by_id OR state = {MeasureState.RETRACTED.value!r}",
            name="ck_certificate_measure_two_people",
        ),
        CheckConstraint(
            f"(state = {MeasureState.ENDED.value!r}) = (ended_at IS NOT NULL)", name="ck_certificate_measure_ended"
        ),
        Index(
            "uq_certificate_measure_one_proposed",
            "certificate_id",
            unique=True,
            **partial_index(f"state = {MeasureState.PROPOSED.value!r}"),
        ),
        Index(
            "uq_certificate_measure_one_suspension",
            "certificate_id",
            unique=True,
            **partial_index(f"state = {MeasureState.CONFIRMED.value!r} AND kind = {CertificateEventKind.SUSPENDED.value!r}"),
        ),
        Index("ix_certificate_measure_state", "state", "last_day", "id"),
        Index("ix_certificate_measure_state_proposed_at", "state", "proposed_at", "id"),
        ordered_by_place("certificate_measure"),
        ordered_by_place("certificate_measure", "state", "last_day"),
        ordered_by_place("certificate_measure", "state", "proposed_at"),
        Index("ix_certificate_measure_decided_at", "decided_at", "id"),
        ordered_by_place("certificate_measure", "decided_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(index=True)
    region_code: Mapped[str] = mapped_column(String(6), comment="of the certificate; see db.row_regions")
    kind: Mapped[CertificateEventKind] = mapped_column(Choice(CertificateEventKind))
    ground: Mapped[MeasureGround] = mapped_column(Choice(MeasureGround))
    facts: Mapped[str] = mapped_column(String(300), comment="what was found, in the officer's words")
    document_number: Mapped[str] = mapped_column(String(80), comment="number of the document")
    document_digest: Mapped[str] = mapped_column(String(64), default="", comment="scan; see files.storage")
    document_mime: Mapped[str] = mapped_column(String(40), default="")
    document_name: Mapped[str] = mapped_column(String(120), default="")
    last_day: Mapped[date | None] = mapped_column(comment="of a suspension; it ends by itself on the day after")
    state: Mapped[MeasureState] = mapped_column(Choice(MeasureState), default=MeasureState.PROPOSED)
    holder: Mapped[str] = mapped_column(String(50), comment="as printed when it was decided")
    enterprise_name: Mapped[str] = mapped_column(String(120), comment="of the certificate when it was decided")
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_certificate_measure_proposer"), index=True)
    proposed_by: Mapped[str] = mapped_column(String(130))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_certificate_measure_decider"))
    decided_by: Mapped[str] = mapped_column(String(130), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision_reason: Mapped[str] = mapped_column(String(500), default="")
    banned_until: Mapped[date | None] = mapped_column(comment="the ban that this measure set")
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="of a suspension")

    certificate: Mapped[Certificate] = relationship(
        primaryjoin=lambda: CertificateMeasure.certificate_id == Certificate.id,
        foreign_keys=[certificate_id],
        back_populates="measures",
    )
    proposer: Mapped[Account] = relationship(foreign_keys=[proposed_by_id])

    def __repr__(self) -> str:
        return self.document_number
