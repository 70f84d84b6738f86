"""Measures and unpacks an uploaded .xlsx workbook before any parser sees it; nothing that the file declares is trusted."""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from xml.parsers import expat

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.columns import SheetLimits, SheetRefused

NOT_AS_SAVED = _(
    "The workbook is not built as Excel or WPS builds one. Please copy the table into a new workbook and save it as .xlsx."
)
NOT_XLSX = _("This is not an .xlsx workbook. Please save the table as .xlsx in Excel or WPS and import that file.")
_END = struct.Struct("<4s4H2LH")  # end of central directory, at the very end of the file
_LOCAL = struct.Struct("<4s5H3L2H")
_PIECE = 1 << 18
_LONGEST_MARK = 8  # of <!DOCTYPE, if it is cut in two
_DESCRIPTOR = 24  # a data descriptor, the most that may follow a part
_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error)
_TOO_LARGE = _("The workbook unpacks to more than can be read. Please copy only the table into a new workbook.")
_ACTIVE_TYPE = re.compile(r"macro|vba|activex", re.IGNORECASE)
MACROS = _("The workbook contains macros. Please save it as .xlsx without macros and import that file.")
EXTERNAL_LINKS = _("The workbook takes data from other files. Please copy the table as values into a new workbook.")
_UNWANTED = (
    ("macros", re.compile(r"vbaproject|vbadata|macrosheets/|dialogsheets/|activex/|customui/"), MACROS),
    ("external-links", re.compile(r"externallinks/|xl/connections\.xml|querytables/"), EXTERNAL_LINKS),
    (
        "embedded-files",
        re.compile(r"embeddings/|^(?!.*printersettings\d*\.bin$).*\.bin$"),  # but printer settings
        _("The workbook contains other files. Please copy only the table into a new workbook."),
    ),
)


class Package:
    """The parts of a measured workbook, by lower-case name. Each is unpacked when it is asked for, piece by piece."""

    def __init__(self, data: bytes, limits: SheetLimits) -> None:
        """Raises ``SheetRefused`` unless every part is sound and within the limits."""
        self.limits = limits
        self._data = data
        self._entries = {entry.orig_filename.casefold(): entry for entry in _entries(data, limits)}
        remaining = limits.unpacked
        for name in self._entries:
            large = name.startswith("xl/worksheets/") or name == "xl/sharedstrings.xml"
            remaining -= self._measure(name, min(remaining, limits.part if large else limits.other_part))
        if "[content_types].xml" in self:
            self._check_content_types()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """The names of the XML parts."""
        return (name for name in self._entries if _is_xml(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        return _inflate(self._data, self._entries[name])

    def body(self, name: str) -> bytes:
        """Raises ``SheetRefused`` if there is no such part."""
        if name not in self:
            raise SheetRefused(code="missing-part")
        return b"".join(self.pieces(name))

    def _measure(self, name: str, most: int) -> int:
        entry = self._entries[name]
        size = checksum = 0
        before = b""
        for piece in self.pieces(name):
            size += len(piece)
            if size > most:
                raise SheetRefused(_TOO_LARGE, code="unpacks-too-large")
            checksum = zlib.crc32(piece, checksum)
            if _is_xml(name):
                _check_markup(before + piece, is_start=size == len(piece))
                before = piece[-_LONGEST_MARK:]
        if size != entry.file_size or checksum != entry.CRC:
            raise SheetRefused(code="wrong-checksum")
        return size

    def _check_content_types(self) -> None:
        """A type for macros counts only if a part has it: SheetJS declares types for parts that it does not write."""

        def start(name: str, attributes: dict[str, str]) -> None:
            local, part = name.rpartition(":")[2], attributes.get("PartName", "").lstrip("/").casefold()
            ending = "." + attributes.get("Extension", "").casefold()
            used = part in self if local == "Override" else any(one.endswith(ending) for one in self._entries)
            if used and _ACTIVE_TYPE.search(attributes.get("ContentType", "")):
                raise SheetRefused(MACROS, code="macros")

        walk([self.body("[content_types].xml")], start)


def _is_xml(name: str) -> bool:
    return name.endswith((".xml", ".rels"))


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


def _inflate(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The part, unpacked. ``zipfile`` would trust the declared size."""
    start = _body_at(data, entry)
    end = start + entry.compress_size
    packed = (data[at : min(at + _PIECE, end)] for at in range(start, end, _PIECE))
    if entry.compress_type == zipfile.ZIP_STORED:
        yield from packed
        return
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in packed:
            yield engine.decompress(piece, _PIECE)
            while engine.unconsumed_tail:
                yield engine.decompress(engine.unconsumed_tail, _PIECE)
        yield engine.flush()
    except zlib.error as error:
        raise SheetRefused from error


def _check_markup(body: bytes, *, is_start: bool) -> None:
    """Require UTF-8 without a document type, which expanding and external entities need."""
    declared = is_start and re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", body)
    if b"\0" in body or (declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii")):
        raise SheetRefused(NOT_AS_SAVED, code="xml-encoding")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise SheetRefused(NOT_AS_SAVED, code="xml-doctype")


def walk(
    pieces: Iterable[bytes], start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None
) -> None:
    """Call back for each element. Raises ``SheetRefused`` for bad XML."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise SheetRefused(code="bad-xml") from error
