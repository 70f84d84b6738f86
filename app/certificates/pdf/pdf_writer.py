"""A page of shapes written as PDF 1.7: the background once for all holders of a kind, the holder's layer over it.

The same page gives the same bytes. Every font is embedded with a ToUnicode table, so that text can be copied.
"""

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from app.certificates.pdf import layout
from app.certificates.pdf.shapes import POINT, CodeShape, Color, Group, ImageShape, LinkShape, Matrix, Path, Shape, Text, walk
from app.files import fonts
from app.files.truetype import Subset

HEAD = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_UNIT = 1 / POINT  # points of a millimetre
_OPERATORS = {"M": "m", "L": "l", "C": "c", "Z": "h"}
_BITS = bytes.maketrans(b"\0\1", b"10")  # dark is 0, as in every picture
_ROWS = 100  # of a ToUnicode block; a reader need not take more


class _Parts:
    """The numbered objects of a file, one after another."""

    def __init__(self, body: bytes = HEAD, offsets: Sequence[int] = (), *, effort: int = 1) -> None:
        self._effort = effort  # zlib level: the shared beginning is packed well, the rest fast
        self._pieces = [body]
        self._length = len(body)
        self.offsets = list(offsets)

    @property
    def next(self) -> int:
        return len(self.offsets) + 1

    def add(self, *pieces: bytes) -> int:
        """One object. Its pieces are joined with the whole file, so that a photo is copied once."""
        self.offsets.append(self._length)
        number = len(self.offsets)
        whole = (b"%d 0 obj\n" % number, *pieces, b"\nendobj\n")
        self._pieces += whole
        self._length += sum(map(len, whole))
        return number

    def stream(self, entries: bytes, data: bytes, *, packed: bool = True) -> int:
        if packed:
            data, entries = zlib.compress(data, self._effort), entries + b" /Filter /FlateDecode"
        return self.add(b"<< %b /Length %d >>\nstream\n" % (entries.strip(), len(data)), data, b"\nendstream")

    def body(self) -> bytes:
        return b"".join(self._pieces)

    def closed(self, root: int, info: int) -> bytes:
        """The whole file, with its cross-reference table."""
        table = b"".join(b"%010d 00000 n \n" % offset for offset in self.offsets)
        name = _begun(self._pieces[0]).copy()
        for piece in self._pieces[1:]:
            name.update(piece)
        identity = name.hexdigest().encode("ascii")
        end = (
            b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [<%b> <%b>] >>\n"
            b"startxref\n%d\n%%%%EOF\n" % (self.next, table, self.next, root, info, identity, identity, self._length)
        )
        return b"".join((*self._pieces, end))


@lru_cache(maxsize=32)
def _begun(body: bytes) -> blake2b:
    """The hash state after a beginning that many files share."""
    return blake2b(body, digest_size=16)


class _Sheet(NamedTuple):
    """The finished beginning of every file with this background."""

    body: bytes
    offsets: tuple[int, ...]
    form: int


def write_pdf(page: layout.CertificatePage) -> bytes:
    """The PDF of one page."""
    sheet = _sheet(page.sheet)
    parts = _Parts(sheet.body, sheet.offsets)
    layer = _Layer(parts, page.holder, "HOLDER")
    layer.objects.append(b"/Sheet %d 0 R" % sheet.form)
    content = parts.stream(b"", b"/Sheet Do\n" + layer.content)
    links = b" ".join(b"%d 0 R" % parts.add(_link(shape)) for shape in page.holder if isinstance(shape, LinkShape))
    tree = parts.next + 1
    leaf = parts.add(
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595.276 841.89] /Contents %d 0 R /Resources %b /Annots [%b] >>"
        % (tree, content, layer.resources(), links)
    )
    parts.add(b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % leaf)
    root = parts.add(
        b"<< /Type /Catalog /Pages %d 0 R /Lang (zh-CN) /ViewerPreferences << /DisplayDocTitle true >> >>" % tree
    )
    return parts.closed(root, parts.add(_about(page)))


@lru_cache(maxsize=32)
def _sheet(sheet: layout.BackgroundPage) -> _Sheet:
    """The background form and all it needs, as the objects that a new file begins with."""
    parts = _Parts(effort=9)
    layer = _Layer(parts, layout.sheet_of(sheet), "SHEETS")
    form = parts.stream(
        b"/Type /XObject /Subtype /Form /BBox [0 0 595.276 841.89] /Resources %b" % layer.resources(), layer.content
    )
    return _Sheet(parts.body(), tuple(parts.offsets), form)


