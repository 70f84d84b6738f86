"""The query string of a list: invalid parts are ignored, numbers are clamped. What is found: ``test_model_view``."""

import pytest
from sqlalchemy import column
from sqlalchemy.dialects import sqlite
from werkzeug.datastructures import MultiDict

from app.web.base import query
from app.web.base.datamodel import LARGEST_ID, as_id

BOXES = [
    query.Box("name", "", "text", lambda text: column("name") == text),
    query.Box("n", "", "text", lambda text: column("n") == int(text) if text.isdigit() else None),
    query.Box("on", "", "range", lambda text: column("on") >= text, lambda text: column("on") < text),
]
USUAL = ("id", True, 20)


@pytest.fixture
def ask(app):
    def ask(**given):
        with app.test_request_context():
            return query.ask(MultiDict(given), BOXES, ("id", "name"), USUAL)

    return ask


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"name": " a\0b\x7f "}, {"name": "ab"}),
        ({"name": "字" * 101}, {"name": "字" * 100}),
        ({"name": "", "n": "x", "other": "1"}, {}),
        ({"n": "7", "on_from": "1", "on_to": "2", "on": "3"}, {"n": "7", "on_from": "1", "on_to": "2"}),
    ],
)
def test_unknown_empty_and_invalid_parts_are_left_out(ask, given, values):
    found = ask(**given)
    assert found.values == values
    assert found.conditions.keys() == values.keys()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, ("id", True, 1, 20)),
        ({"sort": "name", "page": "3", "size": "50"}, ("name", False, 3, 50)),
        ({"sort": "-name", "page": "0", "size": "49"}, ("name", True, 1, 50)),
        ({"sort": "-password", "page": "-5", "size": "15"}, ("id", True, 1, 10)),
        ({"sort": "--id", "page": "²", "size": "x"}, ("id", True, 1, 20)),
        ({"page": "9" * 20, "size": "9" * 9}, ("id", True, 1, 100)),
        ({"page": str(LARGEST_ID), "size": "-1"}, ("id", True, LARGEST_ID, 10)),
        ({"page": str(LARGEST_ID + 1)}, ("id", True, 1, 20)),
    ],
)
def test_sort_page_and_size_stay_within_what_there_is(ask, given, read):
    found = ask(**given)
    assert (found.sort, found.descending, found.page, found.size) == read


def test_any_change_of_a_list_starts_at_its_first_page(app, ask):
    with app.test_request_context():
        found = ask(name="a", sort="name", page="3", size="50")
        assert found.args(page=3) == {"name": "a", "sort": "name", "size": 50, "page": 3}
        assert found.args(name=None) == {"sort": "name", "size": 50}
        assert ask().args(page=1) == {}


@pytest.mark.parametrize(("text", "like"), [("a%_/b", "%a/%/_//b%"), ("%", "%/%%"), ("字", "%字%")])
def test_what_is_typed_is_searched_literally(text, like):
    assert query.contains(column("name"), text).compile(dialect=sqlite.dialect()).params == {"name_1": like}


@pytest.mark.parametrize(("given", "empty"), [({}, False), ({"a": "1"}, False), ({"a": "1", "b": ""}, True)])
def test_empty_fields_are_seen(given, empty):
    assert query.has_empty_fields(MultiDict(given)) is empty


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("0", 0),
        (str(LARGEST_ID), LARGEST_ID),
        *((bad, None) for bad in (str(LARGEST_ID + 1), "", "-1", "1 ", "１")),
    ],
)
def test_an_id_is_a_number_that_a_column_can_hold(text, number):
    assert as_id(text) == number
    assert as_id("9" * 6000) is None
