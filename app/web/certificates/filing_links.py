"""Links to the applications that can be filed for a certificate, or to the one that is open on it."""

from collections.abc import Collection, Mapping

from flask import url_for
from flask_babel import lazy_gettext as _

from app.applications import drafts
from app.core.vocabulary import CHANGEABLE, CertificateStatus, MatterKind, Role
from app.db.session import db
from app.models import Application, Certificate
from app.web import request_context
from app.web.base import Link
from app.web.base.layout import this_page


def open_on(certificate_ids: Collection[int]) -> dict[int, Application]:
    """By certificate: the application that stands in the way of another one; empty for who files nothing."""
    actor = request_context.current_actor()
    if Role.ENTERPRISE_CLERK not in actor.roles or not certificate_ids:
        return {}
    return drafts.open_on(db.session(), certificate_ids, actor)


def open_link(application: Application) -> Link:
    """Link to the open application: to its form while its enterprise can change it, else to the case."""
    word = f"{application.matter.label} · {application.state.label}"
    own = application.enterprise_id == request_context.current_actor().enterprise_id
    if own and application.state in CHANGEABLE:
        if application.marks:
            return Link(word, url_for("CorrectionView.edit", application_id=application.id, next=this_page()))
        return Link(word, url_for("ClaimView.edit", filing_id=application.filing_id, next=this_page()))
    return Link(word, url_for("CaseView.read", application_id=application.id, next=this_page()))


def certificate_links(certificate: Certificate, in_the_way: Mapping[int, Application]) -> list[Link]:
    """Links to the forms that may apply to the certificate now; the form itself checks every rule."""
    actor, status = request_context.current_actor(), certificate.status_on(request_context.today())
    mine = Role.ENTERPRISE_CLERK in actor.roles and certificate.enterprise_id == actor.enterprise_id
    if not mine or status not in (CertificateStatus.VALID, CertificateStatus.EXPIRED):
        return []
    if certificate.id in in_the_way:
        return [open_link(in_the_way[certificate.id])]
    words = {MatterKind.CANCELLATION: _("Cancel certificate")}
    if status is CertificateStatus.VALID:
        opens = request_context.current_office().renewal_opens_on(certificate.valid_to)
        early = {MatterKind.RENEWAL: _("Renew certificate")} if opens <= request_context.today() else {}
        words = {**early, MatterKind.REPLACEMENT: _("Replace certificate"), **words}
    return [
        Link(str(word), url_for("ClaimView.add", matter=matter.value, certificate=certificate.id, next=this_page()))
        for matter, word in words.items()
    ]
