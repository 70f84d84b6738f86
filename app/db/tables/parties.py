"""Enterprises, their accounts, qualifications and people."""

from __future__ import annotations

from datetime import date, datetime

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User as FabUser
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.core.identifiers import birth_date, mask_id, mask_mobile, sex
from app.core.vocabulary import AccountSource, Education, MeasureGround, Position, Registration, Sex, TechnicalTitle
from app.db.constraints import choice_check, lies_with, ordered_by_place
from app.db.derived import search_column, sort_column
from app.db.search import search_index
from app.db.session import BlindIndex, Choice, Encrypted, UtcDateTime
from app.db.tables.places import Region


class Enterprise(Model):
    """A construction enterprise, identified by its unified social credit code."""

    __tablename__ = "enterprise"
    __table_args__ = (
        UniqueConstraint("uscc", name="uq_enterprise_uscc"),
        UniqueConstraint("id", "region_code", name="uq_enterprise_place"),  # for the keys of ``lies_with``
        CheckConstraint("length(uscc) = 18", name="ck_enterprise_uscc_length"),
        choice_check("enterprise", "source", AccountSource),
        choice_check("enterprise", "registration", Registration),
        Index("ix_enterprise_name_sort", "name_sort", "id"),
        search_index("enterprise"),
        Index("ix_enterprise_registration", "registration", "name_sort", "id"),
        Index("ix_enterprise_registration_uscc", "registration", "uscc"),
        Index("ix_enterprise_name", "name", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    uscc: Mapped[str] = mapped_column(String(18))
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", name="fk_enterprise_region"), index=True)
    address: Mapped[str] = mapped_column(String(200), default="")
    legal_representative: Mapped[str] = mapped_column(String(50), default="")
    contact: Mapped[str] = mapped_column(String(50), default="")
    contact_mobile: Mapped[str | None] = mapped_column(Encrypted("enterprise.contact_mobile"))
    telephone: Mapped[str] = mapped_column(String(24), default="", server_default="", comment="landline of the office")
    source: Mapped[AccountSource] = mapped_column(Choice(AccountSource), default=AccountSource.CLOUD)
    registration: Mapped[Registration] = mapped_column(Choice(Registration), default=Registration.APPROVED)
    registration_note: Mapped[str] = mapped_column(String(200), default="", server_default="", comment="why it was rejected")
    registered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="self-registration on the sign-in page")
    licence_digest: Mapped[str] = mapped_column(String(64), default="", server_default="", comment="scan; see files.storage")
    licence_mime: Mapped[str] = mapped_column(String(40), default="", server_default="")
    licence_name: Mapped[str] = mapped_column(
        String(120), default="", server_default="", comment="on its business licence, as last presented"
    )
    name_sort: Mapped[str] = sort_column("name")
    search: Mapped[str] = search_column("name", numbers=("uscc",))

    region: Mapped[Region] = relationship()
    qualifications: Mapped[list[Qualification]] = relationship(back_populates="enterprise")

    def __repr__(self) -> str:
        return self.name


class Account(FabUser):
    """An account. ``first_name`` holds the full name."""

    __tablename__ = "ab_user"

    mobile: Mapped[str | None] = mapped_column(Encrypted("account.mobile"))
    mobile_key: Mapped[str | None] = mapped_column(BlindIndex("account.mobile"), index=True)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code", name="fk_account_region"))
    enterprise_id: Mapped[int | None] = mapped_column(ForeignKey("enterprise.id", name="fk_account_enterprise"), index=True)
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    password_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    region: Mapped[Region | None] = relationship()
    enterprise: Mapped[Enterprise | None] = relationship()

    @validates("mobile")
    def _index_mobile(self, _key: str, value: str | None) -> str | None:
        self.mobile_key = value
        return value

    def get_full_name(self) -> str:
        return f"{self.last_name}{self.first_name}"

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile) if self.mobile else ""

    def __repr__(self) -> str:
        return self.get_full_name()


Index("ix_ab_user_first_name", FabUser.first_name, FabUser.id)
Index("ix_ab_user_last_login", FabUser.last_login, FabUser.id)


class Qualification(Model):
    """A construction qualification certificate of an enterprise (资质)."""

    __tablename__ = "qualification"
    __table_args__ = (
        UniqueConstraint("enterprise_id", "number", name="uq_qualification_number"),
        CheckConstraint("valid_to >= valid_from", name="ck_qualification_validity_order"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id", name="fk_qualification_enterprise"), index=True)
    number: Mapped[str] = mapped_column(String(60))
    kind_and_grade: Mapped[str] = mapped_column(String(200))
    valid_from: Mapped[date]
    valid_to: Mapped[date]

    enterprise: Mapped[Enterprise] = relationship(back_populates="qualifications")

    def __repr__(self) -> str:
        return self.number


class Person(Model):
    """A natural person, one row per ID number across employers. ``enterprise`` is the present employer."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("id_number_key", name="uq_person_id_number"),
        UniqueConstraint("id", "region_code", name="uq_person_place"),  # for the keys of ``lies_with``
        lies_with("person", "enterprise", name="enterprise"),
        CheckConstraint("(enterprise_id IS NULL) = (region_code = '')", name="ck_person_placed_iff_employed"),
        choice_check("person", "sex", Sex),
        choice_check("person", "education", Education),
        choice_check("person", "technical_title", TechnicalTitle),
        choice_check("person", "position", Position),
        choice_check("person", "banned_for", MeasureGround),
        Index("ix_person_name_sort", "name_sort", "id"),
        search_index("person"),
        Index("ix_person_enterprise", "enterprise_id", "id"),
        Index("ix_person_enterprise_name", "enterprise_id", "name_sort", "id"),
        ordered_by_place("person"),
        ordered_by_place("person", "name_sort"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int | None] = mapped_column()
    region_code: Mapped[str] = mapped_column(String(6), comment="of the enterprise; empty without one; see db.row_regions")
    name: Mapped[str] = mapped_column(String(50))
    id_number: Mapped[str] = mapped_column(Encrypted("person.id_number"))
    id_number_key: Mapped[str] = mapped_column(BlindIndex("person.id_number"))
    sex: Mapped[Sex] = mapped_column(Choice(Sex))
    birth_date: Mapped[date]
    mobile: Mapped[str | None] = mapped_column(Encrypted("person.mobile"))
    education: Mapped[Education | None] = mapped_column(Choice(Education))
    major: Mapped[str] = mapped_column(String(60), default="")
    technical_title: Mapped[TechnicalTitle | None] = mapped_column(Choice(TechnicalTitle))
    position: Mapped[Position | None] = mapped_column(Choice(Position))
    banned_until: Mapped[date | None] = mapped_column(comment="no exam and no new application before this day")
    banned_for: Mapped[MeasureGround | None] = mapped_column(Choice(MeasureGround), comment="why; set by a measure")
    name_sort: Mapped[str] = sort_column("name")
    search: Mapped[str] = search_column("name")

    enterprise: Mapped[Enterprise | None] = relationship(
        primaryjoin=lambda: Person.enterprise_id == Enterprise.id, foreign_keys=[enterprise_id]
    )

    @validates("id_number")
    def _derive_from_id_number(self, _key: str, value: str) -> str:
        self.id_number_key = value
        self.sex = sex(value)
        self.birth_date = birth_date(value)
        return value

    @property
    def masked_id_number(self) -> str:
        return mask_id(self.id_number)

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile) if self.mobile else ""

    def __repr__(self) -> str:
        return self.name
