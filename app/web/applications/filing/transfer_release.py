"""转出确认: the list of transfers that await the consent of the old enterprise."""

from typing import Any

from flask import abort, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.vocabulary import Action, MatterKind, State
from app.models import Application
from app.web import request_context
from app.web.applications.review.labels import VERBS
from app.web.applications.review.queues import CaseList
from app.web.base import Link
from app.web.base.access_filter import WithinReach
from app.web.base.fab import route
from app.web.base.stock_reasons import stock_reasons


class AwaitsOwnConsent(WithinReach):
    """Transfers whose old enterprise is the reader's, awaiting its consent."""

    name = "Awaits our consent"

    def apply(self, query: Any, value: Any) -> Any:
        mine = Application.releasing_enterprise_id == request_context.current_actor().enterprise_id
        return super().apply(query, value).filter(mine, Application.state == State.AWAITING_RELEASE)


class ReleaseScreen(CaseList):
    """The old enterprise reads a transfer and agrees to it, or refuses it with a reason; silence is never consent."""

    route_base = "/releases"
    class_permission_name = "Releases"
    base_permissions = ["can_list", "can_decide"]
    base_filters = [["id", AwaitsOwnConsent, None]]
    list_title = _("Transfers out to be agreed")
    tabs_column = ""
    list_columns = ["person.name", "certificate.number", "enterprise.name", "submitted_at"]
    sub_columns = {"person.name": "person.masked_id_number", "certificate.number": "category", "enterprise.name": "number"}
    search_columns = ["person.name", "category"]
    order_columns = ["submitted_at"]
    base_order = ("submitted_at", "asc")
    label_columns = {
        **CaseList.label_columns,
        "certificate.number": _("Certificate number"),
        "enterprise.name": _("New enterprise"),
    }

    @route("/decide/<code>", "POST")
    def decide(self, code: str) -> Response | str:
        ours = (Action.RELEASE, Action.REFUSE_RELEASE)
        action = next((action for action in ours if action.value == code), None) or abort(404)
        return self.run_batch(action)

    def batch_links(self) -> list[Link]:
        return self._links()

    def row_links(self, item: Application) -> list[Link]:
        return [self.read_link(item), *self._links(only=item.id)]

    def _links(self, **which: Any) -> list[Link]:
        sure = gettext("The certificate goes to the new enterprise once the authority approves. Agree to the transfer out?")
        agree = url_for("ReleaseScreen.decide", code=Action.RELEASE.value, **which)
        refuse = url_for("ReleaseScreen.decide", code=Action.REFUSE_RELEASE.value, **which)
        reasons = stock_reasons(Action.REFUSE_RELEASE, MatterKind.TRANSFER)
        return [
            Link(VERBS[Action.RELEASE], agree, primary=True, post=True, confirm=sure),
            Link(VERBS[Action.REFUSE_RELEASE], refuse, danger=True, post=True, reason=reasons),
        ]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No other enterprise asks for one of your people."), None
