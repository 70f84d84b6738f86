"""企业诚信承诺书 to be printed, signed and sealed: filled in with the enterprise's own data (R76)."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.certificates.pdf.letters import Form
from app.core.vocabulary import PaperKind
from app.models import Enterprise
from app.web import request_context
from app.web.base.printed_forms import as_text, drawn, head, in_chinese

PROMISES = (
    _("What it enters and hands in, scans included, is true, complete and valid and agrees with the originals."),
    _(
        "The people it files for are its own employees with a labour contract, and meet the conditions of the positions that "
        "they are filed for."
    ),
    _("It does not forge, alter, sell, rent out or lend certificates, and does not let other enterprises use its people’s."),
    _(
        "It sees to it that its safety personnel carry out their duties by law and take part in the continuing education and "
        "assessment on work safety."
    ),
    _("If any of this is untrue, it accepts what the authority decides by law and bears the legal responsibility."),
)


def pledge_of(enterprise: Enterprise) -> tuple[str, bytes]:
    """File name and PDF."""
    return f"{in_chinese(PaperKind.PLEDGE.label)}.pdf", drawn(_form, enterprise)


def _form(enterprise: Enterprise) -> Form:
    ours = (
        (gettext("Enterprise name"), enterprise.name),
        (gettext("Unified social credit code"), enterprise.uscc),
        (gettext("Legal representative"), enterprise.legal_representative),
        (gettext("Address"), enterprise.address),
    )
    opening = gettext("In matters of the work safety assessment certificates of safety personnel, the enterprise pledges:")
    numbered = [f"{n}. {promise}" for n, promise in enumerate(PROMISES, 1)]
    blank = "\n\n\n"  # space for a signature or a seal
    signed = (
        (gettext("Legal representative (signature)"), blank),
        (gettext("Enterprise (seal)"), blank),
        (gettext("Day of signing"), gettext("____-__-__")),
    )
    return Form(
        **head(PaperKind.PLEDGE.label, enterprise.uscc, request_context.current_office()),
        tables=((gettext("About the enterprise"), as_text(ours)),),
        wide=(
            (gettext("Pledge"), ((gettext("Pledged"), "\n".join([opening, *numbered])),)),
            (gettext("Signature and seal"), as_text(signed)),
        ),
    )
