"""Region codes of a province and its prefectures (GB/T 2260).

Codes are never reused, and abolished regions stay in the database because old records refer to them.
"""

import re
from collections.abc import Mapping

from app.core.identifiers import fold

PREFECTURES: dict[str, dict[str, str]] = {
    "430000": {
        "430100": "长沙市",
        "430200": "株洲市",
        "430300": "湘潭市",
        "430400": "衡阳市",
        "430500": "邵阳市",
        "430600": "岳阳市",
        "430700": "常德市",
        "430800": "张家界市",
        "430900": "益阳市",
        "431000": "郴州市",
        "431100": "永州市",
        "431200": "怀化市",
        "431300": "娄底市",
        "433100": "湘西土家族苗族自治州",
    }
}


def regions_of(code: str, name: str) -> dict[str, str]:
    """Code and name of a province and of its prefectures, if they are known here."""
    return {code: name, **PREFECTURES.get(code, {})}


def plain_name(province: str) -> str:
    """``湖南省`` as ``湖南``: a province without what kind of region it is."""
    return re.sub("(省|市|(壮族|回族|维吾尔)?自治区)$", "", province)


def region_named(text: str, regions: Mapping[str, str], province: str) -> str | None:
    """The code of a region by its code, that of a place within it (430104: 430100), or its name as offices write it.

    ``长沙``, ``湖南省长沙市``; ``湘西``, ``湘西州``, ``湘西自治州``. None for what names no region as a whole.
    """
    wanted = fold(text)
    if re.fullmatch(r"\d{6}", wanted, re.ASCII):
        return next((code for code in (wanted, f"{wanted[:4]}00") if code in regions), None)
    before = regions[province]
    for code, name in regions.items():
        if wanted in {prefix + one for one in _names(name) for prefix in ("", before, plain_name(before))}:
            return code
    return None


def _names(region: str) -> set[str]:
    prefecture = re.fullmatch("(.+?)(..?族)+自治州", region)
    short = {f"{prefecture[1]}{kind}" for kind in ("", "州", "自治州")} if prefecture else set()
    return {region, plain_name(region)} | short
