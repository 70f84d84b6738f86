"""更正 on the enterprise's side: applying for a correction of name or ID number, what became of it, and taking it back."""

import builtins
from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts import identity_corrections
from app.accounts.identity_corrections import CorrectionRequest
from app.core.errors import AppError, NotFound
from app.core.identifiers import mask_id
from app.core.vocabulary import IdentityCorrectionState, PaperKind
from app.db.session import db
from app.models import IdentityCorrection, Person
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, safe_next
from app.web.base.access_filter import ROW, WithinReach
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import route
from app.web.enterprise.scans import scan_response
from app.web.forms import AppForm, IdNumberField, LongTextField, NameField, Required, TextLength
from app.web.scan_upload import field_name, scan_field, take_scans, taken_or_none

SCAN = field_name(PaperKind.ID_CARD)
LABELS = {
    "old_name": _("Name before"),
    "new_name": _("Name corrected"),
    "masked_old_number": _("ID number before"),
    "masked_new_number": _("ID number corrected"),
    "enterprise.name": _("Enterprise name"),
    "state": _("State of the correction"),
    "asked_at": _("Asked on"),
    "decided_at": _("Decided at"),
    "decision_reason": _("Reason of the decision"),
}


class CorrectionRequestForm(AppForm):
    name = NameField(_("Correct name"), validators=[Required(), TextLength(50)])
    id_number = IdNumberField(_("Correct ID number"), description=_("Only to correct it; left empty, it stays as it is."))
    reason = LongTextField(
        _("Reason of the correction"),
        validators=[Required(), TextLength(identity_corrections.LONGEST_REASON)],
        description=_("For example: a character was mistyped when the person was entered."),
        render_kw={"rows": 3, "maxlength": identity_corrections.LONGEST_REASON},
    )
    paper_id_card = scan_field(PaperKind.ID_CARD, _("Both sides in one file. The officer compares name and number with it."))


class CorrectionRequestScreen(ModelScreen):
    datamodel = SelInterface(IdentityCorrection)
    route_base = "/identity-requests"
    class_permission_name = "IdentityRequest"
    base_permissions = ["can_list", "can_ask", "can_withdraw", "can_open"]
    base_filters = [["id", WithinReach, None]]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_title = _("Corrections of name or ID number")
    add_title = _("Apply for a correction of name or ID number")
    list_columns = ["old_name", "new_name", "state", "asked_at", "decision_reason"]
    sub_columns = {"old_name": "masked_old_number", "new_name": "masked_new_number", "state": "decided_at"}
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["new_name", "asked_at"]
    order_columns = ["asked_at", "new_name"]
    base_order = ("asked_at", "desc")
    label_columns = LABELS
    add_form = CorrectionRequestForm
    add_columns = ["name", "id_number", "reason", SCAN]
    add_fieldsets = [
        (_("What is right"), {"fields": ["name", "id_number", "reason"]}),
        (PaperKind.ID_CARD.label, {"fields": [SCAN], "uploads": True}),
    ]
    add_template = "enterprise/identity_request.html"

    @route("/")
    def list(self) -> Response | str:
        return super().list()

    def note(self) -> object:
        return gettext(
            "Once somebody is signed up or has passed an exam, name and ID number are corrected on application only: open "
            "the person and choose “Apply for a correction”. With a certificate it is a replacement."
        )

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No correction was applied for."), Link(gettext("People"), url_for("PersonScreen.list"))

    def row_links(self, item: IdentityCorrection) -> builtins.list[Link]:
        links = [Link(gettext("Look at the scan"), self.url("open", pk=item.id))]
        if item.state is IdentityCorrectionState.PENDING and self.may("withdraw"):
            sure = gettext("Withdraw the correction of %(name)s? Nothing is changed then.", name=item.old_name)
            links.append(Link(gettext("Withdraw"), self.url("withdraw", pk=item.id), post=True, danger=True, confirm=sure))
        return links

    @route(f"/ask/{ROW}person_id>", "GET", "POST")
    def ask(self, person_id: int) -> Response | str:
        """申请更正: the form for one person of the enterprise."""
        g.asked_for = _own_person(person_id)
        return self._form_page(IdentityCorrection(person_id=person_id), new=True)

    def on_record(self) -> builtins.list[tuple[object, object]]:
        person: Person = g.asked_for
        return [(gettext("Full name"), person.name), (gettext("ID number"), mask_id(person.id_number))]

    def obstacles(self) -> builtins.list[object]:
        """What has to be done instead, or before."""
        bars = identity_corrections.bars(db.session(), g.asked_for, request_context.today())
        return [refusal.sentence for refusal in bars]

    def _sets(self, form: Any, *, new: bool) -> builtins.list[Any]:
        """No form where nothing can be sent."""
        return [] if self.obstacles() else super()._sets(form, new=new)

    def before_saving(self) -> None:
        take_scans()

    def prepare_form(self, form: Any, item: IdentityCorrection, *, new: bool) -> None:  # noqa: ARG002
        form[SCAN].limit_bytes = request_context.current_office().scan_bytes
        if request.method == "GET":
            form.name.data = g.asked_for.name

    def save(self, item: IdentityCorrection, form: Any, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        asked = CorrectionRequest(
            form.name.data or "", form.id_number.data or "", form.reason.data or "", taken_or_none(SCAN)
        )
        identity_corrections.ask(db.session(), item.person_id, asked, **request_context.acting())

    def saved_message(self, item: IdentityCorrection, *, new: bool) -> str:  # noqa: ARG002
        return str(gettext("The authority now compares it with the scan; you are told by text message."))

    def redirect_after(self, item: IdentityCorrection, *, new: bool) -> str | None:  # noqa: ARG002
        return url_for(f"{self.endpoint}.list")

    @route(f"/withdraw/{ROW}pk>", "POST")
    def withdraw(self, pk: int) -> Response:
        try:
            gone = identity_corrections.withdraw(
                db.session(), pk, request_context.current_actor(), at=request_context.office_now()
            )
            db.session.commit()
            flash(gettext("The correction of %(name)s is withdrawn.", name=gone.old_name), "success")
        except AppError as error:
            flash_refusals(error)
        return redirect(safe_next(url_for(f"{self.endpoint}.list")))

    @route(f"/scan/{ROW}pk>")
    def open(self, pk: int) -> Response:
        return scan_response(self.get_or_404(pk))


def _own_person(person_id: int) -> Person:
    person: Person | None = db.session.get(Person, person_id)
    if person is None or person.enterprise_id != request_context.current_actor().enterprise_id:
        raise NotFound
    return person
