"""The picker of a filing form over the web: what its buttons ask for, and what stays ticked."""

import re

import pytest
from sqlalchemy import func, select

from app.applications.drafts import PickerQuery
from app.applications.drafts.picking import PAGE
from app.core.vocabulary import Category
from app.models import Filing
from app.web.applications.filing.picker import is_look, picker_query
from tests.web.applications.case_fixture import read_scalar


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_what_the_buttons_ask_for_and_that_nothing_else_is_taken(app):
    for sent, asked, look in (
        ({}, PickerQuery(), False),
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


def test_what_is_ticked_stays_over_pages_and_all_that_match_are_ticked_at_once(holder, other):
    """Without script: every press of the picker is a form that is sent, with what was ticked and typed."""
    held = [holder.held() for _ in range(PAGE + 2)]
    foreign, first, last = other.held(), held[0].id, held[-1].id
    name = held[0].person.name

    def ticked(answer):
        assert answer.status_code == 200
        return {int(key) for key in re.findall(r'name="rowid" value="(\d+)" checked', answer.text)}

    assert ticked(holder.file("renewal", held[0], foreign, then="page:2", handler_name="苏轼")) == {first}
    page = holder.file("renewal", held[0], then="page:2", handler_name="苏轼")
    assert all(f'value="{key}"' in page.text for key in (first, last))
    assert f'name="rowid" value="{held[1].id}"' not in page.text
    assert f"paper_old_certificate-{first}" in page.text
    assert 'value="苏轼"' in page.text
    assert ticked(holder.file("renewal", held[-1], then="find", find=name, page="7")) == {last}
    assert ticked(holder.file("renewal", then="tick")) == {one.id for one in held}
    assert read_scalar(holder.session, select(func.count(Filing.id))) == 0
