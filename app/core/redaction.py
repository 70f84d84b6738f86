"""Finds resident ID numbers, mobiles and bank cards in free text, and masks them.

A number that passes its check (check digit, birth date, Luhn) is found in any grouping. Numbers found are reported in
masked form only.
"""

import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask_babel import lazy_gettext as _

from app.core import clock
from app.core.errors import Refusal, Unmet
from app.core.identifiers import INVISIBLE, PROVINCES, BadNumber, age, birth_date, mask_id, mask_mobile, parse_old_id_number

REASON = _("Reason")
ID_NUMBER, MOBILE, BANK_CARD = _("ID number"), _("Mobile"), _("Bank card number")
_RUN = re.compile(r"\d+[Xx]?(?:[ \t\-‐-―_.·/]{1,2}\d+[Xx]?)*", re.ASCII)
_GROUP = re.compile(r"\d+[Xx]?", re.ASCII)
_TOKEN = re.compile(r"[0-9A-Za-z]*[0-9][A-Za-z]+$")  # letters and digits mixed: part of a code
_MOBILE = re.compile(r"(?:0{0,2}86)?(1[3-9]\d{9})", re.ASCII)
_MOBILE_GROUPS = ((3, 4, 4), (3, 8), (2, 3, 4, 4), (2, 11), (4, 11))
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_CONTRACT = re.compile(r"[A-Za-z]{2,}-(?:19|20)\d\d-$", re.ASCII)  # HT-2024-13800138000
_AGES = range(16, 100)  # in years, of people whose ID number may stand in a text
_LOOSE = re.compile(r"(?<!\d)\d{11,19}(?!\d)|1[3-9]\d[- ]\d{4}[- ]\d{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A personal number found in a text: its kind, its masked form, where it was found."""

    kind: object
    masked: str
    place: object = ""


def normalised(text: str) -> str:
    """NFKC (full width to half width) without invisible characters, the digits of all scripts as 0 to 9."""
    folded = unicodedata.normalize("NFKC", text.translate(INVISIBLE))
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), folded)


def may_hold_number(text: str) -> bool:
    """Whether a text holds anything like an ID number, a mobile or a card, even a mistyped one."""
    folded = normalised(text)
    return bool(_LOOSE.search(folded) or _LOOSE.search(re.sub(r"\s+", "", folded))) or any(_spans(folded))


def find_numbers(text: str, place: object = "", *, certain: bool = False) -> Iterator[FoundNumber]:
    """Every personal number in the text, each once. ``certain``: without those that may as well be a document's number."""
    seen, folded = set(), normalised(text)
    for start, end, kind, masked in _spans(folded):
        if (kind, masked) not in seen and not (certain and _may_be_a_document(folded, start, end, kind)):
            seen.add((kind, masked))
            yield FoundNumber(kind, masked, place)


def mask_numbers(text: str) -> str:
    """The text with each personal number masked; unchanged if it has none."""
    folded, done, at = normalised(text), "", 0
    for start, end, _kind, masked in _spans(folded):
        if start >= at:
            done, at = done + folded[at:start] + masked, end
    return done + folded[at:] if at else text


def disclosure_refusals(texts: Mapping[str, tuple[object, str]]) -> Iterator[Refusal]:
    """A refusal for each personal number in texts that would be public: ``{field: (label, text)}``."""
    for field, (label, text) in texts.items():
        for found in find_numbers(text, label):
            yield Refusal("personal-number", refusal_text(found), field)


def refusal_text(found: FoundNumber) -> object:
    return _(
        "%(place)s: %(kind)s %(masked)s stands there. It would be readable for everybody: please take it out.",
        place=found.place, kind=found.kind, masked=found.masked,
    )  # fmt: skip


def number_refusals(texts: Mapping[str, tuple[object, str]]) -> Iterator[Refusal]:
    """A refusal for each ID number and mobile in free text, which is stored and logged as it is: ``{field: (label, text)}``.

    Such numbers are encrypted in the fields that are for them. Bank cards, and what may as well be a document's number, are
    left alone; ``mask_numbers`` masks those, too.
    """
    for field, (label, text) in texts.items():
        for found in find_numbers(text, label, certain=True):
            if found.kind is not BANK_CARD:
                yield Refusal("personal-number", stored_text(found), field)


