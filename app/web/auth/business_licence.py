"""Sign-in by electronic business licence (manual R32–R34): a QR code on the page, confirmed on the telephone.

A ticket belongs to the browser that asked for it (``pre_login_cookie``); for any other browser it does not exist. The
enterprise is taken from the platform's signed assertion only.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import jsonify, make_response, redirect, request, url_for
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from app.accounts import rate_limit
from app.accounts.business_licence import tickets
from app.accounts.business_licence.assertion import MOST_BYTES, Assertion, BadAssertion
from app.accounts.business_licence.provider import LicencePlatformUnavailable, LicenceProvider, Ticket
from app.certificates.qr.symbol import svg
from app.core.errors import AppError, NotFound, Refusal, Stale, TooMany
from app.core.identifiers import mask_name
from app.core.sign_in_vocabulary import ChallengeState, SignInMethod, TicketState
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db
from app.models import Account, Challenge, Enterprise
from app.web import request_context
from app.web.auth import pre_login_cookie
from app.web.auth.security_manager import landing
from app.web.auth.sign_in import NotAdmitted, Proof, admit, objections_of
from app.web.base.fab import BaseView, expose, no_cache

log = logging.getLogger(__name__)

TICKETS_PER_ADDRESS, TICKET_WINDOW = 30, 15 * 60
MISSES_PER_MINUTE = 60  # requests for unknown tickets
CALLBACKS_PER_MINUTE = 120  # refused ones, of one address
OPEN = (TicketState.WAITING, TicketState.SCANNED)


class LicenceView(BaseView):
    """``/login/licence/``. Registered where a platform is configured, or simulated."""

    route_base = "/login/licence"
    default_view = "form"

    @expose("/", methods=["GET"])
    @no_cache
    def form(self) -> Response:
        return redirect(landing(_wish())) if current_user.is_authenticated else self._page()

    @expose("/start", methods=["POST"])
    def start(self) -> Response:
        session, at = db.session(), request_context.now()
        try:
            request_context.count_use("licence-start", TICKETS_PER_ADDRESS, TICKET_WINDOW)
            cid = self._begin(session, at)
        except (TooMany, LicencePlatformUnavailable) as error:
            session.rollback()
            return self._page(refusals=error.refusals, status=error.status)
        return redirect(url_for(".ticket", cid=cid, next=_wish() or None), 303)

    def _begin(self, session: Session, at: datetime) -> str:
        """The id of a new ticket, announced to the platform; no lock is held meanwhile."""
        office, place = request_context.current_office(), request_context.address()
        browser = pre_login_cookie.open_browser()
        begun = tickets.begin(session, browser, at=at, seconds=office.licence_seconds, address=place)
        site = f"{office.system_name} {office.public_url}"
        ticket = Ticket(begun.id, begun.nonce, site, place, begun.made_at, begun.expires_at)
        session.commit()
        code = platform().start(ticket, at=at)
        begun = tickets.get_own(session, ticket.cid, browser)
        begun.evidence = {**(begun.evidence or {}), "code": code}
        session.commit()
        return ticket.cid

    @expose("/<cid>", methods=["GET"])
    @no_cache
    def ticket(self, cid: str) -> Response:
        return redirect(landing(_wish())) if current_user.is_authenticated else self._page(_own(cid))

    @expose("/<cid>/state", methods=["GET"])
    @no_cache
    def state(self, cid: str) -> Response:
        """What the page polls: the state, and the seconds left."""
        return _state_json(_own(cid))

    @expose("/<cid>/ask", methods=["POST"])
    def ask(self, cid: str) -> Response:
        """Query the platform, since not every platform can reach our callback."""
        try:
            return _state_json(_queried(_own(cid)))
        except (BadAssertion, LicencePlatformUnavailable, Stale) as error:
            log.warning("licence platform asked: %s", getattr(error, "why", error.code))
            return _state_json(_own(cid))

    @expose("/<cid>/finish", methods=["POST"])
    def finish(self, cid: str) -> Response:
        """Sign in with a confirmed ticket, once; queries the platform first."""
        ticket = _own(cid)
        try:
            ticket = _queried(ticket)
        except (BadAssertion, LicencePlatformUnavailable, Stale) as error:
            log.warning("licence platform asked: %s", getattr(error, "why", error.code))
            return self._page(_own(cid), error.refusals, status=error.status)
        if tickets.state_of(ticket, request_context.now()) is not TicketState.CONFIRMED:
            return self._page(ticket, status=409, early=True)
        return self._finished(db.session(), ticket)

    def _finished(self, session: Session, ticket: Challenge) -> Response:
        at = request_context.now()
        enterprise = tickets.enterprise_of(session, ticket)
        clerks = tickets.accounts_of(session, enterprise) if enterprise is not None else []
        clerk = _chosen(clerks)
        if len(clerks) > 1 and clerk is None:
            return self._choice(ticket, clerks)
        try:
            shown = tickets.use_ticket(session, ticket, pre_login_cookie.browser(), at=at)
        except Stale as error:
            session.rollback()
            return self._page(_own(ticket.id), error.refusals, status=error.status)
        if enterprise is None or clerk is None:
            session.commit()
            return self._nobody(enterprise, shown)
        enterprise.licence_name = str(shown["name"])[:120]
        proof = Proof(clerk, SignInMethod.LICENCE, {"holder": shown["holder"], "licence": shown["serial"]})
        try:
            admit(session, proof, at=at, address=request_context.address())
        except NotAdmitted as error:
            _note(session, enterprise, error.refusals, at)
            session.commit()  # the ticket is used up all the same
            return self._page(refusals=error.refusals, status=error.status)
        session.commit()
        return redirect(landing(_wish()))

    def _choice(self, ticket: Challenge, clerks: Sequence[Account]) -> Response:
        """Several accounts of the enterprise: the user chooses one. The answer uses the ticket up."""
        choices = [(clerk.id, mask_name(clerk.get_full_name()), mask_name(clerk.username)) for clerk in clerks]
        return self.rendered(
            "auth/business_licence_choice.html", title=gettext("Sign in"), cid=ticket.id, choices=choices, wish=_wish()
        )

    def _nobody(self, enterprise: Enterprise | None, shown: Mapping[str, Any]) -> Response:
        """A valid licence of an enterprise that is unknown here or has no usable account."""
        refusals = list(objections_of(enterprise)) if enterprise is not None else []
        return self.rendered(
            "auth/business_licence_nobody.html", 403, title=gettext("Sign in"), name=shown["name"], uscc=shown["uscc"],
            unknown=enterprise is None, refusals=refusals,
        )  # fmt: skip

    @expose("/callback", methods=["POST"])
    def callback(self) -> Response:
        """Called by the platform, without cookie or CSRF token; authenticated by its signature."""
        at, place = request_context.now(), f"licence-callback:{rate_limit.client_network(request_context.address())}"
        db.session().rollback()
        try:
            rate_limit.hit(db.engine, place, limit=CALLBACKS_PER_MINUTE, seconds=60, at=at)
            request.max_content_length = MOST_BYTES
            body = request.get_data(cache=False)
            if len(body) >= MOST_BYTES:  # a body without Content-Length is cut off there
                raise RequestEntityTooLarge
            receive(dict(request.headers), body, at=at)
            rate_limit.refund(db.engine, place, seconds=60, at=at)
        except RequestEntityTooLarge:
            return _json_error("too-large", 413)
        except AppError as error:
            db.session().rollback()
            log.warning("licence callback refused: %s", getattr(error, "why", error.code))
            return _json_error(error.code, error.status)
        return make_response("", 204)

    def _page(
        self, ticket: Challenge | None = None, refusals: Sequence[Refusal] = (), *, status: int = 200, early: bool = False
    ) -> Response:
        at = request_context.now()
        evidence: Mapping[str, Any] = (ticket.evidence or {}) if ticket is not None else {}
        state = tickets.state_of(ticket, at) if ticket is not None else None
        refused = tickets.refusal(ticket) if ticket is not None else None
        return self.rendered(
            "auth/business_licence.html", status, title=gettext("Sign in"), wish=_wish(),
            refusals=[*refusals, *([refused] if refused else [])], ticket=ticket, state=state,
            states=TicketState, number=evidence.get("number"), early=early,
            code=svg(evidence["code"]) if state in OPEN and "code" in evidence else "",
            left=_left(ticket, at) if ticket is not None else 0,
            simulated=request_context.settings().simulators and not request_context.settings().licence_url,
        )  # fmt: skip


def receive(headers: Mapping[str, str], body: bytes, *, at: datetime) -> ChallengeState:
    """Apply what the platform sent, log a refusal; commits. Raises ``AppError`` for an invalid message."""
    return _apply(platform().parse_callback(headers, body, at=at), at)


def _apply(assertion: Assertion, at: datetime) -> ChallengeState:
    session = db.session()
    state = tickets.apply_assertion(session, assertion, at=at, seconds=request_context.current_office().licence_seconds)
    ticket = session.get_one(Challenge, assertion.cid)
    refusal, enterprise = tickets.refusal(ticket), tickets.enterprise_of(session, ticket)
    if refusal is not None and enterprise is not None:
        _note(session, enterprise, [refusal], at)
    session.commit()
    return state


def platform() -> LicenceProvider:
    found = request_context.licences()
    if found is None:
        raise NotFound
    return found


def _own(cid: str) -> Challenge:
    """This browser's ticket; requests for others are counted. Raises ``NotFound``."""
    try:
        return tickets.get_own(db.session(), cid, pre_login_cookie.browser())
    except NotFound:
        request_context.count_use("licence-miss", MISSES_PER_MINUTE, 60)
        raise


