"""Regions: the province first, then its prefectures."""

import re

import pytest

from app.core.regions import PREFECTURES, plain_name, regions_of


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
