"""Workbooks of Excel 97 to 2003: shown and stored as in .xlsx, and what acts is refused."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from io import BytesIO

import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from app.files.spreadsheets import CellDoubt, Column, Kind, SheetLimits, SheetRefused, examine, read
from tests.files.spreadsheets.conftest import complaints

COLUMNS = (
    Column("name", "姓名"),
    Column("number", "证书编号", required=False),
    Column("score", "成绩", kind=Kind.NUMBER, required=False),
    Column("day", "日期", kind=Kind.DAY, required=False),
)


def made(fill: Callable[[xlwt.Worksheet], None], **options: bool) -> bytes:
    book = xlwt.Workbook()
    book.dates_1904 = options.get("from_1904", False)
    book.add_sheet("说明").write(0, 0, "请先看")
    sheet = book.add_sheet("名单")
    for place, title in enumerate(("姓名", "证书编号", "成绩", "日期")):
        sheet.write(0, place, title)
    fill(sheet)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def shaped(code: str) -> xlwt.XFStyle:
    return xlwt.easyxf(num_format_str=code)


def filled(sheet: xlwt.Worksheet) -> None:
    sheet.write(1, 0, "张三")
    sheet.write(1, 1, 123, shaped('"湘建安C1(2024)"0000000'))
    sheet.write(1, 2, 85.5)
    sheet.write(1, 3, date(2018, 3, 5), shaped("yyyy-mm-dd"))
    sheet.write(3, 0, "李四")
    sheet.write(3, 2, 0.85, shaped("0%"))
    sheet.write(3, 3, 43164)
    sheet.write(4, 0, "王五")
    sheet.write(4, 2, xlwt.Formula("40+50"))
    sheet.write_merge(5, 6, 0, 0, "赵六")
    sheet.write(5, 2, True)
    sheet.write(6, 3, 5, shaped("[DBNum1]0"))


def test_an_old_workbook_is_read_like_a_new_one() -> None:
    reading = read(made(filled), COLUMNS)
    assert (reading.layout.sheet, reading.layout.other_sheets) == ("名单", ["说明"])
    assert [(row.number, row.values) for row in reading.rows] == [
        (2, {"name": "张三", "number": "湘建安C1(2024)0000123", "score": "85.5", "day": "2018-03-05"})
    ]
    assert [(row, title, sentence[:23]) for row, title, sentence in complaints(reading)] == [
        (4, "成绩", "This cell shows “85%”, "),
        (5, "成绩", "This cell holds a formu"),
        (6, "姓名", "The cells A6:A7 are mer"),
        (6, "成绩", "This cell holds TRUE or"),
        (7, "日期", "This cell stores 5 unde"),
    ]
    assert isinstance(reading.errors[0], CellDoubt)


def test_days_are_counted_as_the_workbook_counts() -> None:
    def fill(sheet: xlwt.Worksheet) -> None:
        sheet.write(1, 0, "张三")
        sheet.write(1, 3, 41702)

    assert read(made(fill, from_1904=True), COLUMNS).rows[0].values["day"] == "2018-03-05"


def test_rows_and_columns_have_their_limits() -> None:
    with pytest.raises(SheetRefused) as caught:
        read(made(lambda sheet: sheet.write(3_000, 0, "x")), COLUMNS, most_rows=100)
    assert caught.value.code == "too-many-rows"
    with pytest.raises(SheetRefused) as caught:
        read(made(lambda sheet: sheet.write(2, 70, "x")), COLUMNS)
    assert caught.value.code == "too-many-columns"


LINK = bytes((0xAE, 0x01, 4, 0, 0, 0, 0, 0))  # SUPBOOK of a DDE or OLE source
OWN = bytes((0xAE, 0x01, 4, 0, 2, 0, 1, 4))  # SUPBOOK as xlwt writes it: the two sheets of this file


def macro_sheet(data: bytes) -> bytes:
    """The second sheet declared to be one of Excel 4 macros (BOUNDSHEET)."""
    second = list(re.finditer(rb"\x85\0.\0....\0\0", data, re.DOTALL))[1]
    return data[: second.end() - 1] + b"\1" + data[second.end() :]


def hostile() -> dict[str, list[bytes]]:
    plain = made(filled)
    linked = made(lambda sheet: sheet.write(1, 0, xlwt.Formula("说明!A1")))
    assert OWN in linked
    return {
        "macros": [plain + "_VBA_PROJECT_CUR".encode("utf-16-le"), macro_sheet(plain)],
        "encrypted": [plain + "EncryptedPackage".encode("utf-16-le")],
        "external-links": [linked.replace(OWN, LINK)],
        "bad-workbook": [plain[:1500], plain[:512] + bytes(len(plain) - 512)],
    }


def test_what_acts_is_locked_or_is_damaged_is_refused() -> None:
    for code, files in hostile().items():
        for data in files:
            with pytest.raises(SheetRefused) as caught:
                examine(data, SheetLimits())
            assert caught.value.code == code


@given(st.data())
def test_a_damaged_workbook_is_read_or_refused_and_raises_nothing_else(data: st.DataObject) -> None:
    body = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SheetRefused):
        read(bytes(body), COLUMNS)


PLAIN = made(filled)
