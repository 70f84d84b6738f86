"""Transfers that await the old enterprise's consent, released by the administrator on stated evidence.

Silence is never consent, and this list gives no access to the rest of the case.
"""

from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.clock import office_day
from app.core.errors import AppError, NotFound
from app.core.vocabulary import Action, MatterKind, State
from app.db.session import db
from app.models import Application
from app.web import request_context
from app.web.applications.review.labels import VERBS
from app.web.base import Link, OpenList, SelInterface, safe_next, text_of
from app.web.base.access_filter import ROW, WithinReach
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import route
from app.web.base.stock_reasons import stock_reasons
from app.workflow import carry_out, must_all_pass


class AwaitsRelease(WithinReach):
    """Transfers the old enterprise has not answered, within the access scope."""

    name = "Awaiting release"

    def apply(self, query: Any, value: Any) -> Any:
        return super().apply(query, value).filter(Application.state == State.AWAITING_RELEASE)


class OfficeReleaseScreen(OpenList):
    """Transfers that await the consent of the old enterprise."""

    datamodel = SelInterface(Application)
    route_base = "/office-releases"
    class_permission_name = "OfficeRelease"
    base_permissions = ["can_list", "can_release"]
    base_filters = [["id", AwaitsRelease, None]]
    list_title = _("Transfers awaiting release")
    list_columns = ["person.name", "certificate.number", "releasing_enterprise.name", "enterprise.name", "submitted_at"]
    sub_columns = {"person.name": "person.masked_id_number", "certificate.number": "category", "enterprise.name": "number"}
    head_column = "person.name"
    search_columns = ["person.name", "certificate.number", "releasing_enterprise.name", "enterprise.name", "submitted_at"]
    order_columns = ["submitted_at"]
    base_order = ("submitted_at", "asc")
    label_columns = {
        "person.name": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "certificate.number": _("Certificate number"),
        "category": _("Personnel category"),
        "releasing_enterprise.name": _("Old enterprise"),
        "enterprise.name": _("New enterprise"),
        "number": _("Number"),
        "submitted_at": _("Asked on"),
    }

    def note(self) -> object:
        return gettext("Release only on evidence: the reason you give is kept in the archive and both enterprises are told.")

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No transfer awaits the consent of an old enterprise."), None

    def cell(self, column: str, item: Application) -> object | None:
        if column != "submitted_at" or item.submitted_at is None:
            return None
        on = office_day(item.submitted_at)
        return str(gettext("%(day)s (%(n)s days ago)", day=text_of(on), n=(request_context.today() - on).days))

    def row_links(self, item: Application) -> list[Link]:
        if not self.may("release"):
            return []
        action = Action.RELEASE_BY_OFFICE
        url = url_for(f"{self.endpoint}.release", application_id=item.id)
        return [Link(VERBS[action], url, post=True, reason=stock_reasons(action, MatterKind.TRANSFER))]

    @route(f"/{ROW}application_id>/release", "POST")
    def release(self, application_id: int) -> Response:
        reason, acting = request.form.get("reason", ""), request_context.acting()
        try:
            planned = carry_out(db.session, [application_id], Action.RELEASE_BY_OFFICE, reason=reason, **acting)
            if any(refusal.code == NotFound.code for refusal in planned.refused.get(application_id, ())):
                raise NotFound
            must_all_pass(planned)
            db.session.commit()
        except AppError as error:
            flash_refusals(error)
        else:
            name = planned.names[application_id]
            flash(gettext("%(name)s: released. The application now awaits acceptance.", name=name), "success")
        return redirect(safe_next(url_for(f"{self.endpoint}.list")))
