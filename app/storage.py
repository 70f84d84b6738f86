"""What is in a file that was handed in, and where its bytes live: attachments without the database.

Law: nothing is believed but the bytes. A picture is kept only as drawn anew by us, a PDF only when nothing in
it acts; every object is named by the digest of what it holds, and lies on the disk encrypted (docs/decisions/0021).
"""

import fcntl
import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from flask_babel import lazy_gettext as _

from app.core.crypto.encryption import UNOPENED, keyring
from app.core.errors import HouseError
from app.pictures import AT_ONCE, Flaw, Limits, drawn_anew, stands_alone, thumbnail

__all__ = [
    "LIMITS",
    "FileDamaged",
    "FileMissing",
    "FileRefused",
    "Limits",
    "ScannerAway",
    "Sound",
    "Store",
    "display_name",
    "inspect",
    "thumbnail",
]

LIMITS = Limits()


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


class FileRefused(HouseError):
    """The file cannot be kept. ``code`` says why, ``sentence`` names the file and says what to do."""

    code = "file-refused"


class ScannerAway(Exception):
    """Whoever looks for viruses does not answer, or not in a way that can be understood."""


class FileMissing(HouseError):
    """The store has no such object. A row without its bytes is a fault to be reported, not the reader's."""

    status = 404
    code = "file-missing"
    sentence = _("The bytes of this file are missing from the store. Please tell the administrator.")


class FileDamaged(FileMissing):
    """The object is there, and cannot be opened: it was changed on the disk, or its key is gone."""

    code = "file-damaged"
    sentence = _("The bytes of this file are damaged. Please tell the administrator, who has the backup.")


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


def inspect(data: bytes, filename: str, *, photo: bool, limits: Limits = LIMITS) -> Sound:
    """The file as it may be kept. Raises ``FileRefused`` with the first thing that stands against it.

    Pictures come back as RGB JPEG, upright, without any of their notes (EXIF, place, comments); photos within
    ``limits.photo_bytes``. A PDF comes back byte for byte.
    """
    try:
        return _sound(data, filename, photo, limits)
    except Flaw as flaw:
        raise _refused(filename, flaw.code, **flaw.figures) from None


def _refused(filename: str, code: str, **figures: object) -> FileRefused:
    name = _cleaned(filename)[-LONGEST_NAME:] or NAMELESS
    return FileRefused(SENTENCES[code](name=name, **figures), code=code)


def _sound(data: bytes, filename: str, photo: bool, limits: Limits) -> Sound:
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


def _size_is_fair(data: bytes, limits: Limits) -> None:
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

PDF_READER = Path(__file__).with_name("pdf.py")
PDF_SECONDS = 20


def _pdf_pages(data: bytes, limits: Limits) -> int:
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


# --- where the bytes live -----------------------------------------------------------------------------------

DIGEST = re.compile(r"[0-9a-f]{64}")
INCOMING = "incoming"
SEALED = b"AGS1"  # an encrypted object begins so; what does not was put down before objects were encrypted
BROKEN = re.compile(INCOMING + r"/([a-z0-9_]+)")  # as ``tempfile`` names them


