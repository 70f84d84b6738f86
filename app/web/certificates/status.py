"""A certificate found by its number or holder, and the proposal of a measure against it."""

from collections.abc import Sequence
from typing import Any

from flask import Response as FlaskResponse
from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response

from app.accounts.access import must_reach, reach
from app.certificates import status_changes
from app.certificates.grounds import GROUNDS, grounds_of
from app.certificates.status_changes import Proposal, by_numbers, possible_actions
from app.core.errors import AppError, Refusal
from app.core.vocabulary import MEASURES, PUNISHING, CertificateEventKind, CertificateStatus, MeasureGround
from app.db import search
from app.db.session import db
from app.models import Certificate
from app.web import request_context
from app.web.base import Link
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, route
from app.web.base.private_urls import decode_param, redirect_if_personal
from app.web.certificates.history import events_of, facts_of, measure_rows, version_rows
from app.web.forms import (
    AppForm,
    ChoiceField,
    DayField,
    LongTextField,
    Required,
    TextField,
    TextLength,
    UploadField,
    place_refusals,
)
from app.web.scan_upload import measure_document, take_scans

VERBS: dict[CertificateEventKind, object] = {
    CertificateEventKind.SUSPENDED: _("Propose suspension"),
    CertificateEventKind.REINSTATED: _("Propose lifting the suspension"),
    CertificateEventKind.REVOKED: _("Propose revocation"),
    CertificateEventKind.WITHDRAWN: _("Propose withdrawal as a penalty"),
}


MOST_FOUND = 20
LISTED = (CertificateStatus.SUSPENDED, CertificateStatus.REVOKED, CertificateStatus.WITHDRAWN)


class MeasureForm(AppForm):
    ground = ChoiceField(_("Ground of the measure"), choices=[], validators=[Required()])
    facts = LongTextField(
        _("Facts"),
        validators=[Required(), TextLength(status_changes.MOST_FACTS)],
        description=_("When, where and what was found. It stands in the letter; the holder's enterprise reads it."),
    )
    document_number = TextField(
        _("Document number"), validators=[Required(), TextLength(status_changes.MOST_DOCUMENT_NUMBER)]
    )
    last_day = DayField(
        _("Last day of the suspension"),
        validators=[Required()],
        description=_("On the day after, the suspension ends by itself."),
    )
    document = UploadField(_("Scan of the document"))


