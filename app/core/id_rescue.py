"""What an ID number that cannot be right may have been: proposals, of which a person confirms one.

A proposal is a valid number, and one of those that are known, but for the 15 digits of before 1999, of which the 18 can be
computed: nothing is guessed from the text alone.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from flask_babel import lazy_gettext as _

from app.core.identifiers import BadNumber, fold, mask_id, parse_id_number, parse_old_id_number

_ROUNDED = re.compile(r"([1-9](?:\.\d{1,14})?)E\+?17")  # as a spreadsheet shows 18 digits that were typed as a number
_DIGITS = re.compile(r"\d{17}[\dX]")


class IdProposal(NamedTuple):
    """A number, and in what it differs from what the cell shows: by places, which are counted from 1, never by digits."""

    number: str
    difference: object

    @property
    def shown(self) -> str:
        return f"{mask_id(self.number)} ({self.difference})"


def id_proposals(text: str, known: Iterable[str]) -> list[IdProposal]:
    """Proposals for the text of a cell; none if it is valid. ``known``: ID numbers that come into question, such as those of
    the people of the same name in the same enterprise.
    """
    typed = fold(text)
    if _is_valid(typed):
        return []
    if len(typed) == 15:
        return _computed(typed)
    candidates = [number for number in dict.fromkeys(known) if _is_valid(number)]
    if loses_digits(typed):
        return [IdProposal(number, _("the cell has lost digits")) for number in candidates if _fits(typed, number)]
    if not _DIGITS.fullmatch(typed):
        return []
    places = {number: [n for n in range(18) if typed[n] != number[n]] for number in candidates}
    swapped = [number for number, differing in places.items() if _is_swap(typed, number, differing)]
    mistyped = [number for number, differing in places.items() if len(differing) == 1]
    return [
        *(
            IdProposal(number, _("places %(one)s and %(other)s swapped", one=first + 1, other=second + 1))
            for number, (first, second) in ((number, places[number]) for number in swapped if len(swapped) == 1)
        ),
        *(IdProposal(number, _("another character at place %(n)s", n=places[number][0] + 1)) for number in mistyped),
    ]


def loses_digits(text: str) -> bool:
    """Whether a spreadsheet has rounded the number: it keeps fifteen digits, and shows fewer."""
    return _ROUNDED.fullmatch(text) is not None or (_DIGITS.fullmatch(text) is not None and text.endswith("000"))


def _fits(typed: str, number: str) -> bool:
    """Whether the number, had it been typed as a number, would look like this. One that ends in X is never taken for one."""
    if number.endswith("X"):
        return False
    shown = _ROUNDED.fullmatch(typed)
    if shown is None:
        return number[:15] == typed[:15]
    digits = shown[1].replace(".", "")
    unit = int("1".ljust(19 - len(digits), "0"))
    return abs(int(number) - int(digits) * unit) * 2 <= unit


def _is_swap(typed: str, number: str, differing: list[int]) -> bool:
    if len(differing) != 2:
        return False
    first, second = differing
    return typed[first] == number[second] and typed[second] == number[first]


def _computed(typed: str) -> list[IdProposal]:
    try:
        return [IdProposal(parse_old_id_number(typed), _("19 put in after the sixth digit, check character added"))]
    except BadNumber:
        return []


def _is_valid(number: str) -> bool:
    try:
        parse_id_number(number)
    except BadNumber:
        return False
    return True
