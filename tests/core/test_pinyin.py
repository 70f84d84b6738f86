"""Pinyin: what may be typed for a name, and the order of names."""

import pytest

from app.core.pinyin import LONGEST_KEY, LONGEST_SPELLING, sort_key, spellings


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张天翔", ["zhangtianxiang", "ztx", "tianxiang", "tx", "xiang", "x"]),
        ("单乐", ["shanle", "danle", "shanyue", "sl", "sy", "yue"]),
        ("万俟卨", ["moqixie", "mqx"]),
        ("吕布", ["lvbu", "lyubu", "lb"]),
        ("长沙重工", ["changshazhonggong", "changshachonggong", "cszg", "zhonggong"]),
        ("𠮷野", ["ye"]),
        ("abc公司", ["gongsi", "gs"]),
    ],
)
def test_spellings_are_syllables_and_initials_in_every_usual_reading(name, typed):
    assert set(typed) <= set(spellings(name))


def test_readings_that_nobody_uses_any_more_are_left_out():
    assert spellings("王伟") == ["wangwei", "ww", "wei", "w"]


def test_what_has_no_reading_has_no_spelling():
    assert spellings("") == spellings("abc123") == spellings("𠮷") == []


def test_a_long_name_has_few_and_short_spellings():
    found = spellings("重" * 120)
    assert max(map(len, found)) == LONGEST_SPELLING
    assert len(found) < 5 * 120


def test_names_sort_by_surname_then_pinyin_then_tone():
    ordered = ["阿里", "ABC", "李", "李四", "吕布", "单雄信", "曾国", "张", "张三", "张伟", "章三", "𠮷野"]
    assert sorted(set(ordered), key=lambda name: sort_key(name.casefold()).encode()) == ordered


def test_a_sort_key_fits_its_column():
    assert len(sort_key("重" * 120)) == LONGEST_KEY
    assert sort_key("") == ""
