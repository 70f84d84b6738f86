"""Changes of privileged accounts, which one administrator asks for and another one confirms."""

from __future__ import annotations

from datetime import date, datetime

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.identifiers import mask_mobile
from app.core.sign_in_vocabulary import PrivilegedChangeKind, PrivilegedChangeState
from app.core.vocabulary import AUTHORITY, Role
from app.db.constraints import choice_check, one_of, partial_index
from app.db.session import Choice, Encrypted, UtcDateTime
from app.db.tables.parties import Account
from app.db.tables.places import Region

ASKED, UNDECIDED = PrivilegedChangeState.ASKED, (PrivilegedChangeState.RETRACTED, PrivilegedChangeState.LAPSED)


class PrivilegedChange(Model):
    """What one administrator asks to change of a privileged account, and what the other one decided.

    Only ``accounts.privileged_changes`` writes ``state``. The database, too, refuses a decision by whoever asked or holds the
    account.
    """

    __tablename__ = "privileged_change"
    __table_args__ = (
        choice_check("privileged_change", "kind", PrivilegedChangeKind),
        choice_check("privileged_change", "state", PrivilegedChangeState),
        choice_check("privileged_change", "role", AUTHORITY),
        choice_check("privileged_change", "asked_as", (Role.ADMIN, Role.SECURITY_ADMIN)),
        CheckConstraint("reason <> ''", name="ck_privileged_change_with_reason"),
        CheckConstraint(f"(state = {ASKED.value!r}) = (decided_at IS NULL)", name="ck_privileged_change_decided"),
        CheckConstraint(
            f"decided_by_id NOT IN (asked_by_id, account_id) OR {one_of('state', UNDECIDED)}",
            name="ck_privileged_change_two_people",
        ),
        CheckConstraint(
            f"(kind = {PrivilegedChangeKind.CERTIFICATE.value!r}) = (subject <> '')", name="ck_privileged_change_certificate"
        ),
        Index("uq_privileged_change_one_asked", "account_id", unique=True, **partial_index(f"state = {ASKED.value!r}")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_privileged_change_account"), index=True)
    kind: Mapped[PrivilegedChangeKind] = mapped_column(Choice(PrivilegedChangeKind))
    role: Mapped[Role | None] = mapped_column(Choice(Role), comment="of a change of role; NULL: none any more")
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code", name="fk_privileged_change_region"))
    mobile: Mapped[str | None] = mapped_column(
        Encrypted("privileged_change.mobile"), comment="of a change of role or mobile; NULL: none any more"
    )
    issuer: Mapped[str] = mapped_column(String(64), default="", comment="of a certificate, as in identity")
    subject: Mapped[str] = mapped_column(String(64), default="")
    label: Mapped[str] = mapped_column(String(200), default="")
    not_after: Mapped[date | None]
    seen: Mapped[str] = mapped_column(String(40), comment="digest of the account as it was when this was asked")
    reason: Mapped[str] = mapped_column(String(500))
    state: Mapped[PrivilegedChangeState] = mapped_column(Choice(PrivilegedChangeState), default=ASKED, index=True)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_privileged_change_asker"))
    asked_by: Mapped[str] = mapped_column(String(130))
    asked_as: Mapped[Role] = mapped_column(Choice(Role))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lapses_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_privileged_change_decider"))
    decided_by: Mapped[str] = mapped_column(String(130), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision_reason: Mapped[str] = mapped_column(String(500), default="")

    account: Mapped[Account] = relationship(foreign_keys=[account_id])
    region: Mapped[Region | None] = relationship()

    @property
    def masked_mobile(self) -> str:
        return mask_mobile(self.mobile) if self.mobile else ""

    def __repr__(self) -> str:
        return f"{self.account_id} {self.kind.value}"
