"""The table of stock reasons by matter and step, which officers complete by the fact of the case."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select

from app.core.errors import Refusal, Unmet
from app.core.vocabulary import MatterKind, ReasonStep, Role
from app.db.session import db
from app.eligibility.reasons import faults_of
from app.models import StockReason
from app.web import request_context
from app.web.base import ModelScreen, SelInterface
from app.web.forms import AppForm, ChoiceField, LongTextField, Required, TextField, TextLength, TickField, WordField


class StockReasonForm(AppForm):
    step = WordField(ReasonStep, _("Step"), [Required()], blank=False)
    matter = ChoiceField(_("Kind of application"), choices=[], blank=False)
    text = LongTextField(
        _("Reason"),
        [Required(), TextLength(300)],
        description=_("What differs from case to case stands between 【 and 】; the officer writes it before sending."),
        render_kw={"rows": 3, "maxlength": 300},
    )
    clause = TextField(
        _("Clause"), [TextLength(150)], description=_("Such as article 31 of the Administrative Licensing Law.")
    )
    offered = TickField(_("Offered to officers"), default=True)


class StockReasonScreen(ModelScreen):
    """Stock reasons of refusals and returns (行政许可法 art. 38)."""

    datamodel = SelInterface(StockReason)
    route_base = "/stock-reasons"
    class_permission_name = "StockReason"
    base_permissions = ["can_list", "can_add", "can_edit", "can_delete"]
    empty_text = _("No stock reason yet, so officers type each reason in full. Add the first one.")
    list_title, add_title, edit_title = _("Stock reasons"), _("Add a stock reason"), _("Edit a stock reason")
    list_columns = ["text", "step", "offered"]
    sub_columns = {"text": "clause", "step": "matter"}
    head_column = "text"
    search_columns = ["text", "clause", "offered"]
    base_order = ("id", "asc")
    page_size = 50
    tabs_column = "step"
    label_columns = {
        "text": _("Reason"),
        "clause": _("Clause"),
        "step": _("Step"),
        "matter": _("Kind of application"),
        "offered": _("Offered to officers"),
    }
    add_form = edit_form = StockReasonForm
    add_columns = edit_columns = ["step", "matter", "text", "clause", "offered"]

    def note(self) -> object:
        return gettext("Offered at their step as suggestions. A reason is refused while a blank 【…】 is left in it.")

    def cell(self, column: str, item: StockReason) -> object | None:
        if column == "matter":
            return next((kind.label for kind in MatterKind if kind.value == item.matter), gettext("Every matter"))
        return None

    def prepare_form(self, form: Any, item: StockReason, *, new: bool) -> None:  # noqa: ARG002
        form.matter.choices = [("", gettext("Every matter")), *((kind.value, kind.label) for kind in MatterKind)]

    def save(self, item: StockReason, form: Any, *, new: bool) -> None:  # noqa: ARG002
        request_context.current_actor().demand(Role.ADMIN)
        step, matter = form.step.data, form.matter.data or ""
        text, clause = (" ".join((field.data or "").split()) for field in (form.text, form.clause))
        faults = faults_of(step, text, clause)
        if matter and step is ReasonStep.REJECT_SIGNUP:
            sentence = _("A sign-up belongs to no kind of application: choose “Every matter”.")
            faults.append(Refusal("matter-of-signup", sentence, "matter"))
        twin = select(StockReason.id).where(
            StockReason.matter == matter, StockReason.step == step, StockReason.text == text, StockReason.id != (item.id or 0)
        )
        if db.session.scalar(twin) is not None:
            faults.append(Refusal("twin", _("There is such a line already: edit that one."), "text"))
        if faults:
            raise Unmet(faults)
        item.step, item.matter, item.text, item.clause = step, matter, text, clause
        item.offered = bool(form.offered.data)
        db.session.add(item)

    def delete_item(self, item: StockReason) -> None:
        request_context.current_actor().demand(Role.ADMIN)
        super().delete_item(item)
