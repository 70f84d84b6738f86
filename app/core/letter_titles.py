"""Headings of the letters of applications (行政许可法 arts. 32, 38, 42)."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from app.core.vocabulary import LETTER_OF, Action, LetterKind, MatterKind

GRANTS: Mapping[MatterKind, object] = {  # the heading of a favourable decision
    MatterKind.NEW: _("Decision granting the administrative licence"),
    MatterKind.RENEWAL: _("Decision granting the renewal of the administrative licence"),
    MatterKind.TRANSFER: _("Decision granting the transfer of the administrative licence"),
    MatterKind.REPLACEMENT: _("Decision granting the replacement of the certificate"),
    MatterKind.CANCELLATION: _("Decision of cancellation"),
}
REFUSALS: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("Decision refusing the administrative licence"),
    MatterKind.RENEWAL: _("Decision refusing the renewal of the administrative licence"),
    MatterKind.TRANSFER: _("Decision refusing the transfer of the administrative licence"),
    MatterKind.REPLACEMENT: _("Decision refusing the replacement of the certificate"),
    MatterKind.CANCELLATION: _("Decision refusing the cancellation"),
}


def letter_title(action: Action, matter: MatterKind) -> object:
    """The heading of the letter that this step requires."""
    kind = LETTER_OF[action]
    by_matter = {LetterKind.GRANT: GRANTS, LetterKind.REFUSAL: REFUSALS}.get(kind)
    return by_matter[matter] if by_matter else kind.label
