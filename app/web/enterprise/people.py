"""人员信息: the people an enterprise employs and their scans.

ID numbers are masked; ``reveal`` is the only way to see one in full, and is logged with its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload
from werkzeug.wrappers import Response

from app.accounts import identity_corrections, registry
from app.applications.attachments import current
from app.core.errors import AppError, Refusal
from app.core.identifiers import fold, mask_birth_date
from app.core.vocabulary import PERSON_PAPERS, CertificateStatus, Education, PaperKind, Position, State, TechnicalTitle
from app.db import audit
from app.db.counting import shown_count
from app.db.session import db
from app.eligibility.corrections import ITEMS
from app.eligibility.rules import ban_sentence
from app.exams import lacks_papers, signup_papers
from app.exams.papers import SignupPapers
from app.models import Application, Certificate, Person
from app.web import request_context
from app.web.base import Link, SelInterface, safe_next, shown
from app.web.base.access_filter import WithinReach
from app.web.base.datamodel import TALLY_CAP
from app.web.base.fab import route
from app.web.base.list_export import ExportedList
from app.web.base.query import Box, ListQuery
from app.web.forms import (
    AppForm,
    IdNumberField,
    KeptIdNumberField,
    MobileField,
    NameField,
    Required,
    TextField,
    TextLength,
    Uploaded,
    WordField,
)
from app.web.scan_upload import (
    card,
    categories_needing,
    current_kinds,
    field_name,
    fill_cards,
    person_checks,
    scan_field,
    store_scans,
    take_scans,
)

TYPED = ("name", "id_number", "mobile", "education", "major", "technical_title", "position")
CARDS = tuple(map(field_name, PERSON_PAPERS))


def _asked_papers() -> SignupPapers:
    """What a sign-up asks for; read once in a request."""
    if "signup_papers" not in g:
        g.signup_papers = signup_papers(db.session(), request_context.today())
    papers: SignupPapers = g.signup_papers
    return papers


def _by_scans(code: str) -> ColumnElement[bool] | None:
    """The condition behind the filter "scans"."""
    if code not in ("incomplete", "complete"):
        return None
    lacks = lacks_papers(_asked_papers())
    return lacks if code == "incomplete" else ~lacks


class PersonForm(AppForm):
    name = NameField(_("Full name"), validators=[Required(), TextLength(50)])
    id_number = IdNumberField(
        _("ID number"), validators=[Required()], description=_("Sex and birth date follow from the ID number.")
    )
    mobile = MobileField(_("Mobile"), description=_("Optional."))
    education = WordField(Education, _("Education"), validators=[Required()])
    major = TextField(_("Major"), validators=[TextLength(60)])
    technical_title = WordField(TechnicalTitle, _("Technical title"))
    position = WordField(
        Position, _("Position"), validators=[Required()], description=_("The category of a certificate depends on it.")
    )
    paper_photo = scan_field(
        PaperKind.PHOTO, _("Bareheaded, facing the camera, plain background; printed on the certificate.")
    )
    paper_id_card = scan_field(PaperKind.ID_CARD, _("Both sides in one file."))
    paper_education = scan_field(PaperKind.EDUCATION)
    paper_title = scan_field(PaperKind.TITLE)
    paper_registration = scan_field(PaperKind.REGISTRATION)


class KnownPersonForm(PersonForm):
    id_number = KeptIdNumberField(_("New ID number"), description=_("Only to correct it; left empty, it stays as it is."))


@dataclass(frozen=True, slots=True)
class PeopleDetails:
    """Scans and certificates of the people of one page and what a sign-up asks for, loaded in three queries."""

    asked: SignupPapers
    scans: dict[int, frozenset[PaperKind]]
    certificates: dict[int, list[Certificate]]


def details_of(session: Session, people: list[int]) -> PeopleDetails:
    certificates: dict[int, list[Certificate]] = {person_id: [] for person_id in people}
    held = select(Certificate).where(Certificate.person_id.in_(people)).order_by(Certificate.category, Certificate.id)
    for certificate in session.scalars(held):
        certificates[certificate.person_id].append(certificate)
    return PeopleDetails(_asked_papers(), current_kinds(session, people), certificates)


class PersonScreen(ExportedList):
    datamodel = SelInterface(Person, eager=(Person.enterprise,))
    route_base = "/people"
    class_permission_name = "Person"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_release", "can_reveal", "can_export"]
    exclude_route_methods = {"delete"}
    base_filters = [["id", WithinReach, None]]
    list_title, show_title, add_title, edit_title = _("People"), _("Person"), _("Add person"), _("Edit person")
    list_columns = ["name", "position", "education", "scans", "certificates"]
    sub_columns = {"name": "masked_id_number", "education": "technical_title"}
    show_columns = [
        "name",
        "masked_id_number",
        "sex",
        "birth_date",
        "masked_mobile",
        "education",
        "major",
        "technical_title",
        "position",
        "enterprise",
    ]
    search_columns = ["name", "position"]
    search_by = {"id_number": lambda text: Person.id_number_key == fold(text)}
    order_columns = ["name"]
    base_order = ("id", "desc")
    label_columns = {
        "name": _("Full name"),
        "id_number": _("ID number"),
        "masked_id_number": _("ID number"),
        "sex": _("Sex"),
        "birth_date": _("Birth date"),
        "masked_mobile": _("Mobile"),
        "education": _("Education"),
        "major": _("Major"),
        "technical_title": _("Technical title"),
        "position": _("Position"),
        "enterprise": _("Enterprise name"),
        "scans": _("Scans"),
        "certificates": _("Certificates held"),
    }
    add_form, edit_form = PersonForm, KnownPersonForm
    add_columns = edit_columns = [*TYPED, *CARDS]
    add_fieldsets = edit_fieldsets = [
        (_("Particulars of the person"), {"fields": list(TYPED)}),
        (
            _("Scans"),
            {
                "fields": list(CARDS),
                "uploads": True,
                "description": _("You may save now and add what is missing afterwards."),
            },
        ),
    ]
    add_template = edit_template = "enterprise/person_form.html"
    show_template = "enterprise/person.html"
    items = ITEMS

    def _init_properties(self) -> None:
        super()._init_properties()
        options = (("incomplete", _("Scans missing")), ("complete", _("Scans complete")))
        self.boxes.append(Box("scans", _("Scans"), "select", _by_scans, options=options))

    def rows_loaded(self, rows: Sequence[Person]) -> None:
        g.people_details = details_of(db.session(), [person.id for person in rows])

    def render_template(self, template: str, **context: Any) -> str:
        if item := context.get("item"):
            self.rows_loaded([item])
        return str(super().render_template(template, **context))

    def head_links(self) -> list[Link]:
        links = super().head_links()
        if self.appbuilder.sm.has_access("can_roster", "Roster"):
            links.insert(0, Link(gettext("Import people"), url_for("RosterView.roster"), icon="upload"))
        if self.appbuilder.sm.has_access("can_home", "BulkScans"):
            links.insert(0, Link(gettext("Hand in many scans"), url_for("BulkScanView.home"), icon="photo"))
        return links

    def row_links(self, item: Person) -> list[Link]:
        links = []
        if self.may("edit"):
            links.append(Link(gettext("Edit"), self.url("edit", pk=item.id)))
        if self.may("show"):
            links.append(Link(gettext("View"), self.url("show", pk=item.id)))
        if self.may("release"):
            sure = gettext(
                "Remove %(name)s from your enterprise? The scans you handed in stay on record; "
                "another enterprise may then enter this person.",
                name=item.name,
            )
            links.append(
                Link(
                    gettext("Remove from the enterprise"),
                    self.url("release", pk=item.id),
                    danger=True,
                    post=True,
                    confirm=sure,
                )
            )
        return links

    def empty(self) -> tuple[object, Link | None]:
        return gettext(
            "There is nobody on your list yet. Add people one by one, or import them from a sheet."
        ), super().empty()[1]

    def walk(self, item: Person, column: str) -> Any:
        details: PeopleDetails = g.people_details
        if column == "scans":
            return details.scans[item.id]
        return details.certificates[item.id] if column == "certificates" else super().walk(item, column)

    def cell(self, column: str, item: Person) -> object | None:
        if column == "scans":
            return _completeness(g.people_details.asked.required(item.technical_title), self.walk(item, column))
        if column == "certificates":
            return _held(self.walk(item, column))
        if column == "birth_date":
            return self.birth(item)
        return item.id_number if column == "masked_id_number" and g.get("revealed") == item.id else None

    def birth(self, item: Person) -> str:
        """The year only: month and day would complete the masked ID number."""
        born = f"{item.birth_date:%Y-%m-%d}"
        return born if g.get("revealed") == item.id else mask_birth_date(born)

    def _tabs(self, tally: Any, asked: ListQuery) -> list[tuple[object, str, str, bool]]:  # noqa: ARG002 - the screen's signature
        """Everybody, and those whose scans are not complete."""
        others = [condition for name, condition in asked.conditions.items() if name != "scans"]
        every = self.datamodel.within_reach(*others)
        chosen = asked.values.get("scans")
        lacking = every.filter(lacks_papers(_asked_papers()))
        counts = (self.datamodel.count(query, TALLY_CAP) for query in (every, lacking))
        tabs = ((gettext("All"), None), (gettext("Scans missing"), "incomplete"))
        return [
            (label, shown_count(count, TALLY_CAP), url_for("PersonScreen.list", **asked.args(scans=code)), chosen == code)
            for (label, code), count in zip(tabs, counts, strict=True)
        ]

    def before_saving(self) -> None:
        take_scans()

    def prepare_form(self, form: Any, item: Person, *, new: bool) -> None:
        fill_cards(form, PERSON_PAPERS, {} if new else current(db.session(), item))
        if not new and self.fixed(item):
            for field in (form.name, form.id_number):
                field.render_kw = {**(field.render_kw or {}), "readonly": True}
            form.id_number.description = gettext("Fixed, see above.")
        needing = categories_needing(PaperKind.REGISTRATION)
        form.paper_registration.description = gettext("Only for category %(categories)s", categories=needing)

    def save(self, item: Person, form: Any, *, new: bool) -> None:
        session, actor = db.session(), request_context.current_actor()
        with session.no_autoflush:
            form.populate_obj(item)
            item.major, item.mobile = item.major or "", item.mobile or None
            save = registry.add_person if new else registry.update_person
            person = save(session, item, actor, on=request_context.today(), office=request_context.current_office())
        store_scans(session, person, form, PERSON_PAPERS)

    def checks(self, item: Person | None) -> list[Any]:
        return person_checks(
            current_kinds(db.session(), [item.id])[item.id] if item else (), item.technical_title if item else None
        )

    def sent_back(self, item: Person | None) -> list[Application]:
        """This person's applications returned with correction marks, which may concern data edited here."""
        if item is None:
            return []
        mine = (Application.person_id == item.id, Application.enterprise_id == request_context.current_actor().enterprise_id)
        returned = select(Application).where(*mine, Application.state == State.RETURNED).order_by(Application.id)
        return [
            application
            for application in db.session.scalars(returned.options(selectinload(Application.steps)))
            if application.marks
        ]

    def show_links(self, item: Person) -> list[Link]:
        """Only the person's own enterprise may edit."""
        if not self.may("edit") or item.enterprise_id != request_context.current_actor().enterprise_id:
            return []
        return [*self.correction_links(item), Link(gettext("Edit"), self.url("edit", pk=item.id), primary=True)]

    def fixed(self, item: Person | None) -> list[Refusal]:
        """What fixes name and ID number of a stored person."""
        return [] if item is None else registry.identity_is_fixed_by(db.session(), item.id, request_context.today())

    def correction_links(self, item: Person) -> list[Link]:
        """申请更正, where that is the way: signed up or examined, and no certificate yet."""
        if "settled-by-exam" not in {refusal.code for refusal in self.fixed(item)}:
            return []
        bars = {refusal.code for refusal in identity_corrections.bars(db.session(), item, request_context.today())}
        if "correction-pending" in bars:
            return [Link(gettext("The correction applied for"), url_for("CorrectionRequestScreen.list"), icon="clock")]
        if bars:
            return []
        url = url_for("CorrectionRequestScreen.ask", person_id=item.id)
        return [Link(gettext("Apply for a correction of name or ID number"), url, icon="edit")]

    def ban(self, item: Person) -> object:
        """Until when the person may not apply, and why; "" if nothing is in the way."""
        if item.banned_until is None or request_context.today() >= item.banned_until:
            return ""
        return ban_sentence(item.name, item.banned_until, item.banned_for)

    def standing(self, certificate: Certificate) -> CertificateStatus:
        return certificate.status_on(request_context.today())

    def papers(self, item: Person) -> list[tuple[PaperKind, Uploaded | None]]:
        found = current(db.session(), item)
        return [(kind, card(found[kind]) if kind in found else None) for kind in PERSON_PAPERS]

    @route("/reveal/<pk>", "POST")
    def reveal(self, pk: str) -> Response | str:
        """查看完整号码: the same page with the whole number; logged."""
        person = self.get_or_404(pk)
        session = db.session()
        try:
            audit.log_reveal(session, person, "id_number", request.form.get("why", ""), at=request_context.office_now())
            session.commit()
        except AppError as error:
            session.rollback()
            g.why_missing = error.sentence
            return Response(self.show(pk), error.status, mimetype="text/html")
        g.revealed = person.id
        return self.show(pk)

    @route("/release/<pk>", "POST")
    def release(self, pk: str) -> Response:
        """移出本企业: the person has left the enterprise."""
        person, session = self.get_or_404(pk), db.session()
        try:
            registry.remove_person(session, person.id, request_context.current_actor(), at=request_context.office_now())
            session.commit()
            flash(gettext("%(name)s is no longer on your list.", name=person.name), "success")
        except AppError as error:
            session.rollback()
            if error.status in (403, 404):
                raise
            for refusal in error.refusals:
                flash(str(refusal.sentence), "danger")
        return redirect(_back_to_list())


def _back_to_list() -> str:
    """The page the user came from, unless it was that of the person just removed."""
    home = url_for("PersonScreen.list")
    target = safe_next(home)
    return target if target.startswith(home) else home


def _completeness(asked: tuple[PaperKind, ...], kinds: frozenset[PaperKind]) -> Markup:
    missing = [str(kind.label) for kind in asked if kind not in kinds]
    tone = "todo" if missing else "ok"
    note = gettext("Missing: %(papers)s", papers=gettext(", ").join(missing)) if missing else gettext("Scans complete")
    counted = Markup('<span class="two"><b><span class="tag {}">{}/{}</span></b><span>{}</span></span>')
    return counted.format(tone, len(asked) - len(missing), len(asked), note)


def _held(certificates: list[Certificate]) -> object:
    """Categories; those not in force with their status."""
    if not certificates:
        return shown(None)
    today, parts = request_context.today(), []
    for certificate in certificates:
        status = certificate.status_on(today)
        tone = "ok" if status is CertificateStatus.VALID else "off"
        word = certificate.category.value if tone == "ok" else f"{certificate.category.value} {status}"
        parts.append(Markup('<span class="tag {}" title="{}">{}</span>').format(tone, certificate.number, word))
    return Markup(" ").join(parts)
