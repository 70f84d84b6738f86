"""Checks an uploaded file before it is stored: kind, size, pages and name."""

import hashlib
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask_babel import lazy_gettext as _

from app.core.errors import AppError
from app.core.heavy_work import PICTURES
from app.files import apart
from app.files.images import FileFault, ImageLimits, reencode, refuse_embedded_file

LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True)
class InspectedFile:
    """An accepted file: ``data`` for the store, its SHA-256 ``digest``, and a display ``name``."""

    data: bytes
    mime: str
    extension: str  # without dot
    width: int | None  # of a picture, in pixels
    height: int | None
    pages: int  # of a document; a picture is one page
    digest: str
    name: str

    @property
    def size(self) -> int:
        return len(self.data)


class FileRefused(AppError):
    """The file is not accepted. ``code`` says why, ``sentence`` names the file and says what to do."""

    code = "file-refused"


# fmt: off
SENTENCES: dict[str, Callable[..., object]] = {
    "file-empty": lambda **f: _(
        "%(name)s: the file is empty. Please choose it again.", **f),
    "file-too-large": lambda **f: _(
        "%(name)s: the file has %(size)s MB, at most %(most)s MB are allowed. "
        "Please scan at a lower resolution.", **f),
    "file-truncated": lambda **f: _(
        "%(name)s: the file breaks off before its end. Please send the original once more.", **f),
    "file-kind": lambda **f: _(
        "%(name)s: this is a %(kind)s file. Only JPG, PNG, HEIC, TIFF, PDF and OFD are accepted.", **f),
    "file-unknown": lambda **f: _(
        "%(name)s: this is not a JPG, PNG, HEIC, TIFF, PDF or OFD file.", **f),
    "file-unread": lambda **f: _(
        "%(name)s: the file cannot be searched for personal numbers. Please have a person read it.", **f),
    "file-too-heavy": lambda **f: _(
        "%(name)s: to show the file takes far more time or memory than a paper needs. Please save it anew as JPG or PDF.",
        **f),
    "file-two-in-one": lambda **f: _(
        "%(name)s: a web page or another file is hidden in this one. Please scan the paper anew.", **f),
    "file-infected": lambda **f: _(
        "%(name)s: the virus checker found %(what)s in it, so it was not taken. Please check your computer, then scan the "
        "paper anew.", **f),
    "file-unchecked": lambda **f: _(
        "%(name)s: files cannot be checked for viruses at the moment, so none are taken. Please try again in a few "
        "minutes.", **f),
    "zip-broken": lambda **f: _(
        "%(name)s: the ZIP is damaged or packed in a way that cannot be read. Please pack the files anew, or choose them "
        "without packing.", **f),
    "zip-encrypted": lambda **f: _(
        "%(name)s: the ZIP opens only with a password. Please pack the files without one.", **f),
    "zip-too-many": lambda **f: _(
        "%(name)s: there are %(count)s files in the ZIP, at most %(most)s are allowed. Please divide it.", **f),
    "zip-too-large": lambda **f: _(
        "%(name)s: unpacked, the ZIP has more than %(most)s MB. Please divide it.", **f),
    "zip-entry": lambda **f: _(
        "%(name)s: this file in the ZIP is damaged. Please pack it anew.", **f),
    "image-too-large": lambda **f: _(
        "%(name)s: the picture has %(width)s × %(height)s points, more than can be handled. "
        "Please scan at 300 dpi.", **f),
    "image-overlong": lambda **f: _(
        "%(name)s: its pages together take more than %(most)s MB as PDF. Please scan at a lower resolution.", **f),
    "image-broken": lambda **f: _(
        "%(name)s: the picture is damaged and cannot be shown. Please scan or take it again.", **f),
    "image-moving": lambda **f: _(
        "%(name)s: the picture has several frames. Please hand in a still picture.", **f),
    "image-overloaded": lambda **f: _(
        "%(name)s: far too much text is packed into the picture. Please save it anew as JPG.", **f),
    "photo-pdf": lambda **f: _(
        "%(name)s: a photo must be a picture (JPG, PNG, HEIC or TIFF), not a document.", **f),
    "photo-too-small": lambda **f: _(
        "%(name)s: the photo has %(width)s × %(height)s points, at least %(least_width)s × %(least_height)s "
        "are needed.", **f),
    "photo-landscape": lambda **f: _(
        "%(name)s: the photo is wider than high (%(width)s × %(height)s points). Please turn it upright, or cut an upright "
        "ID photo out of it.", **f),
    "photo-shape": lambda **f: _(
        "%(name)s: the photo is a strip of %(width)s × %(height)s points. Please cut it to the shape of an "
        "ID photo.", **f),
    "photo-too-detailed": lambda **f: _(
        "%(name)s: the photo cannot be made small enough. Please use a photo with a plain background.", **f),
    "pdf-broken": lambda **f: _(
        "%(name)s: the PDF is damaged. Please print it to a new PDF or scan the paper.", **f),
    "ofd-broken": lambda **f: _(
        "%(name)s: the OFD cannot be read: it is damaged, encrypted or of another kind. Please print it to a PDF.", **f),
    "pdf-too-heavy": lambda **f: _(
        "%(name)s: the PDF is too complicated to be checked. Please scan the paper.", **f),
    "pdf-encrypted": lambda **f: _(
        "%(name)s: the PDF opens only with a password. Please print it to a new PDF or scan the paper.", **f),
    "pdf-page-size": lambda **f: _(
        "%(name)s: a page is larger than %(side)s points (five metres). Please scan the paper.", **f),
    "pdf-image-size": lambda **f: _(
        "%(name)s: the PDF holds a picture of more than %(pixels)s million points. Please scan at 300 dpi.", **f),
    "pdf-too-many-pages": lambda **f: _(
        "%(name)s: the file has more than %(most)s pages. Please hand in only those that are asked for.", **f),
    "pdf-script": lambda **f: _(
        "%(name)s: the PDF contains a program (JavaScript). Please print it to a new PDF.", **f),
    "pdf-launch": lambda **f: _(
        "%(name)s: the PDF starts programs, opens files or sends data. Please print it to a new PDF.", **f),
    "pdf-open-action": lambda **f: _(
        "%(name)s: the PDF does something as soon as it is opened. Please print it to a new PDF.", **f),
    "pdf-attachment": lambda **f: _(
        "%(name)s: the PDF has files or media inside. Please hand in each paper as a file of its own.", **f),
    "pdf-form": lambda **f: _(
        "%(name)s: the PDF is an XFA form. Please print it to a new PDF.", **f),
}
# fmt: on


