"""One cell: what it stores and what it shows, and which of the two a column gets."""

import re
from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cell_text import fold
from app.files.spreadsheets.columns import Doubtful, Kind
from app.files.spreadsheets.days import day_of, ends_of_month, read_day
from app.files.spreadsheets.number_format import NumberFormat, Shape, moment_of

FORMULA = _("This cell holds a formula. Please copy the column and paste it as values.")
EXCEL_ERROR = _("This cell shows an Excel error such as #N/A. Please type the value.")
LONGEST_TEXT = 32_767  # characters, the most that Excel lets a cell hold
_FLOATED = re.compile(r"\d(?:\.\d+)?E\+(?:1[5-9]|[2-9]\d)", re.IGNORECASE)  # 4.30102E+17
_JANUARY = re.compile(r"(\d{4})\.1")
_LOST = 10**15  # from here on Excel keeps fewer digits than the number has


class FormattedNumber(NamedTuple):
    value: float
    format: NumberFormat


class FormattedText(NamedTuple):
    value: str
    shown: str  # another one


class Fault(NamedTuple):
    """A cell that is never read, and why; without a sentence if that was said at another cell."""

    sentence: object


# An empty cell is "". A moment is one that the file spells out (ISO 8601), not a count of days.
Cell = str | float | bool | datetime | FormattedNumber | FormattedText | Fault


def cell_of(value: str | float, number_format: NumberFormat) -> Cell:
    """A stored value under the format of its cell."""
    if isinstance(value, str):
        shown = number_format.shown_text(value)
        return value if shown == value else FormattedText(value, shown)
    return value if number_format.shape is Shape.GENERAL else FormattedNumber(value, number_format)


def shown_in(cell: Cell, *, from_1904: bool) -> str:
    """The text on the screen, as far as it is known; else the stored value."""
    match cell:
        case str():
            return cell
        case FormattedNumber(value, number_format):
            shown = number_format.shown(value, from_1904=from_1904) if isfinite(value) else None
            return shown.text if shown else _plain(value)
        case FormattedText():
            return cell.shown
        case Fault():
            return ""
        case bool() | datetime():
            return str(cell)
    return _plain(cell)


def text_of(cell: Cell, kind: Kind, *, from_1904: bool) -> str:
    """What ``Column.parse`` gets, or "". ``ValueError`` with a sentence, ``Doubtful`` among them, if that is not certain."""
    number_format: NumberFormat | None = None
    match cell:
        case str():
            return _of_text(cell, kind, from_1904=from_1904)
        case bool():
            raise ValueError(_("This cell holds TRUE or FALSE. Please type the value as text."))
        case Fault():
            raise ValueError(cell.sentence)
        case FormattedText():
            return _of_formatted_text(cell, kind)
        case datetime():
            return cell.date().isoformat() if kind is Kind.DAY or cell.time() == time() else cell.isoformat(" ")
        case FormattedNumber():
            value, number_format = cell
        case _:
            value = cell
    if not isfinite(value):
        raise ValueError(_("This cell does not hold a number that can be read. Please type the value again."))
    if abs(value) >= _LOST:
        raise _lost_digits(f"{value:.6E}")
    if number_format is None or number_format.shape is Shape.GENERAL:
        return _of_number(value, kind, from_1904=from_1904)
    return _of_formatted(value, number_format, kind, from_1904=from_1904)


def _of_text(cell: str, kind: Kind, *, from_1904: bool) -> str:
    text = fold(cell)
    if _FLOATED.fullmatch(text):
        raise _lost_digits(text)
    return read_day(text, from_1904=from_1904).isoformat() if text and kind is Kind.DAY else text


def _of_formatted_text(cell: FormattedText, kind: Kind) -> str:
    shown, stored = fold(cell.shown), fold(cell.value)
    if kind is Kind.TEXT and shown:
        return shown
    readings = [text for text in (shown, stored) if text]
    raise _differing(shown, stored, *(readings if kind is not Kind.DAY else ()))


def _of_number(value: float, kind: Kind, *, from_1904: bool) -> str:
    text = _plain(value)
    if kind is not Kind.DAY:
        return text
    if found := _JANUARY.fullmatch(text):
        ends = [end.isoformat() for month in (1, 10) for end in ends_of_month(int(found[1]), month)]
        raise Doubtful(_("%(text)s may be January or October, and names no day. Please type the day.", text=text), *ends)
    return read_day(text, from_1904=from_1904).isoformat()


@lru_cache(maxsize=8192)
def _of_formatted(value: float, number_format: NumberFormat, kind: Kind, *, from_1904: bool) -> str:
    shown, stored = number_format.shown(value, from_1904=from_1904), _plain(value)
    if number_format.shape is Shape.DATE:
        return _of_date(value, number_format, kind, shown.text if shown else "", from_1904=from_1904)
    if shown is None:
        raise _not_drawn(number_format, stored, *_readings(stored, kind, from_1904=from_1904))
    text = fold(shown.text)
    if not text or (kind is Kind.NUMBER and shown.number != Decimal(stored)):
        first = () if not text else (text,) if shown.number is None else (format(shown.number, "f"),)
        raise _differing(text, stored, *first, *_readings(stored, kind, from_1904=from_1904))
    if kind is Kind.NUMBER:
        return stored
    if kind is Kind.DAY:
        text = stored if shown.number == Decimal(stored) else text
        return read_day(text, from_1904=from_1904).isoformat()
    return text


def _of_date(value: float, number_format: NumberFormat, kind: Kind, shown: str, *, from_1904: bool) -> str:
    if kind is Kind.NUMBER:  # 85 typed where a date format was left behind: 1900-03-25
        raise _differing(shown, _plain(value), _plain(value))
    moment = moment_of(value, from_1904=from_1904)
    if kind is Kind.DAY and moment and number_format.parts:
        return day_of(moment, number_format.parts, shown).isoformat()
    if moment and not shown:
        raise _not_drawn(number_format, _plain(value))
    if not shown or kind is Kind.DAY:
        sentence = _("“%(text)s” is not a date. Please type it like 2018-03-05.", text=shown or _plain(value))
        raise ValueError(sentence)
    return fold(shown)


def _not_drawn(number_format: NumberFormat, stored: str, *readings: str) -> Doubtful:
    sentence = _(
        "This cell stores %(stored)s under the number format “%(code)s”, so that it shows something else. "
        "Please type as text what it shall say.",
        stored=stored,
        code=number_format.code[:40],
    )
    return Doubtful(sentence, *readings)


def _differing(shown: str, stored: str, *readings: str) -> Doubtful:
    sentence = _(
        "This cell shows “%(shown)s”, but stores %(stored)s. Please type the one that is meant.", shown=shown, stored=stored
    )
    return Doubtful(sentence, *dict.fromkeys(readings))


def _readings(stored: str, kind: Kind, *, from_1904: bool) -> tuple[str, ...]:
    """The stored number as a reading of a doubtful cell; of a day only if it counts one."""
    if kind is not Kind.DAY:
        return (stored,)
    try:
        return (read_day(stored, from_1904=from_1904).isoformat(),)
    except ValueError:
        return ()


def _plain(value: float) -> str:
    """Fifteen digits, as Excel keeps: later ones are rounding noise."""
    return format(Decimal(f"{value:.15g}"), "f") if isfinite(value) else str(value)


def _lost_digits(shown: str) -> ValueError:
    return ValueError(
        _(
            "Excel holds this as a number (%(shown)s) and has lost the last digits. "
            "Please format the column as text and type the ID numbers again.",
            shown=shown,
        )
    )
