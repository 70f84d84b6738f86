"""Where everything stands on the page: whole, on its line, and nothing left empty."""

from dataclasses import replace
from datetime import date

import pytest

from app.certificates.pdf.render import draw, page_of
from app.certificates.pdf.shapes import Text, walk
from tests.certificates.pdf.conftest import FACE, page, part, words


def test_everything_on_the_face_is_printed() -> None:
    text = "\n".join(words(draw(FACE)))
    dates = ("1988年06月05日", "2023年06月15日", "2026年06月15日 至 2029年06月14日")
    own = (FACE.kind, FACE.number, FACE.sex, FACE.id_number, FACE.enterprise, FACE.position, FACE.issuer)
    for wanted in (*own, *dates, FACE.licence_identifier, "https://ag.example.gov.cn"):
        assert wanted in text


def test_a_company_name_of_sixty_characters_stays_on_its_line_and_is_whole() -> None:
    name = "湖南省长沙市望城经济技术开发区第一建筑安装工程设备租赁与市政公用基础设施施工总承包集团股份有限责任公司"
    name += "长沙高新分公司第三项目部"[: 60 - len(name)]
    assert len(name) == 60
    pdf = draw(replace(FACE, enterprise=name))
    assert name in "".join(words(pdf))
    beyond = part(page(pdf), 176.5, 142, 9, 12)  # right of the rule, left of the frame
    assert beyond.tobytes() == part(page(draw(FACE)), 176.5, 142, 9, 12).tobytes()


def test_a_long_name_is_cut_between_its_parts() -> None:
    lines = words(draw(replace(FACE, name="阿卜杜热合曼·买买提伊敏·阿卜杜克热木·托合提江")))
    assert "阿卜杜热合曼·买买提伊敏·" in lines
    assert "阿卜杜克热木·托合提江" in lines


def test_what_may_be_empty_leaves_no_gap() -> None:
    lines = words(draw(replace(FACE, position="", licence_identifier="")))
    assert "—" in lines
    assert not any("证照标识" in line for line in lines)


@pytest.mark.parametrize("long", range(2, 21))
def test_a_name_of_two_to_twenty_characters_is_whole_and_keeps_to_its_line(long: int) -> None:
    name = "阿卜杜热合曼·买买提伊敏·阿卜杜克热木托"[: long - 1] + "江"
    pdf = draw(replace(FACE, name=name))
    assert name in "".join(words(pdf))
    beside = (128.5, 195, 10, 20)  # right of the rule, left of the photo
    assert part(page(pdf), *beside).tobytes() == part(page(draw(FACE)), *beside).tobytes()


def test_the_twenty_ninth_of_february_is_printed_as_it_is() -> None:
    leap = date(2028, 2, 29)
    lines = words(draw(replace(FACE, birth_date=date(1988, 2, 29), issued_on=leap, valid_from=leap)))
    assert {"1988年02月29日", "2028年02月29日", "2028年02月29日 至 2029年06月14日"} <= set(lines)


def test_title_and_schooling_have_a_row_of_their_own_if_there_are_any() -> None:
    lines = words(draw(replace(FACE, technical_title="高级", schooling="本科　土木工程")))
    assert {"高级", "本科　土木工程"} <= {piece for line in lines for piece in line.split(" ")}
    assert "技术职称" not in "".join(words(draw(FACE))).replace(" ", "")


def test_the_layout_has_every_position_and_text_of_the_page() -> None:
    shapes = list(walk(page_of(FACE).shapes()))
    texts = [shape.text for _place, shape in shapes if isinstance(shape, Text)]
    assert {FACE.name, FACE.number, "企业名称"} <= {text.removeprefix("证书编号：") for text in texts}
    kinds = {type(shape).__name__ for _place, shape in shapes}
    assert kinds == {"Text", "Path", "ImageShape", "CodeShape", "LinkShape"}
