"""What a number shows under an Excel number format (ECMA-376 part 1, 18.8.30 and 18.8.31).

Only what clerks' sheets use is drawn; of any other format ``shown`` is None: the number is then doubtful, not guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

GENERAL = "General"
_DAY, _MONTH_DAY, _MONTH = 'yyyy"年"m"月"d"日"', 'm"月"d"日"', 'yyyy"年"m"月"'
_MONEY, _ACCOUNT = "¥#,##0{0};¥-#,##0{0}", "#,##0{0}_);(#,##0{0})"
# The formats that a file names by number only, as Excel and WPS show them in Chinese.
BUILT_IN = {
    **dict(enumerate((GENERAL, "0", "0.00", "#,##0", "#,##0.00"))),
    **dict.fromkeys((5, 6), _MONEY.format("")),
    **dict.fromkeys((7, 8), _MONEY.format(".00")),
    **dict(enumerate(("0%", "0.00%", "0.00E+00", "# ?/?", "# ??/??", "yyyy/m/d", "d-mmm-yy", "d-mmm", "mmm-yy"), start=9)),
    **dict(enumerate(("h:mm AM/PM", "h:mm:ss AM/PM", "h:mm", "h:mm:ss", "yyyy/m/d h:mm"), start=18)),
    **dict.fromkeys((27, 36, 50, 52, 57), _MONTH),
    **dict.fromkeys((28, 29, 51, 53, 54, 58), _MONTH_DAY),
    **dict(enumerate(("m-d-yy", _DAY, 'h"时"mm"分"', 'h"时"mm"分"ss"秒"'), start=30)),
    **dict.fromkeys((37, 38, 41, 42), _ACCOUNT.format("")),
    **dict.fromkeys((39, 40, 43, 44), _ACCOUNT.format(".00")),
    **dict(enumerate(("mm:ss", "[h]:mm:ss", "mm:ss.0", "##0.0E+0", "@"), start=45)),
}
_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | _(?P<space>.) | \*(?P<fill>.)
    | \[\$(?P<currency>[^\]-]*)(?:-(?:[0-9A-F]{1,4}|[A-Z]{1,3}-[\w,-]+))?\]
    | \[(?P<numerals>DBNum\d)\] | \[(?P<elapsed>[hms]+)\]
    | \[(?P<colour>black|blue|cyan|green|magenta|red|white|yellow|[黑蓝青绿红白黄]色|洋红|(?:color|颜色)\s*\d+)\]
    | (?P<half>AM/PM|A/P|上午/下午) | (?P<general>General|G/通用格式)
    | (?P<part>y+|m+|d+|h+|s+|e(?![+-]))
    | (?P<place>[0\#?]) | (?P<point>\.) | (?P<comma>,) | (?P<percent>%) | (?P<text>@)
    | (?P<slash>/) | (?P<literal>[-+():^&'~{}<>=\s$¥￥1-9]|[^\x00-\x7f])
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_LONGEST = 255  # characters of a format, as Excel allows
_AS_IT_IS = {"general", "text", "colour", "space", "fill"}
_WHOLE = re.compile(r"[0-9十百千万亿萬億‰]")  # in a literal: seems to belong to the number


class Shape(Enum):
    GENERAL = "general"  # also text: the value as it is
    NUMBER = "number"
    DATE = "date"
    UNKNOWN = "unknown"


class Token(NamedTuple):
    kind: str
    text: str


class Shown(NamedTuple):
    """``number``: what the digits on the screen say, as 85 of ``85%``; None if they form none."""

    text: str
    number: Decimal | None


@dataclass(frozen=True, slots=True, eq=False)  # one object for one code: compared as such, which is quick
class NumberFormat:
    """A number format, taken apart. ``parts``: of a date, which of year, month, day are shown: ``ymd``."""

    code: str
    shape: Shape
    sections: tuple[tuple[Token, ...], ...] = ()
    parts: str = ""
    texts: tuple[Token, ...] | None = None  # the section for texts, if they are shown otherwise than as they are

    def shown_text(self, text: str) -> str:
        """What a cell that stores a text shows."""
        if self.texts is None:
            return text
        return "".join(text if kind == "text" else _piece(Token(kind, drawn), 0, {}) for kind, drawn in self.texts)

    def shown(self, value: float, *, from_1904: bool = False) -> Shown | None:
        """What the cell shows; None if this module cannot tell."""
        return _shown(self, value, from_1904)


@lru_cache(maxsize=8192)  # the days of a sheet are few
def _shown(self: NumberFormat, value: float, from_1904: bool) -> Shown | None:
    exact = Decimal(f"{value:.15g}")
    if self.shape is Shape.GENERAL:
        return Shown(format(exact, "f"), exact)
    if self.shape is Shape.DATE:
        moment = moment_of(value if self.parts else 1 + value % 1, from_1904=from_1904)
        in_words = any(unit == "numerals" for unit, _text in self.sections[0])
        return Shown(_draw_date(self.sections[0], moment), None) if moment and not in_words else None
    if self.shape is Shape.UNKNOWN:
        return None
    index = 1 if value < 0 and len(self.sections) > 1 else 2 if value == 0 and len(self.sections) > 2 else 0
    return _draw_number(self.sections[index], abs(exact) if index else exact, is_negative=exact < 0)


@lru_cache(maxsize=1024)
def number_format(code: str) -> NumberFormat:
    """The format of this code. Any text is taken; what is not understood is ``UNKNOWN``."""
    sections = [_tokens(section) for section in _split(code)] if len(code) <= _LONGEST else []
    if not sections or None in sections or len(sections) > 4:
        return NumberFormat(code, Shape.UNKNOWN)
    known = tuple(tuple(tokens or ()) for tokens in sections)
    return replace(_of_sections(code, known), texts=_for_texts(known))


def _for_texts(sections: Sequence[tuple[Token, ...]]) -> tuple[Token, ...] | None:
    """The fourth section, or the last one if it has a place for a text; None if that shows the text as it is."""
    found = sections[3] if len(sections) == 4 else sections[-1]
    kinds = {token.kind for token in found} - {"colour", "space", "fill"}
    return None if kinds == {"text"} or (len(sections) < 4 and "text" not in kinds) else found


def _of_sections(code: str, known: tuple[tuple[Token, ...], ...]) -> NumberFormat:
    if len(known) > 1 and any(token.kind == "text" for token in known[-1]):
        known = known[:-1]
    known = known[:3]
    kinds = {token.kind for token in known[0]}
    every = {token.kind for tokens in known for token in tokens}
    if every <= _AS_IT_IS and kinds & {"general", "text"}:
        return NumberFormat(code, Shape.GENERAL)
    if kinds & {"part", "half"}:
        bad = kinds & {"elapsed", "place", "percent", "general", "text"}
        units = tuple(token._replace(kind=_unit(known[0], at)) for at, token in enumerate(known[0]))
        shown = {token.kind for token in units}
        parts = "".join(part for part in "ymd" if part in shown)
        return NumberFormat(code, Shape.UNKNOWN if bad else Shape.DATE, (units,), parts)
    is_number = not every & {"elapsed", "numerals", "half", "slash", "text", "part"}
    return NumberFormat(code, Shape.NUMBER if is_number else Shape.UNKNOWN, known if is_number else ())


def moment_of(value: float, *, from_1904: bool) -> datetime | None:
    """The moment that a workbook stores as this number of days; None if it is none that Excel shows."""
    if not (0 if from_1904 else 1) <= value < 2_957_004:  # 31 December 9999 in a workbook that counts from 1904
        return None
    if from_1904:
        base = datetime(1904, 1, 1)  # noqa: DTZ001 - a cell has no time zone
    elif int(value) == 60:
        return None  # Excel's 29 February 1900
    else:
        base = datetime(1899, 12, 30 if value > 60 else 31)  # noqa: DTZ001
    try:
        return base + timedelta(milliseconds=round(value * 86_400_000))
    except OverflowError:
        return None


def _split(code: str) -> list[str]:
    """The sections, divided by semicolons outside quotes."""
    return re.findall(r'((?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])*)(?:;|$)', code)[: code.count(";") + 1] if code else [GENERAL]


def _tokens(section: str) -> list[Token] | None:
    """None if something in it is not known."""
    tokens, at = [], 0
    while at < len(section):
        found = _TOKEN.match(section, at)
        if found is None or found.lastgroup is None:
            return None
        kind, text = found.lastgroup, found[found.lastgroup]
        tokens.append(Token("literal" if kind in ("quoted", "escaped", "currency") else kind, text))
        at = found.end()
    return tokens


# --- dates -------------------------------------------------------------------------------------


def _unit(tokens: tuple[Token, ...], at: int) -> str:
    """y, m, d, h, s, n for minutes (``m`` after hours or before seconds), w for a weekday (``ddd``); else the kind."""
    kind, text = tokens[at].kind, tokens[at].text.lower()
    if kind != "part":
        return kind
    if text[0] == "e":
        return "y"
    if text[0] != "m" or len(text) > 2:
        return "w" if text[0] == "d" and len(text) > 2 else text[0]
    units = [(index, token.text[0].lower()) for index, token in enumerate(tokens) if token.kind in ("part", "elapsed")]
    before = [unit for index, unit in units if index < at][-1:]
    after = [unit for index, unit in units if index > at][:1]
    return "n" if before == ["h"] or after == ["s"] else "m"


def _draw_date(units: tuple[Token, ...], moment: datetime) -> str:
    is_half = any(unit == "half" for unit, _text in units)
    hour = (moment.hour % 12 or 12) if is_half else moment.hour
    values = {"m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second}
    drawn = []
    for unit, text in units:
        width = len(text)
        if unit == "y":
            drawn.append(f"{moment.year % 100:02}" if width == 2 else str(moment.year))
        elif unit in values and width <= 2:
            drawn.append(f"{values[unit]:0{width}}")
        elif unit in ("m", "w"):
            drawn.append(_name_of(moment, unit, width))
        elif unit == "half":
            drawn.append(text.split("/")[moment.hour >= 12])
        elif unit in ("literal", "slash", "point", "comma"):
            drawn.append(text)
    return "".join(drawn)


def _name_of(moment: datetime, unit: str, width: int) -> str:
    name = moment.strftime("%B" if unit == "m" else "%A")
    return name[:1] if width == 5 else name if width == 4 else name[:3]


# --- numbers -----------------------------------------------------------------------------------


def _draw_number(tokens: tuple[Token, ...], value: Decimal, *, is_negative: bool) -> Shown | None:
    places = [at for at, token in enumerate(tokens) if token.kind == "place"]
    literals = "".join(token.text for token in tokens if token.kind == "literal")
    if not places:
        plain = {at: format(value, "f") for at, token in enumerate(tokens) if token.kind == "general"}
        text = "".join(_piece(token, at, plain) for at, token in enumerate(tokens))
        # Without General, the section hides the number or puts a word in its place.
        return Shown(text, (-abs(value) if is_negative else value) if plain and not _WHOLE.search(literals) else None)
    point = next((at for at, token in enumerate(tokens) if token.kind == "point" and at > places[0]), len(tokens))
    whole, fraction = [at for at in places if at < point], [at for at in places if at > point]
    commas = [at for at, token in enumerate(tokens) if token.kind == "comma"]
    grouped = any(whole[0] < at < whole[-1] for at in commas) if whole else False
    thousands = sum(1 for at in commas if whole and whole[-1] < at < point)
    percent = sum(1 for token in tokens if token.kind == "percent")
    scaled = value * 100**percent / 1000**thousands
    rounded = abs(scaled).quantize(Decimal(1).scaleb(-len(fraction)), ROUND_HALF_UP)
    digits, _dot, decimals = format(rounded, "f").partition(".")
    drawn = _whole_digits(tokens, whole, digits, grouped=grouped) | _decimals(tokens, fraction, decimals)
    text = "".join(_piece(token, at, drawn) for at, token in enumerate(tokens))
    broken = any(tokens[at].kind == "literal" for left, right in pairwise(places) for at in range(left + 1, right))
    number = None if _WHOLE.search(literals) or broken or thousands else (-rounded if is_negative else rounded)
    return Shown(("-" if value < 0 and rounded else "") + text, number)


def _piece(token: Token, at: int, drawn: dict[int, str]) -> str:
    if at in drawn:
        return drawn[at]
    if token.kind == "space":
        return " "
    return token.text if token.kind in ("literal", "point", "percent") else ""


def _whole_digits(tokens: tuple[Token, ...], places: list[int], digits: str, *, grouped: bool) -> dict[int, str]:
    """What stands at each place before the point: digits from the right, what is left over at the first place."""
    digits = "" if digits == "0" else digits
    drawn: dict[int, str] = {}
    for count, at in enumerate(reversed(places)):
        rest = digits[: max(0, len(digits) - count)]
        taken = rest if at == places[0] else rest[-1:]
        taken = taken or {"0": "0", "?": " "}.get(tokens[at].text, "")
        if grouped and taken.strip():
            taken = _with_commas(taken, count)
        drawn[at] = taken
    return drawn


def _with_commas(digits: str, below: int) -> str:
    """A comma after each digit that has a multiple of three below it."""
    places = range(len(digits) - 1 + below, below - 1, -1)
    return "".join(digit + "," * (place > 0 and place % 3 == 0) for digit, place in zip(digits, places, strict=True))


def _decimals(tokens: tuple[Token, ...], places: list[int], decimals: str) -> dict[int, str]:
    """What stands after the point: optional places at the end that are zero are not shown."""
    drawn: dict[int, str] = {}
    for at, digit in reversed(list(zip(places, decimals, strict=True))):
        optional = tokens[at].text != "0" and digit == "0" and not any(text.strip() for text in drawn.values())
        drawn[at] = (" " if tokens[at].text == "?" else "") if optional else digit
    return drawn
