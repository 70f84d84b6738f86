"""区域: the administrative divisions that accounts, enterprises and cases belong to."""

import re
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.accounts.access import region_prefix
from app.core.errors import Refusal, Unmet
from app.core.redaction import number_refusals
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Region
from app.web import request_context
from app.web.base import ModelScreen, SelInterface
from app.web.forms import AppForm, Required, TextField, TextLength


class RegionForm(AppForm):
    code = TextField(_("Code (GB/T 2260)"), [Required()], description=_("Six digits; 430121 lies within 430100."))
    name = TextField(_("Name of the region"), [Required(), TextLength(60)])


class RegionNameForm(AppForm):
    name = RegionForm.name


class RegionScreen(ModelScreen):
    """Added and renamed here, never deleted: what belongs to a region does so for good."""

    datamodel = SelInterface(Region)
    route_base = "/regions"
    class_permission_name = "Region"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit"]
    list_title, show_title = _("Regions"), _("Region")
    empty_text = _("No region yet. “anguan init” on the server makes those of the province; others are added here.")
    add_title, edit_title = _("Add a region"), _("Rename a region")
    list_columns = show_columns = ["code", "name", "within", "own_name"]
    head_column = "name"
    search_columns = ["code", "name"]
    order_columns = ["code", "name"]
    base_order = ("code", "asc")
    page_size = 50
    label_columns = {
        "code": _("Code (GB/T 2260)"),
        "name": _("Name of the region"),
        "within": _("Lies within"),
        "own_name": _("Named here"),
    }
    add_form, edit_form = RegionForm, RegionNameForm
    add_columns, edit_columns = ["code", "name"], ["name"]

    def note(self) -> object:
        return gettext("A name counts at once on pages and new papers; papers that were issued keep theirs.")

    def cell(self, column: str, item: Region) -> object | None:
        if column != "within":
            return None
        above = db.session.get(Region, above_of(item.code)) if above_of(item.code) else None
        return above.name if above is not None else "—"

    def save(self, item: Region, form: Any, *, new: bool) -> None:
        request_context.current_actor().demand(Role.ADMIN)
        name = " ".join(form.name.data.split())
        faults = [*number_refusals({"name": (_("Name of the region"), name)})]
        if new:
            faults += code_faults(form.code.data)
        if faults:
            raise Unmet(faults)
        if new:
            item.code = form.code.data
        item.own_name = item.own_name or item.name != name
        item.name = name
        db.session.add(item)


def above_of(code: str) -> str:
    """The code of the region that it lies within; "" for a province: 430121 → 430100 → 430000, and 429004 → 420000, which
    is a county directly under its province (GB/T 2260: 90 in the middle).
    """
    prefix = region_prefix(code)
    if code[2:4] == "90":
        return f"{code[:2]}0000"
    return "" if len(prefix) <= len("43") else prefix[: len(prefix) - 2].ljust(6, "0")


def code_faults(code: str) -> list[Refusal]:
    """Why no region can be added under this code."""
    office = request_context.current_office()
    if not re.fullmatch("[0-9]{6}", code, re.ASCII) or not code.startswith(region_prefix(office.region_code)):
        sentence = _("The code has six digits and begins with those of the province, %(digits)s.",
                     digits=region_prefix(office.region_code))  # fmt: skip
        return [Refusal("region-code", sentence, "code")]
    if db.session.get(Region, code) is not None:
        return [Refusal("region-taken", _("There is a region with this code already."), "code")]
    if above_of(code) and db.session.get(Region, above_of(code)) is None:
        return [
            Refusal(
                "region-alone", _("Please add the region %(code)s first: it lies within it.", code=above_of(code)), "code"
            )
        ]
    return []
