"""延期, 变更, 换证, 注销: the enterprise's lists of applications on certificates, one screen per matter."""

from collections.abc import Mapping

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.vocabulary import MatterKind
from app.models import Application
from app.web.applications.filing.lists import FilingList
from app.web.base import Link
from app.web.base.layout import this_page


class CertificateApplicationList(FilingList):
    """Base: the enterprise's applications on certificates in one matter."""

    list_columns = ["person.name", "certificate.number", "filing.handler_name", "submitted_at", "due_on", "state"]
    sub_columns = {"person.name": "person.masked_id_number", "certificate.number": "category"}
    search_columns = ["person.name", "category", "submitted_at"]
    label_columns = {**FilingList.label_columns, "certificate.number": _("Certificate number")}

    def form_url(self, item: Application | None) -> str:
        if item is None:
            return url_for("ClaimView.add", matter=self.matter.value)
        return url_for("ClaimView.edit", filing_id=item.filing_id, next=this_page())

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing was filed here yet."), next(iter(self.head_links()), None)


class RenewalScreen(CertificateApplicationList):
    """安管人员延期申报 (R92–R102)."""

    matter = MatterKind.RENEWAL
    add_word = _("Apply for renewal")
    route_base = "/applications/renewal"
    class_permission_name = "Renewals"
    list_title = _("Renewal of safety personnel certificates")


class TransferScreen(CertificateApplicationList):
    """安管人员变更申报 (R103–R114)."""

    matter = MatterKind.TRANSFER
    add_word = _("Apply for transfer")
    route_base = "/applications/transfer"
    class_permission_name = "Transfers"
    list_title = _("Transfer of safety personnel")


class ReplacementScreen(CertificateApplicationList):
    """安管人员换证申报 (R115–R123)."""

    matter = MatterKind.REPLACEMENT
    add_word = _("Apply for replacement")
    route_base = "/applications/replacement"
    class_permission_name = "Replacements"
    list_title = _("Replacement of safety personnel certificates")


class CancellationScreen(CertificateApplicationList):
    """安管人员注销申报 (R124–R127)."""

    matter = MatterKind.CANCELLATION
    add_word = _("Apply for cancellation")
    route_base = "/applications/cancellation"
    class_permission_name = "Cancellations"
    list_title = _("Cancellation of safety personnel certificates")


LISTS: Mapping[MatterKind, type[FilingList]] = {
    screen.matter: screen for screen in (RenewalScreen, TransferScreen, ReplacementScreen, CancellationScreen)
}
