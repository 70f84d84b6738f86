"""参数设置: the page of all parameters, and one form for each section; both are built from the parameters' declarations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response
from wtforms import HiddenField

from app.applications import office_settings
from app.applications.office_settings import SettingLine
from app.core.errors import AppError, Stale, Unmet
from app.core.office import Adjustable, Office, Positions, Section, Value, stored_text
from app.core.vocabulary import Position, Term
from app.db.session import db
from app.web import request_context
from app.web.base import Link
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import BaseView, route
from app.web.base.layout import may_open, optional_url
from app.web.forms import AppForm, LongTextField, TextField, TickField, WholeNumberField, WordField, WordsField

LONG = 60  # characters from which on a text gets more than one line


class ParameterView(BaseView):
    """Every parameter with its default, its source, and who set it when."""

    route_base = "/parameters"
    class_permission_name = "Parameter"
    default_view = "show"

    @route("/")
    def show(self) -> str:
        """All of them, or those found by a word (``?q=``), or those that somebody changed (``?changed=1``)."""
        base = request_context.settings().office
        wanted, changed = request.args.get("q", "").strip()[:LONG], request.args.get("changed") == "1"
        every = _by_section(office_settings.lines(db.session(), base))
        found = [(section, [row for row in rows if _found(row, section, wanted, changed)]) for section, rows in every]
        return self.render_template(
            "admin/settings.html",
            title=gettext("Parameters"),
            sections=[(section, rows) for section, rows in found if rows],
            wanted=wanted,
            changed=changed,
            number_changed=sum(row.mark is not None for _section, rows in every for row in rows),
            keeps=lambda section: office_settings.editor_of(section) in request_context.current_actor().roles,
            identity=_identity(base),
            log=optional_url("AuditLogScreen.list", table="parameter") if may_open("can_list", "Diary") else "",
        )

    @route("/<code>", "GET", "POST")
    def edit(self, code: str) -> Response | str:
        section = next((section for section in Section if section.value == code), None) or abort(404)
        request_context.current_actor().demand(office_settings.editor_of(section))
        lines = office_settings.lines(db.session(), request_context.settings().office)
        mine = [line for line in lines.values() if line.one.section is section]
        form = form_for(mine)()
        if form.validate_on_submit() and self._save(form, mine):
            return redirect(url_for("ParameterView.show", _anchor=section.value))
        return self.rendered(
            "admin/settings_form.html",
            422 if form.is_submitted() else 200,
            title=section.label,
            crumbs=[(gettext("Parameters"), url_for("ParameterView.show"))],
            form=form,
            names=[line.one.name for line in mine if line.one.name in form],
            locked=[(line.one.label, office_settings.display_value(line.one, line.value)) for line in mine if line.pinned],
            back=url_for("ParameterView.show", _anchor=section.value),
        )

    @route("/<name>/restore", "POST")
    def restore(self, name: str) -> Response:
        try:
            seen = _moment(request.args.get("seen", ""))
            line = office_settings.restore(db.session(), name, request_context.current_actor(), seen=seen, **_context())
            db.session.commit()
        except AppError as error:
            flash_refusals(error)
            return redirect(url_for("ParameterView.show"))
        flash(gettext("%(label)s: the default counts again.", label=line.one.label), "success")
        return redirect(url_for("ParameterView.show", _anchor=line.one.section.value))

    def _save(self, form: Any, mine: Sequence[SettingLine]) -> bool:
        """Whether it was saved. Otherwise the form has the errors and the values now in effect."""
        wanted, seen = _typed(form, mine)
        try:
            changed = office_settings.change(db.session(), wanted, seen, request_context.current_actor(), **_context())
            db.session.commit()
        except (Unmet, Stale) as error:
            db.session.rollback()
            for refusal in error.refusals:
                (form[refusal.field].errors if refusal.field in form else form.form_errors).append(str(refusal.sentence))
            _bring_up_to_date(form, wanted)
            return False
        flash(_saved(changed), "success" if changed else "info")
        return True


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _context() -> dict[str, Any]:
    return {
        "base": request_context.settings().office,
        "at": request_context.office_now(),
        "address": request_context.address(),
    }


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One parameter on the page of all."""

    label: object
    source: object
    value: object
    default: object
    mark: tuple[object, str] | None  # a word beside the value, and its tone
    by: str
    at: datetime | None
    restore: Link | None


def _row(line: SettingLine) -> SettingRow:
    one, stored = line.one, line.stored
    mine = office_settings.editor_of(one.section) in request_context.current_actor().roles
    default = office_settings.display_value(one, one.default)
    sure = gettext("%(label)s: back to the default “%(value)s”?", label=one.label, value=default)
    address = url_for("ParameterView.restore", name=one.name, seen=stored.changed_at.isoformat() if stored else None)
    return SettingRow(
        label=one.label,
        source=one.source,
        value=office_settings.display_value(one, line.value),
        default=default,
        mark=_mark(line),
        by=stored.changed_by if stored else "",
        at=stored.changed_at if stored else None,
        restore=Link(gettext("Restore the default"), address, post=True, confirm=sure) if stored and mine else None,
    )


