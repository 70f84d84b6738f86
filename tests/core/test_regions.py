"""Regions: the province first, then its prefectures."""

import re

import pytest

from app.core.regions import PREFECTURES, plain_name, region_named, regions_of


@pytest.mark.parametrize(
    ("name", "plain"),
    [("湖南省", "湖南"), ("北京市", "北京"), ("广西壮族自治区", "广西"), ("内蒙古自治区", "内蒙古"), ("湘", "湘")],
)
def test_a_province_has_a_plain_name(name, plain):
    assert plain_name(name) == plain


@pytest.mark.parametrize("province", PREFECTURES)
def test_a_known_province_comes_with_its_prefectures(province):
    codes = list(regions_of(province, "本省"))
    assert (codes[0], len(codes)) == (province, 1 + len(PREFECTURES[province]))
    assert all(re.fullmatch(rf"{province[:2]}\d\d00", code) for code in codes)


@pytest.mark.parametrize("code", ["990000", "430100", ""])
def test_any_other_code_stands_alone(code):
    assert regions_of(code, "某地") == {code: "某地"}


def test_a_region_is_found_by_every_name_that_offices_give_it_and_by_no_part_of_a_text():
    regions = regions_of("430000", "湖南省")
    given = {"430100": "长沙 长沙市 湖南省长沙市 湖南长沙市 430100 430104", "430000": "湖南 湖南省 430000"}
    given["433100"] = "湘西 湘西州 湘西自治州 湘西土家族苗族自治州 湖南省湘西州 湖南湘西 433101"
    for code, texts in given.items():
        assert {region_named(text, regions, "430000") for text in texts.split()} == {code}, texts
    for text in ("长沙市岳麓区", "长沙、株洲", "原长沙市", "110000", "4301", "沙市", ""):
        assert region_named(text, regions, "430000") is None
