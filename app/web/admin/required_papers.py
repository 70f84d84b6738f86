"""The table of required scans by matter, category and reason; without a matter those of the exam sign-up.

A change applies to what is submitted from its day on. Lines of the standard list are switched off, not deleted.
"""

from typing import Any

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select

from app.core.errors import AppError, Refusal, Unmet
from app.core.vocabulary import PERSON_PAPERS, REASONS, Category, MatterKind, PaperKind, Role, reason_of
from app.db.session import db
from app.db.tables.papers import TITLED
from app.matters import standard_papers
from app.models import PaperRule
from app.web import request_context
from app.web.base import ModelScreen, SelInterface
from app.web.base.query import Box, ListQuery
from app.web.forms import AppForm, ChoiceField, DayField, Required, TickField, WordField

SIGNUP, SIGNUP_LABEL = "signup", _("Exam sign-up")
TITLED_LABEL = _("only of people with a technical title")


class PaperRuleForm(AppForm):
    matter = ChoiceField(_("Kind of application"), choices=[])
    category = ChoiceField(_("Personnel category"), choices=[])
    reason_code = ChoiceField(_("Reason"), choices=[])
    paper = WordField(PaperKind, _("Scan"), [Required()], blank=False)
    required = TickField(_("Must be handed in"), default=True)
    required_from = DayField(_("In effect from"), validators=[Required()])


class PaperRuleScreen(ModelScreen):
    """The table of required papers (domain.md 2.9)."""

    datamodel = SelInterface(PaperRule)
    route_base = "/required-papers"
    class_permission_name = "PaperRule"
    base_permissions = ["can_list", "can_add", "can_edit", "can_delete"]
    empty_text = _("No paper is required yet, so every application passes without scans. Add the first rule.")
    list_title, add_title, edit_title = _("Required papers"), _("Add a required paper"), _("Edit a required paper")
    list_columns = ["paper", "category", "required", "required_from"]
    sub_columns = {"paper": "asked_for", "category": "reason_code"}
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

    def _init_properties(self) -> None:
        """The filter and the tabs also know the lines without a matter."""
        super()._init_properties()
        options = (*((kind.value, kind.label) for kind in MatterKind), (SIGNUP, SIGNUP_LABEL))
        ours = Box("matter", self.label_columns["matter"], "select", _asked_by, options=options)
        self.boxes = [ours if box.name == "matter" else box for box in self.boxes]

    def _tabs(self, tally: Any, asked: ListQuery) -> list[tuple[object, str, str, bool]]:
        others = [condition for name, condition in asked.conditions.items() if name != "matter"]
        count = self.datamodel.count(self.datamodel.within_reach(*others, PaperRule.matter.is_(None)))
        url = url_for(f"{self.endpoint}.list", **asked.args(matter=SIGNUP))
        every, *each = super()._tabs(tally, asked)
        label, total, link, current = every
        signup = (SIGNUP_LABEL, str(count), url, asked.values.get("matter") == SIGNUP)
        return [(label, str(int(total) + count), link, current), *each, signup]

    def note(self) -> object:
        return gettext("A change counts for applications and sign-ups submitted from its day on.")

    def cell(self, column: str, item: PaperRule) -> object | None:
        if column == "category":
            return next((term.label for term in Category if term.value == item.category), gettext("All"))
        if column == "asked_for":
            return item.matter.label if item.matter else SIGNUP_LABEL
        if column == "reason_code":
            return _reason_label(item)
        return None

    def prepare_form(self, form: Any, item: PaperRule, *, new: bool) -> None:
        every = ("", gettext("All"))
        form.category.choices = [every, *((term.value, term.label) for term in Category)]
        form.matter.choices = [*((kind.value, kind.label) for kind in MatterKind), (SIGNUP, SIGNUP_LABEL)]
        if not form.matter.raw_data:
            form.matter.data = item.matter.value if item.matter else MatterKind.NEW.value if new else SIGNUP
        reasons = ((matter, term) for matter, terms in REASONS.items() for term in terms)
        listed = [(term.value, f"{matter.label}: {term.label}") for matter, term in reasons]
        form.reason_code.choices = [every, *listed, (TITLED, f"{SIGNUP_LABEL}: {TITLED_LABEL}")]
        if form.required_from.data is None and not form.required_from.raw_data:
            form.required_from.data = request_context.today()

    def save(self, item: PaperRule, form: Any, *, new: bool) -> None:
        request_context.current_actor().demand(Role.ADMIN)
        matter, category, reason = _matter(form), form.category.data or "", form.reason_code.data or ""
        errors: list[Refusal] = []
        if reason and not (reason_of(matter, reason) if matter else reason == TITLED):
            errors.append(Refusal("reason-unknown", _("This reason belongs to another kind of application."), "reason_code"))
        if matter is None and form.paper.data not in PERSON_PAPERS:
            errors.append(Refusal("not-of-a-person", _("A sign-up can ask for scans of the person only."), "paper"))
        if self._is_retroactive(item, form, new=new):
            errors.append(
                Refusal("too-early", _("A paper can be asked for from today on, not for days gone by."), "required_from")
            )
        twin = select(PaperRule.id).where(
            PaperRule.matter == matter if matter else PaperRule.matter.is_(None),
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
        typed = (_matter(form), form.category.data or "", form.reason_code.data or "", form.paper.data)
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


def _asked_by(code: str) -> ColumnElement[bool] | None:
    if code == SIGNUP:
        return PaperRule.matter.is_(None)
    return PaperRule.matter == code if code in {kind.value for kind in MatterKind} else None


def _matter(form: Any) -> MatterKind | None:
    """None for the exam sign-up."""
    return next((kind for kind in MatterKind if kind.value == form.matter.data), None)


def _reason_label(item: PaperRule) -> object:
    if item.matter is None:
        return TITLED_LABEL if item.reason_code else gettext("Everybody")
    reason = reason_of(item.matter, item.reason_code)
    return reason.label if reason else gettext("Every reason")


def is_standard(item: PaperRule) -> bool:
    """Whether ``anguan init`` would bring the line back."""
    return any(
        item.paper in standard_papers(item.matter, category, item.reason_code)
        for category in Category
        if item.category in ("", category.value)
    )
