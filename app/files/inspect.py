"""What an uploaded file is: kind, size, pages and name, checked before it is stored."""

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
from app.files.images import AT_ONCE, Flaw, ImageLimits, drawn_anew, stands_alone

LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True)
class Sound:
    """A file as it may be kept: ``data`` is for the store, ``digest`` its SHA-256, ``name`` for people."""

    data: bytes
    mime: str
    extension: str  # without dot: jpg or pdf
    width: int | None  # of a picture, in points
    height: int | None
    pages: int  # of a PDF; a picture is one page
    digest: str
    name: str


class FileRefused(AppError):
    """The file cannot be kept. ``code`` says why, ``sentence`` names the file and says what to do."""

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
    "file-extension": lambda **f: _(
        "%(name)s: this is really a %(kind)s file. Please save it as %(kind)s and hand that in.", **f),
    "file-kind": lambda **f: _(
        "%(name)s: this is a %(kind)s file. Only JPG, PNG and PDF are accepted.", **f),
    "file-unknown": lambda **f: _(
        "%(name)s: this is not a JPG, PNG or PDF file.", **f),
    "file-two-in-one": lambda **f: _(
        "%(name)s: a web page or another file is hidden in this one. Please scan the paper anew.", **f),
    "file-infected": lambda **f: _(
        "%(name)s: the virus checker found %(what)s in it, so it was not taken. Please check your computer, then scan the "
        "paper anew.", **f),
    "file-unchecked": lambda **f: _(
        "%(name)s: files cannot be checked for viruses at the moment, so none are taken. Please try again in a few "
        "minutes.", **f),
    "image-too-large": lambda **f: _(
        "%(name)s: the picture has %(width)s × %(height)s points, more than can be handled. "
        "Please scan at 300 dpi.", **f),
    "image-broken": lambda **f: _(
        "%(name)s: the picture is damaged and cannot be shown. Please scan or take it again.", **f),
    "image-moving": lambda **f: _(
        "%(name)s: the picture has several frames. Please hand in a still picture.", **f),
    "image-overloaded": lambda **f: _(
        "%(name)s: far too much text is packed into the picture. Please save it anew as JPG.", **f),
    "photo-pdf": lambda **f: _(
        "%(name)s: a photo must be a JPG or PNG picture, not a PDF.", **f),
    "photo-too-small": lambda **f: _(
        "%(name)s: the photo has %(width)s × %(height)s points, at least %(least_width)s × %(least_height)s "
        "are needed.", **f),
    "photo-shape": lambda **f: _(
        "%(name)s: the photo is a strip of %(width)s × %(height)s points. Please cut it to the shape of an "
        "ID photo.", **f),
    "photo-too-detailed": lambda **f: _(
        "%(name)s: the photo cannot be made small enough. Please use a photo with a plain background.", **f),
    "pdf-broken": lambda **f: _(
        "%(name)s: the PDF is damaged. Please print it to a new PDF or scan the paper.", **f),
    "pdf-too-heavy": lambda **f: _(
        "%(name)s: the PDF is too complicated to be checked. Please scan the paper.", **f),
    "pdf-encrypted": lambda **f: _(
        "%(name)s: the PDF is protected by a password or against copying. Please print it to a new PDF or "
        "scan the paper.", **f),
    "pdf-too-many-pages": lambda **f: _(
        "%(name)s: the PDF has more than %(most)s pages. Please hand in only those that are asked for.", **f),
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


def inspect(data: bytes, filename: str, *, photo: bool, limits: ImageLimits = LIMITS) -> Sound:
    """The file as it may be kept. Raises ``FileRefused`` with the first thing that stands against it.

    Pictures come back as RGB JPEG, upright, without any of their notes (EXIF, place, comments); photos within
    ``limits.photo_bytes``. A PDF comes back byte for byte.
    """
    try:
        return _sound(data, filename, photo, limits)
    except Flaw as flaw:
        raise refused(filename, flaw.code, **flaw.figures) from None


def refused(filename: str, code: str, **figures: object) -> FileRefused:
    name = _cleaned(filename)[-LONGEST_NAME:] or NAMELESS
    return FileRefused(SENTENCES[code](name=name, **figures), code=code)