def inspect(data: bytes, filename: str, *, photo: bool, limits: ImageLimits = LIMITS) -> InspectedFile:
    """The file as it may be stored. Raises ``FileRefused`` with the first fault.

    The content decides of what kind it is, not the name. Pictures are returned as upright RGB JPEG without metadata (EXIF,
    place, comments), photos within ``limits.photo_bytes``; a TIFF of several pages as PDF. A PDF is returned unchanged, but
    for what stands around it and for restrictions; an OFD, if it can be drawn, as it is, because its seal covers all of it.
    """
    try:
        return _inspected(data, filename, photo, limits)
    except FileFault as fault:
        raise refusal(filename, fault.code, **fault.figures) from None


def refusal(filename: str, code: str, **figures: object) -> FileRefused:
    name = _cleaned(filename)[-LONGEST_NAME:] or NAMELESS
    return FileRefused(SENTENCES[code](name=name, **figures), code=code)


def _inspected(data: bytes, filename: str, photo: bool, limits: ImageLimits) -> InspectedFile:
    _check_size(data, limits)
    kind = _kind(data)
    if kind in ("PDF", "OFD") and photo:
        raise FileFault("photo-pdf")
    width = height = None
    pages, extension, mime = 1, "pdf", PDF
    if kind == "OFD":
        pages, extension, mime = apart.drawing(data, limits).pages, "ofd", OFD
    elif kind == "PDF":
        data, pages = _checked_pdf(_without_surroundings(data), limits)
    elif kind in DECODED_APART:
        data, width, height, pages = apart.redrawn(data, kind, photo, limits)
    else:
        data, width, height = reencode(data, kind, photo, limits)
    if width is not None:
        extension, mime = "jpg", "image/jpeg"
    return InspectedFile(
        data, mime, extension, width, height, pages, hashlib.sha256(data).hexdigest(), display_name(filename, extension)
    )


