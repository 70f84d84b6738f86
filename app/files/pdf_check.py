"""Checks an uploaded PDF for active content, as a program that ``files.inspect`` runs; imports nothing of the application.

A separate process, because a memory limit exists only per process, and a PDF of 10 MB can take 700 MB to parse
(measured with an array of five million ones).

    python -I app/files/pdf_check.py PAGES SIDE PIXELS < file.pdf

answers "clean 12", or the code of the first thing against it; of a file that restricts what may be done with it (a line end
and) the same file without restrictions. SIDE is in points, PIXELS are of one picture.
"""

import io
import re
import resource
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import pikepdf

MEMORY = 512 * 1024**2
CPU_SECONDS = 10

# What counts if it holds anything: many writers leave an empty dictionary or list behind.
KEYS = {
    "/JS": "pdf-script",
    "/JavaScript": "pdf-script",
    "/AA": "pdf-script",  # additional actions: on opening, leaving a field, printing
    "/XFA": "pdf-form",
    "/EmbeddedFiles": "pdf-attachment",
    "/EF": "pdf-attachment",
    "/Collection": "pdf-attachment",
    "/RichMediaContent": "pdf-attachment",
}
ACTIONS = {
    "/JavaScript": "pdf-script",
    "/Rendition": "pdf-script",
    "/Launch": "pdf-launch",
    "/SubmitForm": "pdf-launch",
    "/ImportData": "pdf-launch",
    "/GoToR": "pdf-launch",
    "/GoToE": "pdf-launch",
    "/RichMediaExecute": "pdf-script",
    "/GoTo3DView": "pdf-attachment",
}
# Of ISO 32000-2 table 201, what a link or a bookmark may do; /Thread only within the file, /URI to these schemes.
HARMLESS = frozenset({"/GoTo", "/GoToDp", "/URI", "/Named", "/Thread", "/Hide", "/SetOCGState", "/Trans", "/ResetForm"})
SCHEMES = frozenset({"http", "https", "mailto", "tel"})
SCRIPTS = frozenset({"javascript", "vbscript", "data"})
SUBTYPES = {
    "/FileAttachment": "pdf-attachment",
    "/RichMedia": "pdf-attachment",
    "/3D": "pdf-attachment",
    "/Movie": "pdf-attachment",
    "/Sound": "pdf-attachment",
    "/Screen": "pdf-attachment",
}
BOXES = ("/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox")
# The frame header of a JPEG: its length, 8 bits a sample, height and width, 1 to 4 components.
FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\x00[\x08-\x20]\x08(.{4})[\x01-\x04]", re.DOTALL)
INLINE = re.compile(rb"\bBI\b([^\x80-\xff]{1,400}?)\bID\b")
INLINE_SIDE = re.compile(rb"/(W|Width|H|Height)\s+(\d+)")
TIDIED = re.compile(r": kid \d+ \(from \d+\) ")


class Limits:
    """``pages`` of a document, ``side`` of a page in points, ``pixels`` of a picture."""

    def __init__(self, pages: int, side: int, pixels: int) -> None:
        self.pages, self.side, self.pixels = pages, side, pixels


def verdict(data: bytes, limits: Limits) -> bytes:
    """``clean N`` with the number of pages, or a code; after "clean N" a file without its restrictions."""
    try:
        # Without recovery: readers differ in how they repair a broken file.
        with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as pdf:
            if code := fault(pdf, limits):
                return code.encode()
            free = io.BytesIO()
            if pdf.is_encrypted:
                pdf.save(free, deterministic_id=True)
            return b"clean %d\n" % len(pdf.pages) + free.getvalue()
    except pikepdf.PasswordError:
        return b"pdf-encrypted"
    except MemoryError:
        return b"pdf-too-heavy"
    except Exception:  # noqa: BLE001 — hostile bytes can make the parser raise anything
        return b"pdf-broken"


def fault(pdf: pikepdf.Pdf, limits: Limits) -> str:
    """The code of the first fault, or ""."""
    if not has_harmless_open_action(pdf):
        return "pdf-open-action"
    # All objects, not only those in use: a reader that repairs the file might find the others.
    code = next((code for item in pdf.objects for code in codes(item, limits)), "")
    # qpdf only warns of an object that it cannot read, or has no memory for, and replaces it by null. It also warns
    # of a page tree that it tidied up: that is harmless, and frequent with scanners.
    if code or not all(TIDIED.search(warning) for warning in pdf.get_warnings()):
        return code or "pdf-broken"
    count = len(pdf.pages)
    return "pdf-too-many-pages" if count > limits.pages else "" if count else "pdf-broken"


def has_harmless_open_action(pdf: pikepdf.Pdf) -> bool:
    """LibreOffice and WPS write an OpenAction that is only a destination to show first."""
    action = pdf.Root.get("/OpenAction")
    return action is None or isinstance(action, pikepdf.Array) or action.get("/S") == pikepdf.Name.GoTo


