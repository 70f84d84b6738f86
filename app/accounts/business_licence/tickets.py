"""The ticket behind a square code: begun by a browser, answered by a telephone, used once by the browser that began it.

An assertion needs no table of the ``jti`` that were seen: it names one ticket (``cid``), holds that ticket's nonce, which is
in no code and on no page, and a ticket takes one assertion by a conditional UPDATE. Played again, it finds the ticket taken.
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
from app.core.errors import NotFound, Refusal, Stale
from app.core.identifiers import BadNumber, fold_enterprise_name, parse_credit_code
from app.core.vocabulary import ChallengeKind, ChallengeState, LicenceStanding, LicenceStep, Role, TicketState
from app.models import Account, Challenge, Enterprise

KIND = ChallengeKind.LICENCE
NEW, SCANNED, CONFIRMED = ChallengeState.NEW, ChallengeState.SCANNED, ChallengeState.CONFIRMED
REJECTED, CONSUMED = ChallengeState.REJECTED, ChallengeState.CONSUMED

# Why a ticket was turned down; nothing here depends on who the enterprise is, so the browser may read it.
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
}  # fmt: skip
REPLACED = _("This code no longer counts: a newer one was asked for in this browser.")


def begin(session: Session, browser: str, *, at: datetime, seconds: int, address: str) -> Challenge:
    """A fresh ticket for this browser; what it asked for before counts no longer."""
    challenges.void(session, KIND, browser=browser)
    shown = {"number": f"{secrets.randbelow(90) + 10}"}
    lasts = timedelta(seconds=seconds)
    return challenges.begin(session, KIND, browser, at=at, lasts=lasts, evidence=shown, address=address)


def get_own(session: Session, cid: str, browser: str) -> Challenge:
    """The browser's own ticket; raises ``NotFound``, whether it is another's or nobody's."""
    if not re.fullmatch("[0-9a-f]{32}", cid):
        raise NotFound
    return challenges.get_own(session, cid, KIND, browser)


def state_of(ticket: Challenge, at: datetime) -> TicketState:
    """How a ticket stands, in the one word that its page polls for."""
    if ticket.state in (CONSUMED, REJECTED):
        return TicketState.USED if ticket.state is CONSUMED else TicketState.REJECTED
    if not challenges.is_alive(ticket, at):
        return TicketState.EXPIRED
    return {NEW: TicketState.WAITING, SCANNED: TicketState.SCANNED}.get(ticket.state, TicketState.CONFIRMED)


def refusal(ticket: Challenge) -> Refusal | None:
    """Why a ticket was turned down, if it was."""
    if ticket.state is not REJECTED:
        return None
    why = str((ticket.evidence or {}).get("why") or "replaced")
    return Refusal(why, REJECTION_TEXTS.get(why, REPLACED))


def apply_assertion(session: Session, told: Assertion, *, at: datetime, seconds: int) -> ChallengeState:
    """Bring a believed assertion to its ticket; the state the ticket is in now. The caller commits.

    Raises ``BadAssertion`` where it belongs to another ticket, ``NotFound`` for no ticket, ``Stale`` where it comes too late.
    What was taken before is taken again without effect. A confirmed ticket lives for as long again, to be used.
    """
    ticket = session.get(Challenge, told.cid)
    if ticket is None or ticket.kind is not KIND:
        raise NotFound
    if not hmac.compare_digest(ticket.nonce, told.nonce):
        raise BadAssertion("the nonce of another ticket")
    seen: dict[str, Any] = dict(ticket.evidence or {})
    to, evidence = _answer(told, seen)
    was = [NEW] if to is SCANNED else [SCANNED, NEW]
    kept: dict[str, Any] = {"expires_at": at + timedelta(seconds=seconds)} if to is CONFIRMED else {}
    for state in was:
        if challenges.advance(session, told.cid, KIND, state, to, at=at, evidence=evidence, **kept):
            return to
    now = session.get_one(Challenge, told.cid)
    if (to is SCANNED and now.state in (SCANNED, CONFIRMED, CONSUMED)) or (now.evidence or {}).get("jti") == told.jti:
        return now.state
    raise Stale


def _answer(told: Assertion, seen: Mapping[str, Any]) -> tuple[ChallengeState, dict[str, Any]]:
    """What an assertion makes of a ticket on which ``seen`` was written so far."""
    if told.step is LicenceStep.SCANNED:
        return SCANNED, dict(seen)
    why, uscc = _against(told, str(seen["number"]))
    if why:
        return REJECTED, {**seen, "jti": told.jti, "why": why, "uscc": uscc}
    assert told.holder is not None  # noqa: S101 - of a confirmed one it is read
    return CONFIRMED, {
        **seen, "jti": told.jti, "uscc": uscc, "name": told.name, "serial": told.serial, "holder": told.holder.value,
    }  # fmt: skip


def _against(told: Assertion, number: str) -> tuple[str, str]:
    """What stands against letting anybody in on this, and the credit code in its one spelling."""
    if told.step is LicenceStep.REJECTED:
        return "declined", ""
    try:
        uscc = parse_credit_code(told.uscc)
    except BadNumber:
        return "bad-credit-code", ""
    if not hmac.compare_digest(number.encode(), told.number.encode()):
        return "wrong-number", uscc
    standing = {LicenceStanding.CANCELLED: "licence-cancelled", LicenceStanding.ABNORMAL: "licence-abnormal"}
    return standing.get(told.standing, "") if told.standing else "licence-abnormal", uscc


def enterprise_of(session: Session, ticket: Challenge) -> Enterprise | None:
    """The enterprise on our books that a ticket's licence is of: by its credit code, never by its name."""
    uscc = (ticket.evidence or {}).get("uscc")
    return session.scalars(select(Enterprise).where(Enterprise.uscc == uscc)).one_or_none() if uscc else None


def accounts_of(session: Session, enterprise: Enterprise) -> list[Account]:
    """Who acts for an enterprise and may come in with its licence."""
    wanted = select(Account).where(Account.enterprise_id == enterprise.id, Account.active).options(joinedload(Account.roles))
    found = session.scalars(wanted.order_by(Account.id)).unique()
    return [account for account in found if Role.ENTERPRISE_CLERK.value in {role.name for role in account.roles}]


def use_ticket(session: Session, ticket: Challenge, browser: str, *, at: datetime) -> Mapping[str, Any]:
    """Use a confirmed ticket up, once; what was shown with it. Raises ``Stale`` for whoever comes second or too late."""
    shown = dict(ticket.evidence or {})
    if not challenges.advance(session, ticket.id, KIND, CONFIRMED, CONSUMED, at=at, browser=browser):
        raise Stale(_("This code has been used already or has expired. Please ask for a new one."))
    return shown


def store_licence_name(enterprise: Enterprise, name: str) -> None:
    """Keep the name that the licence bears. What it is called here stays: see ``name_differs``."""
    enterprise.licence_name = name[:120]


def name_differs(enterprise: Enterprise) -> bool:
    """Whether the licence, when last shown, bore another name than our books."""
    shown = enterprise.licence_name
    return bool(shown) and fold_enterprise_name(shown) != fold_enterprise_name(enterprise.name[:120])
