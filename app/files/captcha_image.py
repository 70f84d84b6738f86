"""Draws CAPTCHA images.

The same text and seed give the same picture, so requesting it again reveals nothing. It only slows programs down; the
rate limits (``accounts.rate_limit``) stop them.
"""

import io
import math
from functools import lru_cache
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

MARKS = "ACDEHJKMNPRTUWXY3479"  # without characters that look alike: 0 O Q, 1 I L, 2 Z, 5 S, 6 G, 8 B, E F, U V
SIZE = WIDTH, HEIGHT = 160, 56
FONTS = ("kai-tgh.ttf", "serif600-tgh.ttf")
FOLDER = Path(__file__).parents[1] / "fonts"
PAPER = (250, 251, 253)
INKS = ((28, 54, 110), (20, 83, 70), (110, 40, 40), (75, 45, 115), (90, 65, 15))


def png(text: str, seed: str) -> bytes:
    """The text as a small picture."""
    chance = Random(seed)  # noqa: S311  # nosec B311 - only for shapes; the secret is the text
    picture = Image.new("RGB", SIZE, PAPER)
    _specks(picture, chance)
    step = (WIDTH - 16) / len(text)
    for place, mark in enumerate(text):
        _write(picture, mark, 8 + place * step, step, chance)
    _lines(picture, chance)
    out = io.BytesIO()
    _waved(picture, chance).quantize(32).save(out, "PNG")
    return out.getvalue()


def _write(picture: Image.Image, mark: str, left: float, step: float, chance: Random) -> None:
    """One character: slanted, rotated, scaled and shifted at random."""
    font = _font(chance.choice(FONTS), chance.randint(38, 46))
    side = 64
    letter = Image.new("L", (side, side), 0)
    ImageDraw.Draw(letter).text((side / 2, side / 2), mark, fill=255, font=font, anchor="mm")
    slant = chance.uniform(-0.3, 0.3)
    letter = letter.transform(
        (side, side), Image.Transform.AFFINE, (1, slant, -slant * side / 2, 0, 1, 0), Image.Resampling.BILINEAR
    )
    letter = letter.rotate(chance.uniform(-24, 24), Image.Resampling.BILINEAR)
    x = left + step / 2 - side / 2 + chance.uniform(-4, 4)
    y = HEIGHT / 2 - side / 2 + chance.uniform(-5, 5)
    picture.paste(chance.choice(INKS), (round(x), round(y)), letter)


def _lines(picture: Image.Image, chance: Random) -> None:
    """Curves in the colours of the characters, so that colour does not separate them."""
    draw = ImageDraw.Draw(picture)
    for _line in range(3):
        low, high, start = chance.uniform(10, HEIGHT - 10), chance.uniform(4, 16), chance.uniform(0, 7)
        wide = chance.uniform(20, 40)
        points = [(x, low + high * math.sin(start + x / wide)) for x in range(-4, WIDTH + 4, 4)]
        draw.line(points, fill=chance.choice(INKS), width=chance.randint(1, 2))


def _specks(picture: Image.Image, chance: Random) -> None:
    draw = ImageDraw.Draw(picture)
    for _speck in range(60):
        x, y = chance.uniform(0, WIDTH), chance.uniform(0, HEIGHT)
        draw.ellipse((x, y, x + chance.uniform(1, 3), y + chance.uniform(1, 3)), fill=chance.choice(INKS))


def _waved(picture: Image.Image, chance: Random) -> Image.Image:
    """Each column shifted up or down along a wave."""
    high, wide, start = chance.uniform(2, 4), chance.uniform(12, 22), chance.uniform(0, 7)
    waved = Image.new("RGB", SIZE, PAPER)
    for x in range(WIDTH):
        waved.paste(picture.crop((x, 0, x + 1, HEIGHT)), (x, round(high * math.sin(start + x / wide))))
    return waved


@lru_cache(maxsize=32)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FOLDER / name, size)