def _check_size(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise FileFault("file-empty")
    if len(data) > limits.bytes:
        size, most = (f"{number / 1024**2:.1f}" for number in (len(data), limits.bytes))
        raise FileFault("file-too-large", size=size, most=most.removesuffix(".0"))


# --- what kind of file it is -------------------------------------------------------------------------------

PICTURE_NAMES = (".jpg", ".jpeg", ".jfif", ".png", ".heic", ".heif", ".tif", ".tiff")  # offered in the dialogue of a browser
SCAN_NAMES = (*PICTURE_NAMES, ".pdf", ".ofd")
PDF, OFD = "application/pdf", "application/ofd"
DECODED_APART = frozenset({"HEIC", "TIFF"})
ACCEPTED = DECODED_APART | {"JPEG", "PNG", "PDF", "OFD"}
SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"%PDF-", "PDF"),
    (rb"GIF8", "GIF"),
    (rb"BM", "BMP"),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "TIFF"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "EPS"),
    (rb"....ftyp(?:hei|hev|mif1|msf1)", "HEIC"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "ZIP"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "DOC/XLS"),
    (rb"Rar!\x1a\x07", "RAR"),
    (rb"7z\xbc\xaf\x27\x1c", "7Z"),
    (rb"MZ|\x7fELF", "EXE"),
    (rb"(?i:(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script|iframe))", "HTML"),
    (rb"(?i:(?:\xef\xbb\xbf)?\s*<(?:svg|.*<svg))", "SVG"),
)
KINDS = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in SIGNATURES)


def _kind(data: bytes) -> str:
    """One of ``ACCEPTED``, by the first bytes; an OFD is a zip with an entry of its own."""
    head = data[:1024]
    kind = next((kind for pattern, kind in KINDS if pattern.match(head)), "PDF" if b"%PDF-" in head else None)
    if kind == "ZIP" and b"OFD.xml" in data:
        kind = "OFD"
    if kind is None:
        raise FileFault("file-unknown")
    if kind not in ACCEPTED:
        raise FileFault("file-kind", kind=kind)
    return kind


# --- PDF ----------------------------------------------------------------------------------------------------

PDF_READER = Path(__file__).with_name("pdf_check.py")
PDF_SECONDS = 20


def _without_surroundings(data: bytes) -> bytes:
    """The PDF without what downloads and mail programs put before its head and behind its end. No other file may be there."""
    start, body, end = data.find(b"%PDF-"), data.find(b"obj"), data.rfind(b"%%EOF")
    if end < 0 or body < 0:
        raise FileFault("file-truncated")
    refuse_embedded_file(data[:start], data[start + 5 : body], data[end:])
    stop = end + len(b"%%EOF")
    return data[start:] if not data[stop:].strip() else data[start:stop] + b"\n"


def _checked_pdf(data: bytes, limits: ImageLimits) -> tuple[bytes, int]:
    """A PDF without active content and restrictions, and the number of its pages."""
    most = limits.pdf_pages, limits.pdf_side, limits.pdf_pixels
    command = [sys.executable, "-I", str(PDF_READER), *map(str, most)]
    try:
        with PICTURES.taken():
            answer = subprocess.run(  # noqa: S603 — our own file, and numbers
                command, input=data, capture_output=True, timeout=PDF_SECONDS, check=False
            )
    except subprocess.TimeoutExpired:
        raise FileFault("pdf-too-heavy") from None
    said, _end, free = answer.stdout.partition(b"\n")
    code, _space, pages = said.decode().partition(" ")
    if code == "clean":
        return free or data, int(pages)
    # Killed for its memory or time, it prints nothing. A failed start is a defect, not a bad file.
    if not code and b"ModuleNotFoundError" in answer.stderr:
        raise RuntimeError(answer.stderr.decode())
    figures = {"most": limits.pdf_pages, "side": limits.pdf_side, "pixels": limits.pdf_pixels // 10**6}
    raise FileFault(code or "pdf-too-heavy", **figures)


# --- names --------------------------------------------------------------------------------------------------

LONGEST_NAME = 100
NAMELESS = "file"
# Without Cn and Co: rare characters of personal names may be newer than our Python.
INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)")
KNOWN_ENDINGS = re.compile(rf"(?i)({'|'.join(map(re.escape, (*SCAN_NAMES, '.jpe')))})+$")


def display_name(name: str, extension: str) -> str:
    """A name to show and to download under: no path, nothing invisible, the right extension, never empty."""
    stem = KNOWN_ENDINGS.sub("", _cleaned(name)).strip(" .") or NAMELESS
    if RESERVED.match(stem):
        stem = "_" + stem
    return f"{stem[: LONGEST_NAME - len(extension) - 1].rstrip(' .')}.{extension}"


def _cleaned(name: str) -> str:
    """The last part of a path, without control characters, direction marks, surrogates and shell characters."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = "".join(
        " " if character.isspace() else character
        for character in last
        if character in "\t " or not (unicodedata.category(character) in INVISIBLE_CATEGORIES or character in "\ufffe\uffff")
    )
    return " ".join(re.sub(r'[<>:"|?*]', "_", visible).split()).rstrip(" .")
