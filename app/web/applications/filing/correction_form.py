"""补正: the form on which an enterprise corrects a returned application, with a field for each marked item only.

Other posted values are ignored. Saving is all or nothing, through the domain operations of person, details and scans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import CombinedMultiDict
from werkzeug.wrappers import Response

from app.accounts import registry
from app.applications import drafts
from app.applications.attachments import Owner, attach, current
from app.core.errors import AppError, Refusal, Unmet
from app.core.vocabulary import PERSON_PAPERS, Action, MatterKind, PaperKind
from app.db.session import db
from app.eligibility import corrections
from app.eligibility.corrections import CorrectionMark
from app.eligibility.facts import Facts, of_applications
from app.eligibility.matter_fields import fields_of
from app.files.inspect import FileRefused
from app.models import Application, Enterprise, Qualification
from app.web import request_context
from app.web.applications.filing.certificate_form import control
from app.web.applications.filing.lists import LISTS, NewApplicationScreen
from app.web.applications.filing.new_form import refusals_or_clash, status_of
from app.web.applications.review.limits import limit_notice
from app.web.applications.review.matter_details import readable
from app.web.applications.review.presentation import CODED_FIELDS, Pairs, about_case, about_person, scans_of
from app.web.base.access_filter import ROW, without_controls
from app.web.base.fab import BaseView, route
from app.web.base.form_version import FormVersion
from app.web.base.layout import safe_next
from app.web.base.review_queue import Scan
from app.web.forms import (
    AppForm,
    KeptIdNumberField,
    LongTextField,
    MobileField,
    NameField,
    Required,
    TextField,
    TextLength,
    WordField,
    is_restored,
)
from app.web.scan_upload import card, is_taken, scan_field, take_scans, taken
from app.workflow import carry_out, must_all_pass

SCANS = {f"papers.{kind.value}": kind for kind in PaperKind} | {"pledge": PaperKind.PLEDGE}


@dataclass(frozen=True, slots=True)
class Locked:
    """What cannot be changed, as submitted."""

    facts: Pairs
    scans: list[Scan]


class CorrectionView(BaseView):
    route_base = "/corrections"
    class_permission_name = "Correction"
    default_view = "edit"

    @route(f"/{ROW}application_id>", "GET", "POST")
    def edit(self, application_id: int) -> Response | str:
        if request.method == "POST":
            take_scans()
        posted, actor = request.method == "POST", request_context.current_actor()
        application = drafts.to_correct(db.session, application_id, actor, lock=posted)
        case = of_applications(db.session, [application_id], lock=posted)[application_id]
        form = _build_form(application, case)
        version = FormVersion(form, f"corrections.{application_id}")
        if not posted:
            return self._form(application, case, version)
        stored = _build_form(application, case, typed=False)
        if version.wants_theirs:
            version.take_theirs(stored)
        if version.wants_theirs or is_restored() or version.differs(stored):
            db.session.rollback()
            return self._form(application, case, version)
        return self._keep(application, case, version)

    def _keep(self, application: Application, case: Facts, version: FormVersion) -> Response | str:
        application_id = application.id
        try:
            _save(application, version.form)
            db.session.flush()
            submitted = request.form.get("then") == "submit"
            if submitted:
                _submit(application_id)
            db.session.commit()
        except (AppError, IntegrityError) as error:
            refusals = refusals_or_clash(error)
            application = drafts.to_correct(db.session, application_id, request_context.current_actor())
            return self._form(application, case, version, refusals)
        return redirect(_next_url(application_id, application.matter, submitted=submitted))

    def _form(
        self, application: Application, case: Facts, version: FormVersion, refusals: Sequence[Refusal] = ()
    ) -> Response | str:
        marks, form = corrections.parse_marks(application.marks), version.form
        for refusal in refusals:
            if (name := _field_of(refusal, form)) is not None:
                form[name].errors = [*form[name].errors, refusal.sentence]
        screen = LISTS.get(application.matter, NewApplicationScreen)
        page = self.render_template(
            "applications/correction_form.html",
            title=gettext("Correct the application of %(name)s", name=application.person.name),
            crumbs=[(screen.list_title, url_for(f"{screen.__name__}.list"))],
            case=application,
            limit=limit_notice(application),
            form=form,
            version=version,
            marks=marks,
            items=corrections.ITEMS,
            remark=corrections.remark_of(application.asked_for, marks),
            led=anchor,
            done=_done(case, marks),
            fields=[field_name(mark.item) for mark in marks if field_name(mark.item) in form],
            qualifications=_qualifications(application) if any(mark.item == "qualifications" for mark in marks) else None,
            locked=_locked(application, case, marks),
            loose=[refusal.sentence for refusal in refusals if _field_of(refusal, form) is None],
            back=safe_next(url_for(f"{screen.__name__}.list")),
        )
        return Response(page, status_of(refusals, version), mimetype="text/html")


def field_name(item: str) -> str:
    return item.replace(".", "-")


def anchor(item: str) -> str:
    """Fragment of an item's field on this page."""
    return f"#f-{field_name(item)}"


