"""The parts of an untrusted OFD: documents, resources and the pictures of its seals."""

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError  # nosec B405 - types only; defusedxml reads

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.core.crypto.cms import UnsupportedSignature
from app.core.crypto.ses import unzip_parts
from app.files.images import FileFault

ENTRY = "OFD.xml"
NUMBER = re.compile(r"#[0-9A-Fa-f]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# Of both editions of the structure (GM/T 0031, GB/T 38540): IA5String of the kind, then the octets of the picture.
SEAL_PICTURE = re.compile(rb"(?i)\x16\x03(png|jpg|bmp|gif|ofd)\x04|\x16\x04(jpeg)\x04")


class Place(NamedTuple):
    """An element, and the folder that locations in it are relative to."""

    folder: str
    element: Element


class Stamp(NamedTuple):
    """Where a seal is shown, and its picture: ``kind`` "" if none was found."""

    page: str  # ID
    box: tuple[float, ...]
    kind: str
    picture: bytes


def name_of(element: Element) -> str:
    """Without its namespace: that of the standard differs from that of its draft, which is still written."""
    return str(element.tag).rpartition("}")[2]


def within(element: Element | None, *path: str) -> Iterator[Element]:
    """The elements at the end of a path of names."""
    found = [element] if element is not None else []
    for name in path:
        found = [child for parent in found for child in parent if name_of(child) == name]
    yield from found


def first(element: Element | None, *path: str) -> Element | None:
    return next(within(element, *path), None)


def text_of(element: Element | None, *path: str) -> str:
    found = first(element, *path)
    return "" if found is None else (found.text or "").strip()


def numbers(text: str | None) -> list[float]:
    return [float(int(word[1:], 16)) if word[0] == "#" else float(word) for word in NUMBER.findall(text or "")]


def box_of(text: str | None) -> tuple[float, float, float, float]:
    """x, y, width and height in millimetres. Raises ``FileFault`` if they are not four."""
    found = numbers(text)
    if len(found) != 4:
        raise FileFault("ofd-broken")
    return found[0], found[1], found[2], found[3]


class OfdPackage:
    """The parts of the file by name. Raises ``FileFault`` for what is no OFD, or an encrypted one."""

    def __init__(self, data: bytes) -> None:
        try:
            self._parts = unzip_parts(data)
        except UnsupportedSignature:
            raise FileFault("ofd-broken") from None
        self._parsed: dict[str, Place] = {}
        self._names = {name.replace("\\", "/").lstrip("/").lower(): name for name in self._parts}
        self.entry = self.xml("", ENTRY)
        if name_of(self.entry.element) != "OFD" or any(name.endswith("encryptions.xml") for name in self._names):
            raise FileFault("ofd-broken")

    def part(self, folder: str, location: str) -> tuple[str, bytes]:
        """The name and the bytes of a part; (its name, b"") if it is missing."""
        name = posixpath.normpath(posixpath.join("/", folder, location.strip())).lstrip("/")
        return name, self._parts.get(self._names.get(name.lower(), ""), b"")

    def xml(self, folder: str, location: str) -> Place:
        name, data = self.part(folder, location)
        try:
            if name not in self._parsed:
                self._parsed[name] = Place(posixpath.dirname(name), fromstring(data, forbid_dtd=True))
            return self._parsed[name]
        except (ParseError, DefusedXmlException, ValueError, LookupError):
            raise FileFault("ofd-broken") from None

    def bodies(self) -> list[Element]:
        return list(within(self.entry.element, "DocBody"))

    def document(self) -> Place:
        """The first document."""
        return self.xml(self.entry.folder, text_of(self.entry.element, "DocBody", "DocRoot"))

    def resources(self, document: Place, *more: Element) -> dict[str, Place]:
        """Fonts, pictures, parameters, colours and graphics by ID."""
        found: dict[str, Place] = {}
        for root in (first(document.element, "CommonData"), *more):
            for kind in ("PublicRes", "DocumentRes", "PageRes"):
                for listed in within(root, kind):
                    folder, res = self.xml(document.folder, listed.text or "")
                    base = posixpath.join(folder, res.get("BaseLoc", ""))
                    for group in res:
                        found |= {one.get("ID", ""): Place(base, one) for one in group}
        return found

    def stamps(self) -> Iterator[Stamp]:
        """What the seals show."""
        listed = text_of(self.entry.element, "DocBody", "Signatures")
        if not listed:
            return
        folder, seals = self.xml(self.entry.folder, listed)
        for seal in within(seals, "Signature"):
            inner, told = self.xml(folder, seal.get("BaseLoc", ""))
            shown = list(within(told, "SignedInfo", "StampAnnot"))
            places = [text_of(told, "SignedInfo", "Seal", "BaseLoc"), text_of(told, "SignedValue")]
            kind, picture = next(filter(all, (seal_picture(self.part(inner, at)[1]) for at in places if at)), ("", b""))
            for one in shown:
                yield Stamp(one.get("PageRef", ""), box_of(one.get("Boundary")), kind, picture)


def seal_picture(data: bytes) -> tuple[str, bytes]:
    """Kind and bytes of the picture in a seal, of whatever edition; two empty ones if none is found."""
    for found in SEAL_PICTURE.finditer(data):
        at, length = found.end() + 1, data[found.end()] if found.end() < len(data) else 0
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if 0 < length <= len(data) - at:
            return (found[1] or found[2]).decode().lower(), data[at : at + length]
    return "", b""
