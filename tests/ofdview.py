"""An independent OFD reader: text, and the page as SVG."""

import base64
import io
import zipfile
from collections.abc import Iterator
from html import escape

from lxml import etree

from app.files.truetype import Font

NS = {"o": "http://www.ofdspec.org/2016"}
ORDERS = {"M": "M", "L": "L", "B": "C", "C": "Z"}


class Reader:
    def __init__(self, data: bytes) -> None:
        self.zip = zipfile.ZipFile(io.BytesIO(data))
        entry = self.xml("OFD.xml")
        self.document = self.xml(entry.findtext(".//o:DocRoot", namespaces=NS))
        self.resources: dict[str, etree._Element] = {}
        for place in self.document.xpath("//o:PublicRes|//o:DocumentRes", namespaces=NS):
            self.resources |= {one.get("ID"): one for one in self.xml(f"Doc_0/{place.text}").xpath("//*[@ID]")}
        self.fonts: dict[str, Font] = {}

    def xml(self, name: str) -> etree._Element:
        return etree.fromstring(self.zip.read(name))

    def layers(self) -> Iterator[etree._Element]:
        """The layers of the page from the bottom: its template, then its own."""
        page = self.xml(f"Doc_0/{self.document.find('.//o:Page', NS).get('BaseLoc')}")
        for named in page.findall("o:Template", NS):
            (template,) = self.document.xpath(f"//o:TemplatePage[@ID='{named.get('TemplateID')}']", namespaces=NS)
            yield from self.xml(f"Doc_0/{template.get('BaseLoc')}").iterfind(".//o:Layer", NS)
        yield from page.iterfind(".//o:Layer", NS)

    def text(self) -> str:
        """All text of the page, in file order."""
        return "".join(code.text for layer in self.layers() for code in layer.iterfind(".//o:TextCode", NS))

    def svg(self) -> str:
        body = "".join(self._drawn(one) for layer in self.layers() for one in layer)
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297">{body}</svg>'

    def _drawn(self, one: etree._Element) -> str:
        kind = etree.QName(one).localname
        x, y, _width, _height = map(float, one.get("Boundary").split())
        turn = f" matrix({one.get('CTM').replace(' ', ',')})" if one.get("CTM") else ""
        inside = {
            "PathObject": self._path,
            "TextObject": self._text,
            "ImageObject": self._image,
            "CompositeObject": self._unit,
        }
        return f'<g transform="translate({x},{y}){turn}">{inside[kind](one)}</g>'

    def _path(self, one: etree._Element) -> str:
        words = one.findtext("o:AbbreviatedData", namespaces=NS).split()
        data = " ".join(ORDERS.get(word, word) for word in words)
        fill = self._color(one, "Fill") if one.get("Fill") == "true" else "none"
        return f'<path d="{data}" fill="{fill}"{self._pen(one)}/>'

    def _text(self, one: etree._Element) -> str:
        code, size = one.find("o:TextCode", NS), float(one.get("Size"))
        font = self._font(one.get("Font"))
        x = float(code.get("X"))
        steps = [*map(float, (code.get("DeltaX") or "").split()), 0.0]
        scale, drawn = size / font.em, []
        for letter, step in zip(code.text, steps, strict=True):
            assert font.glyphs[letter], f"{letter} is not in the embedded font"
            place = f"matrix({scale},0,0,{-scale},{x},{code.get('Y')})"
            drawn.append(f'<path d="{_outline(font, letter)}" transform="{place}"/>')
            x += step
        width = float(one.get("LineWidth") or 0) / scale
        pen_of = f' stroke="{self._color(one, "Stroke")}" stroke-width="{width}"' if one.get("Stroke") == "true" else ""
        return f'<g fill="{self._color(one, "Fill")}"{pen_of}>{"".join(drawn)}</g>'

    def _image(self, one: etree._Element) -> str:
        name = self.resources[one.get("ResourceID")].findtext("o:MediaFile", namespaces=NS)
        data = base64.b64encode(self.zip.read(f"Doc_0/Res/{name}")).decode()
        return f'<image width="1" height="1" preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>'

    def _unit(self, one: etree._Element) -> str:
        return "".join(self._drawn(part) for part in self.resources[one.get("ResourceID")].find("o:Content", NS))

    def _font(self, number: str) -> Font:
        if number not in self.fonts:
            name = self.resources[number].findtext("o:FontFile", namespaces=NS)
            self.fonts[number] = Font(self.zip.read(f"Doc_0/Res/{name}"))
        return self.fonts[number]

    def _color(self, one: etree._Element, kind: str) -> str:
        found = one.find(f"o:{kind}Color", NS)
        return "none" if found is None else f"rgb({escape(found.get('Value').replace(' ', ','))})"

    def _pen(self, one: etree._Element) -> str:
        if one.get("Stroke") == "false":
            return ""
        dash = f' stroke-dasharray="{one.get("DashPattern")}"' if one.get("DashPattern") else ""
        return f' stroke="{self._color(one, "Stroke")}" stroke-width="{one.get("LineWidth")}"{dash}'


def _outline(font: Font, letter: str) -> str:
    """A glyph of the embedded font as a path: quadratic curves, with implied points."""
    words = []
    for contour in font.outline(letter):
        full = []
        for (point, on), (before, was_on) in zip(contour, (contour[-1], *contour[:-1]), strict=True):
            if not on and not was_on:
                full.append((((point[0] + before[0]) / 2, (point[1] + before[1]) / 2), True))
            full.append((point, on))
        start = next(i for i, (_point, on) in enumerate(full) if on)
        full = full[start:] + full[: start + 1]
        words.append(f"M{full[0][0][0]} {full[0][0][1]}")
        for i, (point, on) in enumerate(full[1:], 1):
            if on and full[i - 1][1]:
                words.append(f"L{point[0]} {point[1]}")
            elif on:
                words.append(f"Q{full[i - 1][0][0]} {full[i - 1][0][1]} {point[0]} {point[1]}")
        words.append("Z")
    return "".join(words)
