"""The holder's photo, made fit for print: a JPEG of 35 x 49 mm.

Law: half a picture is refused, and nothing that a camera wrote beside the picture is handed on.
"""

import io

from flask_babel import lazy_gettext as _
from PIL import Image, ImageOps

from app.errors import HouseError

WIDTH, HEIGHT = 35, 49  # mm
PIXELS = (413, 579)  # the same at 300 dpi


class Unreadable(HouseError):
    """The bytes are not a whole JPEG or PNG picture."""

    code = "unreadable-photo"
    sentence = _("The photo cannot be read as a JPEG or PNG picture. Please upload it again.")


def fitting(data: bytes) -> bytes:
    """A JPEG of the right shape. One that has it already is left alone; any other is turned upright, put on
    white, cropped and set down to print resolution.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            picture.load()  # also when it is left alone: opening reads no more than the head
            return data if _fits(picture) else _refitted(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        raise Unreadable from fault


def _fits(picture: Image.Image) -> bool:
    across, up = picture.size
    shape = abs(across * HEIGHT / (up * WIDTH) - 1) < 0.02 and up <= 2 * PIXELS[1]
    bare = all(name == "APP0" for name, _body in getattr(picture, "applist", ()))  # no place, camera or remark
    return shape and bare and picture.format == "JPEG" and picture.mode in ("L", "RGB")


def _refitted(picture: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    white.alpha_composite(upright)
    output = io.BytesIO()
    ImageOps.fit(white.convert("RGB"), PIXELS, Image.Resampling.LANCZOS).save(output, "JPEG", quality=90)
    return output.getvalue()
