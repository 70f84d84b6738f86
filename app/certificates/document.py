"""The printed certificate: one A4 page as PDF, drawn from a ``Face`` and from nothing else.

Law: the same face gives the same bytes, and a character that no vendored font can print is refused by name:
never an empty box, never a lookalike, in a person's name.

Positions are in millimetres from the lower left corner, sizes of type in points. What is printed is Chinese
by law and so is not translated; only what is said to the clerk is.
"""

import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

from flask_babel import lazy_gettext as _
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from app.certificates import portrait, qr
from app.errors import HouseError

TITLE = "安全生产考核合格证书"
WIDE_SPACE = "\u3000"
MM = 72 / 25.4
WIDTH, HEIGHT = 210.0, 297.0
CENTRE = WIDTH / 2


class Unprintable(HouseError):
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


@dataclass(frozen=True, slots=True)
class Face:
    """Everything that is printed. The caller decides what may be shown: nothing is masked here."""

    category: str  # A, B, C1, C2, C3
    kind: str  # 建筑施工企业项目负责人
    number: str
    name: str
    sex: str
    birth_date: date
    id_number: str
    enterprise: str
    position: str  # may be empty
    first_issued_on: date
    issued_on: date
    valid_from: date
    valid_to: date
    issuer: str
    seal_text: str
    photo: bytes | None  # JPEG or PNG
    address: str  # what the square code holds
    licence_identifier: str  # 证照标识; may be empty
    specimen: bool  # a page that must not be taken for a certificate

    def words(self) -> str:
        """All text that comes from outside, run together; of the address only what is printed."""
        texts = (getattr(self, name) for name in self.__slots__ if name != "address")
        return "".join(text for text in texts if isinstance(text, str)) + _host(self)


def draw(face: Face) -> bytes:
    """The PDF, its fonts embedded. Raises ``Unprintable`` or ``Unreadable``. Safe in several threads."""
    if missing := unprintable(face.words()):
        raise Unprintable(missing)
    photo = None if face.photo is None else portrait.fitting(face.photo)
    modules = qr.matrix(face.address)
    with _lock:  # reportlab keeps a reading position in each font, shared by all documents
        sheet = _sheet(face.category, face.kind, face.seal_text, face.specimen)
        output = io.BytesIO()
        canvas = _canvas(output, "song")
        canvas.setTitle(f"{TITLE} {face.number}{'（样张）' if face.specimen else ''}")
        canvas.setAuthor(face.issuer)
        canvas.setSubject(face.kind)
        canvas.setCreator("anguan")
        canvas._doc._timeStamp.YMDhms = face.issued_on.timetuple()[:6]  # or it would be the first day of 2000
        for name, body in sheet:
            canvas._doc.Reference(_Ready(body), name)
        canvas.doForm("sheet")
        _holder(canvas, face, photo)
        _code(canvas, modules, face.address)
        canvas.showPage()
        canvas.save()
    return output.getvalue()


def unprintable(text: str) -> list[str]:
    """The characters of ``text`` that no vendored font has, or that nobody could see; each once, in order."""
    return [c for c in dict.fromkeys(text) if not _prints(c)]


def _prints(c: str) -> bool:
    return ord(c) in _repertoire() and (c.isprintable() or c == WIDE_SPACE)


# --- letters ------------------------------------------------------------------------------------------------

FONTS = {"kai": "kai-tgh.ttf", "song": "serif-L2.ttf", "semi": "serif600-tgh.ttf"}
VALUE = ("kai", "song", "semi")
PLAIN = ("song", "kai", "semi")
BOLD = ("semi", "song", "kai")

_lock = RLock()


class _Font(TTFont):  # type: ignore[misc]
    """reportlab's font, mended: its ToUnicode table names characters beyond U+FFFF wrongly, so that a copied
    or searched name is not the holder's; and it copies the whole glyph table for every certificate.
    """

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(name, io.BytesIO(data), asciiReadable=False, shapable=False)
        start, _length = self.face.get_table_pos("glyf")
        # The table is said to be the whole file: slicing all of a bytes object gives itself, without a copy.
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


