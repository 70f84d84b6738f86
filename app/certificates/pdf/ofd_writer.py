"""A page of shapes written as OFD (GB/T 33190), the format of the national e-certificate, from the same layout as the PDF.

The same page gives the same bytes; every font is embedded. The background is drawn once for all holders of a kind.
"""

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from html import escape
from itertools import count

from app.certificates.pdf import layout
from app.certificates.pdf.background import HEIGHT, WIDTH
from app.certificates.pdf.shapes import CodeShape, Color, Group, ImageShape, LinkShape, Matrix, Path, Shape, Text
from app.certificates.qr.symbol import bars
from app.files import fonts

SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
ROOT = "Doc_0"
SIGNATURES = f"/{ROOT}/Signs/Signatures.xml"
WHOLE = f"0 0 {WIDTH:g} {HEIGHT:g}"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip needs a time for its files: the earliest it can hold

SEAL_BOX = (  # x, y, width and height: where a click finds the signature
    layout.SEAL_BOX[0], HEIGHT - layout.SEAL_BOX[3], 2 * layout.SEAL_RADIUS, 2 * layout.SEAL_RADIUS,
)  # fmt: skip

Parts = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Layer:
    """Written shapes: their objects, the fonts and pictures they need, the next free number."""

    objects: str
    fonts: dict[int, tuple[str, bytes]]  # number: name, file
    pictures: dict[int, bytes]
    graphics: dict[int, str]
    free: int


@dataclass(frozen=True, slots=True)
class Document:
    """The parts of an unfinished file. ``page`` is the number that a seal refers to."""

    parts: Parts
    page: int
    entry: str  # OFD.xml, with a place for what is signed

    def closed(self, signs: Parts | None = None) -> bytes:
        """The file; ``signs``: what a seal adds."""
        return packed({**self.opened(sealed=bool(signs)), **(signs or {})})

    def opened(self, *, sealed: bool) -> Parts:
        """All parts by name, the entry first."""
        pointer = f"<ofd:Signatures>{SIGNATURES}</ofd:Signatures>" if sealed else ""
        return {"OFD.xml": self.entry.replace("<!-- signatures -->", pointer).encode(), **self.parts}


