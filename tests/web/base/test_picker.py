"""What the buttons of a picker ask for."""

import pytest

from app.core.vocabulary import Category
from app.eligibility.picking import PickerQuery
from app.web.base.picker import is_look, picker_query, ticked_for, ticks_all


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_what_the_buttons_ask_for_and_that_nothing_else_is_taken(app):
    for sent, asked, look in (
        ({}, PickerQuery(), False),
        ({"then": "tick:C1", "page": "2"}, PickerQuery(page=2), True),
        (
            {"then": "find", "find": " 李 ", "kind": "C1", "order": "name", "page": "7"},
            PickerQuery("李", Category.C1, True),
            True,
        ),
        ({"then": "page:3", "page": "2"}, PickerQuery(page=3), True),
        ({"then": "choose", "page": "2"}, PickerQuery(page=2), True),
        ({"then": "page:-1", "kind": "Z", "order": "x", "find": "x" * 101}, PickerQuery("x" * 100), True),
        ({"then": "page:99999999999999999999"}, PickerQuery(), True),
        ({"then": "submit", "page": "x"}, PickerQuery(), False),
        ({"restored": "1"}, PickerQuery(), True),
    ):
        with app.test_request_context(method="POST", data=sent):
            assert (picker_query(), is_look()) == (asked, look), sent
    with app.test_request_context(method="POST", data={"then": "tick:C1"}):
        assert (ticks_all(), ticked_for()) == (True, "C1")
