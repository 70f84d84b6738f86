"""A question in words, for those who cannot see the picture: two words of a list, by what they name or where they stand.

It holds no numerals, so what a regular expression finds in the text is no answer; of guesses one in 28 is right. A program
that knows these lists answers it: like the picture, it only slows programs down, and the rate limits stop them.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from itertools import combinations

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.identifiers import visible

LISTED = 8  # words in a question
# What the words name, and the words: no word of one kind names another kind.
KINDS: tuple[tuple[object, object], ...] = (
    (_("a fruit"), _("apple, pear, banana, grape, peach, cherry, lemon, mango")),
    (_("an animal"), _("horse, cow, sheep, tiger, rabbit, monkey, elephant, camel")),
    (_("a vehicle"), _("lorry, bicycle, tram, bus, tractor, motorcycle, train, taxi")),
    (_("a piece of furniture"), _("table, chair, bed, wardrobe, bookcase, sofa, cupboard, stool")),
    (_("a piece of clothing"), _("shirt, trousers, skirt, coat, sock, glove, scarf, jacket")),
    (_("a tool"), _("hammer, saw, spanner, pliers, chisel, screwdriver, shovel, drill")),
    (_("a colour"), _("red, yellow, blue, green, white, black, grey, purple")),
)
PLACES = _("first, second, third, fourth, fifth, sixth, seventh, last")
_random = secrets.SystemRandom()


def new_question() -> tuple[str, str]:
    """A question in the language of the request, and its answer as ``typed`` reads it."""
    asked, words = _random.choice(ASKED)()
    return asked, typed(" ".join(words))


def typed(answer: str) -> str:
    """An answer without what stands between its words, in one spelling of width and case."""
    return re.sub(r"[\s,、;]+", "", visible(answer).upper())


def split(words: object) -> list[str]:
    """The words of a translated list."""
    return re.split(r"[,，、]\s*", str(words))


Question = tuple[str, Sequence[str]]  # the sentence, the two words that answer it


def _mixed(of_the_kind: int) -> tuple[str, list[str], list[str]]:
    """A kind; ``LISTED`` words in random order, so many of them of the kind; and those in that order."""
    chosen, *others = _random.sample(KINDS, len(KINDS))
    wanted = set(_random.sample(split(chosen[1]), of_the_kind))
    rest = [word for _kind, words in others for word in split(words)]
    listed = _random.sample([*wanted, *_random.sample(rest, LISTED - of_the_kind)], LISTED)
    return str(chosen[0]), listed, [word for word in listed if word in wanted]


def _named() -> Question:
    kind, listed, wanted = _mixed(2)
    question = gettext("Which two of these words name %(kind)s each? %(words)s", kind=kind, words=_shown(listed))
    return question, wanted


def _not_named() -> Question:
    kind, listed, others = _mixed(LISTED - 2)
    question = gettext("Which two of these words do not name %(kind)s? %(words)s", kind=kind, words=_shown(listed))
    return question, [word for word in listed if word not in others]


def _placed() -> Question:
    places, (_kind, listed, _wanted) = split(PLACES), _mixed(2)
    one, other = _random.choice(list(combinations(range(LISTED), 2)))
    words = {"one": places[one], "other": places[other], "words": _shown(listed)}
    return gettext("Which word stands %(one)s, and which %(other)s? %(words)s", **words), [listed[one], listed[other]]


def _beside() -> Question:
    _kind, listed, _wanted = _mixed(2)
    at = 1 + _random.randrange(LISTED - 2)
    question = gettext(
        "Which word stands right before “%(word)s”, and which right after it? %(words)s",
        word=listed[at],
        words=_shown(listed),
    )
    return question, [listed[at - 1], listed[at + 1]]


def _shown(words: Sequence[str]) -> str:
    return str(gettext(", ")).join(words)


ASKED: tuple[Callable[[], Question], ...] = (_named, _not_named, _placed, _beside)