def codes(item: pikepdf.Object, limits: Limits) -> Iterator[str]:
    """The fault codes of an object and its direct children; indirect ones are in ``pdf.objects`` themselves."""
    pending = [item]
    while pending:
        current = pending.pop()
        if isinstance(current, pikepdf.Array):
            children = list(current)
        elif isinstance(current, pikepdf.Dictionary | pikepdf.Stream):
            entries = dict(current.items())
            yield from (KEYS[key] for key, value in entries.items() if key in KEYS and not is_empty(value))
            yield from of_actions(entries)
            yield from of_sizes(current, entries, limits)
            yield from named(entries.get("/S"), ACTIONS)
            yield from named(entries.get("/Subtype"), SUBTYPES)
            children = list(entries.values())
        else:
            continue
        # Numbers and booleans come as Python's own.
        pending.extend(child for child in children if not getattr(child, "is_indirect", True))


def named(value: object, among: dict[str, str]) -> Iterator[str]:
    if isinstance(value, pikepdf.Name) and str(value) in among:
        yield among[str(value)]


def is_empty(value: object, depth: int = 3) -> bool:
    """Nothing, or only empty lists and dictionaries."""
    if isinstance(value, pikepdf.Array | pikepdf.Dictionary) and depth:
        parts = value if isinstance(value, pikepdf.Array) else value.values()
        return all(is_empty(part, depth - 1) for part in parts)
    return value is None


def of_actions(entries: Mapping[str, object]) -> Iterator[str]:
    """What links, bookmarks and other actions do; and what is loaded from elsewhere."""
    kind = entries.get("/S")
    if kind == pikepdf.Name.Thread and "/F" in entries:
        yield "pdf-launch"
    for key in ("/URI", "/Base"):
        if isinstance(entries.get(key), pikepdf.String):
            yield from of_address(str(entries[key]))
    acting = [entries.get("/Next")] if kind is not None else []
    if "/Title" in entries or "/Subtype" in entries:  # a bookmark or an annotation
        acting += [entries.get("/A"), entries.get("/PA")]
    for action in acting:
        for one in list(action) if isinstance(action, pikepdf.Array) else [action]:
            if isinstance(one, pikepdf.Dictionary) and str(one.get("/S", "/GoTo")) not in HARMLESS | ACTIONS.keys():
                yield "pdf-launch"


def of_address(text: str) -> Iterator[str]:
    """Readers drop blanks and control characters within a scheme; an address without one is of the web."""
    address = re.sub(r"[\s\x00-\x20\x7f-\x9f]+", "", text).lower()
    scheme, colon, _rest = address.partition(":")
    if scheme in SCRIPTS and colon:
        yield "pdf-script"
    elif address.startswith(("//", "\\\\")) or (colon and scheme not in SCHEMES and not set("/?#.") & set(scheme)):
        yield "pdf-launch"


def of_sizes(item: pikepdf.Object, entries: Mapping[str, object], limits: Limits) -> Iterator[str]:
    """Pages and pictures too large to be shown; what a stream says inside counts as well as what is said of it."""
    unit = max(Decimal(1), number(entries.get("/UserUnit", 1)))
    for box in (entries[key] for key in BOXES if key in entries):
        if not isinstance(box, pikepdf.Array) or any(abs(number(side)) * unit > limits.side for side in box):
            yield "pdf-page-size"
    if not isinstance(item, pikepdf.Stream):
        return
    if "/F" in entries:  # its data are another file's
        yield "pdf-launch"
    if entries.get("/Subtype") == pikepdf.Name.Image:
        declared = number(entries.get("/Width", 0)) * number(entries.get("/Height", 0))
        areas: Iterable[Decimal] = [declared, *areas_inside(item, entries)]
    else:
        areas = areas_inline(item, entries)
    if any(area > limits.pixels for area in areas):
        yield "pdf-image-size"


def number(value: object) -> Decimal:
    """A number of the file; anything else is larger than every limit."""
    return Decimal(value) if isinstance(value, int | float | Decimal) else Decimal("Infinity")


def areas_inside(item: pikepdf.Stream, entries: Mapping[str, object]) -> Iterator[Decimal]:
    """The sizes that a JPEG or JPEG 2000 declares itself, in pixels."""
    filters = str(entries.get("/Filter", ""))
    raw = item.read_raw_bytes() if "DCTDecode" in filters or "JPXDecode" in filters else b""
    for match in FRAME.finditer(raw):
        high, wide = struct.unpack(">HH", match[1])
        yield Decimal(high * wide)
    if found := re.search(rb"ihdr(.{8})|\xff\x4f\xff\x51.{4}(.{8})", raw, re.DOTALL):
        high, wide = struct.unpack(">II", found[1] or found[2])
        yield Decimal(high * wide)


def areas_inline(item: pikepdf.Stream, entries: Mapping[str, object]) -> Iterator[Decimal]:
    """The sizes of the pictures that a content stream holds itself."""
    if not entries.keys().isdisjoint({"/Type", "/Length1", "/Length2", "/FunctionType", "/N"}) and "/BBox" not in entries:
        return  # metadata, fonts, tables, functions and colour profiles
    for match in INLINE.finditer(item.read_bytes()):
        sides = {name[:1]: Decimal(int(digits)) for name, digits in INLINE_SIDE.findall(match[1])}
        yield sides.get(b"W", Decimal(1)) * sides.get(b"H", Decimal(1))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would leave personal data on the disk
    sys.stdout.buffer.write(verdict(sys.stdin.buffer.read(), Limits(*map(int, sys.argv[1:]))))
