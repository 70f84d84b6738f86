"""The enterprise's lists of its own applications, one screen for each matter: 新申报, 延期, 变更, 换证, 注销."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import flash, g, get_template_attribute, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import func
from werkzeug.wrappers import Response

from app.applications import drafts
from app.core.clock import office_day
from app.core.vocabulary import CHANGEABLE, CLOSED, Action, MatterKind, State
from app.db.session import db
from app.models import Application
from app.web import request_context
from app.web.applications.review.labels import BATCH_VERBS, VERBS
from app.web.applications.review.letter_links import newest_letter_link
from app.web.applications.review.queues import CaseList
from app.web.base import Link, SelInterface
from app.web.base.access_filter import ROW, WithinReach
from app.web.base.batch_result import Gap, gaps_of
from app.web.base.fab import route
from app.web.base.layout import safe_next, this_page
from app.workflow import MOVES, Plan, plan

WITHDRAWABLE = frozenset(move.source for move in MOVES if move.action is Action.WITHDRAW)


class OwnOfMatter(WithinReach):
    """What the enterprise itself filed in one matter; transfers that await its consent are in ``transfer_release``."""

    name = "Own, of one matter"

    def apply(self, query: Any, value: Any) -> Any:
        mine = Application.enterprise_id == request_context.current_actor().enterprise_id
        return super().apply(query, value).filter(mine, Application.matter == value)


class FilingList(CaseList):
    """The enterprise's applications in one matter (R63, R69, R73, R77)."""

    matter: ClassVar[MatterKind]
    add_word: ClassVar[object]
    base_permissions = ["can_list", "can_submit", "can_discard", "can_withdraw"]
    list_template = "applications/filings.html"
    datamodel = SelInterface(Application, eager=(Application.steps,))
    list_columns = ["person.name", "category", "filing.handler_name", "submitted_at", "due_on", "asked_for", "state"]
    sub_columns = {"person.name": "person.masked_id_number", "category": "number"}
    order_columns = ["submitted_at", "due_on"]
    search_columns = ["person.name", "category", "submitted_at"]
    label_columns = {**CaseList.label_columns, "filing.handler_name": _("Handler"), "asked_for": _("To be put right")}

    def __init__(self, **kwargs: Any) -> None:
        self.base_filters = [["id", OwnOfMatter, self.matter]]
        super().__init__(**kwargs)

    def home(self) -> str:
        return url_for(f"{self.endpoint}.list")

    @route("/submit", "POST")
    def submit(self) -> Response | str:
        """上报 of the selected rows, or of the row whose button was pressed."""
        return self.run_batch(Action.SUBMIT)

    @route("/withdraw", "POST")
    def withdraw(self) -> Response | str:
        """撤回: turns applications that are not yet accepted back into drafts."""
        return self.run_batch(Action.WITHDRAW)

    @route(f"/{ROW}application_id>/discard", "POST")
    def discard(self, application_id: int) -> Response:
        drafts.discard(db.session, [application_id], request_context.current_actor())
        db.session.commit()
        flash(gettext("Deleted."), "success")
        return redirect(safe_next(self.home()))

    def rows_loaded(self, rows: Sequence[Application]) -> None:
        """Plans the submission of the page's drafts once, for their cells (R74, R99, R113)."""
        ids = [row.id for row in rows if row.state in CHANGEABLE and not row.marks]
        planned = plan(db.session, ids, Action.SUBMIT, **request_context.acting()) if ids else Plan()
        g.filing_gaps = {key: gaps_of(refusals, this_page()) for key, refusals in planned.refused.items()}

    def cell(self, column: str, item: Application) -> object | None:
        if column == "state" and item.state in CHANGEABLE:
            return _state_cell(item, g.filing_gaps.get(item.id, []))
        if column == "filing.handler_name" and item.state is not State.DRAFT:  # a filing's handler can change for its drafts
            return str((item.snapshot or {}).get("handler", {}).get("name") or item.filing.handler_name)
        return super().cell(column, item)

    def waiting(self) -> dict[State, int]:
        """Counts of drafts and returned applications, for the warning above the list."""
        rows = self.datamodel.within_reach(Application.state.in_((State.DRAFT, State.RETURNED)))
        return dict(rows.with_entities(Application.state, func.count(Application.id)).group_by(Application.state).all())

    def head_links(self) -> list[Link]:
        return [Link(str(self.add_word), self.form_url(None), icon="plus", primary=True)]

    def form_url(self, item: Application | None) -> str:
        """URL of an empty form, or of the form of the filing that ``item`` belongs to."""
        if item is None:
            return url_for("FilingView.add")
        return url_for("FilingView.edit", filing_id=item.filing_id, next=this_page())

    def batch_links(self) -> list[Link]:
        url = url_for(f"{self.endpoint}.submit")
        sure = gettext("The authority can see them from then on. Whoever lacks something is left and named.")
        return [Link(BATCH_VERBS[Action.SUBMIT], url, icon="send", primary=True, post=True, confirm=sure)]

    def row_links(self, item: Application) -> list[Link]:
        links = []
        if item.state in CHANGEABLE:
            links.append(Link(VERBS[Action.SUBMIT], url_for(f"{self.endpoint}.submit", only=item.id), post=True))
            correct = url_for("CorrectionView.edit", application_id=item.id, next=this_page())
            links.append(Link(gettext("Correct"), correct) if item.marks else Link(gettext("Edit"), self.form_url(item)))
            links.append(Link(gettext("Preview the form"), self._preview(item), external=True))
        links.append(self.read_link(item))
        if item.state in WITHDRAWABLE:
            url = url_for(f"{self.endpoint}.withdraw", only=item.id)
            sure = gettext("Take the application of %(name)s back? It becomes a draft again.", name=item.person.name)
            links.append(Link(VERBS[Action.WITHDRAW], url, post=True, confirm=sure))
        if item.state is State.DRAFT and not item.round:
            url = url_for(f"{self.endpoint}.discard", application_id=item.id)
            sure = gettext("Delete the application of %(name)s? It cannot be brought back.", name=item.person.name)
            links.append(Link(gettext("Delete"), url, danger=True, post=True, confirm=sure))
        return [*links, *newest_letter_link(item), *self.archive_links(item)]

    def _preview(self, item: Application) -> str:
        return url_for("ArchiveView.letter", application_id=item.id, part="preview")

    def archive_links(self, item: Application) -> list[Link]:
        return super().archive_links(item) if item.state in CLOSED else []  # until then the letter and the case page do

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No application yet. Add the first one here."), next(iter(self.head_links()), None)


