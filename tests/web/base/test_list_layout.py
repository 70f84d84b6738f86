"""What an address or a saved layout says of columns is taken as far as the list knows it."""

from types import SimpleNamespace

from app.web.base.list_layout import ALL, layout_of
from app.web.base.query import ask


def test_unknown_columns_are_left_out_and_the_one_that_names_the_row_stays(app, session):
    screen = SimpleNamespace(endpoint="X", list_columns=["name", "state", "at"], head_column="name")

    def columns(**given: str) -> list[str]:
        return list(layout_of(screen, ask(given, [], [], ("id", True, 20))).columns)

    with app.test_request_context():
        assert columns() == columns(columns=ALL) == columns(columns="state <b>") == ["name", "state", "at"]
        assert columns(columns="at,state") == ["name", "state", "at"]
        assert columns(columns="at,password") == ["name", "at"]
        assert columns(dense="1") == ["name", "state", "at"]
