"""Merged cells are said once and never read."""

import pytest

from app.files.spreadsheets import SheetRefused
from app.files.spreadsheets.merged import MergedCells
from app.files.spreadsheets.sheet import Span


def covered(*spans: Span) -> list[dict[int, bool]]:
    """For rows 1 to 5: the covered columns, and whether the range is said there."""
    merged = MergedCells(spans, {2, 3, 5})
    return [{place: bool(fault.sentence) for place, fault in merged.over(row).items()} for row in range(1, 6)]


def test_a_range_is_said_at_its_first_cell_and_covers_the_others() -> None:
    assert covered(Span(2, 3, 4, 5, "C2:E4")) == [
        {}, {3: True, 5: False}, {3: False, 5: False}, {3: False, 5: False}, {},
    ]  # fmt: skip


def test_a_range_beside_the_columns_that_are_read_does_not_count() -> None:
    assert covered(Span(1, 4, 5, 4), Span(1, 6, 5, 90)) == [{}] * 5


def test_ranges_that_overlap_are_refused_however_many() -> None:
    with pytest.raises(SheetRefused) as caught:
        covered(*[Span(1, 1, 5, 9)] * 3)
    assert caught.value.code == "overlapping-ranges"