def _done(case: Facts, marks: Sequence[CorrectionMark]) -> set[str]:
    """The marked items that differ by now from what was submitted."""
    asked = {mark.item for mark in marks}
    return asked - set(corrections.unchanged_items(case.submitted, case.record(), asked))


def _value_field(item: str, application: Application, case: Facts) -> Any:
    """The text or select field of one marked item, with the submitted value as its hint."""
    section, _dot, name = item.partition(".")
    label = corrections.ITEMS[item]
    before = readable(name, str((case.submitted.get(section) or {}).get(name) or ""))
    hint = {"description": gettext("As submitted: %(value)s", value=before or gettext("nothing"))}
    if section == "details":
        fields = fields_of(application.matter, application.reason_code, application.category)
        detail = control(next(field for field in fields if field.name == name), field_name(item), case)
        detail.kwargs |= hint
        return detail
    if name in CODED_FIELDS:
        return WordField(CODED_FIELDS[name], label, [] if name == "technical_title" else [Required()], **hint)
    if name == "name":
        return NameField(label, [Required(), TextLength(50)], **hint)
    if name == "id_number":
        return KeptIdNumberField(label, **hint)
    return MobileField(label, **hint) if name == "mobile" else TextField(label, [TextLength(60)], **hint)


def _build_form(application: Application, case: Facts, *, typed: bool = True) -> Any:
    """A form with one field for each marked item: as typed; on a GET, or if not ``typed``, with the present values."""
    marks = corrections.parse_marks(application.marks)
    controls: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for mark in marks:
        section, _dot, name = mark.item.partition(".")
        field = field_name(mark.item)
        if mark.item in SCANS:
            controls[field] = scan_field(SCANS[mark.item], mark.why)
            controls[field].kwargs |= {"id": field, "removable": False}
        elif section in ("person", "details"):
            controls[field] = _value_field(mark.item, application, case)
            now = (application.details or {}) if section == "details" else case.person
            known[field] = now.get(name, "")
    controls["word"] = LongTextField(
        _("To the officer"),
        [TextLength(500)],
        description=_("Needed where something that was marked stays as it is: why?"),
        render_kw={"rows": 2, "maxlength": 500},
    )
    both: list[Any] = [request.files, request.form]
    sent: Any = CombinedMultiDict(both) if typed and request.method == "POST" else None
    form = type("CorrectionForm", (AppForm,), controls)(formdata=sent, data=known)
    for mark in marks:
        if mark.item in SCANS:
            there = current(db.session, _owner(application, SCANS[mark.item])).get(SCANS[mark.item])
            form[field_name(mark.item)].limit_bytes = request_context.current_office().scan_bytes
            form[field_name(mark.item)].current = card(there) if there else None
    return form


def _field_of(refusal: Refusal, form: Any) -> str | None:
    """The field that a refusal belongs to: by its place, its name on this page, or its name in the domain."""
    part = refusal.place.part if refusal.place else ""
    names = (field_name(part), refusal.field, f"person-{refusal.field}", f"details-{refusal.field}")
    return next((name for name in names if name and name in form), None)


