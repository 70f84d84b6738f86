"""The printed certificate, as a reader, a scanner and a search engine meet it."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
import zxingcpp

from app.certificates.pdf import photo as photo_file
from app.certificates.pdf.render import Unprintable, draw, unprintable
from app.certificates.qr import symbol
from tests.certificates.pdf.conftest import FACE, page, words


@pytest.mark.parametrize(
    "name", ["欧阳·某", "王㛃", "李𬭎", "张䶮", "㛃𬭎䶮㐂", "𫖯𠅤", "阿卜杜·买买提", "O'Brien-Smith", "堃喆 犇"]
)
def test_a_name_can_be_copied_out_exactly_as_it_is_stored(name: str) -> None:
    assert name in words(draw(replace(FACE, name=name)))


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="a second opinion, where poppler is installed")
@pytest.mark.parametrize("name", ["欧阳·某", "㛃𬭎䶮㐂", "欧阳𬭎翀"])
def test_poppler_reads_the_same_name(name: str) -> None:
    pdf = draw(replace(FACE, name=name))
    read = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True)
    assert name in read.stdout.decode().splitlines()


def test_characters_that_no_font_has_are_refused_by_name_and_all_at_once() -> None:
    with pytest.raises(Unprintable) as refusal:
        draw(replace(FACE, name="王😀", enterprise="𝒳面建筑有限公司😀"))
    assert refusal.value.characters == ["😀", "𝒳"]
    assert refusal.value.code == "unprintable"
    assert "😀(U+1F600)" in str(refusal.value)


@pytest.mark.parametrize("unseen", ["\n", "\x00", "\u200b", "\u202e", "\ud800", "\ue000", "\u00a0"])
def test_invisible_characters_are_not_printable(unseen: str) -> None:
    assert unprintable(f"王{unseen}明{unseen}") == [unseen]
    assert f"(U+{ord(unseen):04X})" in str(Unprintable([unseen]))


def test_ordinary_text_is_printable() -> None:
    assert unprintable("湘建安C1(2026)0000001 （甲）〔2026〕《》、，。：；“”…—·/-%#\u3000ABCxyz") == []
    assert unprintable("") == []


@pytest.mark.parametrize("field", ["number", "sex", "id_number", "position", "issuer", "seal_text", "kind"])
def test_every_text_of_the_face_is_checked(field: str) -> None:
    with pytest.raises(Unprintable):
        draw(replace(FACE, **{field: "😀"}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address", [FACE.address, "http://127.0.0.1:8000/v/ABC", "https://ag.example.gov.cn/v/" + "1234567890" * 59]
)
def test_the_qr_code_is_read_at_150_dpi(address: str) -> None:
    found = zxingcpp.read_barcodes(page(draw(replace(FACE, address=address)), 150))
    assert [code.text for code in found] == [address]


def test_the_square_code_is_at_least_thirty_millimetres_with_its_margin() -> None:
    (code,) = zxingcpp.read_barcodes(page(draw(FACE)))
    modules = len(symbol.matrix(FACE.address))
    across = (code.position.top_right.x - code.position.top_left.x) / 150 * 25.4
    assert across * (modules + 2 * symbol.QUIET) / modules >= 30


def test_the_web_code_holds_the_same_modules() -> None:
    modules, side = symbol.matrix(FACE.address), len(symbol.matrix(FACE.address)) + 2 * symbol.QUIET
    drawn = re.findall(r"M(\d+) (\d+)h(\d+)v1", symbol.svg(FACE.address))
    dark = {(int(x) + i - symbol.QUIET, int(y) - symbol.QUIET) for x, y, n in drawn for i in range(int(n))}
    assert dark == {(x, y) for y, row in enumerate(modules) for x, on in enumerate(row) if on}
    assert f'viewBox="0 0 {side} {side}"' in symbol.svg(FACE.address)


def test_the_web_code_lets_no_markup_through() -> None:
    assert "script" not in symbol.svg('"><script>alert(1)</script>')


def test_without_a_photo_there_is_no_certificate() -> None:
    with pytest.raises(photo_file.Missing):
        draw(replace(FACE, photo=None))
