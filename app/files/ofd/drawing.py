"""Draws an OFD as PDF; only in the process of ``files.apart``.

What cannot be drawn as it stands in the file is remarked, never left out without a word.
"""

import io
import math
import re
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any
from xml.etree.ElementTree import Element  # nosec B405 - the type only

from fontTools.svgLib.path.arc import EllipticalArc
from PIL import Image
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import FILL_EVEN_ODD, FILL_NON_ZERO, Canvas

from app.files.images import FileFault, ImageLimits, check_area
from app.files.ofd import Drawing
from app.files.ofd.container import OfdPackage, Place, box_of, first, name_of, numbers, text_of, within
from app.files.ofd.glyphs import Drawn, Glyphs, PathPen, ours

DEEPEST = 16  # blocks, graphics and parameters within each other
LAYERS = ("Background", "Body", "Foreground")
PICTURES = ("JPEG", "PNG", "BMP", "GIF", "TIFF")
LINE_WIDTH, MITER = 0.353, 4.234  # millimetres, by the standard
CAPS = {"Butt": 0, "Round": 1, "Square": 2}
JOINS = {"Miter": 0, "Round": 1, "Bevel": 2}
WORD = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ARGUMENTS = {"S": 2, "M": 2, "L": 2, "Q": 4, "B": 6, "A": 7, "C": 0}
SLANT = 0.21  # of letters that are to be slanted

Color = tuple[float, ...]  # gray, RGB or CMYK, each 0 to 1


