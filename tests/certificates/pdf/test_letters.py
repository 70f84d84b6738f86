"""Letters and forms on paper, as a reader and a search engine meet them."""

import io
from dataclasses import replace

import pypdfium2
import pytest
from pypdf import PdfReader

from app.certificates.pdf import letters
from app.certificates.pdf.render import Unprintable

LETTER = letters.LetterText(
    issuer="示例省住房和城乡建设厅",
    title="不予行政许可决定书",
    number="430000-AG-20261124-0007",
    seal_text="示例省住房和城乡建设厅",
    addressee="示例省宏远建设集团有限公司",
    sentences=("2026年11月2日收到你单位的申请。", "经审查，不予发证，理由如下。"),
    reasons=("1. 注册证：注册单位与申报单位不一致。", "2. 学历证：与所填不符。"),
    closing=("自收到本决定之日起六十日内可以依法申请行政复议。",),
    signed_on="2026年11月24日",
    foot="经办人：李经办",
)
FORM = letters.Form(
    issuer=LETTER.issuer,
    title="安全生产考核合格证书申报表",
    number=LETTER.number,
    seal_text=LETTER.seal_text,
    tables=(("人员信息", (("姓名", "欧阳·某"), ("性别", "男"), ("职务", ""))),),
    wide=(("主管部门意见", (("受理", "材料齐全\n王受理"),)),),
)


def text_of(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.mark.parametrize("page", [LETTER, FORM], ids=["letter", "form"])
def test_everything_it_was_given_can_be_read_and_twice_drawn_is_the_same(page):
    pdf = letters.draw(page)
    assert pdf == letters.draw(page)
    text = text_of(pdf)
    sentences = (*LETTER.sentences, *LETTER.reasons, *LETTER.closing)
    for sentence in sentences if page is LETTER else ("欧阳·某", "材料齐全王受理"):
        assert "".join(sentence.split()) in text


@pytest.mark.parametrize("name", ["欧阳𬭎", "王㛃", "李䶮"])
def test_a_rare_name_is_read_back_as_it_is_stored(name):
    assert name in text_of(letters.draw(replace(LETTER, sentences=(f"申请人{name}。",))))


def test_a_long_notice_goes_on_to_further_pages_and_loses_nothing():
    reasons = tuple(f"第{n}项须补正的材料及其说明文字，" * 3 for n in range(1, 41))
    pdf = letters.draw(replace(LETTER, reasons=reasons))
    assert len(pypdfium2.PdfDocument(pdf)) > 3
    text = text_of(pdf)
    assert all(f"第{n}项" in text for n in range(1, 41))
    assert "—2—" in text


def test_what_no_font_has_is_refused_by_name():
    with pytest.raises(Unprintable, match=r"U\+E000"):
        letters.draw(replace(LETTER, addressee="\ue000公司"))


def test_markup_is_text():
    assert "<b>甲</b>&amp;" in text_of(letters.draw(replace(LETTER, sentences=("<b>甲</b>&amp;",))))
