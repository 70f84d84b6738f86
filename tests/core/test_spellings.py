"""Terms as offices write them: understood as a whole or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.spellings import categories_in, term_parser
from app.core.vocabulary import Category, TechnicalTitle

READ = {
    "A": "A", "a类": "A", "建安A": "A", "企业主要负责人": "A", "A类 主要负责人": "A", "B · 项目负责人": "B", "湘建安B": "B",
    "项目经理": "B", "C": "C", "C类专职安全员": "C", "专职安全生产管理人员": "C", "专职": "C", "Ｃ１": "C1", "c2类": "C2",
    "C3类 专职安全员（综合）": "C3", "C类（综合）": "C3", "C（土建）": "C2", "综合类": "C3", "机械类": "C1", "土建": "C2",
    "A类证书": "A",
    "A类、主要负责人": "A", "主要负责人/A": "A", "C类，综合": "C3", "专职安全员-土建": "C2",
}  # fmt: skip
SEVERAL = {
    "A类、B类": "A B",
    "B+C1": "B C1",
    "A/B/C3": "A B C3",
    "A类，项目负责人": "A B",
    "C1和C2": "C1 C2",
    "土建、机械": "C2 C1",
}
NOT_UNDERSTOOD = {
    "C1和C2合并为C3": "C1、C2、C3", "B转A": "B、A", "A已注销": "A", "AB": "A、B", "C4": "C", "C10": "C1", "A(不含B)": "A、B",
    "B类（机械）": "B", "C2（综合）": "C2", "A类项目负责人": "A", "非A": "A", "C1C2": "C1、C2", "ABC": "A、B、C",
}  # fmt: skip


def test_a_category_is_read_however_it_is_dressed():
    assert {cell: "".join(one.value for one in categories_in(cell)) for cell in READ} == READ


def test_several_categories_are_all_found():
    assert {cell: " ".join(one.value for one in categories_in(cell)) for cell in SEVERAL} == SEVERAL


def test_a_cell_that_is_understood_in_part_is_refused_with_what_was_found():
    for cell, found in NOT_UNDERSTOOD.items():
        with pytest.raises(ValueError, match="not understood") as error:
            categories_in(cell)
        assert f"names {found}." in str(error.value.args[0]), cell
    for cell in ("D", "特种作业", "1", "类别", "、", "证"):
        with pytest.raises(ValueError, match="is not a category"):
            categories_in(cell)


@given(st.sampled_from(sorted(READ)), st.text("转已注销不含退旧作废0149DEF?非", min_size=1, max_size=4), st.booleans())
def test_whatever_else_stands_in_the_cell_leaves_no_category(cell, more, before):
    with pytest.raises(ValueError):
        categories_in(more + cell if before else cell + more)


def test_labels_of_both_languages_codes_and_synonyms_are_terms():
    parse = term_parser(TechnicalTitle, {"高工": TechnicalTitle.SENIOR})
    assert {parse(cell) for cell in ("Senior", "senior", " S enior", "高 工", "ＳＥＮＩＯＲ")} == {TechnicalTitle.SENIOR}
    with pytest.raises(ValueError, match="not on the list"):
        parse("高工、工程师")
    assert {categories_in(str(category))[0] for category in Category} == set(Category)