def packed(parts: Parts) -> bytes:
    """The container: a zip without a trace of when and where it was made."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            file.writestr(entry, data)
    return output.getvalue()


def document_of(page: layout.CertificatePage) -> Document:
    under = _sheet(page.sheet)
    over = _Writer(under.free).written(page.holder)
    ids = count(over.free)
    template, own, base, top = (next(ids) for _n in range(4))
    parts = {
        f"{ROOT}/Document.xml": _document(template, own, next(ids)),
        f"{ROOT}/PublicRes.xml": _resources(under.fonts | over.fonts),
        f"{ROOT}/DocumentRes.xml": _media(under.pictures | over.pictures, under.graphics | over.graphics),
        f"{ROOT}/Tpls/Tpl_0/Content.xml": _content(under.objects, base, None),
        f"{ROOT}/Pages/Page_0/Content.xml": _content(over.objects, top, template),
        **{f"{ROOT}/Res/font_{n}.ttf": data for n, (_name, data) in (under.fonts | over.fonts).items()},
        **{f"{ROOT}/Res/image_{n}.jpg": data for n, data in (under.pictures | over.pictures).items()},
    }
    return Document(parts, own, _entry(page, parts))


@lru_cache(maxsize=32)
def _sheet(sheet: layout.BackgroundPage) -> Layer:
    return _Writer(1).written(layout.sheet_of(sheet))


# --- shapes ---------------------------------------------------------------------------------------------------


UPRIGHT = Matrix()
INTO = Matrix.placed(WIDTH / 2, HEIGHT / 2)  # a graphic is drawn about the middle of its own page, or it would be cut
OUT_OF = Matrix.placed(-WIDTH / 2, -HEIGHT / 2)


@dataclass(slots=True)
class _Writer:
    free: int
    _objects: list[str] = field(default_factory=list)
    _letters: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _fonts: dict[str, int] = field(default_factory=dict)
    _pictures: dict[int, bytes] = field(default_factory=dict)
    _graphics: dict[int, str] = field(default_factory=dict)
    _link: str = ""

    def written(self, shapes: Sequence[Shape]) -> Layer:
        links = [shape for shape in shapes if isinstance(shape, LinkShape)]
        self._link = links[0].address if links else ""
        for shape in shapes:
            self.shape(shape)
        files = {
            number: (fonts.embedded_name(key), fonts.font(key).subset(self._letters[key], mapped=True).data)
            for key, number in self._fonts.items()
        }
        return Layer("".join(self._objects), files, self._pictures, self._graphics, self.free)

    def _next(self) -> int:
        self.free += 1
        return self.free - 1

    def shape(self, shape: Shape, matrix: Matrix = UPRIGHT) -> None:
        if not isinstance(shape, Group):
            self._placed(shape, matrix)
        elif len(shape.places) == 1:
            for inner in shape.shapes:
                self.shape(inner, shape.places[0].then(matrix))
        else:
            self._group(Group(shape.shapes, tuple(place.then(matrix) for place in shape.places)))

    def _group(self, group: Group) -> None:
        """Repeated shapes are written once, as a graphic unit of the resources, and referred to at their places."""
        number = self._next()
        inner = _Writer(self.free, self._objects[:0], self._letters, self._fonts, self._pictures, self._graphics)
        for shape in group.shapes:
            inner.shape(shape, INTO)
        self.free = inner.free
        self._graphics[number] = "".join(inner._objects)
        for place in group.places:
            turn = " ".join(f"{n:.5f}".rstrip("0").rstrip(".") for n in _turned_over(OUT_OF.then(place)))
            self._objects.append(
                f'<ofd:CompositeObject ID="{self._next()}" Boundary="{WHOLE}" CTM="{turn}" ResourceID="{number}"/>'
            )

    def _placed(self, shape: Text | Path | ImageShape | CodeShape | LinkShape, matrix: Matrix) -> None:
        if isinstance(shape, Text):
            self._text(shape, matrix)
        elif isinstance(shape, Path):
            self._path(shape, _data(shape.moved(matrix)))
        elif isinstance(shape, ImageShape):
            self._picture(shape)
        elif isinstance(shape, CodeShape):
            self._code(shape)

    def _path(self, pen: Path, data: str) -> None:
        ways = f' LineWidth="{_n(pen.width)}"' if pen.stroke else ' Stroke="false"'
        ways += ' Fill="true"' if pen.fill else ""
        ways += f' DashPattern="{" ".join(map(_n, pen.dash))}"' if pen.dash else ""
        colors = _color("Stroke", pen.stroke) + _color("Fill", pen.fill)
        body = f"{colors}<ofd:AbbreviatedData>{data}</ofd:AbbreviatedData>"
        self._objects.append(f'<ofd:PathObject ID="{self._next()}" Boundary="{WHOLE}"{ways}>{body}</ofd:PathObject>')

    def _text(self, text: Text, matrix: Matrix) -> None:
        x = text.x
        for run in text.runs:
            steps = [fonts.advance(run.font, c) * text.size + text.space for c in run.text]
            self._run(text, run, steps, matrix, x)
            x += sum(steps)

    def _run(self, text: Text, run: fonts.TextRun, steps: list[float], matrix: Matrix, x: float) -> None:
        number = self._fonts.setdefault(run.font, self.free)
        if number == self.free:
            self.free += 1
        self._letters[run.font].update(dict.fromkeys(run.text))
        delta = f' DeltaX="{" ".join(map(_n, steps[:-1]))}"' if len(steps) > 1 else ""
        box, turn, base = _place(matrix, x, text.y, sum(steps), text.size)
        ways = f' Stroke="true" LineWidth="{_n(text.weight)}"' if text.weight else ""
        colors = _color("Fill", text.color) + (_color("Stroke", text.color) if text.weight else "")
        self._objects.append(
            f'<ofd:TextObject ID="{self._next()}" Boundary="{box}"{turn} Font="{number}" Size="{_n(text.size)}"{ways}>'
            f'{colors}<ofd:TextCode X="0" Y="{_n(base)}"{delta}>{escape(run.text, quote=False)}</ofd:TextCode>'
            "</ofd:TextObject>"
        )

    def _picture(self, picture: ImageShape) -> None:
        number = self._next()
        self._pictures[number] = picture.jpeg
        width, height = _n(picture.width), _n(picture.height)
        box = f"{_n(picture.x)} {_n(HEIGHT - picture.y - picture.height)} {width} {height}"
        turn = f'CTM="{width} 0 0 {height} 0 0"'
        self._objects.append(f'<ofd:ImageObject ID="{self._next()}" Boundary="{box}" {turn} ResourceID="{number}"/>')

    def _code(self, code: CodeShape) -> None:
        """One path in units of a module; a click opens the address."""
        module, x, y = code.side / len(code.modules), code.x, HEIGHT - code.y - code.side
        rectangles = (f"M {a} {b} L {a + n} {b} L {a + n} {b + 1} L {a} {b + 1} C" for a, b, n in bars(code.modules))
        click = f'<ofd:Actions><ofd:Action Event="CLICK"><ofd:URI URI="{escape(self._link)}"/></ofd:Action></ofd:Actions>'
        box = f"{_n(x)} {_n(y)} {_n(code.side)} {_n(code.side)}"
        self._objects.append(
            f'<ofd:PathObject ID="{self._next()}" Boundary="{box}" CTM="{module:.6f} 0 0 {module:.6f} 0 0" Stroke="false" '
            f'Fill="true">{click if self._link else ""}{_color("Fill", Color(0, 0, 0))}'
            f"<ofd:AbbreviatedData>{' '.join(rectangles)}</ofd:AbbreviatedData></ofd:PathObject>"
        )


def _place(matrix: Matrix, x: float, y: float, breadth: float, size: float) -> tuple[str, str, float]:
    """Boundary, CTM and baseline of a piece of text. OFD counts from the top; rotated text has its own coordinates."""
    at_x, at_y = matrix.at(x, y)
    if matrix[:4] == (1.0, 0.0, 0.0, 1.0):
        return f"{_n(at_x)} {_n(HEIGHT - at_y - size)} {_n(breadth + size / 2)} {_n(1.4 * size)}", "", size
    turn = " ".join(f"{n:.5f}" for n in (matrix.a, -matrix.b, -matrix.c, matrix.d, at_x, HEIGHT - at_y))
    return WHOLE, f' CTM="{turn}"', 0.0


def _turned_over(matrix: Matrix) -> Matrix:
    """The same transformation with y counted from the top."""
    a, b, c, d, e, f = matrix
    return Matrix(a, -b, -c, d, c * HEIGHT + e, HEIGHT - d * HEIGHT - f)


def _data(path: Path) -> str:
    """The steps as OFD path data, y from the top of the page."""
    words = []
    for step, numbers in path.steps:
        if step == "Z":
            words.append("C")
            continue
        points = zip(numbers[0::2], numbers[1::2], strict=True)
        words.append(("B" if step == "C" else step) + "".join(f" {_n(x)} {_n(HEIGHT - y)}" for x, y in points))
    return " ".join(words)


def _n(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".") if abs(number) >= 0.0005 else "0"


def _color(kind: str, color: Color | None) -> str:
    return f'<ofd:{kind}Color Value="{color.red} {color.green} {color.blue}"/>' if color else ""


# --- parts ----------------------------------------------------------------------------------------------------


def _document(template: int, page: int, greatest: int) -> bytes:
    area = f"<ofd:PageArea><ofd:PhysicalBox>{WHOLE}</ofd:PhysicalBox></ofd:PageArea>"
    resources = "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes><ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>"
    sheet = f'<ofd:TemplatePage ID="{template}" BaseLoc="Tpls/Tpl_0/Content.xml"/>'
    common = f"<ofd:CommonData><ofd:MaxUnitID>{greatest}</ofd:MaxUnitID>{area}{resources}{sheet}</ofd:CommonData>"
    pages = f'<ofd:Pages><ofd:Page ID="{page}" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>'
    return f"{HEAD}<ofd:Document {SPACE}>{common}{pages}</ofd:Document>".encode()


def _content(objects: str, layer: int, template: int | None) -> bytes:
    under = "" if template is None else f'<ofd:Template TemplateID="{template}" ZOrder="Background"/>'
    body = f'<ofd:Content><ofd:Layer ID="{layer}" Type="Body">{objects}</ofd:Layer></ofd:Content>'
    return f"{HEAD}<ofd:Page {SPACE}>{under}{body}</ofd:Page>".encode()


def _resources(files: Mapping[int, tuple[str, bytes]]) -> bytes:
    rows = (
        f'<ofd:Font ID="{n}" FontName="{name}" FamilyName="{name}"><ofd:FontFile>font_{n}.ttf</ofd:FontFile></ofd:Font>'
        for n, (name, _data) in files.items()
    )
    return f'{HEAD}<ofd:Res {SPACE} BaseLoc="Res"><ofd:Fonts>{"".join(rows)}</ofd:Fonts></ofd:Res>'.encode()


def _media(pictures: Iterable[int], graphics: Mapping[int, str]) -> bytes:
    media = "".join(
        f'<ofd:MultiMedia ID="{n}" Type="Image" Format="JPEG"><ofd:MediaFile>image_{n}.jpg</ofd:MediaFile></ofd:MultiMedia>'
        for n in pictures
    )
    units = "".join(
        f'<ofd:CompositeGraphicUnit ID="{n}" Width="{WIDTH:g}" Height="{HEIGHT:g}"><ofd:Content>{objects}</ofd:Content>'
        "</ofd:CompositeGraphicUnit>"
        for n, objects in graphics.items()
    )
    body = f"<ofd:MultiMedias>{media}</ofd:MultiMedias>" if media else ""
    body += f"<ofd:CompositeGraphicUnits>{units}</ofd:CompositeGraphicUnits>" if units else ""
    return f'{HEAD}<ofd:Res {SPACE} BaseLoc="Res">{body}</ofd:Res>'.encode()


def _entry(page: layout.CertificatePage, parts: Parts) -> str:
    name = blake2b(b"".join(parts.values()), digest_size=16).hexdigest()
    about = (("DocID", name), ("Title", page.title), ("Author", page.author), ("Subject", page.subject))
    details = "".join(f"<ofd:{key}>{escape(value, quote=False)}</ofd:{key}>" for key, value in about)
    details += f"<ofd:CreationDate>{page.dated:%Y-%m-%d}</ofd:CreationDate><ofd:Creator>anguan</ofd:Creator>"
    body = f"<ofd:DocInfo>{details}</ofd:DocInfo><ofd:DocRoot>{ROOT}/Document.xml</ofd:DocRoot><!-- signatures -->"
    return f'{HEAD}<ofd:OFD {SPACE} Version="1.0" DocType="OFD"><ofd:DocBody>{body}</ofd:DocBody></ofd:OFD>'
