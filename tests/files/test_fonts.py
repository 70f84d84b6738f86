"""Every name can be printed, and copied text is the stored name."""

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pypdfium2
import pytest
from pypdf import PdfReader

from app.certificates.pdf import reportlab_page
from app.certificates.pdf.render import draw
from app.files import fonts
from tests.certificates.pdf.conftest import FACE, page, part

# GB 18030-2022, from the ranges of Unicode that its levels are made of (certificates.md 1); the standard counts 87 887.
LEVEL_3 = (
    (0x3007, 0x3007), (0x3400, 0x4DB5), (0x4E00, 0x9FEF), (0x20000, 0x2A6D6), (0x2A700, 0x2B734), (0x2B740, 0x2B81D),
    (0x2B820, 0x2CEA1), (0x2CEB0, 0x2EBE0),
)  # fmt: skip
COMPATIBLE = (
    0xF92C, 0xF979, 0xF995, 0xF9E7, 0xF9F1, 0xFA0C, 0xFA0D, 0xFA0E, 0xFA0F, 0xFA11, 0xFA13, 0xFA14, 0xFA18, 0xFA1F,
    0xFA20, 0xFA21, 0xFA23, 0xFA24, 0xFA27, 0xFA28, 0xFA29,
)  # fmt: skip

# Letters that stand in registers of names, and one from every thousand of all that there are.
KNOWN = "㛃䶮𬭎𫖯𠅤𡋾𪚥𰻝𱅒㐂堃喆犇翀𬤝𫘝𫄧𬬭𬸚𤩽𣗋𧒽𠮷𫟹𬀩𬳽𪨶𡘙𦈡𥻗"


def level_3() -> list[str]:
    return [chr(code) for first, last in LEVEL_3 for code in range(first, last + 1)] + list(map(chr, COMPATIBLE))


def names() -> list[str]:
    everywhere = level_3()
    drawn = [everywhere[i] + everywhere[-i] for i in range(700, 87_000, 2_800)]
    return [f"欧阳{c}" for c in KNOWN] + [f"王{pair}" for pair in drawn]


def test_every_character_of_the_standard_has_a_glyph() -> None:
    characters = level_3()
    assert abs(len(characters) - 87_887) <= 10
    assert fonts.unprintable("".join(characters)) == []


def test_no_glyph_of_the_rare_fonts_is_empty() -> None:
    for key in sorted(fonts._packed()):
        font = fonts.font(key)
        empty = [code for a, b in zip(font._firsts, font._lasts, strict=True) for code in range(a, b + 1)
                 if not font._body(font.glyphs[chr(code)])]  # fmt: skip
        assert empty == [], key


@cache
def paper(name: str) -> bytes:
    return draw(replace(FACE, name=name))


def with_pypdf(pdf: bytes) -> str:
    return PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


def with_pdfium(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        text: str = document[0].get_textpage().get_text_bounded()
        return text


def with_poppler(pdf: bytes) -> str:
    if not shutil.which("pdftotext"):
        pytest.skip("a third opinion, where poppler is installed")
    return subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("reader", [with_pypdf, with_pdfium, with_poppler])
def test_sixty_rare_names_are_read_back_as_they_were_stored(reader: Callable[[bytes], str]) -> None:
    assert len(names()) >= 60
    wrong = [name for name in names() if name not in reader(paper(name)).splitlines()]
    assert wrong == []


def test_no_two_rare_letters_look_alike_as_empty_boxes_would() -> None:
    seen = {part(page(paper(f"欧阳{c}")), 66, 201, 60, 8).tobytes() for c in KNOWN}
    assert len(seen) == len(KNOWN)


def test_a_text_is_whole_in_one_font_if_one_has_it_all() -> None:
    assert [run.font for run in fonts.runs("欧阳明", fonts.VALUE)] == ["kai"]
    assert [run.font for run in fonts.runs("欧阳㐂", fonts.VALUE)] == ["song"]
    assert [(run.font, run.text) for run in fonts.runs("王𰻝1", fonts.VALUE)] == [
        ("kai", "王"), ("babelstone-30", "𰻝"), ("song", "1"),
    ]  # fmt: skip


def test_a_rare_font_is_opened_only_when_a_name_needs_it() -> None:
    asked = "from app.files import fonts; fonts.unprintable('欧阳䶮㛃'); print(fonts._rare.cache_info().currsize)"
    result = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True)
    assert result.stdout.strip() == "0"


def test_letters_have_the_same_rare_names() -> None:
    with reportlab_page.lock:
        assert reportlab_page.font("babelstone-30") == "babelstone-30"
