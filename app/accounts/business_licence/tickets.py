"""The ticket behind a QR code: begun by a browser, answered by a telephone, used once by the same browser.

No table of seen ``jti`` is needed: an assertion names a ticket (``cid``) and its nonce, which no page or code shows, and a
ticket accepts one assertion by a conditional UPDATE, so a replay has no effect.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.accounts import challenges
from app.accounts.business_licence.assertion import Assertion, BadAssertion
from app.accounts.role_assignment import roles_of
from app.core.errors import NotFound, Refusal, Stale
from app.core.identifiers import BadNumber, fold_enterprise_name, parse_credit_code
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState, LicenceStanding, LicenceStep, TicketState
from app.core.vocabulary import Role
from app.models import Account, Challenge, Enterprise

KIND = ChallengeKind.LICENCE
NEW, SCANNED, CONFIRMED = ChallengeState.NEW, ChallengeState.SCANNED, ChallengeState.CONFIRMED
REJECTED, CONSUMED = ChallengeState.REJECTED, ChallengeState.CONSUMED

# Why a ticket was rejected. Shown to the browser, so nothing here may depend on which enterprise it is.
REJECTION_TEXTS: Mapping[str, object] = {
    "declined": _("The sign-in was declined on the telephone."),
    "wrong-number": _(
        "The number typed on the telephone was not the one on this page, so this code has been cancelled. Scan only codes "
        "that you asked for yourself."
    ),
    "licence-cancelled": _("This business licence has been cancelled, so nobody can sign in with it."),
    "licence-abnormal": _(
        "This business licence is listed as abnormal, so nobody can sign in with it. Please put that right with the market "
        "regulator first, or sign in another way."
    ),
    "bad-credit-code": _(
        "The platform named a credit code that cannot be one. Please sign in another way and tell the office."
    ),
}
REPLACED = _("This code no longer counts: a newer one was asked for in this browser.")


def begin(session: Session, browser: str, *, at: datetime, seconds: int, address: str) -> Challenge:
    """A new ticket for this browser; rejects its earlier ones."""
    challenges.void(session, KIND, browser=browser)
    evidence = {"number": f"{secrets.randbelow(90) + 10}"}
    lasts = timedelta(seconds=seconds)
    return challenges.begin(session, KIND, browser, at=at, lasts=lasts, evidence=evidence, address=address)


def get_own(session: Session, cid: str, browser: str) -> Challenge:
    """The browser's own ticket; raises ``NotFound``."""
    if not re.fullmatch("[0-9a-f]{32}", cid):
        raise NotFound
    return challenges.get_own(session, cid, KIND, browser)


def state_of(ticket: Challenge, at: datetime) -> TicketState:
    """The state of a ticket as its page polls for it."""
    if ticket.state in (CONSUMED, REJECTED):
        return TicketState.USED if ticket.state is CONSUMED else TicketState.REJECTED
    if not challenges.is_alive(ticket, at):
        return TicketState.EXPIRED
    return {NEW: TicketState.WAITING, SCANNED: TicketState.SCANNED}.get(ticket.state, TicketState.CONFIRMED)


def refusal(ticket: Challenge) -> Refusal | None:
    """Why a ticket was rejected; None if it was not."""
    if ticket.state is not REJECTED:
        return None
    why = str((ticket.evidence or {}).get("why") or "replaced")
    return Refusal(why, REJECTION_TEXTS.get(why, REPLACED))


