"""Invented people and enterprises at the frequencies of a province. Everything follows from the seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from app.core.identifiers import CREDIT_ALPHABET, ID_CHECKS, ID_WEIGHTS
from app.core.vocabulary import CURRENT_CATEGORIES, Category, Education, Position, TechnicalTitle

Drawn = TypeVar("Drawn")

# Ten thousands of residents, census of 2020.
RESIDENTS = {
    "430100": 1005, "430200": 390, "430300": 273, "430400": 665, "430500": 656, "430600": 505, "430700": 528,
    "430800": 152, "430900": 385, "431000": 467, "431100": 529, "431200": 459, "431300": 383, "433100": 249,
}  # fmt: skip
# The hundred most frequent surnames; the shares of the first in per mille, of the others falling evenly to 2.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_SHARES = (72, 70, 67, 52, 46, 31, 29, 21, 20, 20, 16, 14, 13, 13, 12, 12, 11, 10, 10, 10)
_GIVEN = (
    "伟芳娜秀敏静强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红建国文志海峰林鑫波辉斌宇浩凯丽健俊帆雪荣飞鹏旭宁亮成龙晨阳"
    "思博雅婷欣怡梦琪子涵一诺天佑嘉晓东春梅冬雨秋月永福德胜淑珍莲云翠凤琴素洁琳瑞祥"
)
_BRANDS = (
    "湘江洞庭岳麓潇雁衡岭南中天远大宏图鼎盛恒泰安顺达华信诚永固金桥正兴隆昌和友谊建业"
    "楚星汉湖光山水城立方圆通新时代东西北三四五"
)
_TRADES = ("建设", "建筑工程", "市政工程", "路桥工程", "安装工程", "装饰工程", "园林建设", "水利水电工程")
_MAJORS = ("土木工程", "工程管理", "建筑学", "给排水", "机械工程", "安全工程", "道路与桥梁", "")
_SHARE_OF = dict(zip(CURRENT_CATEGORIES, (12, 33, 10, 20, 25), strict=True))
_PRINCIPALS = tuple(Position)[:6]


class Choice(Generic[Drawn]):
    """Draws by weight, many at a time: a million single draws cost seconds."""

    def __init__(self, rng: Random, options: Sequence[Drawn], weights: Sequence[float] | None = None) -> None:
        self._rng, self._options = rng, options
        self._bounds = list(accumulate(weights or [1.0] * len(options)))
        self._drawn: list[Drawn] = []

    def draw(self) -> Drawn:
        if not self._drawn:
            self._drawn = self._rng.choices(self._options, cum_weights=self._bounds, k=4096)
        return self._drawn.pop()


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise. ``id`` from 1."""

    id: int
    name: str
    uscc: str
    region: str
    principal: str
    approved: bool


@dataclass(frozen=True, slots=True)
class Human:
    """A person. ``id`` from 1."""

    id: int
    name: str
    id_number: str
    born: date
    mobile: str
    category: Category
    position: Position
    education: Education
    title: TechnicalTitle
    major: str


class Names:
    """Full names: a surname by its share, then one character (15 %) or two."""

    def __init__(self, rng: Random) -> None:
        rest = len(_SURNAMES) - len(_SHARES)
        weights = [*_SHARES, *(10 - 8 * n / rest for n in range(rest))]
        self._surname = Choice(rng, _SURNAMES, weights)
        self._given = Choice(rng, _GIVEN, [1 / (n + 8) for n in range(len(_GIVEN))])
        self._single = Choice(rng, (True, False), (15, 85))

    def draw(self) -> str:
        given = self._given.draw()
        return self._surname.draw() + given if self._single.draw() else self._surname.draw() + given + self._given.draw()


def firms(rng: Random, count: int) -> Iterator[Firm]:
    """Enterprises; two in a hundred await the review of their registration."""
    names, region = Names(rng), Choice(rng, tuple(RESIDENTS), tuple(RESIDENTS.values()))
    pending = Choice(rng, (True, False), (2, 98))
    for n in range(count):
        rest, first = divmod(n, len(_BRANDS))
        rest, trade = divmod(rest, len(_TRADES))
        brand = (
            _BRANDS[first] + _BRANDS[(rest * 7 + first + 1) % len(_BRANDS)] + (_BRANDS[rest // len(_BRANDS)] if rest else "")
        )
        stem = f"91430000MA{n:07d}"
        yield Firm(n + 1, f"湖南{brand}{_TRADES[trade]}有限公司", _with_check(stem), region.draw(), names.draw(),
                   n == 0 or not pending.draw())  # fmt: skip


def humans(rng: Random, count: int, on: date) -> Iterator[Human]:
    """People aged 20 to 57, no ID number twice; the numbers name a region that is not assigned."""
    names = Names(rng)
    region = Choice(rng, [code[:4] + "99" for code in RESIDENTS], tuple(RESIDENTS.values()))
    category = Choice(rng, CURRENT_CATEGORIES, [_SHARE_OF[one] for one in CURRENT_CATEGORIES])
    principal, major = Choice(rng, _PRINCIPALS), Choice(rng, _MAJORS)
    education = Choice(rng, tuple(Education)[:4], (4, 34, 42, 20))
    title = Choice(rng, tuple(TechnicalTitle), (1, 9, 40, 35, 15))
    oldest, days = on - timedelta(days=57 * 365), 37 * 365
    births = [oldest + timedelta(days=n) for n in range(days)]
    for n in range(count):
        serial = n * 7_919_777 % (days * 1000)  # coprime to the modulus, so that none comes twice
        born = births[serial // 1000]
        body = f"{region.draw()}{born:%Y%m%d}{serial % 1000:03d}"
        kind = category.draw()
        if kind is Category.A:
            position = principal.draw()
        else:
            position = Position.PROJECT_MANAGER if kind is Category.B else Position.SAFETY_OFFICER
        check = ID_CHECKS[sum(weight * int(digit) for weight, digit in zip(ID_WEIGHTS, body, strict=True)) % 11]
        yield Human(
            *(n + 1, names.draw(), body + check, born, f"140{n:08d}", kind, position),
            *(education.draw(), title.draw(), major.draw()),
        )


def _with_check(stem: str) -> str:
    """A unified social credit code from its first 17 characters (GB 32100-2015)."""
    total = sum(CREDIT_ALPHABET.index(mark) * pow(3, place, 31) for place, mark in enumerate(stem))
    return stem + CREDIT_ALPHABET[(31 - total % 31) % 31]
