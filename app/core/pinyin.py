"""Pinyin of names: the readings of each character for search, and the key by which names are sorted."""

from functools import lru_cache
from itertools import product

from app.core.settings import read_no_phrases

LONGEST_SPELLING = 24  # letters; what is typed beyond them is not compared
LONGEST_KEY = 160
_VARIED = 4  # so many characters on from its start, a spelling is made with every reading
# Where a name begins: its reading there (《现代汉语词典》, surnames and places), which is not the usual one of the character.
_AT_THE_START = {
    "单": "shan4", "仇": "qiu2", "解": "xie4", "曾": "zeng1", "区": "ou1", "查": "zha1", "任": "ren2", "盖": "ge3",
    "朴": "piao2", "华": "hua4", "缪": "miao4", "折": "she2", "种": "chong2", "员": "yun4", "纪": "ji3", "宁": "ning4",
    "翟": "zhai2", "乐": "yue4", "覃": "qin2", "葛": "ge3", "召": "shao4", "繁": "po2", "那": "na1", "黑": "he4",
    "秘": "bi4", "洗": "xian3", "燕": "yan1", "应": "ying1", "令": "ling2", "过": "guo1", "哈": "ha3", "么": "yao1",
    "万俟": "mo4 qi2", "尉迟": "yu4 chi2", "澹台": "tan2 tai2", "长孙": "zhang3 sun1", "单于": "chan2 yu2",
    "长": "chang2", "重庆": "chong2 qing4", "厦门": "xia4 men2", "六安": "lu4 an1", "蚌埠": "beng4 bu4",
}  # fmt: skip


@lru_cache(maxsize=30_000)
def _readings(character: str) -> tuple[str, ...]:
    """The usual reading with the number of its tone, then those of 《通用规范汉字字典》; none for other characters."""
    read_no_phrases()
    # Only where a name is stored: 0.2 s and 15 MB.
    from pypinyin import Style, pinyin  # noqa: PLC0415
    from pypinyin.contrib.tone_convert import to_tone3  # noqa: PLC0415
    from pypinyin_dict.pinyin_data.ktghz2013 import pinyin_dict  # noqa: PLC0415

    usual = pinyin(character, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    others = pinyin_dict.get(ord(character), "").split(",") if usual else ()
    return tuple(dict.fromkeys([*(usual[0] if usual else ()), *(to_tone3(one) for one in others if one)]))


def _read_at_start(name: str) -> list[str]:
    """The readings of the first characters of a name that has some of its own."""
    return next((_AT_THE_START[name[:n]].split() for n in (2, 1) if name[:n] in _AT_THE_START), [])


def _letters(reading: str) -> tuple[str, ...]:
    """A reading without its tone. ü as it is typed, v, and as it stands in passports, yu."""
    plain = reading.rstrip("012345")
    return (plain, plain.replace("v", "yu")) if "v" in plain else (plain,)


def spellings(name: str) -> list[str]:
    """What may be typed for a name: whole syllables and initials, from each of its characters on, in every usual reading.

    ``张天翔``: zhangtianxiang, ztx, tianxiang, tx, xiang, x.
    """
    own = _read_at_start(name)
    heard: list[tuple[str, ...]] = []
    for position, character in enumerate(name):
        read = dict.fromkeys(letters for one in _readings(character) for letters in _letters(one))
        here = [letters for one in own[position : position + 1] for letters in _letters(one)]
        heard.append(tuple(dict.fromkeys([*here, *read])))
    found: dict[str, None] = {}
    for start in range(len(name)):
        run = heard[start : start + LONGEST_SPELLING]
        run = run[: next((n for n, each in enumerate(run) if not each), len(run))]
        rest = [each[0] for each in run[_VARIED:]]
        for first in product(*run[:_VARIED]) if run else ():
            syllables = [*first, *rest]
            found["".join(syllables)[:LONGEST_SPELLING]] = None
            found["".join(one[0] for one in syllables)] = None
    return list(found)


def sort_key(name: str) -> str:
    """A key that sorts by bytes: character by character by pinyin, then tone, then code point.

    People of one surname stay together. Latin letters sort among the syllables, characters without a reading last.
    """
    own, key = _read_at_start(name), ""
    for position, character in enumerate(name):
        reading = own[position] if position < len(own) else next(iter(_readings(character)), "")
        key += f"{reading}{character}" if reading or character.isascii() else f"~{character}"
    return key[:LONGEST_KEY]