@cache
def _fonts() -> dict[str, _Font]:
    """The vendored fonts, read once per process. Call it under the lock."""
    rl_config.useA85 = 0  # text-safe streams cost more time than all the rest, and a quarter more bytes
    folder = files("app") / "fonts"
    fonts = {key: _Font(key, (folder / name).read_bytes()) for key, name in FONTS.items()}
    for font in fonts.values():
        pdfmetrics.registerFont(font)
    return fonts


@cache
def _repertoire() -> frozenset[int]:
    with _lock:
        return frozenset().union(*(font.face.charToGlyph for font in _fonts().values()))


def _runs(text: str, chain: tuple[str, ...]) -> list[tuple[str, str]]:
    """``text`` cut into (font, piece): whole in the first font that has it all, else letter by letter."""
    have = {key: _fonts()[key].face.charToGlyph for key in chain}
    whole = next((key for key in chain if all(ord(c) in have[key] for c in text)), None)
    pieces: list[tuple[str, str]] = []
    for c in text:
        key = whole or next(key for key in chain if ord(c) in have[key])
        if key == "kai" and c.isascii():
            key = "song"  # figures of the serif face sit better beside Kai than its own narrow ones
        if pieces and pieces[-1][0] == key:
            pieces[-1] = (key, pieces[-1][1] + c)
        else:
            pieces.append((key, c))
    return pieces


def _breadth(text: str, chain: tuple[str, ...], size: float) -> float:
    """In millimetres."""
    return float(sum(pdfmetrics.stringWidth(piece, key, size) for key, piece in _runs(text, chain))) / MM


def _put(
    canvas: Any, x: float, y: float, text: str, chain: tuple[str, ...], size: float, *,
    centred: bool = False, space: float = 0.0, stroke: float = 0.0,
) -> None:  # fmt: skip
    """Set ``text`` on the baseline ``y``, ``space`` between letters, made heavier by ``stroke`` points."""
    if centred:
        x -= (_breadth(text, chain, size) + space * (len(text) - 1)) / 2
    canvas.saveState()  # the way letters are filled outlives a text object
    line = canvas.beginText(x * MM, y * MM)
    line.setCharSpace(space * MM)
    if stroke:
        canvas.setLineWidth(stroke)
        line.setTextRenderMode(2)
    for key, piece in _runs(text, chain):
        line.setFont(key, size)
        line.textOut(piece)
    canvas.drawText(line)
    canvas.restoreState()


def _spread(canvas: Any, x: float, y: float, text: str, breadth: float, size: float) -> None:
    """Set a label so that it fills ``breadth`` from edge to edge; a longer one keeps its own breadth."""
    spare = max(0.0, breadth - _breadth(text, BOLD, size))
    _put(canvas, x, y, text, BOLD, size, space=spare / (len(text) - 1))


# --- the sheet: all that is the same for every holder -------------------------------------------------------

PAPER, WHITE, SHADE, GREY, INK = map(HexColor, ("#FDFDFB", "#FFFFFF", "#E4E5E6", "#8A8F94", "#1B1F23"))
GOLD, PALE_GOLD, RED, SEAL = map(HexColor, ("#A9812F", "#D9C48C", "#9C1A1C", "#CF2A27"))
ACCENTS = {"A": HexColor("#8C1C20"), "B": HexColor("#0E5440"), "C": HexColor("#17457E")}

