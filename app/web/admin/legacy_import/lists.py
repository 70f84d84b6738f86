"""考试通过记录, 历史考试通过人员 and 历史合格人员: read-only lists, in the present state."""

import builtins
from typing import Any

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import exists

from app.core.vocabulary import ImportKind, PassSource
from app.models import Certificate, ExamPass, LegacyRecord
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, tone
from app.web.base.access_filter import WithinReach
from app.web.base.fab import BaseFilter
from app.web.base.list_export import ExportedList


class FromOldSystem(BaseFilter):
    """``base_filters = [["id", FromOldSystem, None]]``: imported certificates, or exam passes of the old system."""

    name = "From the old system"
    arg_name = "legacy"

    def apply(self, query: Any, value: Any) -> Any:  # noqa: ARG002 - FAB's own signature
        if self.model is ExamPass:
            return query.filter(ExamPass.source == PassSource.LEGACY)
        taken = exists().where(LegacyRecord.kind == ImportKind.CERTIFICATES, LegacyRecord.row_id == Certificate.id)
        return query.filter(taken)


class PassList(ModelScreen):
    """Base of the lists of passed exams."""

    datamodel = SelInterface(ExamPass)
    sub_columns = {"person.name": "person.masked_id_number"}
    head_column = "person.name"
    search_columns = ["person.name", "category", "passed_on"]  # no ID number: it would be in the URL
    order_columns = ["passed_on"]
    base_order = ("passed_on", "desc")
    label_columns = {
        "person.name": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "category": _("Personnel category"),
        "passed_on": _("Passed on"),
        "person.enterprise.name": _("Enterprise"),
        "source": _("Known from"),
        "originals_verified_at": _("Originals"),
        "originals_verified_by": _("Originals verified by"),
        "used": _("Counts for an application"),
    }

    def cell(self, column: str, item: ExamPass) -> object | None:
        if column == "person.enterprise.name":
            return str(item.person.enterprise.name) if item.person.enterprise else "—"
        return None


class ExamPassScreen(ExportedList, PassList):
    """Every passed exam, of this system and of the old one; the tabs say which."""

    route_base = "/exam-passes"
    class_permission_name = "ExamPass"
    base_permissions = ["can_list", "can_show", "can_export"]
    base_filters = [["id", WithinReach, None]]
    list_title, show_title = _("Passed exams"), _("Passed exam")
    empty_text = _("Nobody has passed an exam yet. Final scores and imports from the old system add people here.")
    list_columns = ["person.name", "category", "passed_on", "person.enterprise.name", "used"]
    show_columns = [
        "person.name", "person.masked_id_number", "person.enterprise.name", "category", "passed_on", "source",
        "originals_verified_at", "originals_verified_by", "used",
    ]  # fmt: skip
    tabs_column = "source"
    tab_first = PassSource.SYSTEM

    def cell(self, column: str, item: ExamPass) -> object | None:
        if column != "used":
            return super().cell(column, item)
        if item.source is PassSource.LEGACY:
            return _originals(item)
        return str(gettext("Used for a certificate") if item.used_by_application_id else gettext("Not used yet"))


class LegacyPassScreen(PassList):
    """历史考试通过人员 (R65)."""

    route_base = "/legacy-passes"
    class_permission_name = "LegacyPass"
    base_permissions = ["can_list"]
    base_filters = [["id", WithinReach, None], ["id", FromOldSystem, None]]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_title = _("Passed in the old system")
    list_columns = ["person.name", "category", "passed_on", "person.enterprise.name", "originals_verified_at"]

    def cell(self, column: str, item: ExamPass) -> object | None:
        return _originals(item) if column == "originals_verified_at" else super().cell(column, item)

    def row_links(self, item: ExamPass) -> builtins.list[Link]:  # noqa: ARG002
        return []

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nobody who passed in the old system is within your area. The administrator imports them."), None


def _originals(item: ExamPass) -> str:
    """Whether the originals were verified (R68), and whether a certificate was issued for it."""
    if item.used_by_application_id:
        return str(gettext("Used for a certificate"))
    return str(gettext("Verified") if item.originals_verified_at else gettext("To be shown at the counter"))


class LegacyCertificateScreen(ModelScreen):
    """历史合格人员 (R93)."""

    datamodel = SelInterface(Certificate)
    route_base = "/legacy-certificates"
    class_permission_name = "LegacyCertificate"
    base_permissions = ["can_list"]
    base_filters = [["id", WithinReach, None], ["id", FromOldSystem, None]]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_title = _("Qualified in the old system")
    list_columns = ["holder", "number", "enterprise.name", "valid_to", "status"]
    sub_columns = {"holder": "person.masked_id_number", "number": "category"}
    head_column = "holder"
    tag_columns = ("status",)
    search_columns = ["holder", "number", "enterprise.name", "category", "valid_to", "is_electronic"]
    order_columns = ["holder", "valid_to"]
    base_order = ("id", "desc")
    label_columns = {
        "holder": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "number": _("Certificate number"),
        "category": _("Personnel category"),
        "enterprise.name": _("Enterprise"),
        "valid_to": _("Valid until"),
        "status": _("Certificate status"),
        "is_electronic": _("Electronic by now"),
    }

    def cell(self, column: str, item: Certificate) -> object | None:
        if column != "status":
            return None
        word = item.status_on(request_context.today())
        return Markup('<span class="tag {}">{}</span>').format(tone(word), word)

    def row_links(self, item: Certificate) -> builtins.list[Link]:
        return [Link(gettext("Certificate history"), url_for("CertificateHistoryView.show", certificate_id=item.id))]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No certificate of the old system is within your area. The administrator imports them."), None
