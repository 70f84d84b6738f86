"""Reads square codes from a picture, as a phone would.

Law: a picture that cannot be opened is a no with a sentence, not a fault.
"""

import io

import zxingcpp
from flask_babel import lazy_gettext as _
from PIL import Image

from app.core.errors import AppError

PICTURES = (b"\xff\xd8\xff", b"\x89PNG")  # how the kinds begin that are opened here


class NoCode(AppError):
    """Not a picture, or none in which a square code can be made out."""

    code = "no-code"
    sentence = _("No square code can be made out in this picture.")


def code_seen(data: bytes) -> str:
    """What the first square code in a JPEG or PNG picture says."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            found = zxingcpp.read_barcodes(
                picture.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        raise NoCode from fault
    if not found:
        raise NoCode
    return str(found[0].text)
