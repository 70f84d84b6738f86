"""The question in words: answered by who can read, not by a search for numbers."""

import re
from itertools import combinations

import pytest
from flask_babel import force_locale

from app.web.auth import word_question
from app.web.auth.word_question import ASKED, KINDS, LISTED, new_question, split, typed

LOCALES = ("en", "zh")


@pytest.fixture(params=LOCALES)
def in_locale(request, built):
    with built.test_request_context(), force_locale(request.param):
        yield request.param


def kind_of() -> dict[str, str]:
    return {word: str(kind) for kind, words in KINDS for word in split(words)}


def test_no_word_is_of_two_kinds_and_none_is_cut_when_it_is_read(in_locale):
    words = [word for _kind, words in KINDS for word in split(words)]
    assert (len(words), len(set(words))) == (7 * LISTED, 7 * LISTED)
    assert all(typed(word) == word.upper() for word in words)
    assert len(split(word_question.PLACES)) == LISTED


def listed_in(question: str) -> list[str]:
    """The words at the end of the question."""
    return split(re.split(r"[?？]\s*", question)[-1])


def test_every_question_has_the_answer_that_a_reader_gives(in_locale):
    kinds = kind_of()
    for ask in ASKED:
        for _time in range(40):
            question, answer = ask()
            listed = listed_in(question)
            assert len(set(listed)) == LISTED
            if ask.__name__ == "_named":
                kind = max((kind for kind in kinds.values() if kind in question), key=len)
                expected = [word for word in listed if kinds[word] == kind]
            elif ask.__name__ == "_not_named":
                kind = max((kind for kind in kinds.values() if kind in question), key=len)
                expected = [word for word in listed if kinds[word] != kind]
            elif ask.__name__ == "_placed":
                found = {place: question.index(place) for place in split(word_question.PLACES) if place in question}
                expected = [listed[split(word_question.PLACES).index(place)] for place in sorted(found, key=found.get)]
            else:
                at = listed.index(re.search("“(.+?)”", question)[1])
                expected = [listed[at - 1], listed[at + 1]]
            assert list(answer) == expected, question


def test_no_numeral_stands_in_it_and_chance_answers_one_in_28(in_locale):
    questions = [new_question() for _n in range(300)]
    assert not [question for question, _answer in questions if re.search(r"\d", question)]
    guessed = [
        [typed("".join(pair)) for pair in combinations(listed_in(question), 2)].count(answer)
        for question, answer in questions
    ]
    assert set(guessed) == {1}
    assert len(list(combinations(range(LISTED), 2))) == 28
    assert len({question for question, _answer in questions}) > 295


@pytest.mark.parametrize("written", ["apple pear", " Apple,  PEAR ", "ａｐｐｌｅ、pear", "apple，pear"])
def test_an_answer_is_read_however_it_is_separated(written):
    assert typed(written) == "APPLEPEAR"


@pytest.mark.parametrize("written", ["苹果 梨", "苹果、梨", "苹果，梨", "苹果梨"])
def test_so_is_a_chinese_one(written):
    assert typed(written) == "苹果梨"
