"""PDF files: clean ones are stored unchanged, anything active or broken is refused."""

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
    "script by name": (make.pdf_with(Names=pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=[]))), "pdf-script"),
    "script on a link": (make.pdf_with_link(SCRIPT), "pdf-script"),
    "script further on": (make.pdf_with_link(make.action("GoTo", Next=pikepdf.Array([SCRIPT]))), "pdf-script"),
    "unreferenced script": (make.pdf_by_hand(b"[[<</S/JavaScript/JS(x)>>]]"), "pdf-script"),
    "escaped script": (make.pdf_by_hand(b"<</S/J#61vaScript/#4AS(x)>>"), "pdf-script"),
    "script packed away": (make.pdf_with_packed_object(b"<</S/JavaScript/JS(x)>>"), "pdf-script"),
    "on closing": (make.pdf_with(AA=pikepdf.Dictionary(WC=SCRIPT)), "pdf-script"),
    "launch on a link": (make.pdf_with_link(make.action("Launch", F="cmd.exe")), "pdf-launch"),
    "other file": (make.pdf_with_link(make.action("GoToR", F="//10.0.0.1/x")), "pdf-launch"),
    "sends the form": (make.pdf_with_link(make.action("SubmitForm", F="https://x/")), "pdf-launch"),
    "attachment": (make.pdf_with_attachment(), "pdf-attachment"),
    "attached note": (make.pdf_by_hand(b"<</Type/Annot/Subtype/FileAttachment>>"), "pdf-attachment"),
    "XFA": (make.pdf_with(AcroForm=pikepdf.Dictionary(XFA="<xdp/>")), "pdf-form"),
}


@pytest.mark.parametrize("case", ACTING)
def test_a_pdf_with_active_content_is_refused(case: str) -> None:
    data, code = ACTING[case]
    assert refusal(data, "x.pdf") == code


@pytest.mark.parametrize("passwords", [{"owner": "o", "user": "u"}, {"owner": "o", "user": ""}])
def test_a_protected_pdf_is_refused(passwords: dict[str, str]) -> None:
    assert refusal(make.pdf(encryption=pikepdf.Encryption(**passwords)), "x.pdf") == "pdf-encrypted"


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
