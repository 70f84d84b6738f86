"""All texts of a file that is to be published, with their places; a process of its own, asked by ``files.apart``.

Seen are pages and data of a PDF, .docx and OFD with their comments and deletions, workbooks with hidden sheets, the metadata
of pictures, and plain text. What is only a picture of writing is not read.
"""

import io
import json
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError  # nosec B405 - types only; defusedxml reads

import pikepdf
import pypdfium2
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import ExifTags, Image

from app.core.crypto.cms import UnsupportedSignature
from app.core.crypto.ses import unzip_parts
from app.core.errors import AppError
from app.core.limited_process import serve
from app.files.spreadsheets.hidden_content import texts_in

MEMORY = 400 * 1024**2
CPU_SECONDS = 10
LONGEST = 20_000_000  # characters of all texts together
PARAGRAPHS = frozenset({"p", "TextObject"})  # their parts form one text: of .docx and .pptx, of OFD
ATTRIBUTES = frozenset({"descr", "title", "Target", "author"})
PICTURE_KINDS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP")
ENCODINGS = ("utf-8-sig", "gb18030")

Texts = Iterator[tuple[str, str, str]]  # kind of place (a key of ``apart.PLACES``), its name, the text


class NotSearchable(Exception):
    """Not one of the kinds that can be looked into."""


def texts(data: bytes) -> Texts:
    """Raises ``NotSearchable``."""
    if data.startswith(b"PK"):
        yield from _of_zip(data)
    elif b"%PDF-" in data[:1024]:
        yield from _of_pdf(data)
    elif _is_picture(data):
        yield from _of_picture(data)
    else:
        yield from _of_text(data)


def _of_text(data: bytes) -> Texts:
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            yield from (("line", str(number), line) for number, line in enumerate(text.splitlines(), start=1))
            return
    raise NotSearchable


# --- PDF ----------------------------------------------------------------------------------------------------------


def _of_pdf(data: bytes) -> Texts:
    try:
        document = pypdfium2.PdfDocument(data)
        for number in range(len(document)):
            yield "page", str(number + 1), document[number].get_textpage().get_text_range()
        with pikepdf.open(io.BytesIO(data)) as pdf:
            for item in pdf.objects:
                yield from _of_object(item)
    except MemoryError:
        raise
    except Exception as fault:
        raise NotSearchable from fault


def _of_object(item: pikepdf.Object) -> Texts:
    """Strings that no page shows by itself: properties, notes, values of fields, metadata of the file and of pictures."""
    pending: list[tuple[str, object]] = [("", item)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, pikepdf.String):
            yield "data", key.lstrip("/"), str(value)
        elif isinstance(value, pikepdf.Array):
            pending += [(key, one) for one in value if not getattr(one, "is_indirect", False)]
        elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            pending += [(name, one) for name, one in value.items() if not getattr(one, "is_indirect", False)]
    if isinstance(item, pikepdf.Stream):
        if item.get("/Type") == pikepdf.Name.Metadata:
            yield "data", "XMP", item.read_bytes().decode(errors="replace")
        elif "DCTDecode" in str(item.get("/Filter", "")):
            picture = io.BytesIO()
            pikepdf.PdfImage(item).extract_to(stream=picture)
            if _is_picture(picture.getvalue()):
                yield from _of_picture(picture.getvalue())


# --- pictures -----------------------------------------------------------------------------------------------------


def _is_picture(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data), formats=PICTURE_KINDS)
    except Exception:  # noqa: BLE001 - hostile bytes make a decoder raise anything
        return False
    return True


def _of_picture(data: bytes) -> Texts:
    """Comments, text chunks, EXIF with its parts, XMP; nothing is decoded but they."""
    with Image.open(io.BytesIO(data), formats=PICTURE_KINDS) as image:
        if image.format == "PNG":
            image.load()  # text may stand behind the picture
        found: list[tuple[str, object]] = [(str(name), value) for name, value in image.info.items() if name != "exif"]
        exif = image.getexif()
        for part in (exif, *(exif.get_ifd(kind) for kind in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo))):
            found += [(ExifTags.TAGS.get(tag, str(tag)), value) for tag, value in part.items()]
    for name, value in found:
        if isinstance(value, bytes):
            # EXIF of Windows is UTF-16, all else ASCII or UTF-8.
            yield from (("data", name, value.decode(encoding, "ignore")) for encoding in ("utf-8", "utf-16-le"))
        elif isinstance(value, str):
            yield "data", name, value


# --- packed XML ---------------------------------------------------------------------------------------------------


def _of_zip(data: bytes, *, nested: bool = False) -> Texts:
    try:
        parts = unzip_parts(data)
    except UnsupportedSignature as fault:
        raise NotSearchable from fault
    if any(name.lower() == "xl/workbook.xml" for name in parts):
        try:
            yield from (("part", place, text) for place, text in texts_in(data))
        except AppError as fault:
            raise NotSearchable from fault
    known = False
    for name, part in parts.items():
        if name.lower().endswith((".xml", ".rels")):
            known = True
            try:
                root = fromstring(part)
            except (ParseError, DefusedXmlException, ValueError, LookupError) as fault:
                raise NotSearchable from fault
            yield from (("part", name, text) for text in _of_xml(root))
        elif part.startswith(b"PK") and not nested:
            yield from _of_zip(part, nested=True)
        elif _is_picture(part):
            yield from _of_picture(part)
    if not known:
        raise NotSearchable


def _of_xml(element: Element) -> Iterator[str]:
    pending = [element]
    while pending:
        one = pending.pop()
        yield from (value for name, value in one.attrib.items() if name.rpartition("}")[2] in ATTRIBUTES)
        if str(one.tag).rpartition("}")[2] in PARAGRAPHS:
            yield "".join(one.itertext())
        elif one.text and one.text.strip():
            yield one.text
        pending += list(one)


# --- the process --------------------------------------------------------------------------------------------------


def answer(question: bytes) -> bytes:
    """All texts, each once; null for what cannot be looked into."""
    found, length = dict[tuple[str, str, str], None](), 0
    try:
        for one in texts(question):
            length += len(one[2])
            if length > LONGEST:
                raise NotSearchable
            found[one] = None
    except NotSearchable:
        return b"null"
    return json.dumps(list(found)).encode()


if __name__ == "__main__":
    serve(answer, memory=MEMORY, cpu_seconds=CPU_SECONDS)