def stored_text(found: FoundNumber) -> object:
    return _(
        "%(place)s: %(kind)s %(masked)s stands there. It would lie open in the records and in the audit log: please take it "
        "out. The person is known by the name.",
        place=found.place, kind=found.kind, masked=found.masked,
    )  # fmt: skip


def without_numbers(text: str, label: object = REASON, field: str = "reason") -> str:
    """The text as it is. Raises ``Unmet`` if an ID number or a mobile stands in it."""
    if refusals := list(number_refusals({field: (label, text)})):
        raise Unmet(refusals)
    return text


class MaskingFormatter(logging.Formatter):
    """Masks personal numbers in log lines and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_numbers(super().format(record))


def _may_be_a_document(text: str, start: int, end: int, kind: object) -> bool:
    """Whether this may be the number of a building permit (18 digits: region, date, 4 digits; one in eleven has the check
    digit of an ID number), of the former register of enterprises (15 digits: region, 0 for domestic ones, 8 digits), or of a
    contract (letters, year, digits).
    """
    if kind is MOBILE:
        return _CONTRACT.search(text, max(start - 64, 0), start) is not None
    if kind is not ID_NUMBER:
        return False
    born = birth_date(parse_old_id_number(re.sub(r"[^0-9Xx]", "", text[start:end])))
    return age(born, clock.office_day(clock.now())) not in _AGES


def _spans(text: str) -> Iterator[tuple[int, int, object, str]]:
    """``(start, end, kind, masked)``, in the order of the text; where a span fits two kinds, the stricter check wins."""
    for run in _RUN.finditer(text):
        groups = list(_GROUP.finditer(text, run.start(), run.end()))
        # Beside letters it is part of a code, unless it is a whole ID number: its date and check digit are no chance.
        if len(groups) == 1 and len(groups[0][0]) == 18 and _is_id(groups[0][0].upper()):
            yield groups[0].start(), groups[0].end(), ID_NUMBER, mask_id(groups[0][0].upper())
            continue
        if _TOKEN.search(text, max(run.start() - 64, 0), run.start()):
            groups = groups[1:]
        if groups and text[groups[-1].end() : groups[-1].end() + 1].isalpha() and text[groups[-1].end()].isascii():
            groups = groups[:-1]
        yield from _among(groups)


def _among(groups: list[re.Match[str]]) -> Iterator[tuple[int, int, object, str]]:
    first = 0
    while first < len(groups):
        last = first
        for kind, count, masked in _beginning(groups[first:]):
            yield groups[first].start(), groups[first + count - 1].end(), kind, masked
            last = first + count - 1
            break
        first = last + 1


def _beginning(groups: list[re.Match[str]]) -> Iterator[tuple[object, int, str]]:
    """The number that the first groups form: ``(kind, how many groups, masked)``."""
    joined, sizes = "", []
    for count, group in enumerate(groups, start=1):
        joined += group[0].upper()
        sizes.append(len(group[0]))
        if len(joined) > 19:
            return
        if len(joined) in (15, 18) and _is_id(joined):
            yield ID_NUMBER, count, mask_id(joined)
        if (mobile := _MOBILE.fullmatch(joined)) and (count == 1 or tuple(sizes) in _MOBILE_GROUPS):
            yield MOBILE, count, mask_mobile(mobile[1])
        if _is_card(joined, sizes):
            yield BANK_CARD, count, f"{joined[:4]}{'*' * (len(joined) - 8)}{joined[-4:]}"


def _is_id(joined: str) -> bool:
    try:
        return PROVINCES.match(joined) is not None and bool(parse_old_id_number(joined))
    except BadNumber:
        return False


def _is_card(joined: str, sizes: list[int]) -> bool:
    if not (16 <= len(joined) <= 19 and joined.isdecimal() and joined[0] in "34569"):
        return False
    if len(sizes) > 1 and not all(size == 4 for size in sizes[:-1]):
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(joined)))
    return sum(n // 10 + n % 10 for n in doubled) % 10 == 0
