"""All texts of a workbook with their places, including hidden rows and sheets, comments, names, headers and properties."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element  # nosec B405 - the type only; defusedxml reads

from defusedxml.ElementTree import fromstring

from app.files.spreadsheets.columns import SheetLimits
from app.files.spreadsheets.guard import Package

TEXT_ELEMENTS = frozenset({"si", "is", "text", "p", "comment"})  # their runs form one text
TEXT_ATTRIBUTES = frozenset({"name", "title", "descr", "tooltip", "display", "location", "target", "author"})


def texts_in(data: bytes) -> Iterator[tuple[str, str]]:
    """``(place, text)`` for every text of a workbook. Raises ``SheetRefused`` if it is not a workbook."""
    package = Package(data, SheetLimits())
    parts = {name: fromstring(package.body(name)) for name in package}
    shared = [_all(item) for item in parts.get("xl/sharedstrings.xml", Element("sst")) if _tag(item) == "si"]
    for name, root in parts.items():
        for element in root.iter():
            if _tag(element) == "c":
                yield f"{name.rpartition('/')[2]} {element.get('r', '')}", _cell(element, shared)
            yield from ((name, text) for text in _texts(element))


def _cell(cell: Element, shared: list[str]) -> str:
    value = next((part.text or "" for part in cell if _tag(part) == "v"), "")
    if cell.get("t") == "s":
        return shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
    return value or _all(cell)


def _texts(element: Element) -> Iterator[str]:
    """The text of an element and of its attributes."""
    if _tag(element) in TEXT_ELEMENTS:
        yield _all(element)
    elif _tag(element) not in ("v", "t") and (element.text or "").strip():
        yield str(element.text)
    yield from (value for name, value in element.attrib.items() if _local(name) in TEXT_ATTRIBUTES)


def _all(element: Element) -> str:
    return "".join(element.itertext())


def _tag(element: Element) -> str:
    return _local(str(element.tag))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
