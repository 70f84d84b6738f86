"""The fonts and shapes of certificates on a reportlab page, for documents of running text.

reportlab shares its fonts between documents: hold ``lock`` while drawing.
"""

import io
from functools import lru_cache
from threading import RLock
from typing import Any

from reportlab import rl_config
from reportlab.lib.colors import Color as Ink
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from app.certificates.pdf.shapes import POINT, Color, Path, Shape, Text, walk
from app.files import fonts

MM = 1 / POINT  # points of a millimetre
lock = RLock()  # reportlab keeps a reading position in each font


class _Font(TTFont):  # type: ignore[misc]
    """reportlab's font with two corrections: its ToUnicode table names characters beyond U+FFFF wrongly, so that a copied
    or searched name is not the holder's; and it copies the whole glyph table for every document.
    """

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(name, io.BytesIO(data), asciiReadable=False, shapable=False)
        start, _length = self.face.get_table_pos("glyf")
        # The table claims the whole file: slicing all of a bytes object gives itself, without a copy.
        self.face.table["glyf"].update(offset=0, length=len(data))
        self.face.glyphPos = [start + place for place in self.face.glyphPos]

    def addObjects(self, doc: Any) -> None:  # noqa: N802  (reportlab's name)
        subsets = self.state[doc].subsets
        super().addObjects(doc)
        for number, subset in enumerate(subsets):
            font = doc.idToObject[f"{doc.fontMapping[self.fontName][1:]}+{number}"]
            doc.idToObject[font.ToUnicode.name].content = _to_unicode(subset)


def _to_unicode(subset: list[int]) -> str:
    rows = [f"<{code:02X}> <{chr(c).encode('utf-16-be').hex().upper()}>" for code, c in enumerate(subset) if c]
    blocks = [rows[i : i + 100] for i in range(0, len(rows), 100)]  # a block may have 100 rows, no more
    return "\n".join(
        (
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
            "1 begincodespacerange <00> <FF> endcodespacerange",
            *(line for block in blocks for line in (f"{len(block)} beginbfchar", *block, "endbfchar")),
            "endcmap CMapName currentdict /CMap defineresource pop end end",
        )
    )


@lru_cache(maxsize=len(fonts.FONTS) + 8)
def font(key: str) -> str:
    """The name of the font in reportlab, registered at first use. Hold ``lock``."""
    rl_config.useA85 = 0  # text-safe streams cost more time than all the rest, and a quarter more bytes
    pdfmetrics.registerFont(_Font(key, fonts.font(key).file()))
    return key


def draw(canvas: Any, *shapes: Shape) -> None:
    """Draw texts and paths, given in millimetres. Hold ``lock``."""
    for place, shape in walk(shapes):
        canvas.saveState()
        canvas.transform(*place[:4], place.e * MM, place.f * MM)
        if isinstance(shape, Text):
            _text(canvas, shape)
        elif isinstance(shape, Path):
            _path(canvas, shape)
        else:
            raise TypeError(f"reportlab is not asked for a {type(shape).__name__}")
        canvas.restoreState()


def _ink(color: Color) -> Ink:
    return Ink(*(value / 255 for value in color))


def _text(canvas: Any, text: Text) -> None:
    line = canvas.beginText(text.x * MM, text.y * MM)
    line.setFillColor(_ink(text.color))
    line.setCharSpace(text.space * MM)
    if text.weight:
        canvas.setLineWidth(text.weight * MM)
        line.setStrokeColor(_ink(text.color))
        line.setTextRenderMode(2)
    for run in text.runs:
        line.setFont(font(run.font), text.size * MM)
        line.textOut(run.text)
    canvas.drawText(line)


def _path(canvas: Any, path: Path) -> None:
    way = canvas.beginPath()
    draw_step = {"M": way.moveTo, "L": way.lineTo, "C": way.curveTo, "Z": way.close}
    for step, numbers in path.steps:
        draw_step[step](*(value * MM for value in numbers))
    if path.fill:
        canvas.setFillColor(_ink(path.fill))
    if path.stroke:
        canvas.setStrokeColor(_ink(path.stroke))
        canvas.setLineWidth(path.width * MM)
        canvas.setDash([value * MM for value in path.dash])
    canvas.drawPath(way, stroke=bool(path.stroke), fill=bool(path.fill))
