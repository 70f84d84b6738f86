"""更正 on the authority's side: old and new name and number beside the scan of the ID card, decided one by one.

ID numbers are masked until ``reveal``, which is logged with its reason.
"""

import builtins

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts import identity_corrections
from app.accounts.access import reaches
from app.applications.attachments import current
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.identifiers import IDENTITY, identity_differences, mask_id
from app.core.vocabulary import IdentityCorrectionState, PaperKind
from app.db import audit
from app.db.session import db
from app.models import IdentityCorrection
from app.web import request_context
from app.web.base import Link, ModelScreen, SelInterface, safe_next
from app.web.base.access_filter import ROW, WithinReach, asked_reason
from app.web.base.fab import route
from app.web.base.review_queue import NO_DECISION, OPENED, QueuePosition, ReviewPage, Scan, for_decision, position_in
from app.web.enterprise.identity_requests import LABELS
from app.web.enterprise.scans import scan_response

WAITS = IdentityCorrectionState.PENDING
REASONS = (
    _("Name and ID number do not agree with the scan of the ID card."),
    _("The scan of the ID card cannot be read."),
    _("This is another person than the one who was examined."),
)


class CorrectionReviewScreen(ModelScreen):
    """Corrections by state, the longest waiting first; without a state in the URL those that wait."""

    datamodel = SelInterface(IdentityCorrection)
    route_base = "/identity-reviews"
    class_permission_name = "IdentityReview"
    base_permissions = ["can_list", "can_examine", "can_decide", "can_reveal", "can_open"]
    base_filters = [["id", WithinReach, None]]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_title = _("Review of corrected identities")
    list_columns = ["old_name", "new_name", "enterprise.name", "asked_at", "state"]
    sub_columns = {"old_name": "masked_old_number", "new_name": "masked_new_number", "state": "decided_at"}
    tag_columns = ("state",)
    tabs_column = "state"
    tab_first = WAITS
    search_columns = ["new_name", "enterprise.name", "asked_at"]
    order_columns = ["asked_at"]
    base_order = ("asked_at", "asc")
    label_columns = LABELS

    @route("/")
    def list(self) -> Response | str:
        return super().list()

    def row_links(self, item: IdentityCorrection) -> builtins.list[Link]:
        look = gettext("Review") if item.state is WAITS else gettext("View")
        here = request.full_path.rstrip("?")
        return [Link(look, url_for(f"{self.endpoint}.examine", pk=item.id, next=here))]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No correction waits for your review."), None

    @route(f"/{ROW}pk>")
    def examine(self, pk: int) -> Response:
        return self._page(self.get_or_404(pk))

    @route(f"/{ROW}pk>/decide", "POST")
    def decide(self, pk: int) -> Response:
        """核准 or 不予核准; then the next one."""
        follow = self._place(self.get_or_404(pk)).following
        session, acting = db.session(), request_context.acting()
        try:
            answer = request.form.get("decision", "")
            if answer == "yes":
                done = identity_corrections.approve(session, pk, **acting)
            elif answer == "no":
                done = identity_corrections.reject(session, pk, asked_reason(), **acting)
            elif answer:
                abort(400)
            else:
                raise Unmet.because(NO_DECISION)
            session.commit()
        except (NotAllowed, NotFound):
            session.rollback()
            raise
        except AppError as error:
            session.rollback()
            return self._page(self.get_or_404(pk), ReviewPage(error.status, error.refusals))
        flash(gettext("%(name)s: now “%(state)s”.", name=done.new_name, state=done.state.label), "success")
        return redirect(follow)

    @route(f"/{ROW}pk>/numbers", "POST")
    def reveal(self, pk: int) -> Response:
        """Both ID numbers in full, in this answer only; the audit log keeps why."""
        correction, session = self.get_or_404(pk), db.session()
        why = request.form.get("why") or (for_decision(f"{self.list_title} {pk}") if correction.state is WAITS else "")
        try:
            audit.log_reveal(session, correction, "id_number", why, at=request_context.office_now())
            session.commit()
        except AppError as error:
            session.rollback()
            return self._page(self.get_or_404(pk), ReviewPage(error.status, unexplained=error.sentence))
        return self._page(correction, ReviewPage(revealed=True))

    @route(f"/scan/{ROW}pk>")
    def open(self, pk: int) -> Response:
        return scan_response(self.get_or_404(pk))

    def _page(self, correction: IdentityCorrection, page: ReviewPage = OPENED) -> Response:
        place = self._place(correction)
        text = self.render_template(
            "enterprise/identity_review.html",
            title=correction.old_name,
            crumbs=[(self.list_title, place.address)],
            correction=correction,
            place=place,
            page=page,
            wrong={refusal.field: refusal.sentence for refusal in page.refusals if refusal.field},
            pairs=_pairs(correction, in_full=page.revealed),
            bound=_bound(correction, in_full=page.revealed),
            scans=[_scan(correction), *_on_file(correction)],
            waits=correction.state is WAITS,
            reasons=REASONS,
            chosen=request.form.get("decision", ""),
            reason=asked_reason(),
        )
        return Response(text, page.status, mimetype="text/html")

    def _place(self, correction: IdentityCorrection) -> QueuePosition:
        """The position in the list that it was opened from."""
        return position_in(self, safe_next(""), correction.id, _page_of)


def _page_of(pk: int, address: str) -> str:
    return url_for("CorrectionReviewScreen.examine", pk=pk, next=address)


def _pairs(correction: IdentityCorrection, *, in_full: bool) -> list[tuple[object, str, str, bool]]:
    """Label, value before, value asked for, whether they differ."""
    old = {"name": correction.old_name, "id_number": correction.old_id_number}
    new = {"name": correction.new_name, "id_number": correction.new_id_number}
    labels = {"name": gettext("Full name"), "id_number": gettext("ID number")}
    differing = identity_differences(old, new)
    return [
        (labels[field], _shown(field, old[field], in_full), _shown(field, new[field], in_full), field in differing)
        for field in IDENTITY
    ]


def _bound(correction: IdentityCorrection, *, in_full: bool) -> list[tuple[str, str]]:
    """Sign-ups and passes with the identity they were made for, so that nobody is examined for somebody else."""
    return [
        (
            what,
            gettext(", ").join(_shown(field, identity[field], in_full) for field in IDENTITY)
            if identity
            else gettext("not on record"),
        )
        for what, identity in identity_corrections.bindings_of(db.session(), correction.person_id)
    ]


def _shown(field: str, value: str, in_full: bool) -> str:
    return value if in_full or field == "name" else mask_id(value)


def _on_file(correction: IdentityCorrection) -> list[Scan]:
    """The person's ID card and photo as they are on record, to compare; of an approved correction the card is its scan."""
    papers, found = current(db.session(), correction.person), []
    for kind in (PaperKind.ID_CARD, PaperKind.PHOTO):
        paper = papers.get(kind)
        if paper is None or paper.digest == correction.digest or not reaches(request_context.current_actor(), paper):
            continue
        pdf = paper.mime != "image/jpeg"
        small = "" if pdf else url_for("PaperView.small", paper_id=paper.id)
        label = gettext("%(paper)s on record", paper=kind.label)
        found.append(Scan(label, url_for("PaperView.open", paper_id=paper.id), small, pdf, paper.filename))
    return found


def _scan(correction: IdentityCorrection) -> Scan:
    url = url_for("CorrectionReviewScreen.open", pk=correction.id)
    pdf = correction.mime != "image/jpeg"
    return Scan(PaperKind.ID_CARD.label, url, "" if pdf else url, pdf)
