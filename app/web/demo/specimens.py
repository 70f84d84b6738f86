"""Invented numbers and drawn pictures for the demonstration; every scan is marked as a sample."""

import io
from datetime import date
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from app.core.identifiers import CREDIT_ALPHABET, ID_CHECKS, ID_WEIGHTS


def with_check(stem: str) -> str:
    """A unified social credit code from its first 17 characters."""
    total = sum(CREDIT_ALPHABET.index(mark) * pow(3, n, 31) for n, mark in enumerate(stem))
    return stem + CREDIT_ALPHABET[(31 - total % 31) % 31]


def id_number(born: date, name: str, *, woman: bool = False) -> str:
    """An ID number that belongs to nobody: region 430199 is not assigned."""
    sequence = sum(map(ord, name)) % 500 * 2 + (not woman)  # odd for men (GB 11643)
    body = f"430199{born:%Y%m%d}{sequence:03d}"
    return body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11]


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(__file__).parents[2] / "fonts" / "serif600-tgh.ttf", size)


def scan(lines: tuple[str, ...]) -> bytes:
    """A JPEG in place of a scanned paper, marked as a sample."""
    picture = Image.new("RGB", (1000, 680), "#f4f1e6")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((24, 24, 976, 656), outline="#8a6d3b", width=4)
    for n, line in enumerate(lines):
        draw.text((500, 150 + 110 * n), line, fill="#2b2b2b", font=_font(58 if n == 0 else 38), anchor="mm")
    draw.text((500, 560), "样本 SAMPLE · 不具效力", fill="#b3301e", font=_font(44), anchor="mm")
    return _jpeg(picture)


def portrait(owner: Any) -> bytes:
    """A drawn head as JPEG; the colour of the jacket follows from the name."""
    shade = ("#27374d", "#3d2b3d", "#23413a", "#4a3526")[sum(map(ord, owner.name)) % 4]
    picture = Image.new("RGB", (413, 579), "#cfe0f2")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 420, 393, 860), fill=shade)
    draw.polygon(((165, 430), (248, 430), (207, 520)), fill="#ffffff")
    draw.rectangle((180, 360, 233, 440), fill="#e0b088")
    draw.ellipse((122, 130, 291, 390), fill="#ecc7a1")
    draw.pieslice((112, 100, 301, 330), 180, 360, fill="#20180f")
    return _jpeg(picture)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()
