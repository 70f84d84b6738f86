"""Letters and forms on paper, as a reader and a search engine meet them."""

import io
import re
import subprocess
from dataclasses import replace

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from app.certificates.pdf import letters
from app.certificates.pdf.render import Unprintable
from app.files import fonts
from tests.hostile_files import jpeg

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


REPORT = letters.Report(
    issuer=LETTER.issuer,
    title="统计月报",
    number="2026年第11期",
    sentences=("本期共收件12件。",),
    tables=(
        letters.ReportTable(
            "一、各地区办理情况", ("地区", "收件"), [("长沙市", "7"), ("合计", "12")], "按自然月计。", is_total=True
        ),
        letters.ReportTable("二、各月办理情况", ("月份", "收件"), [(f"2026-{n:02d}", f"{n}") for n in range(90)]),
    ),
    signed_on=LETTER.signed_on,
    foot="数据由系统统计",
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


def lines_of(pdf: bytes) -> list[str]:
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=60)
    return [line.strip() for line in done.stdout.decode().splitlines() if line.strip()]


@settings(max_examples=25)
@given(st.lists(st.text("建设单位申请，。；：、）》〕”？！…—（《〔“12a", min_size=30, max_size=90), min_size=20, max_size=30))
def test_no_line_begins_or_ends_with_a_mark_that_may_not(paragraphs):
    """Where a line holds anything but marks."""
    texts = [
        "建设" + re.sub(r"([，。；：、）》〕”？！…—（《〔“]{3})[，。；：、）》〕”？！…—（《〔“]+", r"\1", one)
        for one in paragraphs
    ]
    lines = [line for text in texts for line in letters._broken(text, 16, letters.BREADTH * letters.MM, 32, fonts.PLAIN)]
    assert "".join(lines) == "".join(texts)
    firsts = {text[0] for text in texts}
    for line in lines:
        width = fonts.text_width(fonts.runs(line, fonts.PLAIN), 16)
        assert width <= letters.BREADTH * letters.MM
        assert line[0] in firsts or line[0] not in letters.NOT_FIRST


def test_the_marks_are_where_they_belong_in_the_file_too():
    sentence = "依照《建筑施工企业安全生产管理规定》（令第17号）第八条、第九条，经审查，申请材料不齐全；" * 3
    sentences = tuple("设" * n + sentence for n in range(1, 24))
    lines = [line for line in lines_of(letters.draw(replace(LETTER, sentences=sentences))) if not line.startswith("—")]
    assert not [line for line in lines if line[0] in letters.NOT_FIRST or line[-1] in letters.NOT_LAST]


@pytest.mark.parametrize("many", range(5, 16))
def test_the_signature_is_never_alone_on_a_page(many):
    drawn = letters.draw_letter(replace(LETTER, sentences=("经审查，符合条件，予以受理，本机关将依法作出决定。",) * many))
    reader = PdfReader(io.BytesIO(drawn.data))
    assert drawn.page == len(reader.pages) - 1
    text = "".join(reader.pages[drawn.page].extract_text().split())
    assert "行政复议" in text.split(LETTER.signed_on)[0]


def test_the_place_of_the_seal_is_where_it_is_drawn():
    drawn = letters.draw_letter(replace(LETTER, sentences=("经审查。",) * 40))
    left, lower, right, upper = drawn.box
    assert right - left == pytest.approx(upper - lower) == pytest.approx(42 * letters.MM)
    page = pypdfium2.PdfDocument(drawn.data)[drawn.page]
    inside = page.get_textpage().get_text_bounded(left, lower, right, upper)
    assert LETTER.signed_on[:8] in inside.replace(" ", "")


def test_a_lawful_seal_names_the_office_and_its_use_and_a_specimen_says_that_it_is_none():
    lawful, specimen = (text_of(letters.draw_letter(LETTER, specimen=one).data) for one in (False, True))
    assert "演示" in specimen
    assert "演示" not in lawful


def test_a_form_with_a_photo_keeps_its_proportions_and_an_id_number_on_one_line():
    rows = (("姓名", "李雷"), ("身份证号码", "43010219850615002X"), ("性别", "男"))
    pdf = letters.draw(replace(FORM, tables=(("人员信息", rows),), photo=jpeg(413, 579)))
    reader = PdfReader(io.BytesIO(pdf))
    assert len(reader.pages[0].images) == 1
    assert any("43010219850615002X" in line for line in lines_of(pdf))


def test_what_no_font_has_is_refused_by_name():
    with pytest.raises(Unprintable, match=r"U\+E000"):
        letters.draw(replace(LETTER, addressee="\ue000公司"))


def test_markup_is_text():
    assert "<b>甲</b>&amp;" in text_of(letters.draw(replace(LETTER, sentences=("<b>甲</b>&amp;",))))


def test_a_long_table_of_a_report_goes_on_below_its_heads():
    pdf = letters.draw(REPORT)
    assert pdf == letters.draw(REPORT)
    pages = ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]
    assert "一、各地区办理情况地区收件长沙市7合计12按自然月计。二、各月办理情况" in pages[0]
    assert len(pages) > 2
    assert all(page.startswith(f"—{n}—月份收件2026-") for n, page in enumerate(pages[1:], start=2))
    assert "2026-8989示例省住房和城乡建设厅2026年11月24日数据由系统统计" in pages[-1]
