"""企业基本信息: the clerk's own enterprise to edit, and any enterprise within reach for officers to read.

Name, credit code and region are shown only; which enterprise is changed follows from the signed-in user, not from the form.
"""

from typing import Any

from flask import request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app.accounts.business_licence.tickets import name_differs
from app.accounts.registry import save_enterprise
from app.applications.attachments import current
from app.core.identifiers import mask_mobile
from app.core.vocabulary import PaperKind
from app.db.session import db
from app.models import Enterprise, Paper, Person, Qualification
from app.web import request_context
from app.web.base import ModelScreen, SelInterface, safe_next
from app.web.base.access_filter import WithinReach
from app.web.base.fab import expose, has_access, permission_name, route
from app.web.base.printed_forms import as_file
from app.web.enterprise.pledge import pledge_of
from app.web.forms import AppForm, LandlineField, MobileField, NameField, TextField, TextLength, Uploaded
from app.web.scan_upload import card, field_name, fill_cards, scan_field, store_scans, take_scans

PLEDGE = field_name(PaperKind.PLEDGE)
NEEDED = ("address", "legal_representative", "contact", "contact_mobile")  # for applications
TYPED = (*NEEDED, "telephone")

Check = tuple[bool | None, object, object, str]


class OwnEnterpriseForm(AppForm):
    address = TextField(_("Address"), validators=[TextLength(200)])
    legal_representative = NameField(_("Legal representative"), validators=[TextLength(50)])
    contact = NameField(_("Contact person"), validators=[TextLength(50)])
    contact_mobile = MobileField(_("Contact's mobile"))
    telephone = LandlineField(_("Landline"), description=_("Optional; with the area code, such as 0731-84441234."))
    paper_pledge = scan_field(
        PaperKind.PLEDGE, _("Sealed by the enterprise and signed by the legal representative; needed for every application.")
    )


class EnterpriseView(ModelScreen):
    """One page to edit for clerks, one to read for officers; no list."""

    datamodel = SelInterface(Enterprise, eager=(Enterprise.region,))
    route_base = "/enterprise"
    default_view = "mine"
    class_permission_name = "Enterprise"
    base_permissions = ["can_mine", "can_show"]
    exclude_route_methods = {"list", "add", "edit", "delete"}
    base_filters = [["id", WithinReach, None]]
    edit_title = _("Enterprise basic information")
    show_title = _("Enterprise details")
    list_columns = ["name"]
    show_columns = ["name", "uscc", "region", "address", "legal_representative", "contact", "contact_mobile", "telephone"]
    label_columns = {
        "name": _("Enterprise name"),
        "uscc": _("Unified social credit code"),
        "region": _("Region"),
        "address": _("Address"),
        "legal_representative": _("Legal representative"),
        "contact": _("Contact person"),
        "contact_mobile": _("Contact's mobile"),
        "telephone": _("Landline"),
    }
    edit_form = OwnEnterpriseForm
    edit_columns = [*TYPED, PLEDGE]
    edit_fieldsets = [
        (_("Particulars to keep up to date"), {"fields": list(TYPED)}),
        (PaperKind.PLEDGE.label, {"fields": [PLEDGE], "uploads": True}),
    ]
    edit_template = "enterprise/enterprise_form.html"
    show_template = "enterprise/enterprise.html"
    pledge_label = PaperKind.PLEDGE.label

    @route("/", "GET", "POST")
    def mine(self) -> Response | str:
        return self._form_page(self.get_or_404(request_context.current_actor().enterprise_id), new=False)

    @expose("/pledge.pdf")
    @has_access
    @permission_name("mine")
    def pledge_form(self) -> Response:
        """企业诚信承诺书 to be printed, signed and sealed."""
        name, data = pledge_of(self.get_or_404(request_context.current_actor().enterprise_id))
        return as_file(data, name)

    @route("/<pk>")
    def show(self, pk: str) -> str:
        return super().show(pk)

    def cell(self, column: str, item: Enterprise) -> object | None:
        masked = column == "contact_mobile" and item.contact_mobile
        return mask_mobile(item.contact_mobile or "") if masked else None

    def before_saving(self) -> None:
        take_scans()

    def prepare_form(self, form: Any, item: Enterprise, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        fill_cards(form, (PaperKind.PLEDGE,), current(db.session(), item))

    def save(self, item: Enterprise, form: Any, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        session = db.session()
        form.populate_obj(item)
        for column in ("address", "legal_representative", "contact", "telephone"):
            setattr(item, column, getattr(item, column) or "")
        item.contact_mobile = item.contact_mobile or None
        save_enterprise(session, item, request_context.current_actor())
        store_scans(session, item, form, (PaperKind.PLEDGE,))

    def redirect_after(self, item: Enterprise, *, new: bool) -> str | None:  # noqa: ARG002 - the screen's signature
        """Back to the page that sent the clerk here to put something right; without one, this page."""
        home = url_for("EnterpriseView.mine")
        return safe_next(home) if "next" in request.args else home

    def registered(self, item: Enterprise) -> list[tuple[str, object]]:
        """What cannot be edited here."""
        return [(self.label(column), self.value(column, item)) for column in ("name", "uscc", "region")]

    def licensed_as(self, item: Enterprise) -> str:
        """The name on the business licence, if it differs from the registered one."""
        return item.licence_name if name_differs(item) else ""

    def checks(self, item: Enterprise) -> list[Check]:
        """What applications require of the enterprise, and whether it is there."""
        lines: list[Check] = [
            (bool(getattr(item, column)), self.label_columns[column], "", "" if getattr(item, column) else f"#{column}")
            for column in NEEDED
        ]
        pledge = PaperKind.PLEDGE in current(db.session(), item)
        lines.append((pledge, PaperKind.PLEDGE.label, "", "" if pledge else "#paper-pledge"))
        scanned = scanned_qualifications(item)
        sub = gettext("%(n)s in force", n=scanned) if scanned else gettext("From “Qualifications”")
        lines.append((scanned > 0, PaperKind.QUALIFICATION.label, sub, url_for("QualificationScreen.list")))
        return lines

    def pledge(self, item: Enterprise) -> Uploaded | None:
        paper = current(db.session(), item).get(PaperKind.PLEDGE)
        return None if paper is None else card(paper)

    def qualifications(self, item: Enterprise) -> list[tuple[Qualification, Uploaded | None, bool]]:
        """Each with its scan, and whether it has expired."""
        rows = select(Qualification).where(Qualification.enterprise_id == item.id).order_by(Qualification.valid_to.desc())
        found = list(db.session.scalars(rows))
        scans = scans_of([one.id for one in found])
        return [(one, scans.get(one.id), one.valid_to < request_context.today()) for one in found]

    def people(self, item: Enterprise) -> int:
        return db.session.scalar(select(func.count(Person.id)).where(Person.enterprise_id == item.id)) or 0


def scanned_qualifications(enterprise: Enterprise) -> int:
    """How many qualifications in force have their scan."""
    query = (
        select(func.count(Paper.id))
        .join(Qualification, Qualification.id == Paper.qualification_id)
        .where(
            Qualification.enterprise_id == enterprise.id,
            Qualification.valid_to >= request_context.today(),
            Paper.replaced_at.is_(None),
        )
    )
    return db.session.scalar(query) or 0


def scans_of(qualifications: list[int]) -> dict[int, Uploaded]:
    """The current scan of each of these qualifications, in one query."""
    papers = db.session.scalars(select(Paper).where(Paper.qualification_id.in_(qualifications), Paper.replaced_at.is_(None)))
    return {paper.qualification_id: card(paper) for paper in papers if paper.qualification_id is not None}
