"""A row's place in the list it was opened from."""

import pytest

from app.web.base.review_queue import QueuePosition


@pytest.mark.parametrize(
    ("ids", "row", "number", "before", "after", "following"),
    [
        ((1, 2, 3), 1, 1, "", "/2", "/2"),
        ((1, 2, 3), 2, 2, "/1", "/3", "/3"),
        ((1, 2, 3), 3, 3, "/2", "", "/1"),
        ((1,), 1, 1, "", "", "list"),
        ((1, 2), 9, 0, "", "/1", "/1"),  # decided meanwhile
        ((), 9, 0, "", "", "list"),
    ],
)
def test_what_comes_before_after_and_next(ids, row, number, before, after, following):
    at = QueuePosition("待审", "list", ids, row, lambda key, _address: f"/{key}")
    assert (at.number, at.before, at.after, at.following) == (number, before, after, following)
