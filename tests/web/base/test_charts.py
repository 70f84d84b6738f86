"""Charts carry their numbers in a table."""

import pytest

from app.web.base import bars, stacked_columns


def test_a_chart_carries_its_numbers_in_a_table_and_escapes_its_labels() -> None:
    chart = stacked_columns("By month", ["<1>", "2"], [("new", [3, 0]), ("other", [4, 5])])
    assert '<th scope="row">&lt;1&gt;</th><td>3</td><td>4</td>' in chart
    assert "style=" not in chart
    assert 'width="100.0%"' in bars("Backlog", [("a", 10, "todo"), ("b", 5)])


@pytest.mark.parametrize("numbers", [[], [0], [1], [10**7]])
def test_a_chart_of_zero_or_very_large_numbers_can_be_drawn(numbers: list[int]) -> None:
    assert "<svg" in stacked_columns("x", [str(n) for n in numbers], [("a", numbers)])