def _sound(data: bytes, filename: str, photo: bool, limits: ImageLimits) -> Sound:
    _size_is_fair(data, limits)
    kind = _kind(data)
    if kind == "PDF" and photo:
        raise Flaw("photo-pdf")
    _name_agrees(filename, kind)
    if kind == "PDF":
        pages = _pdf_pages(data, limits)
        digest, name = hashlib.sha256(data).hexdigest(), display_name(filename, "pdf")
        return Sound(data, "application/pdf", "pdf", None, None, pages, digest, name)
    drawn, width, height = drawn_anew(data, kind, photo, limits)
    digest, name = hashlib.sha256(drawn).hexdigest(), display_name(filename, "jpg")
    return Sound(drawn, "image/jpeg", "jpg", width, height, 1, digest, name)


def _size_is_fair(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise Flaw("file-empty")
    if len(data) > limits.bytes:
        size, most = (f"{number / 1024**2:.1f}" for number in (len(data), limits.bytes))
        raise Flaw("file-too-large", size=size, most=most.removesuffix(".0"))


# --- what kind of file it is -------------------------------------------------------------------------------

ACCEPTED = {"JPEG": ("jpg", "jpeg", "jpe", "jfif"), "PNG": ("png",), "PDF": ("pdf",)}
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
    """JPEG, PNG or PDF, by the first bytes alone."""
    head = data[:1024]
    kind = next((kind for pattern, kind in KINDS if pattern.match(head)), None)
    if kind is None:
        raise Flaw("file-unknown")
    if kind not in ACCEPTED:
        raise Flaw("file-kind", kind=kind)
    return kind


def _name_agrees(filename: str, kind: str) -> None:
    """A name without an extension says nothing wrong."""
    stem, dot, extension = _cleaned(filename).rpartition(".")
    if dot and stem and extension.lower() not in ACCEPTED[kind]:
        raise Flaw("file-extension", kind="JPG" if kind == "JPEG" else kind)


# --- PDF ----------------------------------------------------------------------------------------------------

PDF_READER = Path(__file__).with_name("pdf_check.py")
PDF_SECONDS = 20


def _pdf_pages(data: bytes, limits: ImageLimits) -> int:
    """The number of pages of a PDF in which nothing acts."""
    start, end = data.find(b"obj"), data.rfind(b"%%EOF")
    if end < 0 or start < 0:
        raise Flaw("file-truncated")
    stands_alone(data[5:start], data[end:])
    command = [sys.executable, "-I", str(PDF_READER), str(limits.pdf_pages)]
    try:
        with AT_ONCE:
            answer = subprocess.run(  # noqa: S603 — our own file, and a number
                command, input=data, capture_output=True, timeout=PDF_SECONDS, check=False
            )
    except subprocess.TimeoutExpired:
        raise Flaw("pdf-too-heavy") from None
    word, _space, pages = answer.stdout.decode().partition(" ")
    if word == "clean":
        return int(pages)
    # Killed for its memory or time, it says nothing. That it could not start is not the clerk's fault.
    if not word and b"ModuleNotFoundError" in answer.stderr:
        raise RuntimeError(answer.stderr.decode())
    raise Flaw(word or "pdf-too-heavy", most=limits.pdf_pages)


# --- names --------------------------------------------------------------------------------------------------

LONGEST_NAME = 100
NAMELESS = "file"
# Not Cn and Co: rare characters of personal names may be newer than our Python.
UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)")
KNOWN_ENDINGS = re.compile(r"(?i)(\.(jpg|jpeg|jpe|jfif|png|pdf))+$")


def display_name(name: str, extension: str) -> str:
    """A name to show and to download under: no path, nothing invisible, the right extension, never empty."""
    stem = KNOWN_ENDINGS.sub("", _cleaned(name)).strip(" .") or NAMELESS
    if RESERVED.match(stem):
        stem = "_" + stem
    return f"{stem[: LONGEST_NAME - len(extension) - 1].rstrip(' .')}.{extension}"


def _cleaned(name: str) -> str:
    """The last part of a path, without controls, direction marks, half characters and signs of the shell."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    seen = "".join(
        " " if sign.isspace() else sign
        for sign in last
        if sign in "\t " or not (unicodedata.category(sign) in UNSEEN or sign in "\ufffe\uffff")
    )
    return " ".join(re.sub(r'[<>:"|?*]', "_", seen).split()).rstrip(" .")