def _found(row: SettingRow, section: Section, wanted: str, changed: bool) -> bool:
    """Whether the words of a row hold what is looked for."""
    if changed and row.mark is None:
        return False
    words = " ".join(str(part) for part in (row.label, row.source, row.value, section.label))
    return all(part in words.casefold() for part in wanted.casefold().split())


def _mark(line: SettingLine) -> tuple[object, str] | None:
    if line.pinned:
        return gettext("Locked by the operator"), "off"
    if line.unreadable and line.stored:
        return gettext("“%(text)s” is stored, which says nothing: the default counts", text=line.stored.value[:40]), "bad"
    return (gettext("Not the default"), "run") if line.value != line.one.default else None


def _by_section(lines: Mapping[str, SettingLine]) -> list[tuple[Section, list[SettingRow]]]:
    return [
        (section, rows)
        for section in Section
        if (rows := [_row(line) for line in lines.values() if line.one.section is section])
    ]


def _identity(base: Office) -> list[tuple[object, object]]:
    """The identity of the office, set by the operator and only shown here."""
    return [
        (gettext("Province"), base.province),
        (gettext("Short name in certificate numbers"), base.short_name),
        (gettext("Region code"), base.region_code),
        (gettext("Credit code of the issuing authority"), base.issuer_code),
        (gettext("Name of the system"), base.system_name),
        (gettext("Address in QR codes"), base.public_url),
    ]


def form_for(mine: Sequence[SettingLine]) -> type[AppForm]:
    """A form with a field for each parameter that is not pinned, and a hidden one with the value the page showed."""
    fields: dict[str, Any] = {}
    for line in mine:
        if not line.pinned:
            fields |= {line.one.name: _field(line), f"was_{line.one.name}": HiddenField(default=stored_text(line.value))}
    return type("ParameterForm", (AppForm,), fields)


def _field(line: SettingLine) -> Any:
    one = line.one
    given = {"default": _in_field(one, line.value), "description": _hint(one)}
    if isinstance(one.default, bool):
        return TickField(one.label, **given)
    if isinstance(one.default, Positions):
        return WordsField(Position, one.label, **given)
    if isinstance(one.default, Term):
        return WordField(type(one.default), one.label, blank=False, **given)
    if isinstance(one.default, int):
        return WholeNumberField(gettext("%(label)s (%(unit)s)", label=one.label, unit=one.unit), **given)
    return (LongTextField if one.most > LONG else TextField)(one.label, **given)


def _hint(one: Adjustable) -> str:
    default = office_settings.display_value(one, one.default)
    parts = [gettext("default: %(value)s", value=default) if default else "", str(one.source)]
    if not isinstance(one.default, bool | Term | Positions):
        parts.insert(0, str(office_settings.bounds(one)))
    return " · ".join(filter(None, parts))


def _in_field(one: Adjustable, value: Value) -> Any:
    """A value as its field has it."""
    if isinstance(value, Positions):
        return [position.value for position in value]
    if isinstance(value, tuple):
        return stored_text(value)
    return value // one.scale if isinstance(value, int) and not isinstance(value, bool) else value


def _value_of(one: Adjustable, typed: Any) -> Any:
    """The value of a field's input; None for an invalid one."""
    if isinstance(one.default, tuple):
        try:
            return one.read(typed if isinstance(typed, str) else ",".join(typed or ()))
        except ValueError:
            return None
    if isinstance(one.default, bool) or not isinstance(one.default, int) or typed is None:
        return typed
    return typed * one.scale


def _typed(form: Any, mine: Sequence[SettingLine]) -> tuple[dict[str, Value], dict[str, Value]]:
    """The values that the user changed, and all values as the page had shown them."""
    wanted: dict[str, Value] = {}
    seen: dict[str, Value] = {}
    for one in (line.one for line in mine if line.one.name in form):
        try:
            seen[one.name] = one.read(form[f"was_{one.name}"].data or "")
        except ValueError:
            seen[one.name] = one.default
        if form[one.name].data != _in_field(one, seen[one.name]):
            wanted[one.name] = _value_of(one, form[one.name].data)
    return wanted, seen


def _bring_up_to_date(form: Any, wanted: Mapping[str, Value]) -> None:
    """The next submission starts from the values in effect; fields the user left alone show them."""
    for name, line in office_settings.lines(db.session(), request_context.settings().office).items():
        if name in form:
            form[f"was_{name}"].data = stored_text(line.value)
            if name not in wanted:
                form[name].raw_data = None
                form[name].process_data(_in_field(line.one, line.value))


def _saved(changed: Sequence[SettingLine]) -> str:
    if not changed:
        return str(gettext("Nothing was changed."))
    names = gettext(", ").join(str(line.one.label) for line in changed)
    return str(gettext("Saved, and in effect from now on: %(names)s.", names=names))
