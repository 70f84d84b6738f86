"""Scans from the telephone: a code on the clerk's page opens a page that adds pictures of one paper to the clerk's pile.

The address in the code is a signed ticket: it names the session that showed it, one person of its enterprise and one paper.
It counts for ``phone_code_minutes``, as long as that session lasts; the telephone signs nobody in and is shown a masked name.
"""

import hashlib
from typing import NamedTuple

from flask import g, jsonify, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts import rate_limit, sessions
from app.accounts.access import Actor, must_reach
from app.accounts.role_assignment import actor_of
from app.applications.bulk_scans import waiting
from app.applications.bulk_scans.names import Match
from app.certificates.qr.symbol import svg
from app.core.errors import NotFound, Stale
from app.core.identifiers import mask_name
from app.core.scan_vocabulary import ScanSide
from app.core.vocabulary import PERSON_PAPERS, PaperKind, Role
from app.db.session import db
from app.files.inspect import PICTURE_NAMES
from app.models import Person
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, expose, no_cache, permission_name, route
from app.web.base.staged_upload import StagedUpload
from app.web.enterprise.scan_pile import Outcome, Sent, take

LOOKS_PER_MINUTE = 60  # of one address: guessing a signature is hopeless, and shall cost us nothing either
PICTURES_PER_CODE = 20
# Width by height of what is photographed, for the guide on the telephone; a page may also lie.
CARD, PORTRAIT, PAGE = 85.6 / 54, 5 / 7, 210 / 297


class Code(NamedTuple):
    """What a ticket names."""

    visit: int  # the session that showed the code
    account: int
    enterprise: int
    person: int
    paper: str


class PhoneCodeView(BaseView):
    """The clerk's page with the code."""

    route_base = "/people/scans/phone"
    default_view = "code"
    class_permission_name = "BulkScans"

    @route(f"/{ROW}person_id>")
    @permission_name("home")
    def code(self, person_id: int) -> Response:
        person, kind = _own(person_id), _kind()
        actor, office = request_context.current_actor(), request_context.current_office()
        ticket = _tickets().sign(Code(g.visit.id, actor.id or 0, actor.enterprise_id or 0, person.id, kind.value))
        address = office.public_url.rstrip("/") + url_for("PhoneScanView.page", token=ticket)
        here = [
            scan
            for scan in waiting.waiting(db.session(), actor, at=request_context.now(), office=office)
            if scan.by_phone and (scan.person_id, scan.kind) == (person.id, kind)
        ]
        return self.rendered(
            "enterprise/phone_code.html",
            title=gettext("Take pictures with the telephone"),
            crumbs=[(gettext("Hand in many scans"), url_for("BulkScanView.home"))],
            person=person,
            kind=kind,
            square=svg(address),
            address=address,
            minutes=office.phone_code_minutes,
            here=here,
            poll=url_for(".arrived", person_id=person.id, paper=kind.value, seen=_newest(person, kind)),
        )

    @route(f"/{ROW}person_id>/arrived")
    @permission_name("home")
    def arrived(self, person_id: int) -> Response:
        """What the page polls: whether anything came since it was opened."""
        is_waiting = str(_newest(_own(person_id), _kind())) == request.args.get("seen", "")
        return jsonify(waiting=is_waiting, done=0, total=1, sentence=gettext("Waiting for the telephone"))


class PhoneScanView(BaseView):
    """The page on the telephone, which needs no account."""

    route_base = "/phone-scan"
    default_view = "page"

    @expose("/<token>", methods=["GET", "POST"])
    @no_cache
    def page(self, token: str) -> Response:
        request_context.count_use("phone-scan", LOOKS_PER_MINUTE, 60)
        person, kind = _admitted(token)
        name = mask_name(person.name)
        outcomes = _received(token, person.id, kind) if request.method == "POST" else []
        refused = [one for one in outcomes if one.state == "refused"]
        return self.rendered(
            "enterprise/phone_scan.html",
            422 if refused else 200,
            title=kind.label,
            kind=kind,
            name=name,
            sides=_sides(kind),
            ratio=_ratio(kind),
            accept=",".join(PICTURE_NAMES),
            refused=refused,
            taken=sum(one.state in ("given", "doubtful") for one in outcomes),
        )


def _tickets() -> StagedUpload:
    return StagedUpload(
        "phone-scan",
        minutes=request_context.current_office().phone_code_minutes,
        expired=_("This code does not count any more. Please open it again on the computer and scan it once more."),
    )


def _admitted(token: str) -> tuple[Person, PaperKind]:
    """The person and the paper of a ticket; from here on the request acts as the clerk who showed it. Raises ``Stale``."""
    tickets = _tickets()
    code = Code(*tickets.open(token))
    session, office = db.session(), request_context.current_office()
    visit = sessions.session_numbered(session, code.visit)
    if visit is None or visit.account_id != code.account or sessions.end_reason(visit, office, at=request_context.now()):
        raise Stale(tickets.expired)
    actor: Actor = actor_of(visit.account)
    person = session.get(Person, code.person)
    # The account may have moved since, and the person, too.
    if actor.enterprise_id != code.enterprise or person is None or person.enterprise_id != code.enterprise:
        raise Stale(tickets.expired)
    actor.demand(Role.ENTERPRISE_CLERK)
    g.actor = actor
    return must_reach(actor, person), PaperKind(code.paper)  # type: ignore[call-arg]  # a Term is found by its code


def _received(token: str, person_id: int, kind: PaperKind) -> list[Outcome]:
    """Each picture of the form, as the side in whose field it was sent."""
    db.session.rollback()
    outcomes = []
    sent = [(side, file) for side in _sides(kind) if (file := request.files.get(side.value)) and file.filename]
    used = f"phone-code:{hashlib.sha256(token.encode()).hexdigest()}"
    for _each in sent:  # before anything is kept
        rate_limit.hit(db.engine, used, limit=PICTURES_PER_CODE, seconds=rate_limit.DAY, at=request_context.now())
    for side, file in sent:
        name = str(kind.label) if side is ScanSide.WHOLE else f"{kind.label} {side.label}"
        outcomes += take([Sent(f"{name}.jpg", file.stream.read())], by_phone=True, as_known=Match(person_id, kind, side))
    return outcomes


def _own(person_id: int) -> Person:
    """Somebody on the clerk's own list."""
    person: Person = must_reach(request_context.current_actor(), db.session().get(Person, person_id))
    if person.enterprise_id != request_context.current_actor().enterprise_id:
        raise NotFound
    return person


def _kind() -> PaperKind:
    return next((kind for kind in PERSON_PAPERS if kind.value == request.args.get("paper")), PaperKind.ID_CARD)


def _newest(person: Person, kind: PaperKind) -> int:
    actor, office = request_context.current_actor(), request_context.current_office()
    return waiting.newest_by_phone(db.session(), actor, person.id, kind, at=request_context.now(), office=office)


def _sides(kind: PaperKind) -> tuple[ScanSide, ...]:
    return (ScanSide.FRONT, ScanSide.BACK) if kind is PaperKind.ID_CARD else (ScanSide.WHOLE,)


def _ratio(kind: PaperKind) -> float:
    return {PaperKind.ID_CARD: CARD, PaperKind.PHOTO: PORTRAIT}.get(kind, PAGE)
