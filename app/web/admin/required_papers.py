"""The table of required scans by matter, category and reason.

A change applies to what is submitted from its day on. Lines of the standard list are switched off, not deleted.
"""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select

from app.core.errors import AppError, Refusal, Unmet
from app.core.vocabulary import REASONS, Category, MatterKind, PaperKind, Role, reason_of
from app.db.session import db
from app.matters import standard_papers
from app.models import PaperRule
from app.web import request_context
from app.web.base import ModelScreen, SelInterface
from app.web.forms import AppForm, ChoiceField, DayField, Required, TickField, WordField


class PaperRuleForm(AppForm):
    matter = WordField(MatterKind, _("Kind of application"), blank=False)
    category = ChoiceField(_("Personnel category"), choices=[])
    reason_code = ChoiceField(_("Reason"), choices=[])
    paper = WordField(PaperKind, _("Scan"), blank=False)
    required = TickField(_("Must be handed in"), default=True)
    required_from = DayField(_("In effect from"), validators=[Required()])


class PaperRuleScreen(ModelScreen):
    """The table of required papers (domain.md 2.9)."""

    datamodel = SelInterface(PaperRule)
    route_base = "/required-papers"
    class_permission_name = "PaperRule"
    base_permissions = ["can_list", "can_add", "can_edit", "can_delete"]
    list_title, add_title, edit_title = _("Required papers"), _("Add a required paper"), _("Edit a required paper")
    list_columns = ["paper", "category", "required", "required_from"]
    sub_columns = {"paper": "matter", "category": "reason_code"}
    head_column = "paper"
    search_columns = ["matter", "paper", "required"]
    order_columns = ["required_from"]
    base_order = ("id", "asc")
    page_size = 50
    tabs_column = "matter"
    label_columns = {
        "matter": _("Kind of application"),
        "paper": _("Scan"),
        "category": _("Personnel category"),
        "reason_code": _("Reason"),
        "required": _("Must be handed in"),
        "required_from": _("In effect from"),
    }
    add_form = edit_form = PaperRuleForm
    add_columns = edit_columns = ["matter", "category", "reason_code", "paper", "required", "required_from"]

    def note(self) -> object:
        return gettext("A change counts for applications submitted from its day on.")

    def cell(self, column: str, item: PaperRule) -> object | None:
        if column == "category":
            return next((term.label for term in Category if term.value == item.category), gettext("All"))
        if column == "reason_code":
            reason = reason_of(item.matter, item.reason_code)
            return reason.label if reason else gettext("Every reason")
        return None

    def prepare_form(self, form: Any, item: PaperRule, *, new: bool) -> None:  # noqa: ARG002
        every = ("", gettext("All"))
        form.category.choices = [every, *((term.value, term.label) for term in Category)]
        reasons = ((matter, term) for matter, terms in REASONS.items() for term in terms)
        form.reason_code.choices = [every, *((term.value, f"{matter.label}: {term.label}") for matter, term in reasons)]
        if form.required_from.data is None and not form.required_from.raw_data:
            form.required_from.data = request_context.today()

    def save(self, item: PaperRule, form: Any, *, new: bool) -> None:
        request_context.current_actor().demand(Role.ADMIN)
        matter, category, reason = form.matter.data, form.category.data or "", form.reason_code.data or ""
        errors: list[Refusal] = []
        if reason and reason_of(matter, reason) is None:
            errors.append(Refusal("reason-unknown", _("This reason belongs to another kind of application."), "reason_code"))
        if self._is_retroactive(item, form, new=new):
            errors.append(
                Refusal("too-early", _("A paper can be asked for from today on, not for days gone by."), "required_from")
            )
        twin = select(PaperRule.id).where(
            PaperRule.matter == matter,
            PaperRule.category == category,
            PaperRule.reason_code == reason,
            PaperRule.paper == form.paper.data,
            PaperRule.id != (item.id or 0),
        )
        if db.session.scalar(twin) is not None:
            errors.append(Refusal("twin", _("There is such a line already: edit that one."), "paper"))
        if errors:
            raise Unmet(errors)
        item.matter, item.category, item.reason_code, item.paper = matter, category, reason, form.paper.data
        item.required, item.required_from = bool(form.required.data), form.required_from.data
        db.session.add(item)

    @staticmethod
    def _is_retroactive(item: PaperRule, form: Any, *, new: bool) -> bool:
        """Whether a new requirement would apply to what has been submitted already."""
        if not form.required.data or form.required_from.data >= request_context.today():
            return False
        typed = (form.matter.data, form.category.data or "", form.reason_code.data or "", form.paper.data)
        stored = (item.matter, item.category, item.reason_code, item.paper)
        same = not new and item.required and item.required_from == form.required_from.data and stored == typed
        return not same

    def delete_item(self, item: PaperRule) -> None:
        request_context.current_actor().demand(Role.ADMIN)
        if is_standard(item):
            raise AppError(
                _("This line belongs to the standard list. Switch “Must be handed in” off instead."), code="standard-line"
            )
        super().delete_item(item)


def is_standard(item: PaperRule) -> bool:
    """Whether ``anguan init`` would bring the line back."""
    return any(
        item.paper in standard_papers(item.matter, category, item.reason_code)
        for category in Category
        if item.category in ("", category.value)
    )
