"""Links to the applications that can be filed for a certificate."""

from flask import url_for
from flask_babel import lazy_gettext as _

from app.core.vocabulary import CertificateStatus, MatterKind, Role
from app.models import Certificate
from app.web import request_context
from app.web.base import Link
from app.web.base.layout import this_page


def certificate_links(certificate: Certificate) -> list[Link]:
    """Links to the forms that may apply to the certificate now; the form itself checks every rule."""
    actor, status = request_context.current_actor(), certificate.status_on(request_context.today())
    mine = Role.ENTERPRISE_CLERK in actor.roles and certificate.enterprise_id == actor.enterprise_id
    if not mine or status not in (CertificateStatus.VALID, CertificateStatus.EXPIRED):
        return []
    words = {MatterKind.CANCELLATION: _("Cancel certificate")}
    if status is CertificateStatus.VALID:
        opens = request_context.current_office().renewal_opens_on(certificate.valid_to)
        early = {MatterKind.RENEWAL: _("Renew certificate")} if opens <= request_context.today() else {}
        words = {**early, MatterKind.REPLACEMENT: _("Replace certificate"), **words}
    return [
        Link(str(word), url_for("ClaimView.add", matter=matter.value, certificate=certificate.id, next=this_page()))
        for matter, word in words.items()
    ]
