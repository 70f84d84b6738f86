"""A picture that a stranger handed in: taken apart before a decoder sees it, then drawn anew by us.

Law: what reaches the decoder is only what draws the picture, and what leaves this room is an upright RGB JPEG
that holds nothing else. Every no is a ``Flaw``; ``app.storage`` makes a sentence of it that names the file.
"""

import io
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large things may be. Sizes in bytes, sides in points."""

    bytes: int = 10 * 1024**2  # as handed in; 住建云 says PDF ≤ 10 MB
    photo_bytes: int = 50_000  # as kept; national e-certificate C0317-2022: photo ≤ 50 KB (read as the smaller KB)
    side: int = 8000  # our judgement: A4 at 600 dpi is 7016
    pixels: int = 25_000_000  # 75 MB once unpacked; A4 at 400 dpi is 15 million, a phone takes 12
    least_width: int = 197  # 一寸 is 25 x 35 mm; C0317-2022 asks for 200 to 300 dpi: this is 200 …
    least_height: int = 276
    photo_width: int = 590  # … and this twice 300 dpi, all that a certificate can print
    photo_height: int = 826
    longest: float = 2.0  # a photo's longer side by its shorter one; 一寸 and 二寸 have 1.4
    pdf_pages: int = 50  # our judgement: the papers asked for have a few


class Flaw(Exception):
    """A finding, not yet a no, for the name of the file is not known here: a code of ``SENTENCES`` and its figures."""

    def __init__(self, code: str, **figures: object) -> None:
        super().__init__(code)
        self.code, self.figures = code, figures


# What turns one file into two: a reader that looks for these anywhere sees a web page, an archive, a program.
SECOND_FILE = re.compile(
    rb"(?i:<script|<\?php|<!doctype|<html|<svg|<iframe)"
    rb"|PK\x03\x04|PK\x05\x06|%PDF-|%!PS|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x7fELF|^MZ"
)


def stands_alone(*parts: bytes) -> None:
    if any(SECOND_FILE.search(part) for part in parts):
        raise Flaw("file-two-in-one")


def _area_is_fair(width: int, height: int, limits: ImageLimits) -> None:
    if not width or not height:
        raise Flaw("image-broken")
    if max(width, height) > limits.side or width * height > limits.pixels:
        raise Flaw("image-too-large", width=width, height=height)


# --- JPEG and PNG: taken apart before a decoder sees them --------------------------------------------------

MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in coded data FF00 is a byte, FFD0 to FFD7 are restarts
START, END, SCAN = 0xD8, 0xD9, 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
DRAWING = FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, SCAN}
MOST_SEGMENTS = 5000  # a photo has 20 to 200, a hostile one 2.5 million
MOST_SCANS = 64  # a progressive photo has 10; each costs a walk over all points, however short it is


def _jpeg_without_notes(data: bytes, limits: ImageLimits) -> bytes:
    """Only what draws the picture, its colour transform and which way is up.

    Phones append depth maps, second pictures, films. These go in silence; but no phone appends a web page.
    """
    kept, scans = [b"\xff\xd8"], 0
    for count, (marker, segment) in enumerate(_jpeg_segments(data)):
        if marker in FRAMES:
            height, width = struct.unpack(">HH", segment[5:9].ljust(4, b"\0"))
            _area_is_fair(width, height, limits)
        if marker not in DRAWING:
            stands_alone(segment)
        if marker in DRAWING or marker in (0xE0, 0xEE) or segment[4:10] == b"Exif\0\0":
            kept.append(segment)
        scans += marker == SCAN
        if count > MOST_SEGMENTS or scans > MOST_SCANS:
            raise Flaw("image-broken")
    return b"".join([*kept, b"\xff\xd9"])


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment; at last the end marker with all that follows it."""
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
        raise Flaw("file-truncated")
    yield END, data[found.end() :]


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
MOST_CHUNKS = 50_000  # 10 MB in the customary 8 KB chunks are 1,280
MOST_TEXT = 4 * 1024**2  # all notes of a PNG together, unpacked


