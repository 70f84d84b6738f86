"""External identities, challenges, sessions and past passwords of accounts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState, IdentityKind, SessionEndReason, SignInMethod
from app.db.constraints import choice_check
from app.db.session import Choice, EncryptedRecord, UtcDateTime
from app.db.tables.parties import Account


class ExternalIdentity(Model):
    """A certificate or business licence that identifies an account, by issuer and subject; a name alone never does."""

    __tablename__ = "identity"
    __table_args__ = (
        UniqueConstraint("kind", "issuer", "subject", name="uq_identity"),
        choice_check("identity", "kind", IdentityKind),
        CheckConstraint("issuer <> '' AND subject <> ''", name="ck_identity_says_whose"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_identity_account"), index=True)
    kind: Mapped[IdentityKind] = mapped_column(Choice(IdentityKind))
    issuer: Mapped[str] = mapped_column(String(64), comment="digest of a certificate's issuer; name of a licence platform")
    subject: Mapped[str] = mapped_column(String(64), comment="serial number or credit code given by the issuer")
    label: Mapped[str] = mapped_column(String(200), default="", comment="name on it, for display")
    not_after: Mapped[date | None]
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[str] = mapped_column(String(130))

    account: Mapped[Account] = relationship()


class Challenge(Model):
    """A one-time challenge with a short life, bound to the requesting browser; see ``accounts.challenges``."""

    __tablename__ = "challenge"
    __table_args__ = (
        choice_check("challenge", "kind", ChallengeKind),
        choice_check("challenge", "state", ChallengeState),
        CheckConstraint("length(id) = 32", name="ck_challenge_id_length"),
        CheckConstraint("tries >= 0", name="ck_challenge_tries"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, comment="128 random bits in hex")
    kind: Mapped[ChallengeKind] = mapped_column(Choice(ChallengeKind))
    state: Mapped[ChallengeState] = mapped_column(Choice(ChallengeState), default=ChallengeState.NEW)
    browser: Mapped[str] = mapped_column(String(40), comment="digest of the requesting browser's cookie")
    nonce: Mapped[str] = mapped_column(String(64), comment="256 random bits in hex")
    mark: Mapped[str] = mapped_column(String(40), default="", comment="digest of the expected answer, if there is one")
    tries: Mapped[int] = mapped_column(default=0)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", name="fk_challenge_account"), index=True)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(EncryptedRecord("challenge.evidence"))
    address: Mapped[str] = mapped_column(String(45), default="")
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class UserSession(Model):
    """One session of an account. The cookie holds the key; the table holds only its digest."""

    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("key", name="uq_visit_key"),
        choice_check("visit", "way", SignInMethod),
        choice_check("visit", "ended_why", SessionEndReason),
        CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name="ck_visit_ended_iff_said_why"),
        Index("ix_visit_account", "account_id", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(40), comment="digest of the 256 random bits in the cookie")
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_visit_account"))
    way: Mapped[SignInMethod] = mapped_column(Choice(SignInMethod))
    strong_at: Mapped[datetime | None] = mapped_column(UtcDateTime, comment="when a second factor was confirmed")
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, comment="at the latest, even if in use")
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_why: Mapped[SessionEndReason | None] = mapped_column(Choice(SessionEndReason))
    address: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="", comment="User-Agent of the browser")

    account: Mapped[Account] = relationship()


class InterruptedForm(Model):
    """What an account sent after its session had lapsed; see ``accounts.interrupted_forms``."""

    __tablename__ = "interrupted_form"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_interrupted_form_account"), index=True)
    path: Mapped[str] = mapped_column(String(200), comment="of the page with the form")
    sent: Mapped[dict[str, Any]] = mapped_column(EncryptedRecord("interrupted_form.sent"), comment="names and values")
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class PastPassword(Model):
    """Hash of a former password of an account, so that it is not reused."""

    __tablename__ = "past_password"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", name="fk_past_password_account"), index=True)
    hash: Mapped[str] = mapped_column(String(256))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
