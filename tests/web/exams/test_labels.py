"""Words of the exam pages, at the edges of the sign-up window."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.vocabulary import Category
from app.web.exams.labels import codes, score_text, window_state
from app.web.public.common import page_number, plain, signup_label, term
from tests import make

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NOTICE = make.notice(signup_start=make.NOON, signup_end=make.NOON + 5 * DAY)


@pytest.mark.parametrize(
    ("at", "tone", "left"),
    [
        (make.NOON - 2 * DAY, "run", "2"),
        (make.NOON - SECOND, "run", "1200"),
        (make.NOON, "ok", "5"),
        (make.NOON + 3 * DAY, "todo", "2"),
        (make.NOON + 5 * DAY, "todo", "1200"),
        (make.NOON + 5 * DAY + SECOND, "off", ""),
    ],
)
def test_the_window_says_how_long_it_stays_as_it_is(app, at, tone, left):
    with app.test_request_context():
        found = window_state(NOTICE, at)
        assert (found[0], "".join(filter(str.isdigit, found[2]))) == (tone, left)
        assert signup_label(NOTICE, at)[0] == {"todo": "ok"}.get(tone, tone)


def test_scores_and_categories_are_written_short():
    assert [score_text(Decimal(text)) for text in ("87.50", "100", "0.00")] == ["87.5", "100", "0"]
    assert codes([Category.A, Category.C1]) == "A、C1"


@pytest.mark.parametrize(("text", "page"), [("7", 7), ("999999", 999_999), ("1000000", 1), ("", 1), ("-2", 1), ("２", 1)])
def test_a_page_number_is_read_or_it_is_the_first(text, page):
    assert page_number(text) == page


def test_typed_search_words_are_cleaned():
    assert plain(" a\0b\x7f" + "字" * 200) == "ab" + "字" * 98
    assert [term(Category, code) for code in ("A", "a", "", None)] == [Category.A, None, None, None]
