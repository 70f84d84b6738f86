"""Marks of a sheet: kept beside it, and counted."""

from app.files.spreadsheets import SheetMarks
from app.files.spreadsheets.marks import DOUBTFUL_COLOUR, REFUSED_COLOUR
from tests.files.spreadsheets.marked import mark

ROWS = (mark(3, "新增"), mark(4, "拒绝: \n=1", {2: "不对"}), mark(5, "存疑", {2: "?"}, {1: "张三"}))
MARKS = SheetMarks("名\n单", 2, 0, 4, "检查结果", ROWS)


def test_marks_and_their_sheet_survive_being_kept() -> None:
    kept, data = SheetMarks.and_sheet(MARKS.with_sheet(b"a\nb"))
    assert (list(kept.rows), kept.sheet, kept.width, data) == (list(ROWS), "名\n单", 4, b"a\nb")


def test_doubtful_and_refused_rows_are_not_taken_and_have_a_colour() -> None:
    assert [row.number for row in MARKS.refused] == [4, 5]
    assert [row.colour for row in ROWS] == ["", REFUSED_COLOUR, DOUBTFUL_COLOUR]
