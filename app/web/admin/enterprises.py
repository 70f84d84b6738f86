"""Enterprises: registration, approval, activation."""

from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts import registration as account_registration
from app.core.errors import AppError, NotFound
from app.core.identifiers import mask_mobile
from app.core.vocabulary import Registration, Role
from app.db.session import db
from app.models import Enterprise, Region
from app.web import request_context
from app.web.base import Link, SelInterface, safe_next
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import route
from app.web.base.file_response import EXTENSIONS, file_answer, sends_content
from app.web.base.list_export import ExportedList
from app.web.forms import AppForm, ChoiceField, CreditCodeField, Required, TextField, TextLength, WordField


class EnterpriseForm(AppForm):
    name = TextField(_("Enterprise name"), validators=[Required(), TextLength(120)])
    uscc = CreditCodeField(_("Unified social credit code"), validators=[Required()])
    region_code = ChoiceField(_("Region"), choices=[], validators=[Required()])
    registration = WordField(Registration, _("Registration"), blank=False)


class EnterpriseAdminScreen(ExportedList):
    """Enterprises with name, credit code, region and the state of their registration."""

    datamodel = SelInterface(Enterprise, eager=(Enterprise.region,))
    route_base = "/enterprises"
    class_permission_name = "EnterpriseAdmin"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_licence", "can_decide", "can_export"]
    empty_text = _("No enterprise yet. Add one, import the accounts of the old system, or approve those that register.")
    list_title, show_title = _("Enterprises"), _("Information on the enterprise")
    add_title, edit_title = _("Add enterprise"), _("Edit enterprise")
    list_columns = ["name", "uscc", "region", "registration", "registered_at", "source"]
    show_columns = [
        "name", "uscc", "region", "legal_representative", "contact", "mobile", "telephone", "registration", "registered_at",
        "registration_note", "known",
    ]  # fmt: skip
    tag_columns = ("registration",)
    tabs_column = "registration"
    search_columns = ["name", "uscc"]
    order_columns = ["name", "uscc"]
    base_order = ("name", "asc")
    label_columns = {
        "name": _("Enterprise name"),
        "uscc": _("Unified social credit code"),
        "region": _("Region"),
        "registration": _("Registration"),
        "source": _("Known from"),
        "legal_representative": _("Legal representative"),
        "contact": _("Contact"),
        "mobile": _("Mobile"),
        "telephone": _("Landline"),
        "registered_at": _("Registered at"),
        "registration_note": _("Why it was rejected"),
        "known": _("On the books under this name"),
    }
    add_form = edit_form = EnterpriseForm
    add_columns = edit_columns = ["name", "uscc", "region_code", "registration"]

    def cell(self, column: str, item: Enterprise) -> object | None:
        if column == "mobile":
            return mask_mobile(item.contact_mobile) if item.contact_mobile else "—"
        if column == "known":
            others, certificates = account_registration.same_name_counts(db.session(), item)
            counted = gettext("%(n)s other enterprises, %(m)s certificates", n=others, m=certificates)
            return str(counted if others or certificates else gettext("nothing"))
        return None

    def extra_template(self, item: Enterprise) -> str | None:
        return "admin/business_licence.html" if item.licence_digest else None

    def row_links(self, item: Enterprise) -> list[Link]:
        links = super().row_links(item)
        if item.registration is not Registration.PENDING or not self.may("decide"):
            return links
        sure = gettext("Approve the registration of %(name)s? It can sign in from then on.", name=item.name)
        yes = url_for("EnterpriseAdminScreen.decide", pk=item.id, agree="yes")
        no = url_for("EnterpriseAdminScreen.decide", pk=item.id, agree="no")
        reasons = (
            gettext("The scan of the business licence cannot be read."),
            gettext("Name and credit code do not agree with the business licence."),
        )
        return [
            *links,
            Link(gettext("Approve"), yes, post=True, primary=True, confirm=sure),
            Link(gettext("Reject"), no, post=True, danger=True, reason=reasons),
        ]

    @route(f"/licence/{ROW}pk>")
    def licence(self, pk: int) -> Response:
        """The uploaded scan, as re-encoded on upload."""
        item = self.get_or_404(pk)
        if not item.licence_digest:
            raise NotFound
        if sends_content(item.licence_mime):
            request_context.note_reading(item, what="licence")
        data = request_context.store().read(item.licence_digest)
        return file_answer(data, item.licence_mime, f"licence-{pk}{EXTENSIONS[item.licence_mime]}")

    @route(f"/decide/{ROW}pk>/<agree>", "POST")
    def decide(self, pk: int, agree: str) -> Response:
        if agree not in ("yes", "no"):
            raise NotFound
        try:
            actor, office, at = (
                request_context.current_actor(),
                request_context.current_office(),
                request_context.office_now(),
            )
            done = account_registration.decide(db.session(), pk, agree == "yes", asked_reason(), actor, at=at, office=office)
            db.session.commit()
        except AppError as error:
            flash_refusals(error)
            return redirect(safe_next(url_for("EnterpriseAdminScreen.list")))
        flash(gettext("%(name)s: %(state)s", name=done.name, state=done.registration), "success")
        return redirect(safe_next(url_for("EnterpriseAdminScreen.list", registration="pending")))

    def prepare_form(self, form: Any, item: Enterprise, *, new: bool) -> None:  # noqa: ARG002
        regions = db.session.scalars(select(Region).order_by(Region.code))
        form.region_code.choices = [("", ""), *((region.code, region.name) for region in regions)]

    def save(self, item: Enterprise, form: Any, *, new: bool) -> None:  # noqa: ARG002
        request_context.current_actor().demand(Role.ADMIN)
        twin = select(Enterprise.id).where(Enterprise.uscc == form.uscc.data, Enterprise.id != (item.id or 0))
        if db.session.scalar(twin) is not None:
            raise AppError(_("An enterprise with this credit code is already listed."), code="uscc-taken", field="uscc")
        form.populate_obj(item)
        db.session.add(item)
