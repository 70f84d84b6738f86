"""Unpacks a ZIP of scans; only in the process of ``files.apart``. What is in it is checked as if it had come singly.

An archive within the archive is not opened: it is a file like any other, and refused as one.
"""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from app.files.images import FileFault

PORTION = 24 * 1024**2  # bytes given back at once
MOST_AT_ONCE = 20  # files given back at once: some seconds until they are checked
MOST_RATIO = 200  # unpacked to packed; pictures and PDF have hardly more than 1, a blank scan as TIFF 100
ALWAYS_SMALL = 1024**2  # bytes; what unpacks to no more is not measured by its ratio
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What file managers add: no paper of anybody.
LEFTOVERS = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$|~\$)", re.IGNORECASE)
UTF8, ENCRYPTED = 0x800, 0x1  # flags of an entry


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    files: int
    bytes: int  # of all files together, unpacked
    file_bytes: int  # of each


class Entry(NamedTuple):
    """One file: its path in the archive and its bytes, or the fault (``inspect.SENTENCES``) for which it was not unpacked."""

    name: str
    data: bytes
    fault: str = ""
    figures: dict[str, object] = {}


class Portion(NamedTuple):
    files: list[Entry]
    next: int | None  # where the next portion begins
    total: int  # of all files


def unpacked(data: bytes, first: int, limits: ArchiveLimits) -> Portion:
    """The files from the number ``first`` on, as many as are given back at once. Raises ``FileFault``."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not (entry.is_dir() or LEFTOVERS.search(entry.filename))]
            _check(entries, limits)
            return _portion(archive, entries, first, limits)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError, OverflowError):
        raise FileFault("zip-broken") from None


def _check(entries: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    """As a whole, before the first is unpacked."""
    if len(entries) > limits.files:
        raise FileFault("zip-too-many", count=len(entries), most=limits.files)
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise FileFault("zip-encrypted")
    if any(entry.compress_type not in METHODS for entry in entries):
        raise FileFault("zip-broken")
    if sum(entry.file_size for entry in entries) > limits.bytes:
        raise FileFault("zip-too-large", most=limits.bytes // 1024**2)


def _portion(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], first: int, limits: ArchiveLimits) -> Portion:
    files: list[Entry] = []
    size = 0
    for number, entry in enumerate(entries[first:], first):
        if files and (len(files) == MOST_AT_ONCE or size + entry.file_size > PORTION):
            return Portion(files, number, len(entries))
        files.append(_entry(archive, entry, limits))
        size += len(files[-1].data)
    return Portion(files, None, len(entries))


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: ArchiveLimits) -> Entry:
    """The declared size is the most that is read, whatever the packed data hold."""
    name = _name(entry)
    if entry.file_size > limits.file_bytes:
        size, most = (f"{number / 1024**2:.1f}".removesuffix(".0") for number in (entry.file_size, limits.file_bytes))
        return Entry(name, b"", "file-too-large", {"size": size, "most": most})
    if entry.file_size > max(ALWAYS_SMALL, MOST_RATIO * entry.compress_size):
        return Entry(name, b"", "file-too-heavy")
    try:
        with archive.open(entry) as file:
            data = file.read(entry.file_size)
            file.read(1)  # looks at the check sum; what is longer than it says fails it
            return Entry(name, data)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return Entry(name, b"", "zip-entry")


def _name(entry: zipfile.ZipInfo) -> str:
    """Windows packs names in the code page of the machine, here GBK, and does not say so; others mark UTF-8."""
    if entry.flag_bits & UTF8:
        return entry.filename
    try:
        stored = entry.filename.encode("cp437")
    except UnicodeEncodeError:  # from a field of its own, decoded already
        return entry.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return stored.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename
