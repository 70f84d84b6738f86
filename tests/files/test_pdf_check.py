"""PDF files: clean ones are stored unchanged, anything active or broken is refused."""

import io

import pikepdf
import pytest

from tests import hostile_files as make
from tests.files.conftest import accepted, refusal


def test_a_clean_pdf_is_stored_unchanged() -> None:
    data = make.pdf(3)
    inspected = accepted(data, "劳动合同.pdf")
    assert (inspected.data, inspected.mime, inspected.pages) == (data, "application/pdf", 3)
    assert (inspected.name, inspected.width, inspected.height) == ("劳动合同.pdf", None, None)


def test_a_pdf_may_have_an_opening_view_and_web_links() -> None:
    assert accepted(make.pdf_with(OpenAction=pikepdf.Array([0, pikepdf.Name.Fit])), "x.pdf")
    assert accepted(make.pdf_with(OpenAction=make.action("GoTo", D=pikepdf.Array([0, pikepdf.Name.Fit]))), "x.pdf")
    assert accepted(make.pdf_with_link(make.action("URI", URI="https://www.mohurd.gov.cn/")), "x.pdf")


SCRIPT = make.action("JavaScript", JS="app.alert(1)")
ACTING = {
    "on opening": (make.pdf_with(OpenAction=SCRIPT), "pdf-open-action"),
    "launch on opening": (make.pdf_with(OpenAction=make.action("Launch", F="cmd.exe")), "pdf-open-action"),
    "script by name": (
        make.pdf_with(Names=pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=["x", SCRIPT]))),
        "pdf-script",
    ),
    "script on a link": (make.pdf_with_link(SCRIPT), "pdf-script"),
    "script further on": (make.pdf_with_link(make.action("GoTo", Next=pikepdf.Array([SCRIPT]))), "pdf-script"),
    "unreferenced script": (make.pdf_by_hand(b"[[<</S/JavaScript/JS(x)>>]]"), "pdf-script"),
    "escaped script": (make.pdf_by_hand(b"<</S/J#61vaScript/#4AS(x)>>"), "pdf-script"),
    "script packed away": (make.pdf_with_packed_object(b"<</S/JavaScript/JS(x)>>"), "pdf-script"),
    "on closing": (make.pdf_with(AA=pikepdf.Dictionary(WC=SCRIPT)), "pdf-script"),
    "launch on a link": (make.pdf_with_link(make.action("Launch", F="cmd.exe")), "pdf-launch"),
    "other file": (make.pdf_with_link(make.action("GoToR", F="//10.0.0.1/x")), "pdf-launch"),
    "thread of another file": (make.pdf_with_link(make.action("Thread", F="/etc/passwd", D=0)), "pdf-launch"),
    "thread in a bookmark": (make.pdf_by_hand(b"<</Title(x)/A<</S/Thread/F(C:\\\\x.pdf)>>>>"), "pdf-launch"),
    "takes data in": (make.pdf_by_hand(b"<</Next[<</S/ImportData/F(x.fdf)>>]/S/GoTo>>"), "pdf-launch"),
    "unknown deed": (make.pdf_with_link(make.action("Teleport")), "pdf-launch"),
    "unknown deed next": (make.pdf_with_link(make.action("GoTo", Next=pikepdf.Array([make.action("Warp")]))), "pdf-launch"),
    "unknown deed of a bookmark": (make.pdf_by_hand(b"<</Title(x)/A<</S/Teleport>>>>"), "pdf-launch"),
    "script address": (make.pdf_with_link(make.action("URI", URI="javascript:app.alert(1)")), "pdf-script"),
    "script address, spaced": (make.pdf_with_link(make.action("URI", URI=" Java\tScript\n:alert(1)")), "pdf-script"),
    "script address in UTF-16": (make.pdf_with_link(make.action("URI", URI="javascript:注意")), "pdf-script"),
    "address of a file": (make.pdf_with_link(make.action("URI", URI="file:///etc/passwd")), "pdf-launch"),
    "address of a drive": (make.pdf_with_link(make.action("URI", URI="C:\\x.exe")), "pdf-launch"),
    "address of a share": (make.pdf_with_link(make.action("URI", URI="\\\\10.0.0.1\\x")), "pdf-launch"),
    "base of all addresses": (make.pdf_with(URI=pikepdf.Dictionary(Base="file:///")), "pdf-launch"),
    "stream of another file": (make.pdf_by_hand(b"<</F(/etc/passwd)/Length 0>>stream\n\nendstream"), "pdf-launch"),
    "media run": (make.pdf_by_hand(b"<</S/RichMediaExecute/CMD<<>>>>"), "pdf-script"),
    "sends the form": (make.pdf_with_link(make.action("SubmitForm", F="https://x/")), "pdf-launch"),
    "attachment": (make.pdf_with_attachment(), "pdf-attachment"),
    "attached note": (make.pdf_by_hand(b"<</Type/Annot/Subtype/FileAttachment>>"), "pdf-attachment"),
    "XFA": (make.pdf_with(AcroForm=pikepdf.Dictionary(XFA="<xdp/>")), "pdf-form"),
}


@pytest.mark.parametrize("case", ACTING)
def test_a_pdf_with_active_content_is_refused(case: str) -> None:
    data, code = ACTING[case]
    assert refusal(data, "x.pdf") == code


def test_a_pdf_with_a_password_is_refused() -> None:
    assert refusal(make.pdf(encryption=pikepdf.Encryption(owner="o", user="u")), "x.pdf") == "pdf-encrypted"


