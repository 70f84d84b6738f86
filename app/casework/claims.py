"""延期, 变更, 换证, 注销: the enterprise's lists, and what the old enterprise is asked to let go.

Law: one list for all matters; a matter differs by its name and its form, and by nothing else here.
"""

import builtins
from collections.abc import Mapping
from typing import Any

from flask import abort, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app import desk
from app.casework import outcome
from app.casework.filing import FilingList
from app.casework.queues import CaseList, here
from app.casework.words import REASONS, VERBS
from app.core.vocabulary import (
    Action,
    CertificateStatus,
    MatterKind,
    Role,
    State,
)
from app.models import Application, Certificate
from app.web.base import Link
from app.web.base.access_filter import WithinReach, asked_ids
from app.web.base.model_view import door

LONGEST_WINDOW = 92  # days in three months (R107); the day itself is the rule's to say


class ClaimList(FilingList):
    """The enterprise's applications on certificates, in one matter."""

    list_columns = ["person.name", "certificate.number", "filing.handler_name", "submitted_at", "due_on", "state"]
    sub_columns = {"person.name": "person.masked_id_number", "certificate.number": "category"}
    search_columns = ["person.name", "category", "submitted_at"]
    label_columns = {**FilingList.label_columns, "certificate.number": _("Certificate number")}

    def form_url(self, item: Application | None) -> str:
        if item is None:
            return url_for("ClaimView.add", matter=self.matter.value)
        return url_for("ClaimView.edit", filing_id=item.filing_id, next=here())

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing was filed here yet."), next(iter(self.head_links()), None)


class RenewalScreen(ClaimList):
    """安管人员延期申报 (R92–R102)."""

    matter = MatterKind.RENEWAL
    add_word = _("Apply for renewal")
    route_base = "/applications/renewal"
    class_permission_name = "Renewals"
    list_title = _("Renewal of safety personnel certificates")


class TransferScreen(ClaimList):
    """安管人员变更申报 (R103–R114)."""

    matter = MatterKind.TRANSFER
    add_word = _("Apply for transfer")
    route_base = "/applications/transfer"
    class_permission_name = "Transfers"
    list_title = _("Transfer of safety personnel")


class ReplacementScreen(ClaimList):
    """安管人员换证申报 (R115–R123)."""

    matter = MatterKind.REPLACEMENT
    add_word = _("Apply for replacement")
    route_base = "/applications/replacement"
    class_permission_name = "Replacements"
    list_title = _("Replacement of safety personnel certificates")


class CancellationScreen(ClaimList):
    """安管人员注销申报 (R124–R127)."""

    matter = MatterKind.CANCELLATION
    add_word = _("Apply for cancellation")
    route_base = "/applications/cancellation"
    class_permission_name = "Cancellations"
    list_title = _("Cancellation of safety personnel certificates")


LISTS: Mapping[MatterKind, type[FilingList]] = {
    screen.matter: screen for screen in (RenewalScreen, TransferScreen, ReplacementScreen, CancellationScreen)
}


def certificate_links(certificate: Certificate) -> list[Link]:
    """What can plausibly be filed for a certificate, from its own row; the form says what stands in the way."""
    actor, status = desk.actor(), certificate.status_on(desk.today())
    mine = Role.ENTERPRISE_CLERK in actor.roles and certificate.enterprise_id == actor.enterprise_id
    if not mine or status not in (CertificateStatus.VALID, CertificateStatus.EXPIRED):
        return []
    words = {MatterKind.CANCELLATION: _("Cancel certificate")}
    if status is CertificateStatus.VALID:
        soon = (certificate.valid_to - desk.today()).days <= LONGEST_WINDOW
        early = {MatterKind.RENEWAL: _("Renew certificate")} if soon else {}
        words = {**early, MatterKind.REPLACEMENT: _("Replace certificate"), **words}
    return [
        Link(str(word), url_for("ClaimView.add", matter=matter.value, certificate=certificate.id, next=here()))
        for matter, word in words.items()
    ]


class AwaitsUs(WithinReach):
    """Transfers that wait for the reader's enterprise as the old one."""

    name = "Awaits our consent"

    def apply(self, query: Any, value: Any) -> Any:
        mine = Application.releasing_enterprise_id == desk.actor().enterprise_id
        return super().apply(query, value).filter(mine, Application.state == State.AWAITING_RELEASE)


class ReleaseScreen(CaseList):
    """转出确认: the old enterprise agrees to a transfer, or refuses it with a reason; silence is never consent."""

    route_base = "/releases"
    class_permission_name = "Releases"
    base_permissions = ["can_list", "can_decide"]
    base_filters = [["id", AwaitsUs, None]]
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

    @door("/")
    def list(self) -> Response | str:
        return super().list()

    @door("/decide/<code>", "POST")
    def decide(self, code: str) -> Response | str:
        ours = (Action.RELEASE, Action.REFUSE_RELEASE)
        action = next((action for action in ours if action.value == code), None) or abort(404)
        return outcome.batch(asked_ids(), action, url_for("ReleaseScreen.list"))

    def batch_links(self) -> builtins.list[Link]:
        return self._links()

    def row_links(self, item: Application) -> builtins.list[Link]:
        return self._links(only=item.id)

    def _links(self, **which: Any) -> builtins.list[Link]:
        sure = gettext("The certificate goes to the new enterprise once the authority approves. Agree to the transfer out?")
        yes = url_for("ReleaseScreen.decide", code=Action.RELEASE.value, **which)
        no = url_for("ReleaseScreen.decide", code=Action.REFUSE_RELEASE.value, **which)
        return [
            Link(VERBS[Action.RELEASE], yes, primary=True, post=True, confirm=sure),
            Link(VERBS[Action.REFUSE_RELEASE], no, danger=True, post=True, reason=REASONS[Action.REFUSE_RELEASE]),
        ]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No other enterprise asks for one of your people."), None
