"""电子档案: the application form, the slip or notice, the certificate, the papers and the steps, as they were (R89–R91).

Law: shown from what was kept, never from what stands there today; every opening leaves a line in the diary.
"""

import builtins
import io
from datetime import timedelta
from typing import Any

from flask import request, send_file, url_for
from flask_appbuilder import BaseView
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import load_only
from werkzeug.wrappers import Response

from app import desk
from app.accounts.access import must_reach
from app.casework import bundle, packing
from app.casework.claim import claim_of
from app.casework.claims import certificate_links
from app.casework.letters import FORMS, letters_of, long_day, may_see_numbers, opening, printed
from app.casework.papers import opened, opened_ofd
from app.casework.progress import history
from app.casework.reach import case_of
from app.casework.review import home
from app.casework.sayings import about_case, about_person, scans_of
from app.core.clock import office_day
from app.core.crypto.seal_provider import Suite
from app.core.errors import NotFound
from app.core.identifiers import fold_certificate_number
from app.core.vocabulary import CertificateStatus, Deed, State
from app.db.session import db
from app.eligibility.facts import Facts, of_applications
from app.models import Application, Certificate, CertificateVersion
from app.web.base import (
    Link,
    Screen,
    SelInterface,
    tone,
)
from app.web.base.access_filter import ROW, WithinReach, asked_ids
from app.web.base.layout import safe_next
from app.web.base.model_view import door
from app.web.base.query import contains

SOON = timedelta(days=90)  # R107: renewal is asked for within three months before the last day


class ArchiveView(BaseView):  # type: ignore[misc]
    """One page with everything that is kept of a case, fit for A4."""

    route_base = "/archive"
    class_permission_name = "Archive"
    default_view = "show"

    @door(f"/{ROW}application_id>")
    def show(self, application_id: int) -> str:
        case, facts = _kept(application_id)
        version = _version_of(case)
        desk.note_reading(case, shown="archive")
        return self.render_template(  # type: ignore[no-any-return]
            "casework/archive.html",
            title=gettext("E-archive"),
            crumbs=[(case.person.name, url_for("CaseView.read", application_id=case.id))],
            case=case,
            person=about_person(facts, in_full=may_see_numbers(case)),
            about=about_case(case, facts),
            claim=claim_of(facts, in_full=may_see_numbers(case), today=False),
            form_title=FORMS[case.matter],
            submitted=facts.submitted,
            letters=letters_of(case),
            opening=opening(case, facts.submitted),
            long_day=lambda at: long_day(office_day(at)),
            version=version,
            scans=scans_of(facts),
            history=history(case),
            back=safe_next(home()),
        )

    @door(f"/{ROW}application_id>/<part>.pdf")
    def letter(self, application_id: int, part: str) -> Response:
        """One of its documents by itself, as it was sent or handed over: the form, a letter, the record."""
        case, facts = _kept(application_id)
        documents = printed(case, facts, part)
        if not documents:
            raise NotFound
        desk.note_reading(case, shown=part)
        name, data = documents[0]
        return send_file(
            io.BytesIO(data),
            mimetype="application/pdf",
            as_attachment="download" in request.args,
            download_name=bundle.file_name(f"{case.number}-{name}"),
        )

    @door(f"/{ROW}application_id>.zip")
    def bundle(self, application_id: int) -> Response:
        """Everything the reader may see of the case, in one file."""
        case, facts = _kept(application_id)
        desk.note_reading(case, Deed.EXPORT, shown="archive")
        name = f"{facts.submitted['person']['name']}-{case.number}.zip"
        packed = bundle.pack(case, facts, _version_of(case))
        return send_file(packed, mimetype="application/zip", as_attachment=True, download_name=bundle.file_name(name))


def _kept(application_id: int) -> tuple[Application, Facts]:
    case = case_of(application_id)
    if case.state is State.DRAFT:
        raise NotFound  # nothing was submitted, so nothing is kept
    return case, of_applications(db.session, [case.id])[case.id]


def _version_of(case: Application) -> CertificateVersion | None:
    """The certificate that came of this case, whether or not a later one has replaced it."""
    mine = select(CertificateVersion).where(CertificateVersion.application_id == case.id)
    brief = mine.options(load_only(CertificateVersion.id, CertificateVersion.token))
    found: CertificateVersion | None = db.session.scalars(brief).first()
    return found


# --- certificates ------------------------------------------------------------------------------------------


