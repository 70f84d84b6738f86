"""Outlines of characters: of the fonts that an OFD brings, else of ours."""

import io
from collections.abc import Callable
from typing import Any

from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont

from app.files import fonts

OUR_FONTS = (("楷", fonts.VALUE), ("kai", fonts.VALUE), ("黑", fonts.BOLD), ("hei", fonts.BOLD), ("bold", fonts.BOLD))
Drawn = Callable[[BasePen], None]


class PathPen(BasePen):
    """Draws into a path of reportlab."""

    def __init__(self, path: Any) -> None:
        super().__init__()
        self._path = path

    def _moveTo(self, at: tuple[float, float]) -> None:  # noqa: N802 - fontTools' names
        self._path.moveTo(*at)

    def _lineTo(self, at: tuple[float, float]) -> None:  # noqa: N802
        self._path.lineTo(*at)

    def _curveToOne(  # noqa: N802
        self, first: tuple[float, float], second: tuple[float, float], at: tuple[float, float]
    ) -> None:
        self._path.curveTo(*first, *second, *at)

    def _closePath(self) -> None:  # noqa: N802
        self._path.close()


class Glyphs:
    """A font file that an OFD brings. Raises anything for one that cannot be read."""

    def __init__(self, data: bytes) -> None:
        font = TTFont(io.BytesIO(data), lazy=True, fontNumber=0)
        self.em = float(font["head"].unitsPerEm)
        self._order, self._set = font.getGlyphOrder(), font.getGlyphSet()
        tables = font["cmap"].tables if "cmap" in font else []
        self._names: dict[int, str] = {}
        for table in sorted(tables, key=lambda one: one.isUnicode()):
            self._names |= table.cmap
        # A symbol font keeps its characters in the private use area.
        self._names |= {code & 0xFF: name for code, name in self._names.items() if 0xF000 <= code <= 0xF0FF}

    def of(self, character: str) -> Drawn | None:
        name = self._names.get(ord(character))
        return None if name is None else self._set[name].draw

    def numbered(self, number: int) -> Drawn | None:
        return self._set[self._order[number]].draw if 0 < number < len(self._order) else None


def ours(character: str, font_name: str) -> tuple[Drawn | None, float]:
    """The outline in one of our fonts, and the units of its em; None if none has the character."""
    chain = next((chain for part, chain in OUR_FONTS if part in font_name.lower()), fonts.PLAIN)
    key = fonts.font_for(character, chain)
    if key is None:
        return None, 1.0
    font = fonts.font(key)
    try:
        contours = font.outline(character)
    except ValueError:  # put together from others
        return None, 1.0

    def draw(pen: BasePen) -> None:
        for contour in contours:
            _contour(pen, contour)

    return draw, float(font.em)


def _contour(pen: BasePen, points: list[tuple[tuple[float, float], bool]]) -> None:
    """A closed contour of TrueType: between two points beside the line lies one on it."""
    start = next((n for n, (_at, on) in enumerate(points) if on), None)
    if start is None:
        pen.qCurveTo(*(at for at, _on in points), None)
        pen.closePath()
        return
    turned = [*points[start:], *points[: start + 1]]
    pen.moveTo(turned[0][0])
    beside: list[tuple[float, float]] = []
    for at, on in turned[1:]:
        beside.append(at)
        if on:
            pen.qCurveTo(*beside)
            beside = []
    pen.closePath()
