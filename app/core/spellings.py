"""Reads terms of closed lists as offices write them. A text is understood as a whole or not at all.

Of “B转A” or “C1和C2合并为C3” no part is taken for the value: the refusal names what was found in it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from flask_babel import lazy_gettext as _

from app.core.identifiers import ABBREVIATIONS, fold
from app.core.vocabulary import Category, Term

Listed = TypeVar("Listed", bound=Term)


def term_parser(words: Iterable[Listed], also: Mapping[str, Listed], known: str = "") -> Callable[[str], Listed]:
    """A parser: accepts the label in the user's language, the stored code, or a synonym in ``also``.

    It raises ``ValueError`` with a sentence that names the list, or ``known`` where the labels are long.
    """
    terms = tuple(words)

    def parse(text: str) -> Listed:
        wanted = folded_word(text)
        for term in terms:
            if wanted in (folded_word(str(term)), str(term.value)):
                return term
        if wanted in also:
            return also[wanted]
        labels = known or "、".join(str(term) for term in terms)
        raise ValueError(_("“%(text)s” is not on the list: %(known)s.", text=text[:20], known=labels))

    return parse


def folded_word(text: str) -> str:
    """A word for comparing: half width, without spaces and case."""
    return fold(text).casefold()


# --- categories -------------------------------------------------------------------------------------

_ANY = frozenset(Category)
_SAFETY_OFFICER = frozenset((Category.C, Category.C1, Category.C2, Category.C3))
_CODES = {
    "A": frozenset((Category.A,)), "B": frozenset((Category.B,)), "C": _SAFETY_OFFICER,
    "C1": frozenset((Category.C1,)), "C2": frozenset((Category.C2,)), "C3": frozenset((Category.C3,)),
}  # fmt: skip
# What else a cell says of the category (建质〔2015〕206号 two): the categories that it leaves possible.
_WORDS = {
    "企业主要负责人": _CODES["A"], "主要负责人": _CODES["A"], "企业负责人": _CODES["A"],
    "项目负责人": _CODES["B"], "项目经理": _CODES["B"],
    "专职安全生产管理人员": _SAFETY_OFFICER, "专职安全员": _SAFETY_OFFICER,
    "安全员": _SAFETY_OFFICER, "专职": _SAFETY_OFFICER,
    "机械": _CODES["C1"], "土建": _CODES["C2"], "综合": _CODES["C3"],
    **dict.fromkeys(("类别", "类", "证书", "证", "建安", "安"), _ANY),
}  # fmt: skip
_TOKEN = re.compile(
    "|".join(["C[123]?", "A", "B", f"[{ABBREVIATIONS}]?建安", *sorted(_WORDS, key=len, reverse=True), r"[()·•・.:_\-]"])
)
_BETWEEN = re.compile("[、,;/+&|和及与兼]")


def categories_in(text: str) -> list[Category]:
    """Every category that a cell names, each once: “B类”, “建安B”, “B · 项目负责人”, “C类（综合）” (C3), “A类、B类” (two).

    ``ValueError`` names what was found in a text that is not understood as a whole.
    """
    wanted = fold(text)
    labels = {fold(str(category)): category for category in Category}
    if wanted in labels:
        return [labels[wanted]]
    possible: list[frozenset[Category]] = []
    for part in filter(None, _BETWEEN.split(wanted)):
        named, meaning = _meaning(part)
        if possible and not named and possible[-1] & meaning:  # “A类、主要负责人” says one thing twice
            possible[-1] &= meaning
        else:
            possible.append(meaning)
    if not possible or _ANY in possible or frozenset() in possible:
        raise ValueError(_not_understood(text, wanted))
    return list(dict.fromkeys(Category.C if Category.C in one else next(iter(one)) for one in possible))


def _meaning(part: str) -> tuple[bool, frozenset[Category]]:
    """Whether a part names a code, and the categories that all of it leaves possible: none if it is not understood."""
    place, codes, meaning = 0, 0, _ANY
    while found := _TOKEN.match(part, place):
        token, place = found[0], found.end()
        codes += token in _CODES
        meaning &= _CODES.get(token) or _WORDS.get(token, _ANY)
    return codes > 0, meaning if place == len(part) and codes <= 1 else frozenset()


def _not_understood(text: str, wanted: str) -> object:
    found = [Category(code) for code in dict.fromkeys(re.findall("C[123]?|A|B", wanted))]  # type: ignore[call-arg]
    if not found:
        return _("“%(text)s” is not a category: %(known)s.", text=text[:20], known=_codes(Category))
    return _(
        "“%(text)s” is not understood as a whole, though it names %(found)s. Please write only the category.",
        text=text[:20],
        found=_codes(found),
    )


def _codes(categories: Iterable[Category]) -> str:
    return "、".join(category.value for category in categories)
