"""What the comparison of imported records goes by (docs/domain.md 2.11), as plain functions, and what it finds."""

import re
from dataclasses import dataclass
from datetime import date

from app.applications.legacy_import.columns import agree, category_in
from app.core.discrepancy_vocabulary import DiscrepancyKind
from app.core.office import Office
from app.core.vocabulary import Category

MOST_SIDES = 20  # rows kept of one discrepancy
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_YEAR_AND_COUNT = re.compile(r"((?:19|20)\d{2})(\d{5,})")  # written without brackets around the year
_WORDS = re.compile("^[第字]+|[号證证]+$")


@dataclass(frozen=True, slots=True)
class ComparisonRules:
    """The day of the comparison and the parameters of the office."""

    on: date
    years: int
    window: int  # months before the last day from which a renewal is taken
    least_age: int

    @classmethod
    def of(cls, office: Office, on: date) -> "ComparisonRules":
        return cls(on, office.validity_years, office.renewal_window_months, office.least_age)


@dataclass(frozen=True, slots=True)
class Discovery:
    """One discrepancy, as a comparison finds it. Equal ``subject``: the same one as before; other ``values``: asked anew."""

    kind: DiscrepancyKind
    subject: str
    sides: tuple[str, ...]
    values: str
    holder: str
    number: str = ""


def bare_number(number: str) -> str:
    """By which spellings of a number are equal: without brackets, dashes, 第 and 号, and zeros before a count.

    ``湘建安A(2024)0000123``, ``湘建安A〔2024〕123`` and ``湘建安A20240000123`` are the same; letters and years count.
    """
    parts: list[str] = []
    for part in _PARTS.findall(number):
        year = _YEAR_AND_COUNT.fullmatch(part)
        parts += year.groups() if year else (part,)
    told = (_WORDS.sub("", part).lstrip("0") for part in parts)
    return "|".join(part for part in told if part)


def unlike_number(category: str, number: str) -> bool:
    """Whether a certificate's number begins with another category (206号 six; undivided C fits each of its three)."""
    told = category_in(number)
    return told is not None and not agree(Category(category), told)  # type: ignore[call-arg]


def year_in(number: str) -> int:
    """The year in brackets before the count; 0 if the number has none."""
    found = re.search(r"\(((?:19|20)\d{2})\)\d+$", number)
    return int(found[1]) if found else 0
