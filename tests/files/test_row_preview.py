"""A row of a sheet as a page shows it."""

from datetime import date

from app.core.vocabulary import RowOutcome, TechnicalTitle
from app.files.row_preview import preview_of
from app.files.spreadsheets import CellDoubt, CellError, Column, SheetLine

COLUMNS = (Column("day", "Day"), Column("title", "Title"), Column("note", "Note", required=False))
SHOWN = {"day": "2024年5月1日", "title": "高工", "note": ""}
VALUES = {"day": date(2024, 5, 1), "title": TechnicalTitle.SENIOR, "note": None}


def test_values_are_shown_as_text_and_a_later_value_counts():
    row = preview_of(COLUMNS, SheetLine(2, SHOWN, VALUES, []), RowOutcome.UPDATED, stored={"note": 7}, was={"note": None})
    assert (row.stored, row.was) == ({"day": "2024-05-01", "title": "Senior", "note": "7"}, {"note": ""})
    assert (row.outcome, row.reasons) == (RowOutcome.UPDATED, [])


def test_a_row_is_doubtful_only_if_answers_are_all_that_is_missing():
    doubt = CellDoubt(2, "Title", "Which?", "title", "高", ("高工", "高级技师"))
    other = CellError(2, "Day", "No day.")
    asked = preview_of(COLUMNS, SheetLine(2, SHOWN, {}, [doubt]), RowOutcome.ADDED)
    assert (asked.outcome, asked.readings, asked.faults) == (
        *(RowOutcome.DOUBTFUL, {"title": ("高工", "高级技师")}),
        {"title": "Which?"},
    )
    both = preview_of(COLUMNS, SheetLine(2, SHOWN, {}, [doubt]), RowOutcome.ADDED, faults=[other])
    assert (both.outcome, both.reasons, set(both.faults)) == (RowOutcome.REFUSED, ["Which?", "No day."], {"title", "day"})