def _state_cell(item: Application, gaps: list[Gap]) -> Markup:
    """A draft in red, since saving is often taken for submitting; and what is missing before it can be submitted."""
    tone = word = ""
    if item.state is State.DRAFT:
        days = (request_context.today() - office_day(item.created_at)).days
        tone, word = "bad", gettext("Not submitted for %(n)s days", n=days) if days else gettext("Not submitted yet")
    tag: Markup = get_template_attribute("base/ui.html", "tag")(word if tone else item.state, tone)
    if not gaps:
        return tag
    listed = get_template_attribute("applications/gaps.html", "gaps")(gaps)
    return Markup('{}<div class="small">{}{}</div>').format(tag, gettext("Missing before it can be submitted:"), listed)


class NewApplicationScreen(FilingList):
    """安管人员新申报."""

    matter = MatterKind.NEW
    add_word = _("Add application")
    route_base = "/applications/new"
    class_permission_name = "NewApplication"
    list_title = _("New applications of safety personnel")


class CertificateApplicationList(FilingList):
    """Base: the enterprise's applications on certificates in one matter."""

    list_columns = ["person.name", "certificate.number", "filing.handler_name", "submitted_at", "due_on", "state"]
    sub_columns = {"person.name": "person.masked_id_number", "certificate.number": "category"}
    search_columns = ["person.name", "category", "submitted_at"]
    label_columns = {**FilingList.label_columns, "certificate.number": _("Certificate number")}

    def form_url(self, item: Application | None) -> str:
        if item is None:
            return url_for("ClaimView.add", matter=self.matter.value)
        return url_for("ClaimView.edit", filing_id=item.filing_id, next=this_page())

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing was filed here yet."), next(iter(self.head_links()), None)


class RenewalScreen(CertificateApplicationList):
    """安管人员延期申报 (R92–R102)."""

    matter = MatterKind.RENEWAL
    add_word = _("Apply for renewal")
    route_base = "/applications/renewal"
    class_permission_name = "Renewals"
    list_title = _("Renewal of safety personnel certificates")


class TransferScreen(CertificateApplicationList):
    """安管人员变更申报 (R103–R114)."""

    matter = MatterKind.TRANSFER
    add_word = _("Apply for transfer")
    route_base = "/applications/transfer"
    class_permission_name = "Transfers"
    list_title = _("Transfer of safety personnel")


class ReplacementScreen(CertificateApplicationList):
    """安管人员换证申报 (R115–R123)."""

    matter = MatterKind.REPLACEMENT
    add_word = _("Apply for replacement")
    route_base = "/applications/replacement"
    class_permission_name = "Replacements"
    list_title = _("Replacement of safety personnel certificates")


class CancellationScreen(CertificateApplicationList):
    """安管人员注销申报 (R124–R127)."""

    matter = MatterKind.CANCELLATION
    add_word = _("Apply for cancellation")
    route_base = "/applications/cancellation"
    class_permission_name = "Cancellations"
    list_title = _("Cancellation of safety personnel certificates")


LISTS: Mapping[MatterKind, type[FilingList]] = {
    screen.matter: screen for screen in (RenewalScreen, TransferScreen, ReplacementScreen, CancellationScreen)
}
