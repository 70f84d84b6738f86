"""Certificates bound to accounts, by authority and serial number only; each to at most one account (unique constraint)."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import sessions
from app.accounts.pki.verify import CertIdentity, NotProved
from app.core.clock import office_day
from app.core.errors import AppError
from app.core.sign_in_vocabulary import IdentityKind, SessionEndReason
from app.models import Account, ExternalIdentity

TAKEN = _("This certificate is bound already, to this account or another.")
EXPIRY_WARNING = timedelta(days=30)  # before a certificate's last day


def find_binding(session: Session, known: CertIdentity) -> ExternalIdentity | None:
    query = select(ExternalIdentity).where(
        ExternalIdentity.kind == IdentityKind.CERTIFICATE,
        ExternalIdentity.issuer == known.issuer,
        ExternalIdentity.subject == known.subject,
    )
    return session.scalars(query).one_or_none()


def account_of(session: Session, known: CertIdentity) -> Account:
    """The account this certificate is bound to; raises ``NotProved`` if none."""
    binding = find_binding(session, known)
    if binding is None:
        raise NotProved(
            _("This certificate is sound, but belongs to no account here. Enterprises: sign in with your user name and bind "
              "it under “My certificates”. Officers: ask the administrator."),
            code="certificate-unbound",
        )  # fmt: skip
    return binding.account


def bind(session: Session, account_id: int, known: CertIdentity, *, by: str, at: datetime) -> ExternalIdentity:
    """Bind a certificate to this account. The caller commits and handles a concurrent binding (``IntegrityError``)."""
    if find_binding(session, known) is not None:
        raise AppError(TAKEN, code="certificate-taken")
    return add(session, account_id, facts_of(known), by=by, at=at)


def facts_of(known: CertIdentity) -> dict[str, Any]:
    """The columns in which a certificate is stored."""
    label, last = known.label, office_day(known.not_after)
    return {"issuer": known.issuer, "subject": known.subject, "label": label, "not_after": last}


def add(session: Session, account_id: int, facts: dict[str, Any], *, by: str, at: datetime) -> ExternalIdentity:
    """Store a binding; ``IntegrityError`` if the certificate is bound already."""
    kind = IdentityKind.CERTIFICATE
    binding = ExternalIdentity(account_id=account_id, kind=kind, added_at=at, added_by=by[:130], **facts)
    session.add(binding)
    session.flush()
    return binding


def bindings_of(session: Session, account_id: int) -> list[ExternalIdentity]:
    query = select(ExternalIdentity).where(
        ExternalIdentity.account_id == account_id, ExternalIdentity.kind == IdentityKind.CERTIFICATE
    )
    return list(session.scalars(query.order_by(ExternalIdentity.id)))


def expires_soon(session: Session, account_id: int, on: date) -> date | None:
    """The last day of the account's longest-lasting certificate, if within ``EXPIRY_WARNING``."""
    days = [binding.not_after for binding in bindings_of(session, account_id) if binding.not_after is not None]
    last = max(days, default=None)
    return last if last is not None and on <= last <= on + EXPIRY_WARNING else None


def end_sessions_of(session: Session, authority: str, serials: Collection[int], *, at: datetime) -> int:
    """End the sessions of accounts with one of these certificates; returns how many accounts. The caller commits."""
    issued = select(ExternalIdentity).where(
        ExternalIdentity.kind == IdentityKind.CERTIFICATE, ExternalIdentity.issuer == authority
    )
    revoked = {f"{serial:x}" for serial in serials}
    accounts = {binding.account_id for binding in session.scalars(issued) if binding.subject in revoked}
    for account_id in accounts:
        sessions.end_all(session, account_id, SessionEndReason.REVOKED, at=at)
    return len(accounts)