def _locked(application: Application, case: Facts, marks: Sequence[CorrectionMark]) -> Locked:
    """Everything else that was submitted."""
    asked = {mark.item for mark in marks}
    open_here = {str(corrections.ITEMS[item]) for item in asked if item.startswith("person.")}
    facts = (*about_person(case), *about_case(application, case))
    scans = [scan for scan in scans_of(case) if scan.item not in asked and scan.url]
    return Locked([pair for pair in facts if pair[1] and str(pair[0]) not in open_here], scans)


def _qualifications(application: Application) -> list[Qualification]:
    mine = select(Qualification).where(Qualification.enterprise_id == application.enterprise_id)
    return list(db.session.scalars(mine.order_by(Qualification.valid_to.desc(), Qualification.id)))


def _owner(application: Application, kind: PaperKind) -> Owner:
    """The owner of the scan: enterprise, application or person."""
    if kind is PaperKind.PLEDGE:
        enterprise: Enterprise = application.enterprise
        return enterprise
    own = application.matter is MatterKind.TRANSFER or kind not in PERSON_PAPERS
    return application if own else application.person


def _save(application: Application, form: Any) -> None:
    """Save every posted value of the marked items; ``Unmet`` with every mistake."""
    marks = corrections.parse_marks(application.marks)
    form.validate()
    wrong = [Refusal("bad-field", sentence, name) for name, sentences in form.errors.items() for sentence in sentences]
    items = {mark.item for mark in marks}
    for save in (_save_person, _save_details, _save_scans) if not wrong else (_save_scans,):
        try:
            save(application, form, items)
        except Unmet as error:
            wrong += error.refusals
    if wrong:
        raise Unmet(wrong)


def _save_person(application: Application, form: Any, items: set[str]) -> None:
    names = [item.partition(".")[2] for item in corrections.ITEMS if item in items and item.startswith("person.")]
    if not names:
        return
    person = application.person
    with db.session.no_autoflush:
        for name in names:
            value = form[f"person-{name}"].data
            if name == "id_number" and not value:
                continue
            setattr(person, name, value or (None if name in ("mobile", "technical_title") else ""))
        on, office = request_context.today(), request_context.current_office()
        registry.update_person(db.session(), person, request_context.current_actor(), on=on, office=office)


def _save_details(application: Application, form: Any, _items: set[str]) -> None:
    values = {name.removeprefix("details-"): form[name].data or "" for name in form.data if name.startswith("details-")}
    drafts.correct_details(db.session(), application, values)


def _save_scans(application: Application, form: Any, items: set[str]) -> None:
    actor, at = request_context.current_actor(), request_context.office_now()
    wrong: list[Refusal] = []
    for item in corrections.ITEMS:
        if item not in items or item not in SCANS or not is_taken(field_name(item)):
            continue
        field, kind = form[field_name(item)], SCANS[item]
        owner = _owner(application, kind)
        before = current(db.session, owner).get(kind)
        try:
            after = attach(db.session, owner, kind, taken(field.name), actor, at=at)
        except FileRefused as error:
            wrong.append(Refusal(error.code, error.sentence, field.name))
            continue
        if before and before.digest == after.digest:
            sentence = _("This is the very scan that was sent back. Please choose the corrected one.")
            wrong.append(Refusal("same-scan", sentence, field.name))
    if wrong:
        raise Unmet(wrong)


def _submit(application_id: int) -> None:
    """Submit again; ``Unmet`` with every refusal, each with its field."""
    word = without_controls(request.form.get("word", "")).strip()
    must_all_pass(carry_out(db.session, [application_id], Action.SUBMIT, reason=word, **request_context.acting()))


def _next_url(application_id: int, matter: MatterKind, *, submitted: bool) -> str:
    if not submitted:
        flash(gettext("Saved. Not submitted yet: the authority sees nothing until you press Submit."), "warning")
        return url_for("CorrectionView.edit", application_id=application_id)
    flash(gettext("Corrected and submitted again."), "success")
    screen = LISTS.get(matter, NewApplicationScreen)
    return url_for(f"{screen.__name__}.list")
