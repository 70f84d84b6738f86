"""The regions an office is divided into (GB/T 2260): the province itself, then its prefectures.

Law: codes are never reused; a region that goes stays in the store, because old records stand on it.
"""

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
    },
}


def regions_of(code: str, name: str) -> dict[str, str]:
    """Code and name of a province and of its prefectures, as far as they are known here."""
    return {code: name, **PREFECTURES.get(code, {})}