class CertificateFileView(BaseView):  # type: ignore[misc]
    """The certificate as PDF and as OFD, for whoever may see it."""

    route_base = "/certificates"
    class_permission_name = "CertificateFile"
    default_view = "open"

    @door(f"/{ROW}version_id>.pdf")
    def open(self, version_id: int) -> Response:
        version = self._within_reach(version_id)
        return send_file(
            opened(version),
            mimetype="application/pdf",
            as_attachment="download" in request.args,
            download_name=f"{version.face['name']}-{version.face['number']}.pdf",
        )

    @door(f"/{ROW}version_id>.ofd")
    @permission_name("open")  # type: ignore[untyped-decorator]
    def ofd(self, version_id: int) -> Response:
        """GB/T 33190; browsers do not show it, so it is always handed out as a file."""
        version = self._within_reach(version_id)
        name = f"{version.face['name']}-{version.face['number']}.ofd"
        return send_file(opened_ofd(version), mimetype="application/ofd", as_attachment=True, download_name=name)

    def _within_reach(self, version_id: int) -> CertificateVersion:
        version: CertificateVersion | None = db.session.get(CertificateVersion, version_id)
        must_reach(desk.actor(), version and version.certificate)
        assert version is not None  # noqa: S101 - must_reach has refused None
        desk.note_reading(version, shown="certificate")  # it bears the ID number in full
        return version


class CertificateScreen(Screen):
    """安管人员证书."""

    datamodel = SelInterface(Certificate)
    route_base = "/certificates"
    class_permission_name = "Certificate"
    base_permissions = ["can_list", "can_pack"]
    base_filters = [["id", WithinReach, None]]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_template = "casework/list.html"
    list_title = _("Safety personnel certificates")
    list_columns = ["holder", "number", "enterprise.name", "valid_to", "status"]
    sub_columns = {"holder": "person.masked_id_number", "number": "category"}
    head_column = "holder"
    tag_columns = ("status",)
    order_columns = ["holder", "valid_to"]
    base_order = ("id", "desc")
    search_columns = ["holder", "number", "enterprise.name", "category", "status", "valid_to"]
    search_by = {"number": lambda text: contains(Certificate.number, fold_certificate_number(text))}
    label_columns = {
        "holder": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "number": _("Certificate number"),
        "category": _("Personnel category"),
        "enterprise.name": _("Enterprise"),
        "valid_to": _("Valid until"),
        "status": _("Certificate status"),
    }

    @door("/")
    def list(self) -> Response | str:
        return super().list()

    @door("/pack", "POST")
    def pack(self) -> Response:
        """The ticked ones as a zip, or all that match the query (``?every=1``)."""
        home = url_for("CertificateScreen.list")
        return packing.pack(self._matching() if "every" in request.args else asked_ids(), home)

    def _matching(self) -> builtins.list[int]:
        """One more than may be packed, so that too many are refused and not cut off in silence."""
        query = self.datamodel.within_reach(*self.asked().conditions.values())
        rows: Any = query.with_entities(Certificate.id).limit(desk.office().largest_bundle + 1)
        return [row[0] for row in rows]

    def batch_links(self) -> builtins.list[Link]:
        pack = url_for("CertificateScreen.pack")
        return [Link(gettext("Download the ticked as zip"), pack, icon="download", post=True)] if self.may("pack") else []

    def head_links(self) -> builtins.list[Link]:
        if not self.may("pack"):
            return []
        asked = {name: value for name, value in self.asked().args().items() if name not in ("page", "size", "sort")}
        every = url_for("CertificateScreen.pack", every=1, **asked)
        word = gettext("Download what matches as zip") if asked else gettext("Download all as zip")
        return [Link(word, every, icon="download", post=True)]

    def cell(self, column: str, item: Certificate) -> object | None:
        if column == "status":
            word = item.status_on(desk.today())
            return Markup('<span class="tag {}">{}</span>').format(tone(word), word)
        return _until(item) if column == "valid_to" else None

    def row_links(self, item: Certificate) -> builtins.list[Link]:
        claims = certificate_links(item)
        past = Link(gettext("Certificate history"), url_for("CertificateHistoryView.show", certificate_id=item.id))
        version = item.versions[-1] if item.versions else None
        if version is None:
            return [*claims, past]
        pdf = url_for("CertificateFileView.open", version_id=version.id)
        code = url_for("LookupView.scanned", token=version.token)
        return [
            *claims,
            Link(gettext("View certificate"), pdf, external=True),
            *_as_ofd(version),
            Link(gettext("Page behind the QR code"), code, external=True),
            past,
        ]


def _as_ofd(version: CertificateVersion) -> list[Link]:
    """The file of the national carrier's format, where there is a seal for it."""
    if not desk.seal().offers(Suite.SM2):
        return []
    return [Link(gettext("Download OFD"), url_for("CertificateFileView.ofd", version_id=version.id))]


def _until(item: Certificate) -> object:
    """The last day, and how near it is."""
    today = desk.today()
    left = (item.valid_to - today).days
    if item.status_on(today) is not CertificateStatus.VALID or left > SOON.days:
        return item.valid_to.isoformat()
    word = gettext("expires in %(n)s days", n=left) if left else gettext("last day today")
    return Markup('<span class="due soon">{} <b>{}</b></span>').format(item.valid_to.isoformat(), word)