def _about(page: layout.CertificatePage) -> bytes:
    made = f"D:{page.dated:%Y%m%d}000000+08'00'".encode("ascii")
    texts = (("Title", page.title), ("Author", page.author), ("Subject", page.subject), ("Creator", "anguan"))
    entries = b" ".join(b"/%b <%b>" % (name.encode(), _hex("\ufeff" + text)) for name, text in texts)
    return b"<< %b /Producer (anguan) /CreationDate (%b) /ModDate (%b) >>" % (entries, made, made)


def _link(link: LinkShape) -> bytes:
    box = " ".join(_number(v * _UNIT) for v in (link.x, link.y, link.x + link.width, link.y + link.height))
    address = link.address.encode("ascii", "backslashreplace").replace(b"\\", b"\\\\").replace(b"(", b"\\(")
    address = address.replace(b")", b"\\)")
    return b"<< /Type /Annot /Subtype /Link /Rect [%b] /Border [0 0 0] /F 4 /A << /S /URI /URI (%b) >> >>" % (
        box.encode(),
        address,
    )


def _hex(text: str) -> bytes:
    return text.encode("utf-16-be").hex().upper().encode("ascii")


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _numbers(values: Iterable[float]) -> str:
    return " ".join(map(_number, values))


# --- a layer: shapes as content operators -----------------------------------------------------------------------


class _Layer:
    """Shapes as content operators; the fonts, forms and pictures that they need are written into ``parts``."""

    def __init__(self, parts: _Parts, shapes: Sequence[Shape], prefix: str) -> None:
        self._parts = parts
        self.objects: list[bytes] = []
        self._fonts: dict[str, Subset] = {}
        self._named: list[bytes] = []
        used: dict[str, dict[str, None]] = {}
        for _place, shape in walk(shapes):
            if isinstance(shape, Text):
                for run in shape.runs:
                    used.setdefault(run.font, {}).update(dict.fromkeys(run.text))
        for key, characters in sorted(used.items()):
            self._fonts[key] = subset = fonts.font(key).subset(characters)
            self._named.append(b"/%b %d 0 R" % (key.encode("ascii"), _embedded(parts, key, subset, prefix)))
        scale = f"{_UNIT:.6f}"
        code = "\n".join(self._code(shape) for shape in shapes)
        self.content = f"q {scale} 0 0 {scale} 0 0 cm\n{code}\nQ\n".encode("ascii")

    def resources(self) -> bytes:
        return b"<< /Font << %b >> /XObject << %b >> >>" % (b" ".join(self._named), b" ".join(self.objects))

    def _form(self, body: bytes, entries: bytes, *, packed: bool = True) -> str:
        name = f"X{len(self.objects)}"
        self.objects.append(
            b"/%b %d 0 R" % (name.encode(), self._parts.stream(b"/Type /XObject " + entries, body, packed=packed))
        )
        return name

    def _code(self, shape: Shape) -> str:
        match shape:
            case Text():
                return self._text(shape)
            case Path():
                return _path(shape)
            case Group():
                return self._group(shape)
            case ImageShape():
                return self._picture(shape)
            case CodeShape():
                return self._square(shape)
            case LinkShape():
                return ""

    def _text(self, text: Text) -> str:
        pieces = []
        for run in text.runs:
            glyphs = self._fonts[run.font].glyphs
            codes = "".join(f"{glyphs[c]:04X}" for c in run.text)
            pieces.append(f"/{run.font} {_number(text.size)} Tf <{codes}> Tj")
        color, mode = _color(text.color), "0 Tr"
        if text.weight:
            color, mode = f"{color} rg {color} RG {_number(text.weight)} w", "2 Tr"
        else:
            color += " rg"
        return f"{color} BT {mode} {_number(text.space)} Tc {_number(text.x)} {_number(text.y)} Td {' '.join(pieces)} ET"

    def _group(self, group: Group) -> str:
        inner = "\n".join(self._code(shape) for shape in group.shapes)
        if len(group.places) > 1:
            entries = b"/Subtype /Form /BBox [-300 -300 300 300] /Resources << >>"
            inner = f"/{self._form(inner.encode('ascii'), entries)} Do"
        return "\n".join(f"q {_matrix(place)} cm {inner} Q" for place in group.places)

    def _picture(self, picture: ImageShape) -> str:
        space = b"/DeviceRGB" if picture.channels == 3 else b"/DeviceGray"
        entries = b"/Subtype /Image /Width %d /Height %d /BitsPerComponent 8 /ColorSpace %b /Filter /DCTDecode" % (
            *picture.pixels, space,
        )  # fmt: skip
        name = self._form(picture.jpeg, entries, packed=False)
        box = _numbers((picture.width, 0, 0, picture.height, picture.x, picture.y))
        return f"q {box} cm /{name} Do Q"

    def _square(self, code: CodeShape) -> str:
        """One bit for each module: as crisp as a path and a tenth of its size."""
        side = len(code.modules)
        size = (side + 7) // 8
        bits = b"".join((int(bytes(row).translate(_BITS), 2) << -side % 8).to_bytes(size, "big") for row in code.modules)
        entries = b"/Subtype /Image /Width %d /Height %d /BitsPerComponent 1 /ColorSpace /DeviceGray" % (side, side)
        name = self._form(bits, entries)
        return f"q {_numbers((code.side, 0, 0, code.side, code.x, code.y))} cm /{name} Do Q"


