"""资质信息: the enterprise's qualification certificates, each with its scan."""

from typing import Any

from flask import g
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from app.accounts.registry import delete_qualification, save_qualification
from app.applications.attachments import current
from app.core.vocabulary import PaperKind
from app.db.session import db
from app.models import Qualification
from app.web import request_context
from app.web.base import ModelScreen, SelInterface
from app.web.base.access_filter import WithinReach
from app.web.enterprise.enterprise import scans_of
from app.web.forms import AppForm, DayField, Required, TextField, TextLength, Uploaded
from app.web.scan_upload import field_name, fill_cards, scan_field, store_scans, take_scans

SCAN = field_name(PaperKind.QUALIFICATION)
TYPED = ("number", "kind_and_grade", "valid_from", "valid_to")


class QualificationForm(AppForm):
    number = TextField(_("Qualification certificate no."), validators=[Required(), TextLength(60)])
    kind_and_grade = TextField(_("Kind and grade"), validators=[Required(), TextLength(200)])
    valid_from = DayField(_("Valid from"), validators=[Required()])
    valid_to = DayField(_("Valid to"), validators=[Required()])
    paper_qualification = scan_field(PaperKind.QUALIFICATION, _("The original with the seal, every page that names a grade."))


class QualificationScreen(ModelScreen):
    datamodel = SelInterface(Qualification)
    route_base = "/qualifications"
    class_permission_name = "Qualification"
    base_permissions = ["can_list", "can_add", "can_edit", "can_delete"]
    exclude_route_methods = {"show"}
    base_filters = [["id", WithinReach, None]]
    empty_text = _("No qualification yet. New applications need one with its scan: add it here first.")
    list_title, add_title, edit_title = _("Qualifications"), _("Add qualification"), _("Edit qualification")
    list_columns = ["number", "kind_and_grade", "valid_from", "valid_to", "standing", "scan"]
    order_columns = ["number", "valid_from", "valid_to"]
    base_order = ("valid_to", "desc")
    search_columns = ["number", "kind_and_grade", "valid_to"]
    label_columns = {
        "number": _("Qualification certificate no."),
        "kind_and_grade": _("Kind and grade"),
        "valid_from": _("Valid from"),
        "valid_to": _("Valid to"),
        "standing": _("Standing"),
        "scan": PaperKind.QUALIFICATION.label,
    }
    add_form = edit_form = QualificationForm
    add_columns = edit_columns = [*TYPED, SCAN]
    add_fieldsets = edit_fieldsets = [
        (_("Particulars of the qualification certificate"), {"fields": list(TYPED)}),
        (PaperKind.QUALIFICATION.label, {"fields": [SCAN], "uploads": True}),
    ]

    def render_template(self, template: str, **context: Any) -> str:
        """Loads the scans of the whole page in one query."""
        g.qualification_scans = scans_of([row.id for row in context.get("rows", ())])
        return str(super().render_template(template, **context))

    def walk(self, item: Qualification, column: str) -> Any:
        if column == "scan":
            scans: dict[int, Uploaded] = g.qualification_scans
            return scans.get(item.id)
        return "" if column == "standing" else super().walk(item, column)

    def cell(self, column: str, item: Qualification) -> object | None:
        if column == "standing":
            expired = item.valid_to < request_context.today()
            word = gettext("Qualification expired") if expired else gettext("Qualification in force")
            return Markup('<span class="tag {}">{}</span>').format("bad" if expired else "ok", word)
        if column == "scan":
            scan = self.walk(item, "scan")
            if scan is None:
                return Markup('<span class="tag todo">{}</span>').format(gettext("Scan missing"))
            if not scan.url:
                return str(scan.name)
            page = Markup('<a class="lnk" href="{}" target="_blank" rel="noopener">{}</a>')
            return page.format(scan.url, gettext("Look at the scan"))
        return None

    def note(self) -> object:
        return gettext("Every application rests on a qualification with its scan; keep the one in force up to date.")

    def new_item(self) -> Qualification:
        return Qualification(enterprise_id=request_context.current_actor().enterprise_id)

    def before_saving(self) -> None:
        take_scans()

    def prepare_form(self, form: Any, item: Qualification, *, new: bool) -> None:
        fill_cards(form, (PaperKind.QUALIFICATION,), {} if new else current(db.session(), item))

    def save(self, item: Qualification, form: Any, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        session = db.session()
        form.populate_obj(item)
        save_qualification(session, item, request_context.current_actor())
        store_scans(session, item, form, (PaperKind.QUALIFICATION,))

    def delete_item(self, item: Qualification) -> None:
        delete_qualification(db.session(), item, request_context.current_actor())
