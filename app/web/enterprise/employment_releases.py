"""People freed from an enterprise that does not let them go: the administrator's form with the evidence, and the record."""

import builtins
from typing import Any

from flask import flash, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts import employment_releases
from app.accounts.employment_releases import ReleaseRequest
from app.db.session import db
from app.models import EmploymentRelease
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface
from app.web.base.access_filter import ROW, WithinReach
from app.web.base.fab import route
from app.web.base.file_response import file_answer, sends_content
from app.web.forms import AppForm, CreditCodeField, IdNumberField, LongTextField, NameField, Required, TextLength, UploadField
from app.web.scan_upload import take_scans, taken_or_none


class ReleaseForm(AppForm):
    name = NameField(_("Full name"), validators=[Required(), TextLength(50)])
    id_number = IdNumberField(_("ID number"), validators=[Required()])
    uscc = CreditCodeField(
        _("Credit code of the new enterprise"), validators=[Required()], description=_("The enterprise that asks for it.")
    )
    reason = LongTextField(_("Reason"), validators=[Required(), TextLength(500)])
    document = UploadField(
        _("Evidence"),
        needed=True,
        description=_("For example proof of dismissal, an arbitral award, or social insurance records."),
    )


class EmploymentReleaseScreen(ModelScreen):
    """Adding a record frees the person; records are never changed."""

    datamodel = SelInterface(EmploymentRelease)
    route_base = "/employment-releases"
    class_permission_name = "EmploymentRelease"
    base_permissions = ["can_list", "can_add", "can_open"]
    base_filters = [["id", WithinReach, None]]
    exclude_route_methods = {"show", "edit", "delete"}
    list_title, add_title = _("People freed by the authority"), _("Free somebody from the former enterprise")
    list_columns = ["person.name", "old_enterprise.name", "new_enterprise.name", "reason", "released_at"]
    sub_columns = {"person.name": "person.masked_id_number", "released_at": "released_by"}
    head_column = "person.name"
    search_columns = ["person.name", "old_enterprise.name", "new_enterprise.name", "released_at"]
    order_columns = ["released_at"]
    base_order = ("released_at", "desc")
    label_columns = {
        "person.name": _("Full name"),
        "old_enterprise.name": _("Old enterprise"),
        "new_enterprise.name": _("New enterprise"),
        "reason": _("Reason"),
        "released_at": _("Freed at"),
        "released_by": _("Freed by"),
    }
    add_form = ReleaseForm
    add_columns = ["name", "id_number", "uscc", "reason", "document"]
    add_fieldsets = [
        (_("Who is freed, and for whom"), {"fields": ["name", "id_number", "uscc", "reason"]}),
        (_("Evidence"), {"fields": ["document"], "uploads": True}),
    ]

    @route("/")
    def list(self) -> Response | str:
        return super().list()

    def note(self) -> object:
        return gettext(
            "Only on evidence, and for people without a certificate in force: with one, release the transfer instead. "
            "Both enterprises are told by text message."
        )

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nobody was freed yet."), next(iter(self.head_links()), None)

    def row_links(self, item: EmploymentRelease) -> builtins.list[Link]:
        return [Link(gettext("Look at the evidence"), self.url("open", pk=item.id), external=True)]

    def before_saving(self) -> None:
        take_scans()

    def prepare_form(self, form: Any, item: EmploymentRelease, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        form.document.limit_bytes = request_context.current_office().scan_bytes

    def save(self, item: EmploymentRelease, form: Any, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        asked = ReleaseRequest(
            name=form.name.data or "",
            id_number=form.id_number.data or "",
            uscc=form.uscc.data or "",
            reason=form.reason.data or "",
            document=taken_or_none("document"),
        )
        employment_releases.free(db.session(), asked, **request_context.acting())

    def redirect_after(self, item: EmploymentRelease, *, new: bool) -> str | None:  # noqa: ARG002 - the screen's signature
        flash(gettext("The person is freed; the new enterprise can add them now. Both enterprises are told."), "success")
        return url_for(f"{self.endpoint}.list")

    @route(f"/{ROW}pk>/evidence")
    def open(self, pk: int) -> Response:
        """The document; opening it is logged."""
        release: EmploymentRelease = self.get_or_404(pk)
        data = request_context.store().read(release.digest)
        if sends_content(release.mime):
            request_context.note_reading(release, shown="document", person=release.person_id)
        return file_answer(data, release.mime, release.filename)