def apply_assertion(session: Session, assertion: Assertion, *, at: datetime, seconds: int) -> ChallengeState:
    """Apply a verified assertion to its ticket and return the ticket's state. The caller commits.

    Raises ``NotFound`` for no ticket, ``BadAssertion`` for another ticket's nonce, ``Stale`` if too late. Idempotent. A
    confirmed ticket is valid for another ``seconds``, to be used.
    """
    ticket = session.get(Challenge, assertion.cid)
    if ticket is None or ticket.kind is not KIND:
        raise NotFound
    if not hmac.compare_digest(ticket.nonce, assertion.nonce):
        raise BadAssertion("the nonce of another ticket")
    stored: dict[str, Any] = dict(ticket.evidence or {})
    to, evidence = _outcome(assertion, stored)
    was = [NEW] if to is SCANNED else [SCANNED, NEW]
    extended: dict[str, Any] = {"expires_at": at + timedelta(seconds=seconds)} if to is CONFIRMED else {}
    for state in was:
        if challenges.advance(session, assertion.cid, KIND, state, to, at=at, evidence=evidence, **extended):
            return to
    now = session.get_one(Challenge, assertion.cid)
    if (to is SCANNED and now.state in (SCANNED, CONFIRMED, CONSUMED)) or (now.evidence or {}).get("jti") == assertion.jti:
        return now.state
    raise Stale


def _outcome(assertion: Assertion, stored: Mapping[str, Any]) -> tuple[ChallengeState, dict[str, Any]]:
    """The next state and evidence of a ticket; ``stored`` is its evidence so far."""
    if assertion.step is LicenceStep.SCANNED:
        return SCANNED, dict(stored)
    why, uscc = _rejection(assertion, str(stored["number"]))
    if why:
        return REJECTED, {**stored, "jti": assertion.jti, "why": why, "uscc": uscc}
    assert assertion.holder is not None  # noqa: S101 - set for CONFIRMED
    return CONFIRMED, {
        **stored, "jti": assertion.jti, "uscc": uscc, "name": assertion.name, "serial": assertion.serial,
        "holder": assertion.holder.value,
    }  # fmt: skip


def _rejection(assertion: Assertion, number: str) -> tuple[str, str]:
    """Why the assertion is rejected ("" if it is not), and the normalised credit code."""
    if assertion.step is LicenceStep.REJECTED:
        return "declined", ""
    try:
        uscc = parse_credit_code(assertion.uscc)
    except BadNumber:
        return "bad-credit-code", ""
    if not hmac.compare_digest(number.encode(), assertion.number.encode()):
        return "wrong-number", uscc
    standing = {LicenceStanding.CANCELLED: "licence-cancelled", LicenceStanding.ABNORMAL: "licence-abnormal"}
    return standing.get(assertion.standing, "") if assertion.standing else "licence-abnormal", uscc


def enterprise_of(session: Session, ticket: Challenge) -> Enterprise | None:
    """The registered enterprise of a ticket's licence, by credit code only."""
    uscc = (ticket.evidence or {}).get("uscc")
    return session.scalars(select(Enterprise).where(Enterprise.uscc == uscc)).one_or_none() if uscc else None


def accounts_of(session: Session, enterprise: Enterprise) -> list[Account]:
    """The active clerks of an enterprise, who may sign in with its licence."""
    query = select(Account).where(Account.enterprise_id == enterprise.id, Account.active).options(joinedload(Account.roles))
    accounts = session.scalars(query.order_by(Account.id)).unique()
    return [account for account in accounts if Role.ENTERPRISE_CLERK in roles_of(account)]


def use_ticket(session: Session, ticket: Challenge, browser: str, *, at: datetime) -> Mapping[str, Any]:
    """Consume a confirmed ticket and return its evidence; raises ``Stale`` if it was consumed before or has expired."""
    evidence = dict(ticket.evidence or {})
    if not challenges.advance(session, ticket.id, KIND, CONFIRMED, CONSUMED, at=at, browser=browser):
        raise Stale(_("This code has been used already or has expired. Please ask for a new one."))
    return evidence


def name_differs(enterprise: Enterprise) -> bool:
    """Whether the licence, when last shown, had another name than the registered one, which stays unchanged."""
    name = enterprise.licence_name
    return bool(name) and fold_enterprise_name(name) != fold_enterprise_name(enterprise.name[:120])
