"""What was done, step by step, for the auditor: steps of applications, versions and events of certificates. Read-only."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.vocabulary import State
from app.models import CertificateEvent, CertificateVersion, Step
from app.web.base import ModelScreen, SelInterface
from app.web.base.access_filter import WithinReach


class HistoryScreen(ModelScreen):
    """Rows that are never changed; who may is asked of the domain for each."""

    base_permissions = ["can_list", "can_show"]
    base_filters = [["id", WithinReach, None]]
    base_order = ("id", "desc")
    empty_text = _("Nothing yet. The system writes these records itself, with each step of an application.")

    def note(self) -> object:
        return gettext("Read-only, of every region. ID numbers stand in the record itself, masked.")


class StepScreen(HistoryScreen):
    datamodel = SelInterface(Step)
    route_base = "/steps"
    class_permission_name = "Step"
    list_title, show_title = _("Steps of applications"), _("Step of an application")
    list_columns = ["application.number", "action", "source", "actor", "at", "reason"]
    sub_columns = {"application.number": "application.matter", "source": "target"}
    show_columns = [
        "application.number", "application.matter", "round", "action", "source", "target", "actor", "at", "reason",
        "awaited_until", "brought_up",
    ]  # fmt: skip
    search_columns = ["application.number", "at"]
    order_columns = ["at"]
    label_columns = {
        "application.number": _("Application number"),
        "application.matter": _("Kind of application"),
        "round": _("Submission no."),
        "action": _("Step"),
        "source": _("State before"),
        "target": _("State after"),
        "actor": _("Who"),
        "at": _("When"),
        "reason": _("Reason"),
        "awaited_until": _("Correction awaited until"),
        "brought_up": _("Brought up by the correction"),
    }

    def cell(self, column: str, item: Step) -> object | None:
        if column in ("source", "target"):
            state: State = getattr(item, column)
            return str(state.label)
        return None


class CertificateVersionScreen(HistoryScreen):
    datamodel = SelInterface(CertificateVersion)
    route_base = "/certificate-versions"
    class_permission_name = "CertificateVersion"
    list_title, show_title = _("Versions of certificates"), _("Version of a certificate")
    list_columns = ["certificate.number", "version", "certificate.holder", "issued_at", "replaced_at", "sealed_at"]
    show_columns = [*list_columns, "status_index", "digest", "ofd", "sealed_by", "fault"]
    search_columns = ["certificate.number", "certificate.holder", "issued_at"]
    order_columns = ["id"]
    label_columns = {
        "certificate.number": _("Certificate number"),
        "certificate.holder": _("Full name"),
        "version": _("Version"),
        "issued_at": _("Issued at"),
        "replaced_at": _("Replaced at"),
        "sealed_at": _("Sealed at"),
        "status_index": _("Place in the status list"),
        "digest": _("Digest of the PDF"),
        "ofd": _("Digest of the OFD"),
        "sealed_by": _("Digest of the seal's certificate"),
        "fault": _("Fault"),
    }


class CertificateEventScreen(HistoryScreen):
    datamodel = SelInterface(CertificateEvent)
    route_base = "/certificate-events"
    class_permission_name = "CertificateEvent"
    list_title, show_title = _("Events of certificates"), _("Event of a certificate")
    list_columns = ["certificate.number", "deed", "status", "actor", "at", "reason"]
    show_columns = [*list_columns, "application_id"]
    tag_columns = ("status",)
    search_columns = ["certificate.number", "certificate.holder"]
    order_columns = ["id"]
    label_columns = {
        "certificate.number": _("Certificate number"),
        "certificate.holder": _("Full name"),
        "deed": _("Event"),
        "status": _("Status after it"),
        "actor": _("Who"),
        "at": _("When"),
        "reason": _("Reason"),
        "application_id": _("Record number of the application"),
    }
