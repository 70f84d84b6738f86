"""安管人员证书: the list of certificates within the reader's access scope."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import g, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import ColumnElement, and_, or_
from werkzeug.wrappers import Response

from app.core.crypto.seal_provider import Suite
from app.core.vocabulary import CertificateStatus
from app.models import Certificate, CertificateVersion
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface, tone
from app.web.base.access_filter import asked_ids
from app.web.base.fab import route
from app.web.base.layout import may_open
from app.web.base.list_export import ExportedList
from app.web.certificates import bulk_download
from app.web.certificates.filing_links import certificate_links, open_on


class CertificateScreen(ExportedList, OpenList):
    datamodel = SelInterface(Certificate)
    route_base = "/certificates"
    class_permission_name = "Certificate"
    base_permissions = ["can_list", "can_pack", "can_export"]
    list_template = "applications/list.html"
    empty_text = _("No certificate yet. It is issued when a new application is approved, and then stands here.")
    list_title = _("Safety personnel certificates")
    list_columns = ["holder", "number", "enterprise.name", "valid_to", "status"]
    sub_columns = {"holder": "person.masked_id_number", "number": "category"}
    head_column = "holder"
    tag_columns = ("status",)
    order_columns = ["holder", "valid_to"]
    base_order = ("id", "desc")
    search_columns = ["holder", "number", "enterprise.name", "category", "status", "valid_to"]
    label_columns = {
        "holder": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "number": _("Certificate number"),
        "category": _("Personnel category"),
        "enterprise.name": _("Enterprise"),
        "valid_to": _("Valid until"),
        "status": _("Certificate status"),
    }

    def _init_properties(self) -> None:
        """The status is asked for as it holds today, as it is shown."""
        super()._init_properties()
        self.boxes = [replace(box, holds=_standing) if box.name == "status" else box for box in self.boxes]

    def rows_loaded(self, rows: Sequence[Certificate]) -> None:
        g.open_matters = open_on([certificate.id for certificate in rows])

    @route("/pack", "POST")
    def pack(self) -> Response:
        """The selected certificates as a zip, or all that match the query (``?every=1``)."""
        home = url_for("CertificateScreen.list")
        return bulk_download.pack(self._matching() if "every" in request.args else asked_ids(), home)

    def _matching(self) -> list[int]:
        """Reads one id more than the limit, so that too many are refused instead of cut off."""
        query = self.datamodel.within_reach(*self.asked().conditions.values())
        rows: Any = query.with_entities(Certificate.id).limit(request_context.current_office().largest_bundle + 1)
        return [row[0] for row in rows]

    def batch_links(self) -> list[Link]:
        pack = url_for("CertificateScreen.pack")
        return (
            [Link(gettext("Download the ticked as zip"), pack, icon="download", post=True, download=True)]
            if self.may("pack")
            else []
        )

    def head_links(self) -> list[Link]:
        if not self.may("pack"):
            return []
        asked = {name: value for name, value in self.asked().args().items() if name not in ("page", "size", "sort")}
        every = url_for("CertificateScreen.pack", every=1, **asked)
        word = gettext("Download what matches as zip") if asked else gettext("Download all as zip")
        return [Link(word, every, icon="download", post=True, download=True)]

    def cell(self, column: str, item: Certificate) -> object | None:
        if column == "status":
            word = item.status_on(request_context.today())
            return Markup('<span class="tag {}">{}</span>').format(tone(word), word)
        return _until(item) if column == "valid_to" else None

    def row_links(self, item: Certificate) -> list[Link]:
        claims = certificate_links(item, g.open_matters)
        past = [Link(gettext("Certificate history"), url_for("CertificateHistoryView.show", certificate_id=item.id))]
        if may_open("can_propose", "Standing"):
            past.append(Link(gettext("Propose a measure"), url_for("StandingView.find", number=item.number)))
        version = item.versions[-1] if item.versions else None
        if version is None:
            return [*claims, *past]
        pdf = url_for("CertificateFileView.open", version_id=version.id)
        code = url_for("LookupView.scanned", token=version.token)
        return [
            *claims,
            Link(gettext("View certificate"), pdf, external=True),
            *_as_ofd(version),
            Link(gettext("Page behind the QR code"), code, external=True),
            *past,
        ]


def _standing(code: str) -> ColumnElement[bool] | None:
    today = request_context.today()
    valid = Certificate.stands_valid(today)
    stored = {status.value: Certificate.status == status for status in CertificateStatus}
    return {
        **stored,
        CertificateStatus.VALID.value: and_(valid, Certificate.valid_to >= today),
        CertificateStatus.EXPIRED.value: and_(valid, Certificate.valid_to < today),
        CertificateStatus.SUSPENDED.value: and_(
            stored[CertificateStatus.SUSPENDED.value],
            or_(Certificate.suspended_to.is_(None), Certificate.suspended_to >= today),
        ),
    }.get(code)


def _as_ofd(version: CertificateVersion) -> list[Link]:
    """Link to the OFD file, if the seal service signs with SM2."""
    if not request_context.seal().offers(Suite.SM2):
        return []
    return [Link(gettext("Download OFD"), url_for("CertificateFileView.ofd", version_id=version.id))]


def _until(item: Certificate) -> object:
    """The last day of validity, marked if it is near."""
    today = request_context.today()
    soon = item.valid_to <= request_context.current_office().expiring_until(today)
    if item.status_on(today) is not CertificateStatus.VALID or not soon:
        return item.valid_to.isoformat()
    left = (item.valid_to - today).days
    word = gettext("expires in %(n)s days", n=left) if left else gettext("last day today")
    return Markup('<span class="due soon">{} <b>{}</b></span>').format(item.valid_to.isoformat(), word)
