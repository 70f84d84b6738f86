"""A workbook that hides a number wherever it can."""

from io import BytesIO

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

ID, OLD, MOBILE = "430102198506150013", "430102850615001", "13873112345"


def workbook(number: str) -> bytes:
    """The same number in every place that a workbook can hide it."""
    book = Workbook()
    sheet = book.active
    sheet["A1"], sheet["B2"], sheet["C3"] = "姓名", f"电话{number}", int(number)
    sheet["D4"].comment = Comment(f"问 {number}", "x")
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet.oddHeader.center.text = f"印 {number}"
    other = book.create_sheet("内部")
    other.sheet_state = "veryHidden"
    other["A1"] = number
    book.defined_names["tel"] = DefinedName("tel", attr_text=f'"{number}"')
    book.properties.description = f"制表 {number}"
    kept = BytesIO()
    book.save(kept)
    return kept.getvalue()
