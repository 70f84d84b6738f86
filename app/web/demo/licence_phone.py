"""A simulated telephone with an electronic business licence, to try signing in with it in the demonstration.

Registered only with simulators on and no platform configured, never in production. Its messages go through the same
function as the platform's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts.business_licence.simulator import Delivery, Licence, SimulatedFault, SimulatedPlatform
from app.core.errors import AppError, NotFound
from app.core.sign_in_vocabulary import ChallengeState, LicenceHolder, LicenceStanding
from app.db.session import db
from app.models import Enterprise
from app.web import request_context
from app.web.auth.business_licence import platform, receive
from app.web.base.fab import BaseView, expose
from app.web.demo.specimens import with_check

MOST_LICENCES = 20
UNKNOWN = Licence(with_check("91430100MA4L99901"), "湖南无名建设有限公司（演示）", LicenceHolder.LEGAL_REPRESENTATIVE)
OUTCOMES = {
    ChallengeState.SCANNED: _("Scanned"),
    ChallengeState.CONFIRMED: _("Taken: the sign-in page goes on by itself."),
    ChallengeState.REJECTED: _("Taken, and the sign-in was turned down."),
    ChallengeState.CONSUMED: _("Known already; nothing was done."),
}


@dataclass(frozen=True, slots=True)
class SimulatedOutcome:
    """The result of one message."""

    taken: bool
    sentence: object


def wallet() -> list[Licence]:
    """Licences to try: a valid one of each enterprise, faulty ones of the first, and one of an unknown enterprise."""
    chosen = select(Enterprise.uscc, Enterprise.name).order_by(Enterprise.id).limit(MOST_LICENCES)
    found = [Licence(uscc, name) for uscc, name in db.session().execute(chosen)]
    odd: list[Licence] = []
    for first in found[:1]:
        legal = LicenceHolder.LEGAL_REPRESENTATIVE
        odd = [
            Licence(first.uscc, f"{first.name}·更名", legal),
            Licence(first.uscc, first.name, legal, LicenceStanding.CANCELLED),
            Licence(first.uscc, first.name, legal, LicenceStanding.ABNORMAL),
        ]
    return [*found, *odd, UNKNOWN]


class PhoneView(BaseView):
    """``/phone/licence/`` and the address in the simulator's codes, ``/q/…``."""

    route_base = ""
    default_view = "home"

    @expose("/q/<cid>", methods=["GET"])
    def code(self, cid: str) -> Response:
        """As after scanning the code."""
        return redirect(url_for(".home", ticket=cid))

    @expose("/phone/licence/", methods=["GET"])
    def home(self) -> Response:
        _simulator()
        return self._home(request.args.get("ticket", ""))

    @expose("/phone/licence/scan", methods=["POST"])
    def scan(self) -> Response:
        written = request.form.get("ticket", "").strip()
        cid = written.rpartition("/")[2].rpartition("=")[2]
        try:
            licence = _licence()
            outcomes = _delivered([_simulator().scan(cid, at=request_context.now())])
        except AppError as error:
            sentence = error.sentence if error.status != 404 else _("The code is unknown. Refresh it on the sign-in page.")
            return self._home(written, sentence, error.status)
        if not outcomes[0].taken:
            return self._home(written, outcomes[0].sentence, 409)
        return redirect(url_for(".confirm", cid=cid, licence=licence.code, fault=_fault().value), 303)

    @expose("/phone/licence/<cid>", methods=["GET", "POST"])
    def confirm(self, cid: str) -> Response:
        """Shows who asks to sign in, and takes the number shown on the sign-in page."""
        simulator, licence, at = _simulator(), _licence(), request_context.now()
        known = simulator.known(cid)
        if request.method == "GET":
            return self._ask(known, cid, licence)
        if "decline" in request.form:
            return self._done(_delivered([simulator.decline(cid, at=at)]))
        number = request.form.get("number", "").strip()
        if not re.fullmatch("[0-9]{2}", number):
            return self._ask(known, cid, licence, gettext("Please type the two digits on the sign-in page."), 422)
        fault = _fault()
        outcomes = _delivered(simulator.confirm(cid, licence, number, fault, at=at))
        if fault is SimulatedFault.DOWN:
            outcomes = [SimulatedOutcome(False, _("The platform answered with HTTP 500; the system was told nothing."))]
        return self._done(outcomes)

    def _home(self, ticket: str, no: object = "", status: int = 200) -> Response:
        chosen = request.values.get("licence", "")
        return self._page(
            "demo/licence_wallet.html", status, ticket=ticket, no=no, wallet=wallet(), chosen=chosen, faults=SimulatedFault
        )

    def _ask(self, known: dict[str, Any], cid: str, licence: Licence, no: str = "", status: int = 200) -> Response:
        begun = datetime.fromisoformat(known["begun_at"])
        what = {"cid": cid, "known": known, "begun": begun, "licence": licence, "fault": _fault(), "no": no}
        return self._page("demo/licence_confirm.html", status, **what)

    def _done(self, outcomes: list[SimulatedOutcome]) -> Response:
        return self._page("demo/licence_done.html", 200, outcomes=outcomes)

    def _page(self, template: str, status: int, **what: Any) -> Response:
        return self.rendered(template, status, title=gettext("Electronic business licence (simulated)"), **what)


def _simulator() -> SimulatedPlatform:
    found = platform()
    if not isinstance(found, SimulatedPlatform):
        raise NotFound
    return found


def _licence() -> Licence:
    code = request.values.get("licence", "")
    found = next((licence for licence in wallet() if licence.code == code), None)
    if found is None:
        raise AppError(gettext("Please choose a licence."), code="no-licence")
    return found


def _fault() -> SimulatedFault:
    asked = request.values.get("fault", "")
    return next((fault for fault in SimulatedFault if fault.value == asked), SimulatedFault.NONE)


def _delivered(deliveries: Iterable[Delivery]) -> list[SimulatedOutcome]:
    """Delivers each message as the platform would."""
    outcomes = []
    for delivery in deliveries:
        try:
            state = receive(delivery.headers, delivery.body, at=delivery.at)
            outcomes.append(SimulatedOutcome(True, OUTCOMES[state]))
        except AppError as error:
            db.session().rollback()
            outcomes.append(SimulatedOutcome(False, error.sentence))
    return outcomes