OUTER, INNER, CORNER = 11.0, 19.0, 14.0  # the frame's rules, from the edge of the paper; its corner plates
LABEL_X, LABEL_BREADTH, VALUE_X, TOP, PITCH = 34.0, 21.5, 66.5, 203.0, 13.9
NARROW, WIDE = 128.0, 176.0  # where a value must end: beside the photo, and below it
ROWS = (
    ("姓名", NARROW), ("性别", NARROW), ("出生日期", NARROW), ("证件号码", NARROW),
    ("企业名称", WIDE), ("职务", WIDE), ("初次领证日期", WIDE), ("有效期", WIDE),
)  # fmt: skip
PHOTO_X, PHOTO_Y, PHOTO_WIDTH, PHOTO_HEIGHT = 141.0, 161.2, float(portrait.WIDTH), float(portrait.HEIGHT)
CODE_X, CODE_Y, CODE_SIDE = 34.0, 45.0, 34.0
ISSUE_X, ISSUED_X, ISSUER_Y, DATE_Y = 98.0, 123.0, 67.5, 56.0
SEAL_X, SEAL_Y, SEAL_RADIUS = 152.0, 63.0, 21.0
SEAL_BOX = (  # in points: where a click opens the signature
    (SEAL_X - SEAL_RADIUS) * MM, (SEAL_Y - SEAL_RADIUS) * MM, (SEAL_X + SEAL_RADIUS) * MM, (SEAL_Y + SEAL_RADIUS) * MM,
)  # fmt: skip

Point = tuple[float, float]