def _color(color: Color) -> str:
    return _numbers(value / 255 for value in color)


def _matrix(matrix: Matrix) -> str:
    turn = (f"{value:.6f}".rstrip("0").rstrip(".") for value in matrix[:4])
    return f"{' '.join(turn)} {_numbers(matrix[4:])}"


def _path(path: Path) -> str:
    code = [f"{_numbers(numbers)} {_OPERATORS[step]}" if numbers else _OPERATORS[step] for step, numbers in path.steps]
    if path.stroke is None:
        return f"{_color(path.fill or Color(0, 0, 0))} rg {' '.join(code)} f"
    before = f"{_color(path.stroke)} RG {_number(path.width)} w"
    if path.fill is not None:
        before += f" {_color(path.fill)} rg"
    after = "S" if path.fill is None else "B"
    if path.dash:
        return f"{before} [{_numbers(path.dash)}] 0 d {' '.join(code)} {after} [] 0 d"
    return f"{before} {' '.join(code)} {after}"


# --- fonts -------------------------------------------------------------------------------------------------------


def _embedded(parts: _Parts, key: str, subset: Subset, prefix: str) -> int:
    """The font as an object of the file, and all that belongs to it."""
    face = fonts.font(key)
    name = f"{prefix}+{fonts.embedded_name(key)}".encode("ascii")
    data = parts.stream(b"/Length1 %d" % len(subset.data), subset.data)
    box = b" ".join(b"%d" % (value * 1000 // face.em) for value in face.box)
    described = parts.add(
        b"<< /Type /FontDescriptor /FontName /%b /Flags 4 /FontBBox [%b] /ItalicAngle 0 /Ascent %d /Descent %d "
        b"/CapHeight 700 /StemV 80 /FontFile2 %d 0 R >>"
        % (name, box, face.ascent * 1000 // face.em, face.descent * 1000 // face.em, data)
    )
    numbered = sorted((number, c) for c, number in subset.glyphs.items())
    widths = ((number, face.advances[c]) for number, c in numbered)
    listed = " ".join(f"{number} [{_number(1000 * width)}]" for number, width in widths if width != 1)
    descendant = parts.add(
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%b /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) "
        b"/Supplement 0 >> /FontDescriptor %d 0 R /DW 1000 /W [%b] /CIDToGIDMap /Identity >>"
        % (name, described, listed.encode("ascii"))
    )
    return parts.add(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /%b /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>"
        % (name, descendant, parts.stream(b"", _to_unicode(numbered)))
    )


def _to_unicode(numbered: Sequence[tuple[int, str]]) -> bytes:
    """The ToUnicode table; characters beyond U+FFFF as surrogate pairs, so that copied text is right."""
    rows = [b"<%04X> <%b>" % (number, _hex(c)) for number, c in numbered]
    blocks = [rows[i : i + _ROWS] for i in range(0, len(rows), _ROWS)]
    return b"\n".join(
        (
            b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
            b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            b"/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
            b"1 begincodespacerange <0000> <FFFF> endcodespacerange",
            *(line for block in blocks for line in (b"%d beginbfchar" % len(block), *block, b"endbfchar")),
            b"endcmap CMapName currentdict /CMap defineresource pop end end",
        )
    )
