"""Reads QR codes from pictures. A picture that cannot be opened raises ``NoCode``."""

import io

import zxingcpp
from flask_babel import lazy_gettext as _
from PIL import Image

from app.core.errors import AppError

PICTURES = (b"\xff\xd8\xff", b"\x89PNG")  # first bytes of JPEG and PNG


class NoCode(AppError):
    """Not a picture, or none with a legible QR code."""

    code = "no-code"
    sentence = _("No QR code can be made out in this picture.")


def read_code(data: bytes) -> str:
    """The text of the first QR code in a JPEG or PNG picture."""
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
