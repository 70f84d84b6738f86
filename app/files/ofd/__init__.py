"""OFD (GB/T 33190) that others wrote, drawn as PDF for the viewers of browsers; called through ``files.apart``."""

from collections.abc import Callable
from typing import NamedTuple

from flask_babel import lazy_gettext as _


class Drawing(NamedTuple):
    """``remarks``: what is not shown as it stands in the file, by a key of ``REMARKS`` and a name."""

    pdf: bytes
    pages: int
    remarks: list[tuple[str, str]]

    @property
    def sentences(self) -> list[object]:
        return [REMARKS[kind](name) for kind, name in self.remarks]


REMARKS: dict[str, Callable[[str], object]] = {
    "documents": lambda _name: _("The file holds several documents; only the first is shown."),
    "attachments": lambda _name: _("Other files are attached to it; they are not shown."),
    "font": lambda name: _("The font %(name)s is not in the file; its text is shown in another one.", name=name),
    "letter": lambda name: _("The character “%(name)s” cannot be shown.", name=name),
    "picture": lambda name: _("A picture of the kind “%(name)s” cannot be shown.", name=name),
    "object": lambda name: _("An object of the kind “%(name)s” cannot be shown.", name=name),
    "shading": lambda _name: _("A pattern or a shading is shown in a single colour."),
    "clip": lambda _name: _("Something is shown whole that is cut off in the file."),
    "direction": lambda _name: _("Text that runs in another direction may be shown out of place."),
    "seal": lambda _name: _("The picture of a seal cannot be shown."),
}