def drawn(data: bytes, limits: ImageLimits) -> Drawing:
    """Raises ``FileFault``."""
    try:
        return _Document(OfdPackage(data), limits).drawing()
    except (FileFault, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - hostile files can make any of the libraries raise anything
        raise FileFault("ofd-broken") from None


class _Document:
    def __init__(self, package: OfdPackage, limits: ImageLimits) -> None:
        self.package, self.limits = package, limits
        self.place = package.document()
        self.pages = list(within(self.place.element, "Pages", "Page"))
        self.remarks: dict[tuple[str, str], None] = {}
        self.paths: dict[Element, Any] = {}  # None for one that cannot be read
        self._fonts: dict[str, Glyphs | None] = {}
        self._pictures: dict[str, ImageReader | None] = {}
        if not self.pages:
            raise FileFault("ofd-broken")
        if len(self.pages) > limits.pdf_pages:
            raise FileFault("pdf-too-many-pages", most=limits.pdf_pages)

    def drawing(self) -> Drawing:
        out = io.BytesIO()
        canvas = Canvas(out, pageCompression=1, invariant=1)
        canvas.setTitle("OFD")
        if len(self.package.bodies()) > 1:
            self.remark("documents")
        if first(self.place.element, "Attachments") is not None:
            self.remark("attachments")
        for number in range(len(self.pages)):
            _x, _y, width, height = self.box(number)
            if not 0 < max(width, height) * mm <= self.limits.pdf_side or min(width, height) <= 0:
                raise FileFault("pdf-page-size", side=self.limits.pdf_side)
            canvas.setPageSize((width * mm, height * mm))
            canvas.saveState()
            canvas.transform(mm, 0, 0, -mm, 0, height * mm)
            self.page(number, canvas)
            canvas.restoreState()
            canvas.showPage()
        canvas.save()
        return Drawing(out.getvalue(), len(self.pages), list(self.remarks))

    def remark(self, kind: str, name: str = "") -> None:
        self.remarks[kind, name[:60]] = None

    def content(self, page: Element) -> Place:
        return self.package.xml(self.place.folder, page.get("BaseLoc", ""))

    def box(self, number: int) -> tuple[float, float, float, float]:
        own = text_of(self.content(self.pages[number]).element, "Area", "PhysicalBox")
        return box_of(own or text_of(self.place.element, "CommonData", "PageArea", "PhysicalBox"))

    def page(self, number: int, canvas: Any, *, nested: bool = False) -> None:
        """Templates, layers, annotations and seals; the canvas counts in millimetres from the top left corner."""
        listed = self.pages[number]
        content = self.content(listed)
        x, y, _width, _height = self.box(number)
        canvas.transform(1, 0, 0, 1, -x, -y)
        templates = {one.get("ID"): one for one in within(self.place.element, "CommonData", "TemplatePage")}
        layers: list[tuple[int, Place, Element]] = []
        for used in within(content.element, "Template"):
            if (template := templates.get(used.get("TemplateID"))) is None:
                raise FileFault("ofd-broken")
            order = _order(used.get("ZOrder") or template.get("ZOrder") or LAYERS[0])
            under = self.content(template)
            layers += [(order, under, layer) for layer in within(under.element, "Content", "Layer")]
        layers += [(_order(layer.get("Type")), content, layer) for layer in within(content.element, "Content", "Layer")]
        for _order_of, place, layer in sorted(layers, key=lambda one: one[0]):
            _Block(self, canvas, self.package.resources(self.place, place.element)).draw(layer, [layer])
        for block in self._annotations(listed.get("ID", "")):
            _Block(self, canvas, self.package.resources(self.place)).placed(block)
        for stamp in self.package.stamps():
            if stamp.page == listed.get("ID"):
                self._stamp(stamp.kind, stamp.picture, box_of(" ".join(map(str, stamp.box))), canvas, nested)

    def _annotations(self, page: str) -> Iterator[Element]:
        listed = text_of(self.place.element, "Annotations")
        if not listed:
            return
        folder, root = self.package.xml(self.place.folder, listed)
        for one in within(root, "Page"):
            if one.get("PageID") == page:
                notes = self.package.xml(folder, text_of(one, "FileLoc"))
                for note in within(notes.element, "Annot"):
                    if note.get("Visible") != "false":
                        yield from within(note, "Appearance")

    def _stamp(self, kind: str, picture: bytes, box: tuple[float, float, float, float], canvas: Any, nested: bool) -> None:
        x, y, width, height = box
        canvas.saveState()
        canvas.transform(1, 0, 0, 1, x, y)
        if kind == "ofd" and not nested:
            inner = _Document(OfdPackage(picture), self.limits)
            _x, _y, own_width, own_height = inner.box(0)
            canvas.transform(width / own_width, 0, 0, height / own_height, 0, 0)
            inner.page(0, canvas, nested=True)
            self.remarks |= inner.remarks
        elif kind in ("", "ofd") or not self._shown(self.reader(picture), width, height, canvas):
            self.remark("seal")
        canvas.restoreState()

    @staticmethod
    def _shown(picture: ImageReader | None, width: float, height: float, canvas: Any) -> bool:
        if picture is not None:
            canvas.transform(width, 0, 0, -height, 0, height)
            canvas.drawImage(picture, 0, 0, 1, 1, mask="auto")
        return picture is not None

    def reader(self, data: bytes) -> ImageReader | None:
        """A picture that can be drawn; None for others."""
        try:
            image = Image.open(io.BytesIO(data), formats=PICTURES)
            check_area(*image.size, self.limits, self.limits.deep_png_pixels if image.mode == "RGBA" else self.limits.pixels)
            image.load()
        except (OSError, ValueError, SyntaxError):
            return None
        return ImageReader(image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGBA" if _clear(image) else "RGB"))

    def picture(self, media: Place) -> ImageReader | None:
        name, data = self.package.part(media.folder, text_of(media.element, "MediaFile"))
        if name not in self._pictures:
            self._pictures[name] = self.reader(data)
        return self._pictures[name]

    def font(self, font: Place) -> Glyphs | None:
        location = text_of(font.element, "FontFile")
        name, data = self.package.part(font.folder, location) if location else ("", b"")
        if name not in self._fonts:
            try:
                self._fonts[name] = Glyphs(data) if data else None
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - fontTools raises anything for a broken font
                self._fonts[name] = None
        return self._fonts[name]


def _order(layer: str | None) -> int:
    return LAYERS.index(layer) if layer in LAYERS else LAYERS.index("Body")


def _clear(image: Image.Image) -> bool:
    return image.has_transparency_data


class _Block:
    """Draws the objects of a block, in the order of the file."""

    def __init__(self, document: _Document, canvas: Any, resources: dict[str, Place], depth: int = 0) -> None:
        self.document, self.canvas, self.resources, self.depth = document, canvas, resources, depth
        if depth > DEEPEST:
            raise FileFault("ofd-broken")

    def draw(self, block: Element, styles: list[Element]) -> None:
        """``styles``: the elements that a missing parameter is looked up in, the nearest first."""
        for one in block:
            kind = name_of(one)
            if one.get("Visible") == "false":
                continue
            if kind == "PageBlock":
                self._deeper().draw(one, styles)
            elif kind in ("TextObject", "PathObject", "ImageObject", "CompositeObject"):
                self.placed(one, [one, *styles])
            elif kind not in ("Actions", "Clips"):
                self.document.remark("object", kind)

    def _deeper(self) -> "_Block":
        return _Block(self.document, self.canvas, self.resources, self.depth + 1)

    def placed(self, one: Element, styles: list[Element] | None = None) -> None:
        """An object, or the appearance of an annotation, in its own coordinates."""
        canvas, kind = self.canvas, name_of(one)
        x, y, width, height = box_of(one.get("Boundary"))
        canvas.saveState()
        canvas.transform(1, 0, 0, 1, x, y)
        # Text is not cut: its box is often a little too small for its font.
        if kind in ("PathObject", "ImageObject") and width and height:
            edge = _number(one.get("LineWidth"), LINE_WIDTH) if kind == "PathObject" else 0.0
            frame = canvas.beginPath()
            frame.rect(-edge, -edge, width + 2 * edge, height + 2 * edge)
            canvas.clipPath(frame, stroke=0, fill=0)
        self._turned(one)
        self._clipped(one)
        if kind == "TextObject":
            _Text(self, one, self._styles(styles)).draw()
        elif kind == "PathObject":
            self._path(one, self._styles(styles))
        elif kind == "ImageObject":
            self._image(one)
        elif kind == "CompositeObject":
            self._composite(one, styles or [])
        else:
            self._deeper().draw(one, [])
        canvas.restoreState()

    def _turned(self, one: Element) -> None:
        turn = numbers(one.get("CTM"))
        if len(turn) == 6:
            self.canvas.transform(*turn)

    def _styles(self, styles: list[Element] | None) -> list[Element]:
        """The elements themselves, each followed by the drawing parameters that it names."""
        found: list[Element] = []
        for style in styles or []:
            found.append(style)
            named = style.get("DrawParam")
            for _step in range(DEEPEST):
                if named is None or named not in self.resources:
                    break
                found.append(self.resources[named].element)
                named = found[-1].get("Relative")
        return found

    # --- colours and lines ----------------------------------------------------------------------------------------

    def color(self, kind: str, styles: list[Element], usual: Color | None) -> tuple[Color | None, float]:
        """The colour by the nearest style, and how far it covers what is under it; ``usual`` without one."""
        alpha = next((_number(one.get("Alpha"), 255) for one in styles[:1]), 255.0) / 255
        found = next((color for one in styles if (color := first(one, kind)) is not None), None)
        if found is None:
            return usual, alpha
        alpha *= _number(found.get("Alpha"), 255) / 255
        values = numbers(found.get("Value"))
        if len(found):
            self.document.remark("shading")
            values = values or next((numbers(one.get("Value")) for one in found.iter() if one.get("Value")), [])
        space = self.resources.get(found.get("ColorSpace", ""))
        if space is not None and found.get("Index") is not None:
            palette = list(within(space.element, "Palette", "CV"))
            index = int(_number(found.get("Index"), 0))
            values = numbers(palette[index].text) if 0 <= index < len(palette) else []
        most = 2 ** _number(space.element.get("BitsPerComponent") if space else None, 8) - 1
        if len(values) not in (1, 3, 4):
            if values:
                self.document.remark("shading")
            return (0.0,), alpha
        return tuple(min(max(value / most, 0.0), 1.0) for value in values), alpha

    def pens(self, one: Element, styles: list[Element], *, fill: bool, stroke: bool) -> tuple[int, int]:
        """Set colours and lines; whether to stroke and to fill."""
        canvas = self.canvas
        if fill:
            color, alpha = self.color("FillColor", styles, (0.0,) if name_of(one) == "TextObject" else None)
            fill = color is not None
            _set(color or (0.0,), canvas.setFillGray, canvas.setFillColorRGB, canvas.setFillColorCMYK)
            canvas.setFillAlpha(min(max(alpha, 0.0), 1.0))
        if stroke:
            color, alpha = self.color("StrokeColor", styles, (0.0,))
            _set(color or (0.0,), canvas.setStrokeGray, canvas.setStrokeColorRGB, canvas.setStrokeColorCMYK)
            canvas.setStrokeAlpha(min(max(alpha, 0.0), 1.0))
            canvas.setLineWidth(_number(_named("LineWidth", styles), LINE_WIDTH))
            canvas.setLineCap(CAPS.get(_named("Cap", styles) or "", 0))
            canvas.setLineJoin(JOINS.get(_named("Join", styles) or "", 0))
            canvas.setMiterLimit(max(_number(_named("MiterLimit", styles), MITER), 1.0))
            dash = [length for length in numbers(_named("DashPattern", styles)) if length > 0]
            if dash:
                canvas.setDash(dash, _number(_named("DashOffset", styles), 0))
        return int(stroke), int(fill)

    # --- objects --------------------------------------------------------------------------------------------------

    def _path(self, one: Element, styles: list[Element]) -> None:
        stroke, fill = self.pens(one, styles, fill=one.get("Fill") == "true", stroke=one.get("Stroke") != "false")
        if not (stroke or fill):
            return
        paths = self.document.paths
        if one not in paths:  # graphics are drawn again and again
            paths[one] = self.canvas.beginPath()
            try:
                _steps(PathPen(paths[one]), text_of(one, "AbbreviatedData"))
            except ValueError:
                paths[one] = None
        if paths[one] is None:
            self.document.remark("object", "AbbreviatedData")
        else:
            self.canvas.drawPath(paths[one], stroke=stroke, fill=fill, fillMode=_rule(one))

    def _clipped(self, one: Element) -> None:
        """Cut to each of the areas that is one path."""
        for clip in within(one, "Clips", "Clip"):
            for area in within(clip, "Area"):
                shapes = list(within(area, "Path"))
                path = self.canvas.beginPath()
                try:
                    if len(shapes) != 1 or area.get("CTM"):
                        raise ValueError(name_of(area))
                    x, y, _width, _height = box_of(shapes[0].get("Boundary"))
                    _steps(PathPen(path), text_of(shapes[0], "AbbreviatedData"), x, y)
                except ValueError:
                    self.document.remark("clip")
                else:
                    self.canvas.clipPath(path, stroke=0, fill=0, fillMode=_rule(shapes[0]))

    def _image(self, one: Element) -> None:
        media = self.resources.get(one.get("ResourceID", ""))
        if one.get("ImageMask") is not None or first(one, "Border") is not None:
            self.document.remark("object", "ImageMask" if one.get("ImageMask") is not None else "Border")
        picture = None if media is None else self.document.picture(media)
        if picture is None:
            self.document.remark("picture", "" if media is None else media.element.get("Format") or "")
            return
        self.canvas.setFillAlpha(min(max(_number(one.get("Alpha"), 255) / 255, 0.0), 1.0))
        self.canvas.transform(1, 0, 0, -1, 0, 1)
        self.canvas.drawImage(picture, 0, 0, 1, 1, mask="auto")

    def _composite(self, one: Element, styles: list[Element]) -> None:
        unit = self.resources.get(one.get("ResourceID", ""))
        content = None if unit is None else first(unit.element, "Content")
        if content is None:
            self.document.remark("object", "CompositeObject")
        else:
            self._deeper().draw(content, styles[1:])


class _Text:
    """Letters are drawn as outlines, so that the font files of strangers reach no browser."""

    def __init__(self, block: _Block, one: Element, styles: list[Element]) -> None:
        self.block, self.one, self.styles = block, one, styles
        self.size = _number(one.get("Size"), 0)
        listed = block.resources.get(one.get("Font", ""))
        self.name = "" if listed is None else listed.element.get("FontName") or ""
        self.font = None if listed is None else block.document.font(listed)

    def draw(self) -> None:
        one, canvas = self.one, self.block.canvas
        way = self.block.pens(one, self.styles, fill=one.get("Fill") != "false", stroke=one.get("Stroke") == "true")
        turns = [math.radians(_number(one.get(name), 0)) for name in ("CharDirection",)]
        wide, slant = _number(one.get("HScale"), 1), SLANT if one.get("Italic") == "true" else 0.0
        if _number(one.get("ReadDirection"), 0) and not any(code.get("DeltaY") for code in within(one, "TextCode")):
            self.block.document.remark("direction")
        chosen = self._chosen()
        for n, (character, x, y) in enumerate(self._letters()):
            drawn, em = self._outline(character, chosen.get(n))
            if drawn is None:
                continue
            canvas.saveState()
            canvas.transform(1, 0, 0, 1, x, y)
            for turn in filter(None, turns):
                canvas.transform(math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn), 0, 0)
            share = self.size / em
            if way[0]:
                canvas.setLineWidth(_number(self.one.get("LineWidth"), LINE_WIDTH) / share)
            canvas.transform(share * wide, 0, share * slant, -share, 0, 0)
            path = canvas.beginPath()
            drawn(PathPen(path))
            canvas.drawPath(path, stroke=way[0], fill=way[1], fillMode=FILL_NON_ZERO)
            canvas.restoreState()

    def _letters(self) -> Iterator[tuple[str, float, float]]:
        """Each letter with its place; those without a step stay where they are."""
        x = y = 0.0
        for code in within(self.one, "TextCode"):
            x, y = _number(code.get("X"), x), _number(code.get("Y"), y)
            across, down = (chain(_deltas(code.get(name)), repeat(0.0)) for name in ("DeltaX", "DeltaY"))
            for character, right, below in zip(code.text or "", across, down, strict=False):
                yield character, x, y
                x, y = x + right, y + below

    def _chosen(self) -> dict[int, int | None]:
        """Glyph numbers by the place of the letter; None for a letter that is part of the glyph before it."""
        chosen: dict[int, int | None] = {}
        for rule in within(self.one, "CGTransform"):
            at, count = int(_number(rule.get("CodePosition"), 0)), int(_number(rule.get("CodeCount"), 1))
            glyphs = [int(number) for number in numbers(text_of(rule, "Glyphs"))]
            chosen |= dict.fromkeys(range(at, at + min(count, 10_000))) | dict(enumerate(glyphs[: max(count, 1)], at))
            if len(glyphs) > count:
                self.block.document.remark("letter", text_of(self.one, "TextCode")[at : at + 1])
        return chosen if self.font is not None else {}

    def _outline(self, character: str, glyph: int | None) -> tuple[Drawn | None, float]:
        if self.font is not None:
            drawn = self.font.of(character) if glyph is None else self.font.numbered(glyph)
            if drawn is not None:
                return drawn, self.font.em
        if character.isspace():
            return None, 1.0
        drawn, em = ours(character, self.name)
        if drawn is None:
            self.block.document.remark("letter", character)
        elif self.font is None or glyph is not None:
            self.block.document.remark("font", self.name)
        return drawn, em


# --- numbers and steps --------------------------------------------------------------------------------------------


def _number(text: str | None, usual: float) -> float:
    found = numbers(text)
    return found[0] if found and math.isfinite(found[0]) else usual


def _named(name: str, styles: list[Element]) -> str | None:
    return next((value for one in styles if (value := one.get(name)) is not None), None)


def _rule(one: Element) -> int:
    return int(FILL_EVEN_ODD if one.get("Rule") == "Even-Odd" else FILL_NON_ZERO)


def _set(color: Color, gray: Any, rgb: Any, cmyk: Any) -> None:
    {1: gray, 3: rgb, 4: cmyk}[len(color)](*color)


def _deltas(text: str | None) -> Iterator[float]:
    """Steps between letters; ``g 3 5.2`` stands for three of 5.2."""
    words = iter((text or "").split())
    for word in words:
        if word == "g":
            count, step = next(words, "0"), next(words, "0")
            yield from repeat(_number(step, 0), min(int(_number(count, 0)), 100_000))
        else:
            yield _number(word, 0)


def _steps(pen: PathPen, data: str, x: float = 0.0, y: float = 0.0) -> None:
    """Draw abbreviated path data, moved by x and y. Raises ``ValueError`` for other data."""
    words, at = iter(WORD.findall(data)), (x, y)
    begun = False
    for word in words:
        if word not in ARGUMENTS or not (begun or word in "SM"):
            raise ValueError(word)
        values = [float(next(words, "x")) for _n in range(ARGUMENTS[word])]
        points = [(values[n] + x, values[n + 1] + y) for n in range(0, len(values) - 1, 2)] if word != "A" else []
        if word in "SM":
            pen.moveTo(points[0])
            begun = True
        elif word == "L":
            pen.lineTo(points[0])
        elif word == "Q":
            pen.qCurveTo(*points)
        elif word == "B":
            pen.curveTo(*points)
        elif word == "A":
            points = [(values[5] + x, values[6] + y)]
            radii, turned, large, sweep = values[:2], values[2], int(values[3]), int(values[4])
            EllipticalArc(complex(*at), *radii, turned, large, sweep, complex(*points[0])).draw(pen)
        else:
            pen.closePath()
        at = points[-1] if points else at
