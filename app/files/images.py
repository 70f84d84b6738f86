"""Re-encodes uploaded pictures: only the parts that draw the picture reach the decoder; the result is an upright RGB JPEG
without metadata. Every refusal is a ``FileFault``, of which ``files.inspect`` makes a sentence.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from app.core.heavy_work import PICTURES, THUMBNAILS


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of uploads. Sizes in bytes, sides in pixels."""

    bytes: int = 10 * 1024**2  # as uploaded; 住建云 allows PDF ≤ 10 MB
    photo_bytes: int = 50_000  # as stored; national e-certificate C0317-2022: photo ≤ 50 KB (read as the smaller KB)
    side: int = 8000  # our judgement: A4 at 600 dpi is 7016
    pixels: int = 25_000_000  # of a JPEG, a HEIC, a page of a TIFF; A4 at 400 dpi is 15 million, a phone takes 12 or 24
    # Of a PNG, which is unpacked as a whole: 4 bytes a pixel, up to 12 with transparency. About 100 MB and 0.5 s at most.
    png_pixels: int = 15_500_000  # A4 at 400 dpi
    deep_png_pixels: int = 8_700_000  # A4 at 300 dpi
    passes: int = 250_000_000  # pixels by scans of a progressive JPEG; a usual one has 10 scans
    least_width: int = 197  # 一寸 is 25 x 35 mm; C0317-2022 asks for 200 to 300 dpi: this is 200 …
    least_height: int = 276
    photo_width: int = 590  # … and this twice 300 dpi, all that a certificate can print
    photo_height: int = 826
    longest: float = 2.0  # a photo's longer side by its shorter one; 一寸 and 二寸 have 1.4
    pdf_pages: int = 50  # our judgement: the papers asked for have a few
    pdf_side: int = 14_400  # points; the largest page that readers must show (ISO 32000-1 annex C)
    pdf_pixels: int = 150_000_000  # of a picture in a PDF; A4 at 1200 dpi is 139 million


class FileFault(Exception):
    """Why a file is refused: a code of ``inspect.SENTENCES`` and its figures. The file name is not known here."""

    def __init__(self, code: str, **figures: object) -> None:
        super().__init__(code)
        self.code, self.figures = code, figures


# Signatures of other formats: a reader that looks for them anywhere would see a web page, an archive, a program.
SECOND_FILE = re.compile(
    rb"(?i:<script|<\?php|<!doctype|<html|<svg|<iframe)"
    rb"|PK\x03\x04|PK\x05\x06|%PDF-|%!PS|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x7fELF|^MZ"
)


def refuse_embedded_file(*parts: bytes | memoryview) -> None:
    if any(SECOND_FILE.search(part) for part in parts):
        raise FileFault("file-two-in-one")


def check_area(width: int, height: int, limits: ImageLimits, pixels: int) -> None:
    if not width or not height:
        raise FileFault("image-broken")
    if max(width, height) > limits.side or width * height > pixels:
        raise FileFault("image-too-large", width=width, height=height)


# --- parts of JPEG and PNG, before decoding ---------------------------------------------------------------

MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in coded data FF00 is a byte, FFD0 to FFD7 are restarts
START, END, SCAN = 0xD8, 0xD9, 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
DRAWING = FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, SCAN}
MOST_SEGMENTS = 5000  # a photo has 20 to 200, a hostile one 2.5 million
MOST_SCANS = 64  # a progressive photo has 10; each costs a pass over all pixels


