"""Unpacks and measures an uploaded workbook before any parser sees it; nothing that the file declares is trusted."""

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from xml.parsers import expat

from flask_babel import lazy_gettext as _

from app.core.heavy_work import SHEETS
from app.files.spreadsheets.columns import MIB, SheetLimits, SheetRefused

NOT_AS_SAVED = _(
    "The workbook is not built as Excel or WPS builds one. Please copy the table into a new workbook and save it as .xlsx."
)
NOT_XLSX = _("This is not an .xlsx workbook. Please save the table as .xlsx in Excel or WPS and import that file.")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = struct.Struct("<4s4H2LH")  # end of central directory, at the very end of the file
_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR = 24  # a data descriptor, the most that may follow a part
_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error)
_UNWANTED = (
    (
        "macros",
        re.compile(r"vbaproject|vbadata|macrosheets/|dialogsheets/|activex/|customui/"),
        _("The workbook contains macros. Please save it as .xlsx without macros and import that file."),
    ),
    (
        "external-links",
        re.compile(r"externallinks/|xl/connections\.xml|querytables/"),
        _("The workbook takes data from other files. Please copy the table as values into a new workbook."),
    ),
    (
        "embedded-files",
        re.compile(r"embeddings/|^(?!.*printersettings\d*\.bin$).*\.bin$"),  # but printer settings
        _("The workbook contains other files. Please copy only the table into a new workbook."),
    ),
)


def unpack(data: bytes, limits: SheetLimits) -> dict[str, bytes]:
    """The XML parts by lower-case name; sizes are limited while unpacking, checksums verified."""
    _check_kind(data, limits)
    parts: dict[str, bytes] = {}
    remaining = limits.unpacked
    for entry in _entries(data, limits):
        name = entry.orig_filename.casefold()
        large = name.startswith("xl/worksheets/") or name == "xl/sharedstrings.xml"
        body = _inflate(data, entry, min(remaining, limits.part if large else limits.other_part))
        remaining -= len(body)
        if name.endswith((".xml", ".rels")):
            _check_markup(body)
            parts[name] = body
    if b"macroEnabled" in parts.get("[content_types].xml", b""):
        raise SheetRefused(_UNWANTED[0][2], code="macros")
    return parts


@SHEETS.taken()
def examine(data: bytes, limits: SheetLimits) -> None:
    """Raise ``SheetRefused`` for a workbook that cannot be read later; cells are not checked."""
    first_visible_sheet(unpack(data, limits))


