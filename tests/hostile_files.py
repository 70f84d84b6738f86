"""Uploads, valid and hostile. They are made here, so that the repository needs no binary files."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import pikepdf
import pillow_heif
from PIL import Image


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture whose corners all differ."""
    ramp = Image.linear_gradient("L").resize((width, height))
    drawn = Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.ROTATE_180), Image.new("L", ramp.size, 90)))
    drawn.paste("red", (0, 0, width // 4, height // 4))
    return drawn.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    """A picture that compresses worst."""
    return Image.merge("RGB", [Image.effect_noise((width, height), 120) for _channel in range(3)])


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def jpeg(width: int = 600, height: int = 800, **how: object) -> bytes:
    return saved(picture(width, height), "JPEG", **how) if how else _plain_jpeg(width, height)


@cache
def _plain_jpeg(width: int, height: int) -> bytes:
    """Drawn once: every person of the tests has one."""
    return saved(picture(width, height), "JPEG")


def png(width: int = 600, height: int = 800, mode: str = "RGB", **how: object) -> bytes:
    return saved(picture(width, height, mode), "PNG", **how)


def phone_jpeg(width: int = 4000, height: int = 3000) -> bytes:
    """Twelve megapixels with noise, rotated, with GPS data; about 3 MB."""
    grain = Image.effect_noise((width // 2, height // 2), 60).resize((width, height), Image.Resampling.BICUBIC)
    drawn = Image.blend(picture(width, height), grain.convert("RGB"), 0.35)
    return saved(drawn, "JPEG", quality=88, exif=exif(orientation=6))


def exif(orientation: int = 1) -> Image.Exif:
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010F] = "PHONE-MAKER"
    notes.get_ifd(0x8825)[2] = (28.0, 11.0, 40.0)  # latitude of Changsha
    return notes


# --- JPEG by hand ----------------------------------------------------------------------------------------------
def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + segment(marker, body) + data[2:]


def progressive_of_many_scans(count: int) -> bytes:
    """The last scan of a progressive picture, repeated: each costs a pass over all pixels."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


# --- PNG by hand -----------------------------------------------------------------------------------------------
def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_by_hand(width: int, height: int, rows: bytes, *more: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND")


def png_with_declared_size(width: int, height: int) -> bytes:
    return png_by_hand(width, height, b"\0" * 64)


def png_with_text_bomb(kind: bytes = b"zTXt", size: int = 64 * 1024**2) -> bytes:
    packed = zlib.compress(b"A" * size, 9)
    body = b"Comment\0\0" + packed if kind != b"iTXt" else b"Comment\0\1\0\0\0" + packed
    return png_by_hand(300, 400, b"\0" * 400 * 901, chunk(kind, body))


def packed_text(size: int) -> bytes:
    return b"Comment\0\0" + zlib.compress(b"A" * size, 9)


def interlaced_png(width: int, height: int, depth: int, colour: int, missing: int = 0) -> tuple[bytes, int]:
    """An Adam7-interlaced PNG, and the number of its rows."""
    bits = depth * {0: 1, 2: 3, 3: 1}[colour]
    steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = []
    for x, y, across, down in steps:
        columns = len(range(x, width, across))
        rows += [b"\0" * (1 + (columns * bits + 7) // 8) for _row in range(y, height, down) if columns]
    points = b"".join(rows)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 1))
    palette = chunk(b"PLTE", b"\1\2\3") if colour == 3 else b""
    packed = chunk(b"IDAT", zlib.compress(points[: len(points) - missing]))
    return b"\x89PNG\r\n\x1a\n" + header + palette + packed + chunk(b"IEND"), len(rows)


def png_with_fewer_rows() -> bytes:
    return png_by_hand(300, 400, b"\0" * 100 * 901)


def animated_png() -> bytes:
    frames = [picture(300, 400), picture(300, 400).transpose(Image.Transpose.ROTATE_180)]
    return saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


# --- PDF -------------------------------------------------------------------------------------------------------
def pdf(pages: int = 1, change: Callable[[pikepdf.Pdf], None] | None = None, **how: object) -> bytes:
    document = pikepdf.new()
    for _page in range(pages):
        document.add_blank_page(page_size=(595, 842))
    if change:
        change(document)
    out = io.BytesIO()
    document.save(out, **how)
    return out.getvalue()


def pdf_by_hand(*objects: bytes) -> bytes:
    """Catalog, page tree and one page, then these objects from number 4 on."""
    start = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    )
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(start + objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(places) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n" % size
        + table
        + b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    )


def pdf_with(**entries: object) -> bytes:
    """Entries of the catalog, each a Python value or a pikepdf object."""

    def change(document: pikepdf.Pdf) -> None:
        for key, value in entries.items():
            document.Root[f"/{key}"] = value

    return pdf(change=change)


def action(kind: str, **more: object) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name(f"/{kind}"), **more)


def pdf_with_link(action: pikepdf.Dictionary) -> bytes:
    """A page with a link annotation of this action."""

    def change(document: pikepdf.Pdf) -> None:
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=pikepdf.Array([0, 0, 99, 99]), A=action
        )
        document.pages[0].Annots = pikepdf.Array([link])

    return pdf(change=change)


def pdf_with_attachment() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.attachments["x.exe"] = b"MZ"

    return pdf(change=change)


def pdf_with_packed_object(body: bytes, levels: int = 1) -> bytes:
    """Object 5 in object stream 4, compressed ``levels`` times."""
    packed = b"5 0 " + body
    for _level in range(levels):
        packed = zlib.compress(packed, 9)
    filters = b"/FlateDecode " * levels
    head = b"<</Type/ObjStm/N 1/First 4/Filter[%b]/Length %d>>stream\n" % (filters, len(packed))
    plain = pdf_by_hand(head + packed + b"\nendstream")
    start = plain.rindex(b"xref\n0 5")
    places = [plain.index(b"%d 0 obj" % number) for number in (1, 2, 3, 4)] + [start]
    rows = [b"\1" + struct.pack(">IB", place, 0) for place in places]
    rows.insert(4, b"\2" + struct.pack(">IB", 4, 0))
    table = b"\0" * 6 + b"".join(rows)
    index = b"6 0 obj\n<</Type/XRef/Root 1 0 R/Size 7/W[1 4 1]/Length %d>>stream\n" % len(table)
    return plain[:start] + index + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start


def pdf_bomb(megabytes: int, levels: int) -> bytes:
    return pdf_with_packed_object(b"[" + b"1 " * (megabytes * 500_000) + b"]", levels)


# --- HEIC and TIFF ----------------------------------------------------------------------------------------------
def heic(width: int = 300, height: int = 400, orientation: int = 1) -> bytes:
    """As phones write it: the turn stands in the container, and again in EXIF."""
    pillow_heif.register_heif_opener()
    drawn = picture(width, height)
    drawn.info["exif"] = exif(orientation).tobytes()
    return saved(drawn, "HEIF")


def heic_with_declared_size(width: int, height: int) -> bytes:
    """A small picture that says it is larger: in its property, as readers believe before they decode."""
    data = bytearray(heic(64, 64))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


def tiff(*pages: Image.Image, **how: object) -> bytes:
    first, *others = pages or (picture(300, 400),)
    return saved(first, "TIFF", save_all=True, append_images=others, **how)


def tiff_by_hand(width: int, height: int, strip: bytes = b"", *, next_page: int = 0, compression: int = 1) -> bytes:
    """One grey picture of one strip; ``next_page`` is where the next one is said to begin."""
    rows = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    rows += [(273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(strip))]
    table = struct.pack("<H", len(rows)) + b"".join(struct.pack("<HHII", *row) for row in rows) + struct.pack("<I", next_page)
    return (b"II*\0" + struct.pack("<I", 8) + table).ljust(200, b"\0") + strip


# --- other formats ----------------------------------------------------------------------------------------------
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG = b'<?xml version="1.0"?><!-- a --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch x) (w) file\n"


def other_formats() -> dict[str, bytes]:
    small = picture(40, 40)
    return {
        "HTML": HTML, "SVG": SVG, "EPS": EPS, "WebP": saved(small, "WEBP"),
        "GIF": saved(small, "GIF"), "BMP": saved(small, "BMP"),
        "AVIF": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "ZIP": b"PK\x03\x04\x14\0",
        "DOC/XLS": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504, "EXE": b"MZ\x90\0",
    }  # fmt: skip
