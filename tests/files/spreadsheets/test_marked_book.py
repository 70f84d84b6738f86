"""The uploader's own workbook comes back as it was, with the results in it."""

from io import BytesIO

from openpyxl import load_workbook

from app.files.apart import SECONDS as OTHER
from app.files.spreadsheets import read
from app.files.spreadsheets.marked_book import CPU_SECONDS, answer, marked_book
from app.files.spreadsheets.marks import DOUBTFUL_COLOUR, REFUSED_COLOUR, WIDTH
from tests import hostile_sheets
from tests.files.spreadsheets.marked import COLUMNS, YELLOW, mark, marks_for, office_workbook

FIRST = (mark(3, "存疑: 成绩", {2: "显示60，存的是59.6"}), mark(4, "新增"), mark(5, "存疑: 日期", {3: "哪一天？"}))


def test_formats_widths_comments_lists_and_other_sheets_are_kept():
    data = office_workbook()
    book = load_workbook(BytesIO(marked_book(data, marks_for(data, *FIRST))))
    sheet, before = book["名单"], load_workbook(BytesIO(data))["名单"]
    for place in ("A1", "A2", "A3", "B2", "B4", "C3", "D3", "D4"):
        assert (sheet[place].value, sheet[place].number_format) == (before[place].value, before[place].number_format), place
    assert (sheet["A1"].font.name, sheet["A1"].font.sz, sheet["A2"].fill.fgColor.rgb) == ("黑体", 18, YELLOW)
    assert (sheet.column_dimensions["A"].width, sheet.row_dimensions[2].height, sheet.freeze_panes) == (33, 40, "A3")
    assert [str(span) for span in sheet.merged_cells.ranges] == ["A1:D1"]
    assert [str(rule.sqref) for rule in sheet.data_validations.dataValidation] == ["D3:D9"]
    assert (book.sheetnames, book["统计"]["A1"].value, book["统计"].column_dimensions["A"].width) == (
        ["名单", "统计"],
        "=SUM(名单!B3:B5)",
        50,
    )
    # what was added
    assert [cell.value for cell in sheet["E"]] == [None, "检查结果", *(row.text for row in FIRST)]
    assert (sheet.column_dimensions["E"].width, sheet["E2"].fill.fgColor.rgb) == (WIDTH, sheet["D2"].fill.fgColor.rgb)
    assert (sheet["B3"].fill.fgColor.rgb, sheet["B4"].fill.fill_type) == (f"FF{DOUBTFUL_COLOUR}", None)
    assert sheet["B3"].comment.text == "我的批注\n⚑ 显示60，存的是59.6"
    assert sheet["C5"].comment.text == "⚑ 哪一天？"


def test_the_result_is_no_column_of_the_next_reading_and_is_replaced_by_the_next_one():
    data = office_workbook()
    once = marked_book(data, marks_for(data, *FIRST))
    layout, before = read(once, COLUMNS).layout, read(data, COLUMNS).layout
    assert (layout.unmapped, layout.places, layout.result) == (before.unmapped, before.places, 5)
    again = marks_for(once, mark(3, "拒绝: 姓名", {1: "不对"}), mark(4, "不变"), title="导入结果")
    sheet = load_workbook(BytesIO(marked_book(once, again)))["名单"]
    assert [cell.value for cell in sheet["E"]] == [None, "导入结果", "拒绝: 姓名", "不变", None]
    assert (sheet.max_column, sheet["B3"].comment.text, sheet["C5"].comment) == (5, "我的批注", None)
    assert (sheet["B3"].fill.fill_type, sheet["A3"].fill.fgColor.rgb) == (None, f"FF{REFUSED_COLOUR}")


def test_nothing_that_is_written_becomes_a_formula_and_the_uploaders_texts_stay_texts():
    data = office_workbook(A4="=HYPERLINK(1)")
    rows = (mark(3, "=1+1", {3: "=2"}, {2: "=cmd|x"}), mark(4, "#N/A\x07"))
    sheet = load_workbook(BytesIO(marked_book(data, marks_for(data, *rows, title="=x"))))["名单"]
    for place, text in {"E2": "=x", "E3": "=1+1", "B3": "=cmd|x", "A4": "=HYPERLINK(1)", "E4": "#N/A"}.items():
        assert (sheet[place].value, sheet[place].data_type) == (text, "s"), place
    assert sheet["D3"].data_type == "f"  # the uploader's own


def test_a_workbook_that_is_hostile_or_cannot_be_written_is_answered_by_nothing():
    data = office_workbook()
    marks = marks_for(data, *FIRST)
    assert answer(marks.with_sheet(data)).startswith(b"PK")
    for other in (data[:-40], hostile_sheets.workbook("<row"), b"PK\x03\x04"):
        assert answer(marks.with_sheet(other)) == b""
    assert CPU_SECONDS < 2 * OTHER
