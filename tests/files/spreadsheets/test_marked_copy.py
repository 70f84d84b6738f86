"""A table written once more is read as it was, and shows the result of each row."""

from io import BytesIO

import pytest
import xlwt
from openpyxl import load_workbook

from app.files.spreadsheets import SheetLimits, marked_copy, read
from app.files.spreadsheets.marked_copy import AT_ONCE
from app.files.spreadsheets.marks import REFUSED_COLOUR
from tests.files.spreadsheets.marked import COLUMNS, mark, marks_for, office_workbook


def old_workbook() -> bytes:
    book = xlwt.Workbook()
    book.dates_1904 = True
    sheet = book.add_sheet("名单")
    for place, title in enumerate(("姓名", "成绩", "日期", "")):
        sheet.write(0, place, title)
    sheet.write(1, 0, "张三")
    sheet.write(1, 1, 59.6, xlwt.easyxf(num_format_str="0"))
    sheet.write(1, 2, 44000, xlwt.easyxf(num_format_str="yyyy-mm-dd"))
    sheet.write(1, 3, "没有标题的一格")
    sheet.write(3, 0, "李四")
    sheet.write(3, 1, xlwt.Formula("1+1"))
    sheet.write_merge(4, 5, 0, 0, "王五")
    sheet.write(4, 1, 70)
    sheet.write(5, 1, 71)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


TEXT = "姓名,成绩,日期\n张三,=1+1,2024-01-02\n,,\n李四,85%,5/3/2018\n".encode("gb18030")


@pytest.mark.parametrize("data", [TEXT, old_workbook(), office_workbook()], ids=["csv", "xls", "xlsx"])
def test_a_copy_is_read_as_its_original_was(data):
    before = read(data, COLUMNS)
    marks = marks_for(data, *(mark(n, "拒绝", {2: "?"}) for n in range(before.layout.header + 1, 7)))
    copied = marked_copy(data, marks, SheetLimits())
    after = read(copied, COLUMNS)
    assert after.rows == before.rows
    assert [(error.row, str(error.title)) for error in after.errors] == [
        (error.row, str(error.title)) for error in before.errors
    ]
    assert (after.layout.unmapped, after.layout.places) == (before.layout.unmapped, before.layout.places)
    assert read(marked_copy(copied, marks_for(copied), SheetLimits()), COLUMNS).rows == before.rows


def test_a_copy_shows_results_comments_and_colours_and_what_stood_beside_the_table():
    data = old_workbook()
    marks = marks_for(data, mark(2, "新增"), mark(4, "拒绝: =1", {2: "有公式", 3: "请填写"}, {1: "李思"}))
    sheet = load_workbook(BytesIO(marked_copy(data, marks, SheetLimits())))["名单"]
    assert [cell.value for cell in sheet["D"][:4]] == ["检查结果", "新增", None, "拒绝: =1"]
    assert (sheet["E2"].value, sheet["A4"].value, sheet["D4"].data_type) == ("没有标题的一格", "李思", "s")
    assert (sheet["B4"].comment.text, sheet["C4"].comment.text) == ("⚑ 有公式", "⚑ 请填写")
    assert {sheet[place].fill.fgColor.rgb for place in ("B4", "C4", "D4")} == {f"FF{REFUSED_COLOUR}"}


def test_a_result_left_of_the_table_and_cells_that_stand_empty_right_of_the_last_filled_one():
    data = "检查结果,姓名,成绩,日期\n,张三\n,李四\n".encode("gb18030")
    marks = marks_for(data, mark(2, "拒绝", {4: "?"}), mark(3, "新增", {}, {3: "60"}))
    sheet = load_workbook(BytesIO(marked_copy(data, marks, SheetLimits()))).active
    assert [cell.value for row in sheet["A2:D3"] for cell in row] == ["拒绝", "张三", None, None, "新增", "李四", "60", None]
    assert sheet["D2"].comment.text == "⚑ ?"


def test_whoever_waits_for_a_long_copy_is_told_that_it_goes_on():
    lines = "".join(f"张三,{n % 100},\n" for n in range(AT_ONCE + 5))
    told: list[int] = []
    data = f"姓名,成绩,日期\n{lines}".encode()
    marked_copy(data, marks_for(data), SheetLimits(), alive=lambda: told.append(1))
    assert told == [1]


def test_refused_rows_stand_alone_below_the_same_header():
    data = office_workbook()
    marks = marks_for(data, mark(3, "存疑", {2: "?"}), mark(4, "新增"), mark(5, "拒绝", {3: "?"}))
    sheet = load_workbook(BytesIO(marked_copy(data, marks, SheetLimits(), refused_only=True)))["名单"]
    assert [cell.value for cell in sheet["A"]] == ["长沙市安管人员", "姓名", "张三", "王五"]
    assert (sheet["B3"].number_format, sheet["B3"].comment.text, sheet["E4"].value) == ("0", "⚑ ?", "拒绝")