class StandingView(BaseView):
    """Found by the number, or by a part of the holder's name; a measure is proposed here and confirmed by another person."""

    route_base = "/standing"
    class_permission_name = "Standing"
    default_view = "find"

    @route("/")
    def find(self) -> Response:
        if (elsewhere := redirect_if_personal()) is not None:
            return elsewhere
        number = decode_param(request.args.get("number", "")).strip()
        if not number:
            return self._page(None)
        found = matching(number)
        if not found:
            return self._page(None, gettext("No certificate in your region has this number or holder."), 404)
        if len(found) > 1:
            return self._page(None, alike=found)
        request_context.note_reading(found[0], shown="standing")
        return self._page(found[0])

    @route(f"/{ROW}certificate_id>/<code>", "GET", "POST")
    def propose(self, certificate_id: int, code: str) -> Response | FlaskResponse:
        """The form of one measure against one certificate."""
        kind = next((kind for kind in MEASURES if kind.value == code), None) or abort(404)
        actor = request_context.current_actor()
        status_changes.must_propose(actor)
        certificate = db.session.get(Certificate, certificate_id)
        must_reach(actor, certificate)
        assert certificate is not None  # noqa: S101 - must_reach has refused None
        if request.method == "POST":
            take_scans()
        form = self._form(kind, certificate)
        if not form.validate_on_submit():
            return self._form_page(form, kind, certificate)
        try:
            measure_id = _proposed(form, kind, certificate_id)
            db.session.commit()
        except AppError as error:
            db.session.rollback()
            if error.status != AppError.status:
                raise
            return self._form_page(form, kind, certificate, place_refusals(form, error))
        flash(gettext("The measure is proposed. It takes effect when another person has confirmed it."), "success")
        return redirect(url_for("MeasureScreen.show", pk=measure_id))

    @staticmethod
    def _form(kind: CertificateEventKind, certificate: Certificate) -> Any:
        form, office = MeasureForm(), request_context.current_office()
        form.ground.choices = [(ground.value, _ground_label(ground)) for ground in grounds_of(kind, certificate.category)]
        form.document.limit_bytes, form.document.needed = office.scan_bytes, office.measure_document
        if kind is not CertificateEventKind.SUSPENDED:
            del form.last_day
        return form

    def _form_page(
        self, form: Any, kind: CertificateEventKind, certificate: Certificate, loose: list[Refusal] | None = None
    ) -> Response:
        office = request_context.current_office()
        page = self.render_template(
            "certificates/propose.html",
            title=VERBS[kind],
            crumbs=[
                (gettext("Measures against certificates"), url_for("MeasureScreen.list")),
                (certificate.number, url_for("StandingView.find", number=certificate.number)),
            ],
            form=form,
            loose=[refusal.sentence for refusal in loose or ()],
            certificate=certificate,
            status=certificate.status_on(request_context.today()),
            final=kind in PUNISHING,
            most_months=office.suspension_months,
            back=url_for("StandingView.find", number=certificate.number),
        )
        return Response(page, 422 if form.errors or loose else 200, mimetype="text/html")

    def _page(
        self, found: Certificate | None, missed: object = "", status: int = 200, alike: Sequence[Certificate] = ()
    ) -> Response:
        number = decode_param(request.args.get("number", "")).strip()
        page = self.render_template(
            "certificates/status.html",
            title=gettext("Standing of certificates"),
            crumbs=[(gettext("Measures against certificates"), url_for("MeasureScreen.list"))],
            number=number[:60],
            missed=missed,
            alike=[(one, one.status_on(request_context.today())) for one in alike[:MOST_FOUND]],
            more=len(alike) > MOST_FOUND,
            ended=[(status.label, url_for("CertificateScreen.list", status=status.value)) for status in LISTED],
            certificate=found,
            status=found and found.status_on(request_context.today()),
            facts=facts_of(found) if found else [],
            versions=version_rows(found, open_pdf=False) if found else [],
            measures=measure_rows(found) if found else [],
            events=events_of(found) if found else [],
            actions=_links(found) if found else [],
        )
        return Response(page, status, mimetype="text/html")


def matching(text: str) -> Sequence[Certificate]:
    """The certificate with exactly this number, else those whose number begins with it or whose holder's name holds it.

    Within the officer's region, the newest first, one more than are shown. Raises ``NotAllowed``.
    """
    actor = request_context.current_actor()
    if exact := by_numbers(db.session, [text], actor):
        return list(exact.values())
    alike = search.found_in_any(db.session(), Certificate, text, {Certificate.number: None, Certificate.holder: None})
    newest = select(Certificate).where(reach(actor, Certificate), alike).order_by(Certificate.id.desc())
    return list(db.session.scalars(newest.options(selectinload(Certificate.enterprise)).limit(MOST_FOUND + 1)))


def _ground_label(ground: MeasureGround) -> str:
    """The ground with its article."""
    article = str(GROUNDS[ground].article)
    if not article:
        return str(ground.label)
    return str(gettext("%(ground)s (%(article)s)", ground=ground.label, article=article))


def _proposed(form: Any, kind: CertificateEventKind, certificate_id: int) -> int:
    actor, office = request_context.current_actor(), request_context.current_office()
    document = measure_document("document")
    proposal = Proposal(
        certificate_id,
        kind,
        MeasureGround(form.ground.data),  # type: ignore[call-arg]
        form.facts.data or "",
        form.document_number.data or "",
        form.last_day.data if "last_day" in form else None,
        document,
    )
    (measure,) = status_changes.propose(db.session(), [proposal], actor, at=request_context.office_now(), office=office)
    return measure.id


def _links(certificate: Certificate) -> list[Link]:
    """What can be proposed, for those who propose."""
    try:
        status_changes.must_propose(request_context.current_actor())
    except AppError:
        return []
    if status_changes.pending_among(db.session(), [certificate.id]):
        return []
    return [
        Link(
            VERBS[kind],
            url_for("StandingView.propose", certificate_id=certificate.id, code=kind.value),
            danger=kind is not CertificateEventKind.REINSTATED,
        )
        for kind in possible_actions(certificate, request_context.today())
    ]
