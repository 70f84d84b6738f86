"""The printed certificate: one A4 page as PDF, drawn from a ``Face`` alone. The same face gives the same bytes.

A character that no vendored font has is refused by name: never an empty box or a lookalike in a person's name.
"""

from flask_babel import lazy_gettext as _

from app.certificates.pdf import layout, pdf_writer
from app.certificates.pdf.content import Face
from app.certificates.pdf.shapes import POINT
from app.core.errors import AppError
from app.files.fonts import unprintable

__all__ = ["SEAL_BOX", "Face", "Unprintable", "draw", "page_of", "unprintable"]

_left, _lower, _right, _upper = layout.SEAL_BOX
SEAL_BOX = (_left / POINT, _lower / POINT, _right / POINT, _upper / POINT)  # in points: where a click opens the signature


class Unprintable(AppError):
    """``characters`` has every character that cannot be printed, each once, in order of appearance."""

    code = "unprintable"

    def __init__(self, characters: list[str]) -> None:
        self.characters = characters
        named = " ".join(f"{c if c.isprintable() else ''}(U+{ord(c):04X})" for c in characters)
        super().__init__(
            _(
                "These characters cannot be printed on a certificate: %(characters)s. "
                "Please correct them, or ask the administrator to add a font that has them.",
                characters=named,
            )
        )


def draw(face: Face) -> bytes:
    """The PDF, its fonts embedded. Raises ``Unprintable``, ``Missing`` or ``Unreadable`` (the photo). Safe in threads."""
    return pdf_writer.write_pdf(page_of(face))


def page_of(face: Face) -> layout.CertificatePage:
    """The page as shapes, for other file formats. Raises what ``draw`` raises."""
    if missing := unprintable(face.words()):
        raise Unprintable(missing)
    return layout.page_of(face)
