"""Sheets for the tests of results that are written into them, and what is looked at afterwards."""

from collections.abc import Mapping
from io import BytesIO

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from app.files.spreadsheets import Column, Kind, RowMark, SheetMarks, read

COLUMNS = (
    Column("name", "姓名", numbers=True),
    Column("score", "成绩", kind=Kind.NUMBER),
    Column("day", "日期", kind=Kind.DAY, required=False),
)
YELLOW = "FFFFFF00"


def office_workbook(**cells: object) -> bytes:
    """As an office keeps one: a merged title, formats, widths, a comment, a list, a second sheet, a picture of neither."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "名单"
    sheet.append(["长沙市安管人员"])
    sheet.append(["姓名", "成绩", "日期", "自用"])
    sheet.append(["张三", 59.6, "2024-01-02", "=1+1"])
    sheet.append(["李四", 80, "2024-01-02", "甲"])
    sheet.append(["王五", 70, "2024年5月", "乙"])
    sheet.merge_cells("A1:D1")
    sheet["A1"].font = Font(name="黑体", size=18)
    sheet["A2"].fill = PatternFill("solid", fgColor=YELLOW)
    sheet["B3"].number_format = "0"  # shows 60
    sheet["B3"].comment = Comment("我的批注", "李处")
    sheet["A4"].alignment = Alignment(horizontal="center")
    sheet.column_dimensions["A"].width = 33
    sheet.row_dimensions[2].height = 40
    sheet.freeze_panes = "A3"
    choice = DataValidation(type="list", formula1='"甲,乙"')
    choice.add("D3:D9")
    sheet.add_data_validation(choice)
    other = book.create_sheet("统计")
    other["A1"], other["A2"] = "=SUM(名单!B3:B5)", "另一张表"
    other.column_dimensions["A"].width = 50
    for place, value in cells.items():
        sheet[place] = value
        if isinstance(value, str):
            sheet[place].data_type = "s"
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def mark(number: int, text: str, faults: Mapping[int, str] = {}, answers: Mapping[int, str] = {}) -> RowMark:
    return RowMark(number, text.startswith("存疑"), text.startswith("拒绝"), text, faults, answers)


def marks_for(data: bytes, *rows: RowMark, title: str = "检查结果") -> SheetMarks:
    """Marks of a sheet as it is read now."""
    layout = read(data, COLUMNS).layout
    return SheetMarks(layout.sheet, layout.header, layout.result, layout.width, title, rows)