def _jpeg_without_metadata(data: bytes, limits: ImageLimits) -> bytes:
    """Only what draws the picture, its colour transform and its orientation.

    Phones append depth maps, second pictures, films. These are dropped; but no phone appends a web page.
    """
    parts, scans, area = [b"\xff\xd8"], 0, 0
    for count, (marker, segment) in enumerate(_jpeg_segments(data)):
        if marker in FRAMES:
            height, width = struct.unpack(">HH", segment[5:9].ljust(4, b"\0"))
            check_area(width, height, limits, limits.pixels)
            area = width * height
        if marker not in DRAWING:
            refuse_embedded_file(segment)
        if marker in DRAWING or marker in (0xE0, 0xEE) or segment[4:10] == b"Exif\0\0":
            parts.append(segment)
        scans += marker == SCAN
        if count > MOST_SEGMENTS or scans > MOST_SCANS or scans * area > limits.passes:
            raise FileFault("image-broken")
    return b"".join([*parts, b"\xff\xd9"])


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment; last the end marker with all that follows it."""
    at = 2
    while (found := MARKER.search(data, at)) and found[0][1] != END:
        marker, at = found[0][1], found.end()
        if marker in (0x01, START):
            continue
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        if marker == SCAN:
            following = MARKER.search(data, at)
            at = following.start() if following else len(data)
        yield marker, data[found.start() : at]
    if found is None:
        raise FileFault("file-truncated")
    yield END, data[found.end() :]


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
MOST_CHUNKS = 50_000  # 10 MB in the usual 8 KB chunks are 1,280
PORTION = 64 * 1024
MOST_TEXT = 4 * 1024**2  # all text of a PNG together, unpacked


def _png_without_metadata(data: bytes, limits: ImageLimits) -> bytes:
    """Only what draws the picture and its orientation; all rows must be there."""
    parts, packed, expected, text, header = [memoryview(data)[:8]], list[memoryview](), 0, 0, b""
    for count, (kind, body, whole) in enumerate(_png_chunks(data)):
        if (kind == b"IHDR") != (count == 0) or count > MOST_CHUNKS:
            raise FileFault("image-broken")
        if kind == b"IHDR":
            header = bytes(body)
            expected = _png_size(header, limits)
        elif kind == b"IDAT":
            packed.append(body)
        elif kind == b"acTL":
            raise FileFault("image-moving")
        elif kind == b"tRNS":
            _png_size(header, limits, transparent=True)
        elif kind not in (b"PLTE", b"eXIf", b"IEND"):
            text += _unpacked_text(kind, bytes(body), MOST_TEXT - text)
            if text > MOST_TEXT:
                raise FileFault("image-overloaded")
            refuse_embedded_file(body)
            continue
        parts.append(whole)
    # A decoder fills in missing rows: a paper could lose its lower half unnoticed.
    if _inflated(packed, expected) < expected:
        raise FileFault("file-truncated")
    return b"".join(parts)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Kind, body and all bytes of each chunk up to the end chunk, not copied; what follows it may not be another file."""
    view, at, kind = memoryview(data), 8, b""
    while kind != b"IEND":
        length, kind = int.from_bytes(view[at : at + 4], "big"), data[at + 4 : at + 8]
        after = at + 12 + length
        if after > len(data):
            raise FileFault("file-truncated")
        body = view[at + 8 : after - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(view[after - 4 : after], "big"):
            raise FileFault("image-broken")
        yield kind, body, view[at:after]
        at = after
    refuse_embedded_file(data[at:])


def _png_size(header: bytes, limits: ImageLimits, *, transparent: bool = False) -> int:
    """Size in bytes of all rows, unpacked."""
    if len(header) != 13 or header[9] not in CHANNELS or header[8] not in (1, 2, 4, 8, 16):
        raise FileFault("image-broken")
    width, height, depth, colour, _method, _filter, interlaced = struct.unpack(">IIBBBBB", header)
    deep = transparent or depth == 16 or colour in (4, 6)
    check_area(width, height, limits, limits.deep_png_pixels if deep else limits.png_pixels)
    bits = depth * CHANNELS[colour]
    grids = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sides = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in grids)
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sides if columns > 0 and rows > 0)


def _unpacked_text(kind: bytes, body: bytes, limit: int) -> int:
    """The unpacked size of a compressed text; 0 if it cannot be read."""
    rest = body.partition(b"\0")[2]
    if kind == b"iTXt" and rest[:1] == b"\x01":
        packed = b"".join(rest[2:].split(b"\0", 2)[2:])
    elif kind in (b"zTXt", b"iCCP"):
        packed = rest[1:]
    else:
        return 0
    try:
        return _inflated([packed], limit)
    except FileFault:
        return 0


def _inflated(pieces: Iterable[bytes | memoryview], limit: int) -> int:
    """The unpacked size of a zlib stream, in constant memory; counting stops soon after ``limit``."""
    engine, size = zlib.decompressobj(), 0
    try:
        for piece in pieces:
            for start in range(0, len(piece), PORTION):  # what is left over of a portion is copied with each turn
                rest = piece[start : start + PORTION]
                while rest and not engine.eof and size <= limit:
                    size += len(engine.decompress(rest, 1024**2))
                    rest = engine.unconsumed_tail
        return size if size > limit else size + len(engine.flush())
    except zlib.error:
        raise FileFault("image-broken") from None


# --- encoding ---------------------------------------------------------------------------------------------

QUALITIES = (88, 60, 45)
MOST_SHRINKING = 3  # of the first to the last, measured with noise
PHOTO_QUALITIES = (92, 86, 80, 74)
LAST_QUALITIES = (60, 45, 30)  # only at the smallest allowed size
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def reencode(data: bytes, kind: str, photo: bool, limits: ImageLimits) -> tuple[bytes, int, int]:
    """JPEG bytes, width and height of a file of this ``kind``, JPEG or PNG."""
    picture = _jpeg_without_metadata(data, limits) if kind == "JPEG" else _png_without_metadata(data, limits)
    with PICTURES.taken():
        # For a photo the JPEG decoder shrinks by 2, 4 or 8 while it reads: a fraction of the time and memory.
        return encoded(_decoded(picture, max(limits.photo_width, limits.photo_height) if photo else 0), photo, limits)


