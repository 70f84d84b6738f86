"""Personal numbers are found wherever a file that is to be published can hold them."""

import io
import json
import zipfile

import pikepdf
import pytest
from PIL import Image, PngImagePlugin
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.core.redaction import find_numbers
from app.files import apart
from app.files.images import FileFault
from app.files.release_texts import LONGEST, answer
from tests import foreign_ofd, hostile_files
from tests.core.redaction_steps import MOBILE, workbook

MASKED = "138****2345"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>{}</dc:source></rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def found(data: bytes) -> set[str]:
    """The places, by the process itself."""
    places = {str(place) for place, text in apart.texts(data) for one in find_numbers(text) if one.masked == MASKED}
    assert json.loads(answer(data)) is not None
    return places


def pdf(*pages: str, **data: str) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out)
    for words in pages:
        canvas.drawString(50, 700, words)
        canvas.showPage()
    canvas.setAuthor(data.get("author", ""))
    canvas.save()
    return out.getvalue()


def docx(**parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        for name, body in parts.items():
            file.writestr(f"word/{name}.xml", f"<w:document {W}><w:p>{body}</w:p></w:document>")
    return out.getvalue()


def with_attachment_notes(data: bytes) -> bytes:
    """A note on the page, a value of a field, and XMP."""
    with pikepdf.open(io.BytesIO(data)) as book:
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Contents=f"note {MOBILE}", Rect=[0, 0, 9, 9]
        )
        book.pages[0].Annots = book.make_indirect(pikepdf.Array([book.make_indirect(note)]))
        meta = book.make_stream(XMP.format(MOBILE).encode())
        meta.Type, meta.Subtype = pikepdf.Name.Metadata, pikepdf.Name.XML
        book.Root.Metadata = meta
        out = io.BytesIO()
        book.save(out)
    return out.getvalue()


def test_a_pdf_is_read_with_its_data_and_notes():
    assert found(pdf("nothing", f"call {MOBILE[:3]} {MOBILE[3:7]} {MOBILE[7:]}")) == {"page 2"}
    assert found(pdf("nothing", author=f"x {MOBILE}")) == {"data of the file (Author)"}
    assert found(with_attachment_notes(pdf("nothing"))) == {"data of the file (Contents)", "data of the file (XMP)"}
    assert found(pdf("nothing 12345")) == set()


def test_a_document_is_read_with_what_was_deleted_and_the_notes_beside_it():
    split = f"<w:r><w:t>{MOBILE[:5]}</w:t></w:r><w:r><w:t>{MOBILE[5:]}</w:t></w:r>"
    deleted = f"<w:del><w:r><w:delText>{MOBILE}</w:delText></w:r></w:del>"
    parts = {"comments": deleted, "footnotes": deleted, "header1": f'<w:docPr descr="{MOBILE}"/>', "styles": "<w:t>1</w:t>"}
    data = docx(document=split, **parts)
    assert found(data) == {f"word/{name}.xml" for name in ("document", "comments", "footnotes", "header1")}
    nested = io.BytesIO(data)
    with zipfile.ZipFile(nested, "a") as file:
        file.writestr("word/embeddings/book.xlsx", workbook(MOBILE))
        file.writestr("word/media/image1.jpg", hostile_files.jpeg(comment=MOBILE.encode()))
    assert {"sheet2.xml A1", "data of the file (comment)"} <= found(nested.getvalue())


def test_workbooks_ofds_and_texts_are_read():
    assert {"sheet1.xml B2", "sheet2.xml A1", "docprops/core.xml"} <= found(workbook(MOBILE))
    assert found(foreign_ofd.ofd(foreign_ofd.text(MOBILE))) == {"Doc_0/Pages/P0/Content.xml"}
    for encoding in ("utf-8", "gb18030"):
        assert found(f"姓名\n电话 {MOBILE}".encode(encoding)) == {"line 2"}


def test_the_data_of_a_picture_are_read():
    exif = Image.Exif()
    exif[0x9C9C] = f"注 {MOBILE}".encode("utf-16-le")  # XPComment
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + MOBILE.encode()  # UserComment
    assert found(hostile_files.jpeg(exif=exif)) == {"data of the file (XPComment)", "data of the file (UserComment)"}
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", MOBILE, zip=True)
    assert found(hostile_files.png(pnginfo=notes)) == {"data of the file (Author)"}
    canvas = Canvas(drawn := io.BytesIO())
    canvas.drawImage(ImageReader(io.BytesIO(hostile_files.jpeg(exif=exif))), 0, 0)
    canvas.save()
    assert "data of the file (UserComment)" in found(drawn.getvalue())  # a PDF keeps the data of its pictures
    assert found(hostile_files.jpeg()) == set()


def test_what_cannot_be_looked_into_is_said():
    broken = docx(document="x")
    bomb = docx(document="0" * 17_000_000)
    office = hostile_files.other_formats()["DOC/XLS"]
    for data in (broken[:-40], bomb, office, b"\0\1\2\xff", hostile_files.pdf()[:200], hostile_files.other_formats()["ZIP"]):
        with pytest.raises(FileFault) as caught:
            apart.texts(data)
        assert caught.value.code == "file-unread"
    assert answer(b"1 " * LONGEST) == b"null"
