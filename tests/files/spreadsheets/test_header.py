"""Which column a title belongs to: headers of one to three rows, other offices' titles, what fits twice or not at all."""

from collections.abc import Sequence
from io import BytesIO

import openpyxl
import pytest

from app.files.spreadsheets import Column, Kind, Reading, read, titles
from tests.files.spreadsheets.conftest import complaints

CERTIFICATES = (
    Column("name", "姓名", also=titles.NAME),
    Column("id_number", "身份证号", also=titles.ID_NUMBER, numbers=True),
    Column("mobile", "手机", also=titles.MOBILE, numbers=True, required=False, may_lack=True),
    Column("valid_from", "起始日", also=titles.VALID_FROM, kind=Kind.DAY, required=False, may_lack=True),
    Column("valid_to", "终止日", also=titles.VALID_TO, kind=Kind.DAY),
)
PERSON = ["张三", "430199198801012014"]


def sheet(rows: Sequence[Sequence[object]], *merged: str) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    for cells in merged:
        book.worksheets[0].merge_cells(cells)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def found(rows: Sequence[Sequence[object]], *merged: str) -> Reading:
    return read(sheet(rows, *merged), CERTIFICATES)


TWO_ROWS = [
    ["安全生产考核合格证书台账"],
    ["导出人：系统管理员"],
    ["姓名", "身份证号码", "有效期", "", "备注"],
    ["", "", "起", "止", ""],
    [*PERSON, "2024-05-01", "2027-04-30"],
]


def test_the_rows_of_a_header_are_joined() -> None:
    reading = found(TWO_ROWS, "A1:E1", "A2:E2", "A3:A4", "B3:B4", "C3:D3", "E3:E4")
    assert reading.rows[0].values["valid_from"] == "2024-05-01"
    assert reading.rows[0].values["valid_to"] == "2027-04-30"
    assert reading.layout.titles["valid_from"] == "有效期·起"
    assert (reading.layout.header, reading.layout.unmapped) == (4, ["备注"])


def test_a_group_may_be_left_empty_to_the_right_instead_of_merged() -> None:
    assert found(TWO_ROWS).rows[0].values["valid_to"] == "2027-04-30"


@pytest.mark.parametrize("kept", ["valid_from", ""])
def test_an_import_that_takes_only_the_end_does_not_get_the_start(kept: str) -> None:
    columns = [column for column in CERTIFICATES if column.key != kept]
    for merged in ((), ("C3:D3",)):
        assert read(sheet(TWO_ROWS, *merged), columns).rows[0].values["valid_to"] == "2027-04-30"


def test_a_header_ends_where_its_merged_titles_end() -> None:
    rows = [["姓名", "身份证号", "终止日", "电话"], ["", "", "", "手机"], [*PERSON, "2027-04-30", "13900001111"]]
    reading = found(rows, "A1:A2", "B1:B2", "C1:C2")
    assert (reading.errors, [row.number for row in reading.rows], reading.layout.header) == ([], [3], 2)


def test_a_title_over_two_columns_that_nothing_divides_is_neither_of_them() -> None:
    rows = [["姓名", "身份证号", "有效期", ""], [*PERSON, "2024-05-01", "2027-04-30"]]
    [(row, title, sentence)] = complaints(found(rows, "C1:D1"))
    assert read(sheet(rows, "C1:D1"), CERTIFICATES, mapping={"valid_to": "有效期"}).rows == []
    assert (row, title) == (1, "终止日")
    assert "姓名、身份证号、有效期" in sentence


def test_a_general_heading_on_top_says_nothing_but_any_other_does() -> None:
    rows = [["基本信息", "", "证书信息"], ["姓名", "身份证号", "有效期至"], [*PERSON, "2027-04-30"]]
    assert found(rows, "A1:B1").errors == []
    rows[0][0] = "法定代表人"
    assert complaints(found(rows, "A1:B1"))[0][1] == "姓名、身份证号"  # somebody else's


def test_a_header_may_have_three_rows() -> None:
    rows = [
        ["基本信息", "", "证书信息", ""],
        ["姓名", "身份证号", "有效期", ""],
        ["", "", "起", "止"],
        [*PERSON, "2024-05-01", "2027-04-30"],
    ]
    reading = found(rows, "A1:B1", "C1:D1", "A2:A3", "B2:B3", "C2:D2")
    assert [row.values["valid_to"] for row in reading.rows] == ["2027-04-30"]
    assert reading.layout.titles["valid_to"] == "证书信息·有效期·止"


SPELLINGS = {
    "id_number": ["身份证号", "身份证号码", "公民身份号码", "证件号码 ", "身份证号码（必填）", "*身份证号"],
    "mobile": ["联系电话（手机）", "联系电话", "手机号码", "移动电话", "手 机 号"],
    "valid_to": ["有效期至", "有效期（止）", "有效期截止日期", "证书有效期至"],
}


def test_titles_of_other_offices_are_known() -> None:
    for key, spellings in SPELLINGS.items():
        for title in spellings:
            head = {"name": "姓名", "id_number": "身份证号", "mobile": "手机", "valid_to": "终止日"} | {key: title}
            reading = found([list(head.values()), [*PERSON, "13900001111", "2027-04-30"]])
            assert (reading.errors, reading.layout.unmapped) == ([], []), title


def test_titles_that_fit_alike_are_named_and_the_own_one_comes_first() -> None:
    twice = found([["姓名", "身份证号", "终止日", "手机号", "联系电话"], [*PERSON, "2027-04-30", "1", "2"]])
    assert complaints(twice) == [(1, "手机", "Several titles may be meant: 手机号、联系电话. Please keep only one.")]
    own = found([["姓名", "身份证号", "终止日", "手机", "联系电话"], [*PERSON, "2027-04-30", "1", "2"]])
    assert (own.rows[0].values["mobile"], own.layout.unmapped) == ("1", ["联系电话"])


def test_a_column_may_be_mapped_by_hand() -> None:
    data = sheet([["姓名", "身份证号", "到期", "手机号", "联系电话"], [*PERSON, "2027-04-30", "1", "2"]])
    reading = read(data, CERTIFICATES, mapping={"valid_to": "到期", "mobile": "联系电话"})
    assert (reading.rows[0].values["valid_to"], reading.rows[0].values["mobile"]) == ("2027-04-30", "2")
    assert read(data, CERTIFICATES, mapping={"valid_to": "到期", "mobile": ""}).rows[0].values["mobile"] is None
    assert complaints(read(data, CERTIFICATES, mapping={"valid_to": "没有", "mobile": ""}))[0][1] == "终止日"