def encoded(image: Image.Image, photo: bool, limits: ImageLimits) -> tuple[bytes, int, int]:
    """JPEG bytes, width and height of an upright RGB picture."""
    return _photo(image, limits) if photo else _scan(image, limits)


def _decoded(picture: bytes, least_side: int = 0) -> Image.Image:
    """Upright and RGB; may be scaled down, but not below ``least_side``."""
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG")) as image:
            if least_side:
                image.draft(None, (least_side, least_side))
            return plain(_upright(image))
    except Exception:  # noqa: BLE001 — hostile bytes make a decoder raise anything, even AssertionError
        raise FileFault("image-broken") from None


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        turn = TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 — the EXIF is broken, the picture need not be
        turn = None
    return image if turn is None else image.transpose(turn)


def plain(image: Image.Image) -> Image.Image:
    """RGB of 8 bits, on white."""
    if image.mode.startswith("I"):  # 16 bits of grey: Pillow's own conversion makes all but the darkest white
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(layer, mask=layer)
    return image if image.mode == "RGB" else image.convert("RGB")


def _scan(image: Image.Image, limits: ImageLimits) -> tuple[bytes, int, int]:
    for quality in QUALITIES:
        drawn = _jpeg(image, quality)
        if len(drawn) <= limits.bytes:
            return drawn, *image.size
        if len(drawn) > MOST_SHRINKING * limits.bytes:  # the least quality would not do either
            break
    raise FileFault("image-too-large", width=image.width, height=image.height)


def _photo(image: Image.Image, limits: ImageLimits) -> tuple[bytes, int, int]:
    """The largest size, then the best quality, within ``photo_bytes``."""
    width, height = image.size
    if width < limits.least_width or height < limits.least_height:
        least = {"least_width": limits.least_width, "least_height": limits.least_height}
        raise FileFault("photo-too-small", width=width, height=height, **least)
    if width > height:
        raise FileFault("photo-landscape", width=width, height=height)
    if max(width, height) > limits.longest * min(width, height):
        raise FileFault("photo-shape", width=width, height=height)
    least_scale = max(limits.least_width / width, limits.least_height / height)
    scale = max(least_scale, min(1.0, limits.photo_width / width, limits.photo_height / height))
    while True:
        smaller = image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
        for quality in PHOTO_QUALITIES if scale > least_scale else PHOTO_QUALITIES + LAST_QUALITIES:
            drawn = _jpeg(smaller, quality, optimize=True, dpi=(300, 300))
            if len(drawn) <= limits.photo_bytes:
                return drawn, *smaller.size
        if scale <= least_scale:
            raise FileFault("photo-too-detailed")
        scale = max(least_scale, scale * 0.85)


def _jpeg(image: Image.Image, quality: int, **options: Any) -> bytes:
    drawn = io.BytesIO()
    image.save(drawn, "JPEG", quality=quality, **options)
    return drawn.getvalue()


STACKED_WIDTH, HIGHEST = 2480, 4 * 3508  # A4 at 300 dpi; four pages


def stacked(front: bytes, back: bytes) -> bytes:
    """Two stored pictures as one, of equal width, the front above. Raises ``FileFault``, also if one is so narrow that it
    would become too high.
    """
    with PICTURES.taken():
        sides = [_decoded(side) for side in (front, back)]
        width = min(STACKED_WIDTH, max(side.width for side in sides))
        heights = [max(1, round(side.height * width / side.width)) for side in sides]
        if sum(heights) > HIGHEST:
            raise FileFault("image-too-large", width=width, height=sum(heights))
        drawn = [side.resize((width, height)) for side, height in zip(sides, heights, strict=True)]
        together = Image.new("RGB", (width, sum(side.height for side in drawn)), "white")
        together.paste(drawn[0], (0, 0))
        together.paste(drawn[1], (0, drawn[0].height))
        return _jpeg(together, QUALITIES[0])


def thumbnail(data: bytes, mime: str, width: int) -> bytes | None:
    """A small JPEG of a stored picture; None for a document."""
    if mime != "image/jpeg":
        return None
    with THUMBNAILS.taken():
        image = _decoded(data, width)
        image.thumbnail((width, width * 4), Image.Resampling.LANCZOS)
        return _jpeg(image, 80)