def _png_without_notes(data: bytes, limits: ImageLimits) -> bytes:
    """Only what draws the picture and which way is up; every promised row is there."""
    kept, points, promised, text = [data[:8]], list[bytes](), 0, 0
    for count, (kind, body, whole) in enumerate(_png_chunks(data)):
        if (kind == b"IHDR") != (count == 0) or count > MOST_CHUNKS:
            raise Flaw("image-broken")
        if kind == b"IHDR":
            promised = _png_promise(body, limits)
        elif kind == b"IDAT":
            points.append(body)
        elif kind == b"acTL":
            raise Flaw("image-moving")
        elif kind not in (b"PLTE", b"tRNS", b"eXIf", b"IEND"):
            text += _unpacked_note(kind, body, MOST_TEXT - text)
            if text > MOST_TEXT:
                raise Flaw("image-overloaded")
            stands_alone(body)
            continue
        kept.append(whole)
    # A decoder fills up missing rows in silence: a paper could lose its lower half on the way.
    if _inflated(points, promised) < promised:
        raise Flaw("file-truncated")
    return b"".join(kept)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and all bytes of each chunk up to the end chunk; what follows it may not be another file."""
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        after = at + 12 + length
        if after > len(data):
            raise Flaw("file-truncated")
        body = data[at + 8 : after - 4]
        if zlib.crc32(kind + body) != int.from_bytes(data[after - 4 : after], "big"):
            raise Flaw("image-broken")
        yield kind, body, data[at:after]
        at = after
    stands_alone(data[at:])


def _png_promise(header: bytes, limits: ImageLimits) -> int:
    """How many bytes the rows must have once unpacked."""
    if len(header) != 13 or header[9] not in CHANNELS or header[8] not in (1, 2, 4, 8, 16):
        raise Flaw("image-broken")
    width, height, depth, colour, _method, _filter, interlaced = struct.unpack(">IIBBBBB", header)
    _area_is_fair(width, height, limits)
    bits = depth * CHANNELS[colour]
    grids = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sides = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in grids)
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sides if columns > 0 and rows > 0)


def _unpacked_note(kind: bytes, body: bytes, enough: int) -> int:
    """How much a compressed note grows to; one that cannot be read is dropped with the others."""
    rest = body.partition(b"\0")[2]
    if kind == b"iTXt" and rest[:1] == b"\x01":
        packed = b"".join(rest[2:].split(b"\0", 2)[2:])
    elif kind in (b"zTXt", b"iCCP"):
        packed = rest[1:]
    else:
        return 0
    try:
        return _inflated([packed], enough)
    except Flaw:
        return 0


def _inflated(pieces: list[bytes], enough: int) -> int:
    """The unpacked size of a zlib stream, counted without keeping it and hardly further than ``enough``."""
    engine, size = zlib.decompressobj(), 0
    try:
        for piece in pieces:
            waiting = piece
            while waiting and not engine.eof and size <= enough:
                size += len(engine.decompress(waiting, 1024**2))
                waiting = engine.unconsumed_tail
        return size if size > enough else size + len(engine.flush())
    except zlib.error:
        raise Flaw("image-broken") from None


# --- drawing anew -----------------------------------------------------------------------------------------

# One picture or PDF takes up to 300 MB for a moment, and a web worker has eight threads.
AT_ONCE = threading.BoundedSemaphore(2)
QUALITIES = (88, 75, 60, 45)
PHOTO_QUALITIES = (92, 86, 80, 74)
LAST_QUALITIES = (60, 45, 30)  # only when the photo may not get any smaller
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def drawn_anew(data: bytes, kind: str, photo: bool, limits: ImageLimits) -> tuple[bytes, int, int]:
    """JPEG bytes, width and height of a file of this ``kind``, JPEG or PNG."""
    picture = _jpeg_without_notes(data, limits) if kind == "JPEG" else _png_without_notes(data, limits)
    with AT_ONCE:
        # For a photo the JPEG decoder shrinks by 2, 4 or 8 while it reads: a fraction of the time and memory.
        plain = _decoded(picture, max(limits.photo_width, limits.photo_height) if photo else 0)
        return _photo(plain, limits) if photo else _scan(plain, limits)


def _decoded(picture: bytes, least_side: int = 0) -> Image.Image:
    """Upright and RGB; perhaps smaller than in the file, but no side shorter than ``least_side`` by that."""
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG")) as image:
            if least_side:
                image.draft(None, (least_side, least_side))
            return _plain(_upright(image))
    except Exception:  # noqa: BLE001 — hostile bytes make a decoder raise anything, even AssertionError
        raise Flaw("image-broken") from None


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        turn = TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 — the notes are broken, the picture need not be: it stays as it lies
        turn = None
    return image if turn is None else image.transpose(turn)


def _plain(image: Image.Image) -> Image.Image:
    """RGB of 8 bits, on white paper."""
    if image.mode.startswith("I"):  # 16 bits of grey: Pillow's own conversion makes all but the darkest white
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _scan(image: Image.Image, limits: ImageLimits) -> tuple[bytes, int, int]:
    for quality in QUALITIES:
        drawn = _jpeg(image, quality)
        if len(drawn) <= limits.bytes:
            return drawn, *image.size
    raise Flaw("image-too-large", width=image.width, height=image.height)


def _photo(image: Image.Image, limits: ImageLimits) -> tuple[bytes, int, int]:
    """The largest size, and at that the best quality, that fits."""
    width, height = image.size
    if width < limits.least_width or height < limits.least_height:
        least = {"least_width": limits.least_width, "least_height": limits.least_height}
        raise Flaw("photo-too-small", width=width, height=height, **least)
    if max(width, height) > limits.longest * min(width, height):
        raise Flaw("photo-shape", width=width, height=height)
    least_scale = max(limits.least_width / width, limits.least_height / height)
    scale = max(least_scale, min(1.0, limits.photo_width / width, limits.photo_height / height))
    while True:
        smaller = image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
        for quality in PHOTO_QUALITIES if scale > least_scale else PHOTO_QUALITIES + LAST_QUALITIES:
            drawn = _jpeg(smaller, quality, optimize=True, dpi=(300, 300))
            if len(drawn) <= limits.photo_bytes:
                return drawn, *smaller.size
        if scale <= least_scale:
            raise Flaw("photo-too-detailed")
        scale = max(least_scale, scale * 0.85)


def _jpeg(image: Image.Image, quality: int, **how: Any) -> bytes:
    drawn = io.BytesIO()
    image.save(drawn, "JPEG", quality=quality, **how)
    return drawn.getvalue()


def thumbnail(data: bytes, mime: str, width: int) -> bytes | None:
    """A small JPEG of a stored picture for lists and the reviewing screen; nothing for a PDF."""
    if mime != "image/jpeg":
        return None
    with AT_ONCE:
        image = _decoded(data, width)
        image.thumbnail((width, width * 4), Image.Resampling.LANCZOS)
        return _jpeg(image, 80)