def _check_kind(data: bytes, limits: SheetLimits) -> None:
    if not data:
        raise SheetRefused(_("The file is empty. Please choose the workbook again."), code="empty-file")
    if len(data) > limits.file:
        sentence = _("The file is larger than %(n)s MB. Please split the table.", n=limits.file // MIB)
        raise SheetRefused(sentence, code="file-too-large")
    if data.startswith(_OLE):
        sentence = _(
            "This is an old .xls workbook, or one that is protected by a password. "
            "Please save it as .xlsx without a password and import that file."
        )
        raise SheetRefused(sentence, code="old-or-encrypted")
    if data.startswith(b"PK\x03\x04"):
        return
    if b"PK\x03\x04" in data[:MIB]:
        raise SheetRefused(NOT_AS_SAVED, code="zip-prefix")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        sentence = _(
            "This is a web page under the name of a workbook. "
            "Please open it in Excel or WPS, save it as .xlsx and import that file."
        )
        raise SheetRefused(sentence, code="web-page")
    raise SheetRefused(NOT_XLSX, code="not-xlsx")


def _entries(data: bytes, limits: SheetLimits) -> list[zipfile.ZipInfo]:
    """The zip entries, contiguous from the first byte to the directory, and no name twice."""
    directory = _directory(data, limits)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    except _BROKEN_ZIP as error:
        raise SheetRefused from error
    names = [entry.orig_filename.casefold() for entry in entries]
    if len(names) > limits.parts:
        raise SheetRefused(NOT_AS_SAVED, code="too-many-parts")
    if len(set(names)) < len(names):
        raise SheetRefused(NOT_AS_SAVED, code="duplicate-part")
    if "xl/workbook.xml" not in names:
        raise SheetRefused(NOT_XLSX, code="not-xlsx")
    for code, pattern, sentence in _UNWANTED:
        if any(pattern.search(name) for name in names):
            raise SheetRefused(sentence, code=code)
    end = 0
    for entry in entries:
        if not end <= entry.header_offset <= (end + _DESCRIPTOR if end else 0):
            raise SheetRefused(NOT_AS_SAVED, code="zip-overlap")
        _check_entry(entry)
        end = _body_at(data, entry) + entry.compress_size
    if not end <= directory <= end + _DESCRIPTOR:
        raise SheetRefused(NOT_AS_SAVED, code="zip-overlap")
    return entries


def _directory(data: bytes, limits: SheetLimits) -> int:
    """The offset of the zip directory; nothing may follow it."""
    if b"PK\x05\x06" not in data:
        raise SheetRefused(code="truncated")
    mark, disk, first_disk, here, count, size, start, comment = _END.unpack(data[-_END.size :])
    if mark != b"PK\x05\x06" or disk or first_disk or here != count or comment or start + size + _END.size != len(data):
        raise SheetRefused(NOT_AS_SAVED, code="zip-trailer")
    if count > limits.parts:
        raise SheetRefused(NOT_AS_SAVED, code="too-many-parts")
    return int(start)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    if entry.flag_bits & 0x41:
        raise SheetRefused(_("The workbook is encrypted. Please save it without a password."), code="encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SheetRefused(NOT_AS_SAVED, code="zip-method")
    link = entry.external_attr >> 16 & 0o170000 == 0o120000
    if link or not name.isprintable() or re.search(r"^/|\\|:|(^|/)\.\.?(/|$)|//", name):
        raise SheetRefused(NOT_AS_SAVED, code="part-name")


def _body_at(data: bytes, entry: zipfile.ZipInfo) -> int:
    """The offset of a part's bytes; its local header must agree with the directory."""
    try:
        mark, _v, flags, method, _t, _d, _crc, _packed, _size, name, extra = _LOCAL.unpack_from(data, entry.header_offset)
    except struct.error as error:
        raise SheetRefused from error
    start = entry.header_offset + _LOCAL.size
    local_name = data[start : start + name].decode("utf-8" if flags & 0x800 else "cp437", "replace")
    if (mark, flags & 1, method, local_name) != (b"PK\x03\x04", 0, entry.compress_type, entry.orig_filename):
        raise SheetRefused(NOT_AS_SAVED, code="zip-header")
    return int(start + name + extra)


def _inflate(data: bytes, entry: zipfile.ZipInfo, most: int) -> bytes:
    """The part, unpacked. ``zipfile`` would trust the declared size."""
    start = _body_at(data, entry)
    body = data[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            body = engine.decompress(body, most + 1)
        except zlib.error as error:
            raise SheetRefused from error
    if len(body) > most:
        sentence = _("The workbook unpacks to more than can be read. Please copy only the table into a new workbook.")
        raise SheetRefused(sentence, code="unpacks-too-large")
    if len(body) != entry.file_size or zlib.crc32(body) != entry.CRC:
        raise SheetRefused(code="wrong-checksum")
    return body


def _check_markup(body: bytes) -> None:
    """Require UTF-8 without a document type, which expanding and external entities need."""
    declared = re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", body)
    if b"\0" in body or (declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii")):
        raise SheetRefused(NOT_AS_SAVED, code="xml-encoding")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise SheetRefused(NOT_AS_SAVED, code="xml-doctype")


# --- which sheet --------------------------------------------------------------------------------


def walk(body: bytes, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise SheetRefused(code="bad-xml") from error


def _relations(parts: Mapping[str, bytes], name: str, base: str) -> dict[str, tuple[str, str]]:
    """Relationship id → (kind, path of the part); external links are left out.

    The path of a sheet must be normal and its id unique: other readers might resolve them differently.
    """
    found: dict[str, tuple[str, str]] = {}

    def start(_name: str, attributes: dict[str, str]) -> None:
        if "Target" not in attributes or attributes.get("TargetMode") == "External":
            return
        target, key, kind = attributes["Target"], attributes.get("Id", ""), attributes.get("Type", "").rpartition("/")[2]
        path = posixpath.join("/", base, target)
        is_normal = posixpath.normpath(path) == path and not (base and target.startswith(f"{base}/"))
        if key in found or (kind == "worksheet" and not is_normal):
            raise SheetRefused(NOT_AS_SAVED, code="odd-relation")
        found[key] = (kind, posixpath.normpath(path).lstrip("/").casefold())

    _walk_part(parts, name, start)
    return found


def first_visible_sheet(parts: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Name and XML of the first visible worksheet; charts do not count."""
    if ("officeDocument", "xl/workbook.xml") not in _relations(parts, "_rels/.rels", "").values():
        raise SheetRefused(NOT_AS_SAVED, code="other-workbook")
    targets = _relations(parts, "xl/_rels/workbook.xml.rels", "xl")
    names: list[str] = []
    found: list[tuple[str, bytes]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] != "sheet" or "name" not in attributes:
            return
        names.append(attributes["name"])
        ids = [value for key, value in attributes.items() if key.endswith(":id")]
        kind, path = targets.get(ids[0], ("", "")) if len(ids) == 1 else ("", "")
        if attributes.get("state", "visible") == "visible" and kind == "worksheet" and path in parts:
            found.append((attributes["name"], parts[path]))

    _walk_part(parts, "xl/workbook.xml", start)
    if not found or len(set(names)) < len(names):
        raise SheetRefused(_("The workbook has no visible sheet with a table."), code="no-visible-sheet")
    return found[0]


def _walk_part(parts: Mapping[str, bytes], name: str, start: Callable[[str, dict[str, str]], None]) -> None:
    if name not in parts:
        raise SheetRefused(code="missing-part")
    walk(parts[name], start)
