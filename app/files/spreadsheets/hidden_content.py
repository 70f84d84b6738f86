"""Everything that a workbook says to whoever looks closely: hidden rows and sheets, comments, names, heads, properties.

Law: no part is left out because a reader of tables would not see it; each text has the place where it stands.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element  # nosec B405 - the type only; defusedxml reads

from defusedxml.ElementTree import fromstring

from app.files.spreadsheets.columns import SheetLimits
from app.files.spreadsheets.guard import unpack

WHOLE = frozenset({"si", "is", "text", "p", "comment"})  # whose runs are one text, however they are coloured
SAYING = frozenset({"name", "title", "descr", "tooltip", "display", "location", "target", "author"})


def texts_in(data: bytes) -> Iterator[tuple[str, str]]:
    """``(place, text)`` for every text of a workbook. Raises ``SheetRefused`` for what is none."""
    parts = {name: fromstring(body) for name, body in unpack(data, SheetLimits()).items()}
    shared = [_all(item) for item in parts.get("xl/sharedstrings.xml", Element("sst")) if _tag(item) == "si"]
    for name, root in parts.items():
        for element in root.iter():
            if _tag(element) == "c":
                yield f"{name.rpartition('/')[2]} {element.get('r', '')}", _cell(element, shared)
            yield from ((name, text) for text in _said(element))


def _cell(cell: Element, shared: list[str]) -> str:
    value = next((part.text or "" for part in cell if _tag(part) == "v"), "")
    if cell.get("t") == "s":
        return shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
    return value or _all(cell)


def _said(element: Element) -> Iterator[str]:
    """A text as a whole, a text between two marks, and what attributes say."""
    if _tag(element) in WHOLE:
        yield _all(element)
    elif _tag(element) not in ("v", "t") and (element.text or "").strip():
        yield str(element.text)
    yield from (value for name, value in element.attrib.items() if _local(name) in SAYING)


def _all(element: Element) -> str:
    return "".join(element.itertext())


def _tag(element: Element) -> str:
    return _local(str(element.tag))


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower() if name.rpartition("}")[2].islower() else name.rpartition("}")[2]
