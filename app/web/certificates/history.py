"""The page with the versions and events of a certificate, and the parts of it that the status page shows too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.accounts.access import must_reach, reach, reaches
from app.core.crypto.seal_provider import Suite
from app.core.identifiers import mask_id
from app.core.vocabulary import ENDED, CertificateStatus
from app.db.session import db
from app.models import Application, Certificate, CertificateMeasure
from app.web import request_context
from app.web.base import Link, safe_next
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, route
from app.web.certificates.measures import paper_links


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version as the history page shows it."""

    version: int
    identifier: str
    issued_at: object
    enterprise: str
    valid_to: str
    replaced_at: object
    sealed_at: object
    pdf: str
    ofd: str
    case: str


def facts_of(certificate: Certificate) -> list[tuple[object, object]]:
    return [
        (gettext("Full name"), certificate.holder),
        (gettext("ID number"), _printed_number(certificate)),
        (gettext("Personnel category"), certificate.category),
        (gettext("Enterprise"), certificate.enterprise.name),
        (gettext("Enterprise as printed"), certificate.printed_enterprise),
        (gettext("First issued on"), certificate.first_issued_on),
        (gettext("Issued on"), certificate.issued_on),
        (gettext("Validity"), gettext("%(start)s to %(end)s", start=certificate.valid_from, end=certificate.valid_to)),
        (gettext("Form"), gettext("Electronic certificate") if certificate.is_electronic else gettext("Paper certificate")),
        (gettext("Note on the status"), certificate.status_reason),
    ]


def _printed_number(certificate: Certificate) -> str:
    """Masked, as printed on the current version; a paper certificate of the old system has none."""
    current = next((version for version in certificate.versions if version.replaced_at is None), None)
    printed = current.face.get("id_number") if current else None
    return mask_id(printed) if printed else certificate.person.masked_id_number


def version_rows(certificate: Certificate, *, open_pdf: bool) -> list[VersionRow]:
    """Every version, newest first; ``open_pdf`` adds links to the files."""
    cases = _cases(certificate)
    return [
        VersionRow(
            version.version,
            version.face.get("licence_identifier", ""),
            version.issued_at,
            version.face.get("enterprise", ""),
            version.face.get("valid_to", ""),
            version.replaced_at,
            version.sealed_at,
            url_for("CertificateFileView.open", version_id=version.id) if open_pdf else "",
            url_for("CertificateFileView.ofd", version_id=version.id)
            if open_pdf and request_context.seal().offers(Suite.SM2)
            else "",
            cases.get(version.application_id or 0, ""),
        )
        for version in reversed(certificate.versions)
    ]


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure as the history page shows it."""

    measure: CertificateMeasure
    links: Sequence[Link]


def measure_rows(certificate: Certificate) -> list[MeasureRow]:
    """The measures that the reader may see, newest first, with the papers that the reader may open."""
    actor = request_context.current_actor()
    found = [measure for measure in reversed(certificate.measures) if reaches(actor, measure)]
    return [MeasureRow(measure, paper_links(measure)) for measure in found]


def events_of(certificate: Certificate) -> list[dict[str, Any]]:
    """Every event, newest first, for ``ui.timeline``."""
    numbers = _numbers(certificate)
    bad = (*ENDED, CertificateStatus.SUSPENDED)
    return [
        {
            "label": event.deed.label,
            "result": event.status,
            "who": event.actor,
            "at": event.at,
            "text": " · ".join(filter(None, (numbers.get(event.application_id or 0, ""), event.reason))),
            "tone": "bad" if event.status in bad else "",
        }
        for event in reversed(certificate.events)
    ]


def _numbers(certificate: Certificate) -> dict[int, str]:
    """Matter and number of the applications behind the events, by id."""
    ids = {event.application_id for event in certificate.events} - {None}
    rows = db.session.execute(select(Application.id, Application.number, Application.matter).where(Application.id.in_(ids)))
    return {row.id: f"{row.matter.label} {row.number}" for row in rows}


def _cases(certificate: Certificate) -> dict[int, str]:
    """URLs of the applications behind the versions, by id, within the reader's access scope."""
    ids = {version.application_id for version in certificate.versions} - {None}
    mine = select(Application.id).where(Application.id.in_(ids), reach(request_context.current_actor(), Application))
    return {key: url_for("CaseView.read", application_id=key) for key in db.session.scalars(mine)}


class CertificateHistoryView(BaseView):
    """Status, versions and events of one certificate."""

    route_base = "/certificates"
    class_permission_name = "CertificateHistory"
    default_view = "show"

    @route(f"/{ROW}certificate_id>/history")
    def show(self, certificate_id: int) -> str:
        parts = (selectinload(Certificate.versions), selectinload(Certificate.events))
        found = db.session.get(Certificate, certificate_id, options=parts)
        certificate: Certificate = must_reach(request_context.current_actor(), found)
        return self.render_template(
            "certificates/history.html",
            title=certificate.number,
            crumbs=[(gettext("Safety personnel certificates"), url_for("CertificateScreen.list"))],
            certificate=certificate,
            status=certificate.status_on(request_context.today()),
            facts=facts_of(certificate),
            versions=version_rows(certificate, open_pdf=True),
            measures=measure_rows(certificate),
            events=events_of(certificate),
            back=safe_next(url_for("CertificateScreen.list")),
        )