def test_a_pdf_with_restrictions_is_taken_without_them_and_checked_like_any_other() -> None:
    restricted = pikepdf.Encryption(owner="o", user="", allow=pikepdf.Permissions(print_highres=False, extract=False))
    taken = accepted(make.pdf(2, encryption=restricted), "x.pdf")
    with pikepdf.open(io.BytesIO(taken.data)) as pdf:
        assert (pdf.is_encrypted, len(pdf.pages), taken.pages) == (False, 2, 2)

    def hide(pdf: pikepdf.Pdf) -> None:
        pdf.Root.AA = pikepdf.Dictionary(WC=SCRIPT)

    assert refusal(make.pdf(change=hide, encryption=restricted), "x.pdf") == "pdf-script"


EMPTY = (pikepdf.Dictionary(), pikepdf.Dictionary(Names=[]), pikepdf.Dictionary(Kids=pikepdf.Array([])))


@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_list_of_scripts_or_actions_is_none(empty: pikepdf.Dictionary) -> None:
    assert accepted(make.pdf_with(AA=empty, Names=pikepdf.Dictionary(JavaScript=empty)), "x.pdf")


def test_what_stands_around_a_pdf_is_cut_off() -> None:
    data = make.pdf(2)
    around = (b"\xef\xbb\xbf\r\n", b""), (b"", b"\0" * 3000), (b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n--boundary--\r\n")
    for before, after in around:
        taken = accepted(before + data + after, "x.pdf")
        assert (taken.pages, taken.data.rstrip()) == (2, data.rstrip())
    assert refusal(make.HTML + data, "x.pdf") == "file-kind"
    assert refusal(b"From: a\n" + make.HTML + data, "x.pdf") == "file-two-in-one"
    assert refusal(data + b"PK\x03\x04", "x.pdf") == "file-two-in-one"


def picture_in_pdf(width: int, height: int, data: bytes = b"\0", more: bytes = b"") -> bytes:
    head = b"<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 1/ColorSpace/DeviceGray%b" % (
        width,
        height,
        more,
    )
    return make.pdf_by_hand(head + b"/Length %d>>stream\n%b\nendstream" % (len(data), data))


def test_a_picture_in_a_pdf_has_its_limit_whatever_the_pdf_says_of_it() -> None:
    assert accepted(picture_in_pdf(9921, 14031), "x.pdf")  # A4 at 1200 dpi
    assert refusal(picture_in_pdf(30_000, 30_000), "x.pdf") == "pdf-image-size"
    large = bytearray(make.jpeg(64, 64))
    at = large.index(b"\xff\xc0") + 5
    large[at : at + 4] = b"\x75\x30\x75\x30"  # 30,000 × 30,000
    assert refusal(picture_in_pdf(64, 64, bytes(large), b"/Filter/DCTDecode"), "x.pdf") == "pdf-image-size"
    wavelets = b"\0\0\0\x16ihdr" + (30_000).to_bytes(4, "big") * 2
    assert refusal(picture_in_pdf(64, 64, wavelets, b"/Filter/JPXDecode"), "x.pdf") == "pdf-image-size"
    inline = b"q BI /W 30000 /H 30000 /BPC 1 /CS /G ID x EI Q"
    content = b"<</Length %d>>stream\n%b\nendstream" % (len(inline), inline)
    assert refusal(make.pdf_by_hand(content), "x.pdf") == "pdf-image-size"


HUGE_BOXES = (b"[0 0 1000000000 9]", b"[-1000000000 0 9 9]", b"[0 0 9 14401]", b"[0 0(x)9]", b"[0 0 9 9]/UserUnit 99999")


@pytest.mark.parametrize("box", HUGE_BOXES)
def test_a_page_larger_than_readers_must_show_is_refused(box: bytes) -> None:
    assert refusal(make.pdf_by_hand(b"<</Type/Page/MediaBox%b>>" % box), "x.pdf") == "pdf-page-size"
    assert refusal(make.pdf_by_hand(b"<</Type/Pages/CropBox%b>>" % box), "x.pdf") == "pdf-page-size"


def test_a_page_of_a_large_drawing_is_accepted() -> None:
    assert accepted(make.pdf_by_hand(b"<</Type/Page/MediaBox[0 0 2384 3370]/Annots[]>>"), "x.pdf")  # A0


def test_a_pdf_may_have_fifty_pages() -> None:
    assert accepted(make.pdf(50), "x.pdf").pages == 50
    assert refusal(make.pdf(51), "x.pdf") == "pdf-too-many-pages"
    assert refusal(make.pdf(5000), "x.pdf") == "pdf-too-many-pages"


def test_a_broken_pdf_is_refused() -> None:
    data = make.pdf(3)
    assert refusal(data[: len(data) // 2], "x.pdf") == "file-truncated"
    assert refusal(data[: len(data) // 2] + b"\n%%EOF", "x.pdf") == "pdf-broken"
    assert refusal(data.replace(b"startxref\n", b"startxref\n9"), "x.pdf") == "pdf-broken"
    assert refusal(make.pdf(0), "x.pdf") == "pdf-broken"


def test_a_pdf_that_exhausts_the_memory_limit_is_refused() -> None:
    assert refusal(make.pdf_bomb(300, 3), "x.pdf") in ("pdf-broken", "pdf-too-heavy")
    assert refusal(make.pdf_by_hand(b"[" + b"1 " * 4_900_000 + b"]"), "x.pdf") in ("pdf-broken", "pdf-too-heavy")


def test_an_excessively_nested_pdf_is_refused() -> None:
    assert refusal(make.pdf_by_hand(b"[" * 1_000_000), "x.pdf") == "pdf-broken"
