"""What batch actions send: ids, and reasons without control characters."""

import pytest

from app.web.base.access_filter import asked_ids, asked_reason, without_controls


@pytest.mark.parametrize(
    ("path", "form", "ids"),
    [
        ("/?only=7", {"rowid": ["1", "2"]}, [7]),
        ("/?only=x", {"rowid": ["1"]}, [0]),
        ("/?only=", {"rowid": ["1"]}, [0]),
        ("/", {"rowid": ["1", "-2", "99999999999", "1"]}, [1, 0, 0, 1]),
        ("/", {}, []),
    ],
)
def test_the_row_of_the_button_counts_before_the_ticked_ones(app, path, form, ids):
    with app.test_request_context(path, method="POST", data=form):
        assert asked_ids() == ids


@pytest.mark.parametrize(
    ("typed", "kept"), [("a\r\nb\tc", "a\nb\tc"), ("a\0b\x1b\x7f", "ab"), ("a\rb", "ab"), ("\v\f", ""), ("因\n由", "因\n由")]
)
def test_a_reason_keeps_its_lines_and_loses_control_characters(app, typed, kept):
    assert without_controls(typed) == kept
    with app.test_request_context(method="POST", data={"reason": typed}):
        assert asked_reason() == kept