class Store:
    """A folder of objects named by their SHA-256, as ``ab/cd/abcd…``. May be used by any number of processes.

    Nothing is removed but what no row names, by the sweeper and by ``retention``: two papers may share one object, so the
    end of a row is never the end of its bytes. Write the object first and commit the row afterwards; ``put`` renews the
    time of an object that is already there, and ``remove`` spares what is new, so that no row ever points to nothing.
    An object on the disk is ``SEALED`` and what the keyring makes of it; its name is bound in, so that one object put
    in the place of another does not open.

    ``scan`` names the virus in a file, or nothing, or raises ``ScannerAway``; without one nobody is asked.
    """

    def __init__(self, folder: Path, scan: Callable[[bytes], str] | None = None) -> None:
        self.folder = folder
        self.scan, self.unasked = scan, False
        self.incoming = folder / INCOMING
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def screen(self, data: bytes, filename: str) -> None:
        """Raise ``FileRefused`` unless whoever looks for viruses has nothing against this file: no answer is a no."""
        if self.scan is None:
            return
        try:
            if self.unasked:  # the other files of a form must not wait for one silence each
                raise ScannerAway
            found = self.scan(data)
        except ScannerAway:
            self.unasked = True
            raise _refused(filename, "file-unchecked") from None
        if found:
            raise _refused(filename, "file-infected", what=found)

    def put(self, data: bytes) -> str:
        """The digest, once the bytes are safe on the disk; or ``OSError``, and nothing is left behind."""
        digest = hashlib.sha256(data).hexdigest()
        place = self.path(digest)
        with self._held(fcntl.LOCK_SH):
            if self.verify(digest):
                os.utime(place)
                return digest
        waiting = self._written(_sealed(data, digest))
        try:
            with self._held(fcntl.LOCK_SH):
                for folder in (place.parent.parent, place.parent):
                    folder.mkdir(mode=0o700, exist_ok=True)
                waiting.replace(place)
                for folder in (place.parent, place.parent.parent, self.folder):
                    _flush_folder(folder)
        except BaseException:
            waiting.unlink(missing_ok=True)
            raise
        return digest

    def _written(self, data: bytes) -> Path:
        """A new file (0600) beside the objects, so that it can be renamed into place."""
        handle, name = tempfile.mkstemp(dir=self.incoming)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def path(self, digest: str) -> Path:
        """Where the object is or would be; ``ValueError`` for anything but 64 small hex digits."""
        if not DIGEST.fullmatch(digest):
            raise ValueError("not a SHA-256 digest")
        return self.folder / digest[:2] / digest[2:4] / digest

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """For reading. Raises as ``read``."""
        return io.BytesIO(self.read(digest))

    def read(self, digest: str) -> bytes:
        """What was put. Raises ``FileMissing``; ``FileDamaged`` for what was changed on the disk."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise FileMissing from None
        if not data.startswith(SEALED):
            return data
        try:
            return keyring.open_bytes(data[len(SEALED) :], _purpose(digest))
        except (*UNOPENED, ValueError):
            raise FileDamaged from None

    def verify(self, digest: str) -> bool:
        """Whether the object is there and still is what its name says."""
        try:
            return hashlib.sha256(self.read(digest)).hexdigest() == digest
        except FileMissing:
            return False

    def digests(self) -> Iterator[str]:
        """Every object there is."""
        for place in self.folder.glob("??/??/*"):
            if DIGEST.fullmatch(place.name):
                yield place.name

    def key_of(self, digest: str) -> int | None:
        """The id of the key an object lies under; None for one that lies open. Raises ``FileMissing``."""
        try:
            with self.path(digest).open("rb") as file:
                head = file.read(len(SEALED) + 1)
        except FileNotFoundError:
            raise FileMissing from None
        return head[-1] if head.startswith(SEALED) and len(head) > len(SEALED) else None

    def reseal(self, digest: str) -> bool:
        """Put an object under the newest key, if it is under another or none; its age stays. Whether it was done."""
        if self.key_of(digest) == keyring.newest:
            return False
        place, data = self.path(digest), self.read(digest)
        if hashlib.sha256(data).hexdigest() != digest:
            raise FileDamaged
        waiting = self._written(_sealed(data, digest))
        with self._held(fcntl.LOCK_SH):
            try:
                seen = place.stat()
                os.utime(waiting, ns=(seen.st_atime_ns, seen.st_mtime_ns))
                waiting.replace(place)
            except FileNotFoundError:  # swept away meanwhile
                waiting.unlink(missing_ok=True)
                return False
        _flush_folder(place.parent)
        return True

    def orphans(self, known: set[str], older_than: datetime) -> Iterator[str]:
        """What no row knows and nobody touched since: digests, and ``incoming/…`` left by broken uploads."""
        before = older_than.timestamp()
        for place in sorted(self.folder.glob("??/??/*")) + sorted(self.incoming.iterdir()):
            name = f"{INCOMING}/{place.name}" if place.parent == self.incoming else place.name
            if name not in known and _touched_before(place, before):
                yield name

    def remove(self, orphan: str, older_than: datetime) -> bool:
        """Take away one of ``orphans``, unless it was put again in the meantime. Whether it went."""
        broken = BROKEN.fullmatch(orphan)
        place = self.incoming / broken[1] if broken else self.path(orphan)
        with self._held(fcntl.LOCK_EX):
            if not _touched_before(place, older_than.timestamp()):
                return False
            place.unlink()
        return True

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Many may put at once, but nobody while the sweeper decides."""
        with (self.folder / "lock").open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            fcntl.flock(file, how)
            yield


def _purpose(digest: str) -> str:
    return f"object/{digest}"


def _sealed(data: bytes, digest: str) -> bytes:
    return SEALED + keyring.seal_bytes(data, _purpose(digest))


def _touched_before(place: Path, moment: float) -> bool:
    try:
        return place.stat().st_mtime < moment
    except FileNotFoundError:
        return False


def _flush_folder(folder: Path) -> None:
    """A rename outlives a power cut only when its folder has been written, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
