"""The holder's photo, made fit for print: a JPEG of 35 x 49 mm without metadata. A truncated picture is refused."""

import io
import struct
from typing import NamedTuple

from flask_babel import lazy_gettext as _
from PIL import Image, ImageOps

from app.core.errors import AppError

WIDTH, HEIGHT = 35, 49  # mm
PIXELS = (413, 579)  # the same at 300 dpi
_END = b"\xff\xd9"


class Unreadable(AppError):
    """The bytes are not a whole JPEG or PNG picture."""

    code = "unreadable-photo"
    sentence = _("The photo cannot be read as a JPEG or PNG picture. Please upload it again.")


class Missing(AppError):
    """There is no photo, and a certificate is not printed without one."""

    code = "missing-photo"
    sentence = _("The photo is missing, and a certificate is not printed without one. Please upload it.")


class Photo(NamedTuple):
    """A JPEG that can be embedded unchanged."""

    data: bytes
    pixels: tuple[int, int]
    channels: int  # 1 or 3


def fitting(data: bytes) -> Photo:
    """A JPEG of the right shape. One that has it already is passed on undecoded; any other is turned upright, put on
    white, cropped and scaled to print resolution.
    """
    photo = _plain(data)
    if photo and _fits(photo):
        return photo
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            picture.load()
            return Photo(_refitted(picture), PIXELS, 3)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        raise Unreadable from fault


def _fits(photo: Photo) -> bool:
    across, up = photo.pixels
    return abs(across * HEIGHT / (up * WIDTH) - 1) < 0.02 and up <= 2 * PIXELS[1]


def _plain(data: bytes) -> Photo | None:
    """The data as it is if it is a complete grey or colour JPEG without metadata, else None."""
    place, photo = 2, None
    while data.startswith(b"\xff\xd8") and place + 9 < len(data) and data[place] == 0xFF:
        kind, length = struct.unpack_from(">BH", data, place + 1)
        if kind in (0xC0, 0xC1, 0xC2):  # the frame: precision, height, width, channels
            depth, up, across, channels = struct.unpack_from(">BHHB", data, place + 4)
            photo = Photo(data, (across, up), channels) if depth == 8 and channels in (1, 3) and up and across else None
        elif kind == 0xDA:
            return photo if data.find(_END, place) == len(data) - 2 else None
        elif kind not in (0xC4, 0xDB, 0xDD, 0xE0):  # tables, and the mark of JFIF
            return None
        place += 2 + length
    return None


def _refitted(picture: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    white.alpha_composite(upright)
    output = io.BytesIO()
    ImageOps.fit(white.convert("RGB"), PIXELS, Image.Resampling.LANCZOS).save(output, "JPEG", quality=90)
    return output.getvalue()