def _queried(ticket: Challenge) -> Challenge:
    """The ticket, after querying the platform if it was still open; no lock is held meanwhile."""
    session, at, cid = db.session(), request_context.now(), ticket.id
    if tickets.state_of(ticket, at) not in OPEN:
        return ticket
    session.rollback()
    assertion = platform().query(cid, at=at)
    if assertion is not None:
        _apply(assertion, at)
    return _own(cid)


def _state_json(ticket: Challenge) -> Response:
    at = request_context.now()
    return make_response(jsonify(state=tickets.state_of(ticket, at).value, seconds=_left(ticket, at)))


def _left(ticket: Challenge, at: datetime) -> int:
    return max(0, int((ticket.expires_at - at).total_seconds()))


def _chosen(clerks: Sequence[Account]) -> Account | None:
    """The only clerk, or the one chosen on the form."""
    if len(clerks) == 1:
        return clerks[0]
    return next((clerk for clerk in clerks if str(clerk.id) == request.form.get("account")), None)


def _note(session: Session, enterprise: Enterprise, refusals: Sequence[Refusal], at: datetime) -> None:
    what = {"way": SignInMethod.LICENCE.value, "why": [refusal.code for refusal in refusals]}
    audit.log(session, enterprise.name[:60], AuditAction.SIGN_IN_FAILED, enterprise, change=what, at=at)


def _json_error(code: str, status: int) -> Response:
    return make_response(jsonify(code=code), status)


def _wish() -> str:
    return request.values.get("next", "")
