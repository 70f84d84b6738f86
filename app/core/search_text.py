"""What a search compares: names and numbers folded, and cut into tokens that a full-text index finds as phrases.

A name gives one token for each character, so that a phrase of tokens is a substring, and one for each of its spellings in
pinyin; a number gives one for each of its parts up to the end. Spellings and numbers are found by their beginning.
No part of an ID number or a mobile may come in here: what is indexed lies open.
"""

import re
import unicodedata
from collections.abc import Iterable

from app.core.identifiers import DOTS, visible
from app.core.pinyin import LONGEST_SPELLING, spellings

# Folded text has neither: they keep spellings and numbers apart from the characters of names.
SPELLING, NUMBER = "·", "№"
_LONGEST_NUMBER = 60
_WIDE = str.maketrans("()", "（）")
_DOT = re.compile(DOTS)
_PARTS = re.compile(r"[0-9]+|[a-z]+|[^\W0-9a-z_]+")


def search_fold(text: str) -> str:
    """Without what forms and writers vary: width, case, spaces, dots, brackets and all other marks."""
    return "".join(mark for mark in visible(visible(text).casefold()) if _is_kept(mark))


def _is_kept(mark: str) -> bool:
    """Letters and digits, and characters that are too new or too rare for this version of Unicode."""
    kind = unicodedata.category(mark)
    return kind[0] not in "PSZ" and kind not in ("Cc", "Cf", "Cs")


def variants(text: str) -> list[str]:
    """The ways in which a name that is not folded may be stored: brackets of either width, the dot between its parts."""
    shown = visible(text)
    found = {text, shown, shown.translate(_WIDE), _DOT.sub("·", shown)}
    return sorted(found)


def tokens(names: Iterable[str | None] = (), numbers: Iterable[str | None] = ()) -> list[str]:
    """The tokens of a row, in order; those of a name stand side by side."""
    found: list[str] = []
    for name in filter(None, names):
        folded = search_fold(name)
        found += [*folded, *(f"{SPELLING}{one}" for one in spellings(folded))]
    for number in filter(None, numbers):
        parts = _PARTS.findall(visible(number).casefold())
        ends = ["".join(parts[start:]) for start in range(len(parts))]
        ends += [part.lstrip("0") for part in parts[-1:] if part.startswith("0") and part.strip("0")]
        found += [f"{NUMBER}{one[:_LONGEST_NUMBER]}" for one in ends]
    return found


def spelt(text: str) -> str:
    """The token by whose beginning a folded text is found as pinyin; "" if it cannot be pinyin.

    One letter is none: it would find every tenth name.
    """
    return f"{SPELLING}{text[:LONGEST_SPELLING]}" if re.fullmatch("[a-z]{2,}", text) else ""


def numbered(text: str) -> str:
    """The token by whose beginning a number is found, from the start of any of its parts; "" for no number."""
    folded = "".join(_PARTS.findall(visible(text).casefold()))
    return f"{NUMBER}{folded[:_LONGEST_NUMBER]}" if folded else ""
