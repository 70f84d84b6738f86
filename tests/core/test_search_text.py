"""What a search compares."""

import pytest

from app.core.search_text import numbered, search_fold, spelt, tokens, variants


@pytest.mark.parametrize(
    "typed",
    ["湖南（长沙）建设", "湖南(长沙)建设", " 湖南　长沙 · 建设", "湖南【长沙】•建设", "湖\u200b南-长沙/建设", "湖南长沙建设"],
)
def test_marks_and_widths_are_folded(typed):
    assert search_fold(typed) == "湖南长沙建设"


def test_a_name_is_looked_for_in_the_ways_it_may_be_stored():
    assert variants("湘建") == ["湘建"]
    for typed in ("湘建（集团）", "湘建(集团)", "\u202d湘建(集团)\u200e"):
        assert {"湘建（集团）", "湘建(集团)"} <= set(variants(typed))
    assert "买买提·吐尔逊" in variants("买买提•吐尔逊")
    assert "１２" in variants("１２")  # as it was typed, too


def test_folding_keeps_letters_digits_and_rare_characters():
    assert search_fold("ＡbC１２〇𠮷\U00031350\ue863") == "abc12〇𠮷\U00031350" + search_fold("\ue863") != ""
    assert search_fold("·•()") == ""


def test_a_name_gives_a_token_for_each_character_and_spelling():
    assert tokens(["王 伟"]) == ["王", "伟", "·wangwei", "·ww", "·wei", "·w"]
    assert tokens([None, ""]) == []


def test_a_number_is_found_from_each_of_its_parts_on():
    found = tokens([], ["430000-AG-20260302-0012", None])
    assert found == ["№430000ag202603020012", "№ag202603020012", "№202603020012", "№0012", "№12"]
    for typed in ("430000-ag-2026", "AG－20260302", "20260302-0012", "12"):
        assert any(token.startswith(numbered(typed)) for token in found), typed
    assert not any(token.startswith(numbered("60302")) for token in found)
    assert numbered("（）") == ""


def test_only_latin_letters_are_taken_for_pinyin_and_more_than_one():
    assert (spelt("ztx"), spelt("z"), spelt("王z"), spelt("z1")) == ("·ztx", "", "", "")


def test_what_is_typed_cannot_contain_the_marks_that_keep_tokens_apart():
    assert not set(search_fold("·ww № \" ' : * \\ & |")) & set("·№\"':*\\&|")