class _Ready(pdfdoc.PDFObject):  # type: ignore[misc]
    """A part of a document that was formatted before."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def format(self, _document: Any) -> bytes:
        return self.body


def _canvas(output: io.BytesIO, font: str) -> Any:
    """An empty document. It is told its first font, or it would name Helvetica, which is not embedded."""
    _fonts()
    page = (WIDTH * MM, HEIGHT * MM)
    return Canvas(output, pagesize=page, pageCompression=1, invariant=1, lang="zh-CN", initialFontName=font)


@lru_cache(maxsize=32)
def _sheet(category: str, kind: str, seal_text: str, specimen: bool) -> list[tuple[str, bytes]]:
    """The form ``sheet`` and all it needs, as finished objects, to be the first that a new document gets.

    They are formatted with the numbers they will have there, so a certificate costs none of this work again.
    """
    canvas = _canvas(io.BytesIO(), "semi")
    doc = canvas._doc
    first = doc.objectcounter + 1
    canvas.beginForm("sheet", 0, 0, WIDTH * MM, HEIGHT * MM)
    _background(canvas, _accent(category), specimen)
    _frame(canvas, _accent(category))
    _headings(canvas, category, kind)
    _labels(canvas, _accent(category), specimen)
    _boxes(canvas)
    _seal(canvas, seal_text, specimen)
    canvas.endForm()
    for font in doc.delayedFonts:
        font.addObjects(doc)
    own = pdfdoc.xObjectName("sheet")
    names = list(doc.idToObject)
    doc.idToObjectNumberAndVersion = {name: (first + i, 0) for i, name in enumerate(names)}
    bodies = [pdfdoc.format(doc.idToObject[name], doc, toplevel=1) for name in names]
    # The holder's layer has other letters of the same fonts, and two subsets must not have one name.
    bodies = [body.replace(b"/AAAAAA+", b"/SHEETA+") for body in bodies]
    return [(n if n == own else f"sheet {n}", body) for n, body in zip(names, bodies, strict=True)]


def _accent(category: str) -> Color:
    return ACCENTS[category[0]]


def _tint(color: Color, share: float) -> Color:
    """``share`` of the colour on the paper, as a solid: transparency would bar the archive form of PDF."""
    mixed = ((share * a + (1 - share) * b) for a, b in zip(color.rgb(), PAPER.rgb(), strict=True))
    return Color(*mixed)


def _path(canvas: Any, points: Iterable[Point], *, closed: bool = False) -> Any:
    path = canvas.beginPath()
    for i, (x, y) in enumerate(points):
        (path.lineTo if i else path.moveTo)(x * MM, y * MM)
    if closed:
        path.close()
    return path


def _curve(canvas: Any, curve: Callable[[float], Point], end: float, steps: int) -> None:
    """Stroke ``curve`` from 0 to ``end`` as ``steps`` Bézier arcs through its points."""
    points = [curve(end * i / steps) for i in range(-1, steps + 2)]  # one more at each end, for the tangents
    path = canvas.beginPath()
    path.moveTo(points[1][0] * MM, points[1][1] * MM)
    for before, a, b, after in zip(points, points[1:], points[2:], points[3:], strict=False):
        knots = (
            a[0] + (b[0] - before[0]) / 6, a[1] + (b[1] - before[1]) / 6,
            b[0] - (after[0] - a[0]) / 6, b[1] - (after[1] - a[1]) / 6, *b,
        )  # fmt: skip
        path.curveTo(*(value * MM for value in knots))
    canvas.drawPath(path, stroke=1, fill=0)


def _phases(strands: int) -> Iterator[float]:
    return (math.tau * i / strands for i in range(strands))


def _rosette(canvas: Any, radius: float, swing: float, lobes: int, color: Color) -> None:
    """A guilloche ring about the middle of the page. One lobe is drawn, then turned: 60 KB, not 250."""
    form = f"rosette-{radius}"
    canvas.beginForm(form, -WIDTH * MM, -WIDTH * MM, WIDTH * MM, WIDTH * MM)
    canvas.setStrokeColor(color)
    canvas.setLineWidth(0.25)
    for phase in _phases(6):

        def at(angle: float, phase: float = phase) -> Point:
            reach = radius + swing * math.cos(lobes * angle + phase)
            return reach * math.cos(angle), reach * math.sin(angle)

        _curve(canvas, at, math.tau / lobes, 6)
    canvas.endForm()
    canvas.saveState()
    canvas.translate(CENTRE * MM, 141 * MM)
    for _lobe in range(lobes):
        canvas.doForm(form)
        canvas.rotate(360 / lobes)
    canvas.restoreState()


def _braid(canvas: Any, start: Point, degrees: int, waves: int, length: float, accent: Color) -> None:
    """A band of interwoven waves from ``start`` in one direction; one wave is drawn, then moved along."""
    form, wave = f"braid-{waves}", length / waves
    if not canvas.hasForm(form):
        canvas.beginForm(form, -WIDTH * MM, -WIDTH * MM, WIDTH * MM, WIDTH * MM)
        canvas.setLineWidth(0.18)
        for color, swing, strands in ((_tint(accent, 0.8), 3.0, 5), (GOLD, 1.8, 3)):
            canvas.setStrokeColor(color)
            for phase in _phases(strands):

                def at(x: float, swing: float = swing, phase: float = phase) -> Point:
                    return x, swing * math.sin(math.tau * x / wave + phase)

                _curve(canvas, at, wave, 6)
        canvas.endForm()
    canvas.saveState()
    canvas.translate(start[0] * MM, start[1] * MM)
    canvas.rotate(degrees)
    for _wave in range(waves):
        canvas.doForm(form)
        canvas.translate(wave * MM, 0)
    canvas.restoreState()


def _background(canvas: Any, accent: Color, specimen: bool) -> None:
    canvas.setFillColor(PAPER)
    canvas.rect(0, 0, WIDTH * MM, HEIGHT * MM, stroke=0, fill=1)
    hue, sand = _tint(accent, 0.12), _tint(GOLD, 0.17)
    for radius, swing, lobes, color in (
        (71.5, 3, 72, sand), (58, 9, 36, hue), (41, 7, 24, hue), (25, 8, 18, sand)
    ):  # fmt: skip
        _rosette(canvas, radius, swing, lobes, color)
    if specimen:
        canvas.saveState()
        canvas.setFillColor(SHADE)
        canvas.translate(CENTRE * MM, 128 * MM)
        canvas.rotate(35)
        _put(canvas, 0, -2, "样张", BOLD, 112, centred=True, space=10)
        _put(canvas, 0, -18, "演示用 不具有法律效力", BOLD, 27, centred=True, space=2)
        canvas.restoreState()


def _frame(canvas: Any, accent: Color) -> None:
    middle, turn = (OUTER + INNER) / 2, (OUTER + INNER) / 2 + 9
    across, up = WIDTH - 2 * turn, HEIGHT - 2 * turn
    for y in (middle, HEIGHT - middle):
        _braid(canvas, (turn, y), 0, 34, across, accent)
    for x in (middle, WIDTH - middle):
        _braid(canvas, (x, turn), 90, 52, up, accent)
    rules = ((OUTER, accent, 1.5), (OUTER + 1.1, accent, 0.35), (INNER, GOLD, 0.9), (INNER + 1.2, GOLD, 0.25))
    for inset, color, weight in rules:
        canvas.setStrokeColor(color)
        canvas.setLineWidth(weight)
        canvas.rect(inset * MM, inset * MM, (WIDTH - 2 * inset) * MM, (HEIGHT - 2 * inset) * MM)
    for right in (False, True):
        for upper in (False, True):
            canvas.saveState()
            canvas.translate(WIDTH * MM if right else 0, HEIGHT * MM if upper else 0)
            canvas.scale(-1 if right else 1, -1 if upper else 1)
            _corner(canvas, accent)
            canvas.restoreState()


def _corner(canvas: Any, accent: Color) -> None:
    """A plate with a key pattern (回纹), for the lower left; the other three are its mirror images."""
    canvas.setFillColor(PAPER)
    canvas.setStrokeColor(accent)
    canvas.setLineWidth(1.0)
    canvas.translate(OUTER * MM, OUTER * MM)
    canvas.rect(0, 0, CORNER * MM, CORNER * MM, fill=1)
    columns, rows = (
        (2.2, 2.2, 11.8, 11.8, 4.9, 4.9, 9.2, 9.2, 7.1),
        (2.2, 11.8, 11.8, 4.6, 4.6, 9.2, 9.2, 7.1, 7.1),
    )
    canvas.setStrokeColor(GOLD)
    canvas.setLineWidth(1.6)
    canvas.drawPath(_path(canvas, zip(columns, rows, strict=True)), stroke=1, fill=0)


def _headings(canvas: Any, category: str, kind: str) -> None:
    canvas.setFillColor(_accent(category))
    short = len(kind) < 15
    _put(canvas, CENTRE, 255, kind, BOLD, 21 if short else 17, centred=True, space=1.1 if short else 0.2)
    canvas.setFillColor(RED)
    canvas.setStrokeColor(RED)
    _put(canvas, CENTRE, 235.5, TITLE, BOLD, 33, centred=True, space=1.6, stroke=0.7)
    y = 227.2
    canvas.setStrokeColor(GOLD)
    canvas.setLineWidth(0.5)
    canvas.setFillColor(GOLD)
    for side in (-1, 1):
        canvas.line((CENTRE + side * 11) * MM, y * MM, (CENTRE + side * 62) * MM, y * MM)
        canvas.circle((CENTRE + side * 62) * MM, y * MM, 0.55 * MM, stroke=0, fill=1)
        canvas.circle((CENTRE + side * 11) * MM, y * MM, 0.55 * MM, stroke=0, fill=1)
    plate = ((-8, 0), (-5.4, 3.1), (5.4, 3.1), (8, 0), (5.4, -3.1), (-5.4, -3.1))
    canvas.setFillColor(_accent(category))
    canvas.drawPath(_path(canvas, ((CENTRE + a, y + b) for a, b in plate), closed=True), stroke=1, fill=1)
    canvas.setFillColor(PAPER)
    _put(canvas, CENTRE, y - 1.65, category, BOLD, 13, centred=True, space=0.2)


def _labels(canvas: Any, accent: Color, specimen: bool) -> None:
    tone = _tint(accent, 0.82)
    canvas.setLineWidth(0.4)
    canvas.setStrokeColor(PALE_GOLD)
    canvas.setFillColor(tone)
    for row, (label, right) in enumerate(ROWS):
        y = TOP - row * PITCH
        _spread(canvas, LABEL_X, y, label, LABEL_BREADTH, 13)
        canvas.line((VALUE_X - 1) * MM, (y - 2.1) * MM, right * MM, (y - 2.1) * MM)
    for label, y in (("发证机关", ISSUER_Y), ("发证日期", DATE_Y)):
        _spread(canvas, ISSUE_X, y, label, 20, 12.5)
        _put(canvas, ISSUE_X + 20, y, "：", BOLD, 12.5)
    _put(canvas, CODE_X + CODE_SIDE / 2, CODE_Y - 5, "扫码核验证书真伪与实时状态", PLAIN, 7.6, centred=True)
    note = "本页为演示样张，不具有法律效力" if specimen else "本证书为电子证照，持证状态以扫码核验结果为准"
    _put(canvas, CENTRE, 31.4, note, PLAIN, 8.6, centred=True)


def _boxes(canvas: Any) -> None:
    """Where the photo and the square code go."""
    canvas.setStrokeColor(GOLD)
    canvas.setFillColor(WHITE)
    canvas.setLineWidth(0.5)
    x, y, width, height = PHOTO_X - 1, PHOTO_Y - 1, PHOTO_WIDTH + 2, PHOTO_HEIGHT + 2
    canvas.rect(x * MM, y * MM, width * MM, height * MM, fill=1)
    canvas.setStrokeColor(PALE_GOLD)
    canvas.rect(CODE_X * MM, CODE_Y * MM, CODE_SIDE * MM, CODE_SIDE * MM, fill=1)


def _seal(canvas: Any, text: str, specimen: bool) -> None:
    """A round seal of 42 mm in outline. On a specimen it is grey, broken and says that it has no force."""
    canvas.saveState()
    color = GREY if specimen else SEAL
    canvas.setFillColor(color)
    canvas.setStrokeColor(color)
    canvas.translate(SEAL_X * MM, SEAL_Y * MM)
    canvas.setLineWidth(1.2 * MM)
    if specimen:
        canvas.setDash(3 * MM, 1.4 * MM)
    canvas.circle(0, 0, (SEAL_RADIUS - 0.6) * MM)
    canvas.setDash()
    star = [(6.4 * (0.382 if i % 2 else 1), i * math.pi / 5) for i in range(10)]
    points = [(r * math.sin(a), r * math.cos(a) + 0.9) for r, a in star]
    canvas.setLineWidth(0.6)
    canvas.drawPath(_path(canvas, points, closed=True), stroke=1, fill=0 if specimen else 1)
    _arc(canvas, text)
    purpose = "演示·不具法律效力" if specimen else "电子证照专用章"
    _put(canvas, 0, -11, purpose, BOLD, 8.6, centred=True, stroke=0.2)
    canvas.restoreState()


def _arc(canvas: Any, text: str) -> None:
    """Letters along the upper rim, narrowed as on cut seals; many letters are set smaller."""
    span = min(236.0, 24.0 * (len(text) - 1))
    size = 15.2 * min(1.0, 13 / len(text)) if text else 0
    for i, letter in enumerate(text):
        canvas.saveState()
        canvas.rotate(span / 2 - span * i / max(1, len(text) - 1))
        canvas.translate(0, (SEAL_RADIUS - 2.6) * MM - size * 0.86)
        canvas.scale(0.76, 1.06)
        _put(canvas, 0, 0, letter, BOLD, size, centred=True, stroke=0.3)
        canvas.restoreState()


# --- the holder ---------------------------------------------------------------------------------------------


def _day(on: date) -> str:
    return f"{on.year}年{on.month:02}月{on.day:02}日"


def _host(face: Face) -> str:
    parts = urlsplit(face.address)
    return f"{parts.scheme}://{parts.netloc}"


def _holder(canvas: Any, face: Face, photo: bytes | None) -> None:
    canvas.setFillColor(INK)
    _put(canvas, CENTRE, 217.4, f"证书编号：{face.number}", PLAIN, 13, centred=True)
    values = (
        face.name, face.sex, _day(face.birth_date), face.id_number, face.enterprise, face.position or "—",
        _day(face.first_issued_on), f"{_day(face.valid_from)} 至 {_day(face.valid_to)}",
    )  # fmt: skip
    for row, (value, (_label, right)) in enumerate(zip(values, ROWS, strict=True)):
        _value(canvas, VALUE_X, TOP - row * PITCH, value, right - VALUE_X - 1, 15.5)
    _value(canvas, ISSUED_X, ISSUER_Y, face.issuer, WIDTH - INNER - 4 - ISSUED_X, 14)
    _value(canvas, ISSUED_X, DATE_Y, _day(face.issued_on), WIDTH - INNER - 4 - ISSUED_X, 14)
    foot = f"核验网址  {_host(face)}"
    if face.licence_identifier:
        foot += f"    证照标识  {face.licence_identifier}"
    canvas.setFillColor(_tint(_accent(face.category), 0.82))
    _put(canvas, CENTRE, 26.4, foot, PLAIN, _size(foot, PLAIN, WIDTH - 2 * INNER - 8, 7.2), centred=True)
    if photo is not None:
        canvas.drawImage(_Photo(photo), PHOTO_X * MM, PHOTO_Y * MM, PHOTO_WIDTH * MM, PHOTO_HEIGHT * MM)


def _size(text: str, chain: tuple[str, ...], room: float, wanted: float) -> float:
    """The size at which ``text`` fits into one line of ``room``, at most ``wanted``."""
    return min(wanted, wanted * room / max(_breadth(text, chain, wanted), 0.001))


def _value(canvas: Any, x: float, y: float, text: str, room: float, wanted: float) -> None:
    """A long value shrinks a little; a longer one goes into two lines, as large as they can be."""
    small = 0.74 * wanted
    size = _size(text, VALUE, room, wanted)
    if size >= small:
        _put(canvas, x, y, text, VALUE, size)
        return
    halves = _halves(text)
    size = min(_size(half, VALUE, room, small) for half in halves)
    for half, line in zip(halves, (y + 3.9, y - 0.7), strict=True):
        _put(canvas, x, line, half, VALUE, size)


def _halves(text: str) -> tuple[str, str]:
    """Cut where the longer half is shortest, but rather after a part of a name than within one, and neither
    inside a foreign word nor before a mark that closes one.
    """
    widths = [_breadth(c, VALUE, 10) for c in text]

    def cost(i: int) -> float:
        word = text[i - 1 : i + 1].isalnum() and text[i - 1 : i + 1].isascii()
        weight = 9 if word or text[i] in "·）)》〉、，。" else 0.8 if text[i - 1] in "·）" else 1
        return weight * max(sum(widths[:i]), sum(widths[i:]))

    cut = min(range(1, len(text)), key=cost)
    return text[:cut].rstrip(), text[cut:].lstrip()


class _Photo:
    """A JPEG as reportlab takes one without decoding it. A page has one photo: ``str`` is its name there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return "photo"

    def jpeg_fh(self) -> io.BytesIO:
        return io.BytesIO(self.data)


def _code(canvas: Any, modules: qr.Matrix, address: str) -> None:
    """The square code as one path, crisp at any size; a click opens the address as well."""
    count = len(modules)
    module = CODE_SIDE * MM / (count + 2 * qr.QUIET)
    canvas.saveState()
    canvas.setFillColorRGB(0, 0, 0)
    canvas.transform(module, 0, 0, module, CODE_X * MM + qr.QUIET * module, CODE_Y * MM + qr.QUIET * module)
    # Straight to the page's code: whole numbers need none of the rounding that is slow in reportlab's paths.
    bars = (f"{x} {count - 1 - row} {length} 1 re" for x, row, length in qr.bars(modules))
    canvas._code.append(f"n {' '.join(bars)} f")
    canvas.restoreState()
    box = (CODE_X * MM, CODE_Y * MM, (CODE_X + CODE_SIDE) * MM, (CODE_Y + CODE_SIDE) * MM)
    canvas.linkURL(address, box, thickness=0)
