"""Values as every page shows them."""

from datetime import UTC, datetime

from flask import Flask

from app.core.vocabulary import State
from app.web.base import shown


def test_values_are_shown_in_office_time_and_as_labels(app: Flask) -> None:
    with app.test_request_context():
        assert shown(datetime(2026, 3, 1, 16, 0, tzinfo=UTC)) == "2026-03-02 00:00"
        assert [shown(value) for value in (True, State.DRAFT, [1, None, "b"])] == ["是", str(State.DRAFT), "1、b"]
        assert "—" in str(shown([]))
