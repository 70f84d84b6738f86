"""Reads a day as offices write it: typed in some twenty shapes, or counted by Excel.

What leaves the day, the month or the century open is doubtful; what is no day is refused. Which years are possible is the
column's to say.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time

from flask_babel import lazy_gettext as _

from app.core.clock import office_day
from app.files.spreadsheets.columns import Doubtful
from app.files.spreadsheets.number_format import moment_of

_CLOCK = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?(?: ?[AP]M)?)?"
_UTC = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2}(?:\.\d{3})?)?)Z")
_FULL = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})[日号]?| (\d{1,2}) (\d{1,2})|(\d{2})(\d{2}))" + _CLOCK
)
_MONTH_ONLY = re.compile(r"(\d{4})(?:[-/.](\d{1,2})|年(\d{1,2})月?份?|(0[1-9]|1[0-2]))")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _CLOCK)
_SHORT_YEAR = re.compile(r"(\d{2})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})[日号]?)")
_MONTH_FIRST = re.compile(r"([A-Z]{3})[A-Z]*[. -]*(\d{1,2})(?:ST|ND|RD|TH)?[, -]+(\d{4})", re.IGNORECASE)
_DAY_FIRST = re.compile(r"(\d{1,2})(?:ST|ND|RD|TH)?[. -]*([A-Z]{3})[A-Z]*[., -]*(\d{4})", re.IGNORECASE)
_LONGEST = 60  # characters of a day
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_COUNTED = re.compile(r"[1-7]\d{4}(?:\.\d+)?")  # days since 1900: 1927 to 2118
_CHINESE_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CHINESE = re.compile("([〇○零一二三四五六七八九]{4})年(N)月(?:(N)[日号]?)?".replace("N", "[一二三四五六七八九十]{1,3}"))


def read_day(text: str, *, from_1904: bool = False) -> date:
    """The day that folded text names. ``ValueError`` with a sentence if none, ``Doubtful`` if several come into question.

    A count of days is one of ``from_1904`` if the workbook says so.
    """
    if len(text) > _LONGEST:
        raise _no_day(text)
    compact = re.sub(r"\s*([-/.年月日])\s*", r"\1", _without_chinese_digits(text))
    try:
        day = _certain(compact, from_1904=from_1904) or _of_open_form(compact, text[:20])
    except Doubtful:
        raise
    except ValueError:  # the 30th of February
        day = None
    if day is None:
        raise _no_day(text)
    return day


def _no_day(text: str) -> ValueError:
    return ValueError(_("“%(text)s” is not a date. Please type it like 2018-03-05.", text=text[:20]))


def ends_of_month(year: int, month: int) -> list[date]:
    """Its first and its last day. ``ValueError`` if there is no such month."""
    return [date(year, month, 1), date(year, month, monthrange(year, month)[1])]


def _certain(text: str, *, from_1904: bool) -> date | None:
    if found := _FULL.fullmatch(text):
        month, day = [part for part in found.groups()[2:] if part]
        return date(int(found[1]), int(month), int(day))
    if found := _MONTH_FIRST.fullmatch(text):
        return date(int(found[3]), _month(found[1]), int(found[2]))
    if found := _DAY_FIRST.fullmatch(text):
        return date(int(found[3]), _month(found[2]), int(found[1]))
    if found := _UTC.fullmatch(text):
        return _of_utc(text, date.fromisoformat(found[1]), time.fromisoformat(found[2]))
    if _COUNTED.fullmatch(text):
        moment = moment_of(float(text), from_1904=from_1904)
        return moment.date() if moment else None
    return None


def _of_utc(text: str, named: date, at: time) -> date:
    """A program wrote midnight here as four in the afternoon of the day before."""
    here = office_day(datetime.combine(named, at, UTC))
    if here == named:
        return named
    sentence = _(
        "“%(text)s” is %(here)s here, but names %(named)s. Please type the day like 2018-03-05.",
        text=text,
        here=here.isoformat(),
        named=named.isoformat(),
    )
    raise _doubt(sentence, [here, named])


def _of_open_form(text: str, typed: str) -> date | None:
    """A form that leaves something open, where only one day is possible; None for any other. Else ``Doubtful``."""
    if found := _MONTH_ONLY.fullmatch(text):
        days = ends_of_month(int(found[1]), int(found[2] or found[3] or found[4]))
        raise _doubt(
            _("“%(text)s” names no day; it may be %(days)s. Please type the day.", text=typed, days=_named(days)), days
        )
    if found := _YEAR_LAST.fullmatch(text):
        one, other, year = int(found[1]), int(found[3]), int(found[4])
        days = _existing((year, one, other), (year, other, one))
        if len(days) < 2:
            return days[0] if days else None
        raise _doubt(_("“%(text)s” may be %(days)s. Please type it like 2018-03-05.", text=typed, days=_named(days)), days)
    if found := _SHORT_YEAR.fullmatch(text):  # 18.3.5 may be the 18th of March 2005, too
        one, two, three = int(found[1]), int(found[3] or found[5]), int(found[4] or found[6])
        turned = ((2000 + three, two, one), (2000 + three, one, two)) if found[2] else ()
        if days := _existing((2000 + one, two, three), *turned):
            sentence = _(
                "“%(text)s” leaves the year open: %(days)s? Please type all four digits of it.", text=typed, days=_named(days)
            )
            raise _doubt(sentence, days)
    return None


def _doubt(sentence: object, days: Sequence[date]) -> Doubtful:
    return Doubtful(sentence, *(day.isoformat() for day in days))


def _named(days: Sequence[date]) -> str:
    return " / ".join(day.isoformat() for day in days)


def _existing(*days: tuple[int, int, int]) -> list[date]:
    found: dict[date, None] = {}
    for year, month, day in days:
        with suppress(ValueError):
            found[date(year, month, day)] = None
    return list(found)


def _month(name: str) -> int:
    return _MONTHS.index(name.lower()) + 1


def _without_chinese_digits(text: str) -> str:
    """二〇一八年三月五日 → 2018年3月5日."""
    found = _CHINESE.fullmatch(re.sub(r"\s", "", text))
    if found is None:
        return text
    year, month, day = found.groups()
    return f"{year.translate(_CHINESE_DIGITS)}年{_up_to_99(month)}月" + (f"{_up_to_99(day)}日" if day else "")


def _up_to_99(numeral: str) -> int:
    """十 → 10, 二十三 → 23."""
    tens, ten, ones = numeral.translate(_CHINESE_DIGITS).rpartition("十")
    return (int(tens or 1) * 10 if ten else 0) + int(ones or 0)


def day_of(moment: datetime, shown_parts: str, shown: str) -> date:
    """The day of a cell that stores a moment, if the cell shows it whole (``ymd``); else ``Doubtful``."""
    day = moment.date()
    if shown_parts == "ymd":
        return day
    readings = {day.isoformat(): None}
    if shown_parts == "ym":
        readings |= dict.fromkeys(end.isoformat() for end in ends_of_month(day.year, day.month))
    sentence = _(
        "The cell shows “%(shown)s”, but stores the day %(day)s. Please type the day that is meant.",
        shown=shown,
        day=day.isoformat(),
    )
    raise Doubtful(sentence, *readings)
