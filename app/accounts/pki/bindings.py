"""Whose a certificate is: bound to one account, by its authority and serial number and by nothing else on it.

Law: a certificate belongs to one account; the column says so. What is newly revoked ends the sessions it opened.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import sessions
from app.accounts.pki.verify import CertIdentity, NotProved
from app.core.clock import office_day
from app.core.errors import AppError
from app.core.vocabulary import IdentityKind, SessionEndReason
from app.models import Account, ExternalIdentity

EXPIRY_WARNING = timedelta(days=30)  # a certificate that runs out within so long is worth a word


def find_binding(session: Session, known: CertIdentity) -> ExternalIdentity | None:
    wanted = select(ExternalIdentity).where(
        ExternalIdentity.kind == IdentityKind.CERTIFICATE,
        ExternalIdentity.issuer == known.issuer,
        ExternalIdentity.subject == known.subject,
    )
    return session.scalars(wanted).one_or_none()


def account_of(session: Session, known: CertIdentity) -> Account:
    """The account this certificate opens; raises ``NotProved`` for one that nobody has bound."""
    found = find_binding(session, known)
    if found is None:
        raise NotProved(
            _("This certificate is sound, but belongs to no account here. Enterprises: sign in with your user name and bind "
              "it under “My certificates”. Officers: ask the administrator."),
            code="certificate-unbound",
        )  # fmt: skip
    return found.account


def bind(session: Session, account_id: int, known: CertIdentity, *, by: str, at: datetime) -> ExternalIdentity:
    """Let a certificate open this account, too. The caller commits, and minds a twin that was quicker."""
    if find_binding(session, known) is not None:
        raise AppError(_("This certificate is bound already, to this account or another."), code="certificate-taken")
    made = ExternalIdentity(
        account_id=account_id, kind=IdentityKind.CERTIFICATE, issuer=known.issuer, subject=known.subject,
        label=known.label, not_after=office_day(known.not_after), added_at=at, added_by=by[:130],
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def bindings_of(session: Session, account_id: int) -> list[ExternalIdentity]:
    wanted = select(ExternalIdentity).where(
        ExternalIdentity.account_id == account_id, ExternalIdentity.kind == IdentityKind.CERTIFICATE
    )
    return list(session.scalars(wanted.order_by(ExternalIdentity.id)))


def expires_soon(session: Session, account_id: int, on: date) -> date | None:
    """The day on which a certificate of this account runs out, if that is soon and no other one lasts longer."""
    days = [one.not_after for one in bindings_of(session, account_id) if one.not_after is not None]
    last = max(days, default=None)
    return last if last is not None and on <= last <= on + EXPIRY_WARNING else None


def end_sessions_of(session: Session, authority: str, serials: Collection[int], *, at: datetime) -> int:
    """Whoever came in with one of these certificates is out; says how many accounts. The caller commits."""
    of_it = select(ExternalIdentity).where(
        ExternalIdentity.kind == IdentityKind.CERTIFICATE, ExternalIdentity.issuer == authority
    )
    written = {f"{serial:x}" for serial in serials}
    accounts = {one.account_id for one in session.scalars(of_it) if one.subject in written}
    for account_id in accounts:
        sessions.end_all(session, account_id, SessionEndReason.REVOKED, at=at)
    return len(accounts)
